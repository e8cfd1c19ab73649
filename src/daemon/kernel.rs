//! The tasks that speak with the kernel: one for EVPN's tables, one for routes. Each carries operations to it and news
//! from it. A task begins with the first configuration that has something for it to do.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use fib::netlink::{Kernel, RouteKernel};
use fib::routes::RouteOp;
use fib::{CREDIT, Op};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::error;

use crate::config::Config;
use crate::core::Event;

/// News from the kernel that may wait to be passed on.
const EVENTS: usize = 16;

/// A task that ends without an error only because nobody has operations for it any more.
type Running = JoinHandle<io::Result<()>>;

/// The tasks that there are, and what begins others.
#[derive(Clone)]
pub(super) struct KernelTasks {
    core: mpsc::Sender<Event>,
    failed: mpsc::Sender<io::Error>,
    ways: Arc<Mutex<Ways>>,
}

/// The ways to the tasks.
#[derive(Default)]
struct Ways {
    /// To that of EVPN's tables.
    rows: Option<mpsc::Sender<Vec<Op>>>,
    /// To that of the kernel's routes.
    routes: Option<mpsc::Sender<Vec<RouteOp>>>,
}

impl KernelTasks {
    /// None yet. Should one fail, `failed` is told.
    pub(super) fn new(core: mpsc::Sender<Event>, failed: mpsc::Sender<io::Error>) -> KernelTasks {
        KernelTasks { core, failed, ways: Arc::default() }
    }

    /// Begins the tasks that a configuration needs and that do not run yet; with `tries` it is only tried whether they
    /// could.
    ///
    /// # Errors
    /// What keeps the kernel's tables from being opened, the lack of CAP_NET_ADMIN as a rule.
    pub(super) fn begin(&self, config: &Config, tries: bool) -> io::Result<()> {
        let mut ways = self.ways.lock().unwrap_or_else(PoisonError::into_inner);
        if config.evpn.is_some() && ways.rows.is_none() {
            let kernel = Kernel::open().map_err(|error| explain("tables", &error))?;
            ways.rows = (!tries).then(|| self.start(|ops, events| kernel.run(ops, events), Event::Kernel));
        }
        let needs_routes = config.native.is_some() || config.bgp.next_hop_tracking.is_some();
        if needs_routes && ways.routes.is_none() {
            let tunnels = config.native.as_ref().is_some_and(|native| native.kernel.fallback.is_some());
            let kernel = RouteKernel::open(tunnels).map_err(|error| explain("routes", &error))?;
            ways.routes = (!tries).then(|| self.start(|ops, events| kernel.run(ops, events), Event::Routes));
        }
        Ok(())
    }

    /// Has operations on EVPN's tables carried out.
    pub(super) fn carry_out_rows(&self, ops: Vec<Op>) {
        hand_over(self.ways.lock().unwrap_or_else(PoisonError::into_inner).rows.as_ref(), ops);
    }

    /// Has operations on the kernel's routes carried out.
    pub(super) fn carry_out_routes(&self, ops: Vec<RouteOp>) {
        hand_over(self.ways.lock().unwrap_or_else(PoisonError::into_inner).routes.as_ref(), ops);
    }

    /// `serve` carries operations out and tells of events, which `wrap` makes news for core.
    fn start<O, E, S>(
        &self,
        serve: impl FnOnce(mpsc::Receiver<Vec<O>>, mpsc::Sender<Vec<E>>) -> S,
        wrap: fn(Vec<E>) -> Event,
    ) -> mpsc::Sender<Vec<O>>
    where
        O: Send + 'static,
        E: Send + 'static,
        S: Future<Output = io::Result<()>> + Send + 'static,
    {
        // Every operation could come alone.
        let (ops, ops_in) = mpsc::channel(CREDIT);
        let (events, events_in) = mpsc::channel(EVENTS);
        let running = tokio::spawn(serve(ops_in, events));
        tokio::spawn(pass_on(events_in, wrap, self.core.clone()));
        let failed = self.failed.clone();
        tokio::spawn(async move { failed.send(failure(running).await).await });
        ops
    }
}

fn explain(what: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot open the kernel's {what}: {error}"))
}

/// Its credit has left room for it.
fn hand_over<O>(way: Option<&mpsc::Sender<Vec<O>>>, ops: Vec<O>) {
    let sent = way.is_some_and(|way| way.try_send(ops).is_ok());
    if !sent {
        error!("the kernel's task takes no operations");
    }
}

/// Waits for the connection with the kernel to fail; for ever where it does not. A daemon that cannot see the kernel has
/// no business going on: its supervisor is to start it anew.
async fn failure(running: Running) -> io::Error {
    match running.await.unwrap_or_else(|died| Err(io::Error::other(died))) {
        Err(error) => error,
        Ok(()) => std::future::pending().await,
    }
}

async fn pass_on<E>(
    mut events: mpsc::Receiver<Vec<E>>,
    wrap: fn(Vec<E>) -> Event,
    core: mpsc::Sender<Event>,
) {
    while let Some(news) = events.recv().await {
        if core.send(wrap(news)).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_a_failure_is_one() {
        let failed = tokio::spawn(async { Err(io::Error::from_raw_os_error(libc::ENOMEM)) });
        assert_eq!(failure(failed).await.raw_os_error(), Some(libc::ENOMEM));
        let died = tokio::spawn(async { panic!("a defect") });
        assert!(failure(died).await.to_string().contains("panicked"));
        let ended = failure(tokio::spawn(async { Ok(()) }));
        assert!(tokio::time::timeout(Duration::from_secs(60), ended).await.is_err());
    }
}
