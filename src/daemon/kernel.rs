//! The tasks that speak with the kernel: one for EVPN's tables, one for routes. Each carries operations to it and news
//! from it.

use std::io;

use fib::netlink::{Kernel, RouteKernel};
use fib::routes::RouteOp;
use fib::{CREDIT, Op};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::core::Event;

/// News from the kernel that may wait to be passed on.
const EVENTS: usize = 16;

/// The way to a task that speaks with the kernel, and the task. `O` is an operation.
pub(super) struct KernelTask<O> {
    ops: mpsc::Sender<Vec<O>>,
    running: Running,
}

/// A task that ends without an error only because nobody has operations for it any more.
type Running = JoinHandle<io::Result<()>>;

/// Opens the tables that EVPN fills, and starts the task that serves them.
///
/// # Errors
/// What keeps them from being opened, the lack of CAP_NET_ADMIN as a rule.
pub(super) fn start_rows(core: &mpsc::Sender<Event>) -> io::Result<KernelTask<Op>> {
    let kernel = Kernel::open()?;
    Ok(KernelTask::start(|ops, events| kernel.run(ops, events), Event::Kernel, core))
}

/// Opens the kernel's routes, and starts the task that serves them: `with_rows` of a tunnel that they lead into.
///
/// # Errors
/// What keeps them from being opened.
pub(super) fn start_routes(core: &mpsc::Sender<Event>, with_rows: bool) -> io::Result<KernelTask<RouteOp>> {
    let kernel = RouteKernel::open(with_rows)?;
    Ok(KernelTask::start(|ops, events| kernel.run(ops, events), Event::Routes, core))
}

impl<O: Send + 'static> KernelTask<O> {
    /// `serve` carries operations out and tells of events, which `wrap` makes news for core.
    fn start<E: Send + 'static, S: Future<Output = io::Result<()>> + Send + 'static>(
        serve: impl FnOnce(mpsc::Receiver<Vec<O>>, mpsc::Sender<Vec<E>>) -> S,
        wrap: fn(Vec<E>) -> Event,
        core: &mpsc::Sender<Event>,
    ) -> KernelTask<O> {
        // Every operation could come alone.
        let (ops, ops_in) = mpsc::channel(CREDIT);
        let (events, events_in) = mpsc::channel(EVENTS);
        let running = tokio::spawn(serve(ops_in, events));
        tokio::spawn(pass_on(events_in, wrap, core.clone()));
        KernelTask { ops, running }
    }

    /// The way to the task, and its failure: see [`failure`].
    pub(super) fn split(
        task: Option<KernelTask<O>>,
    ) -> (Option<mpsc::Sender<Vec<O>>>, impl Future<Output = io::Error>) {
        let (ops, running) = task.map(|task| (task.ops, task.running)).unzip();
        (ops, failure(running))
    }
}

/// Waits for the connection with the kernel to fail; for ever where it does not, or where there is none. A daemon
/// that cannot see the kernel has no business going on: its supervisor is to start it anew.
async fn failure(running: Option<Running>) -> io::Error {
    let ended = match running {
        Some(running) => running.await.unwrap_or_else(|died| Err(io::Error::other(died))),
        None => Ok(()),
    };
    match ended {
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
        assert_eq!(failure(Some(failed)).await.raw_os_error(), Some(libc::ENOMEM));
        let died = tokio::spawn(async { panic!("a defect") });
        assert!(failure(Some(died)).await.to_string().contains("panicked"));
        for running in [None, Some(tokio::spawn(async { Ok(()) }))] {
            assert!(tokio::time::timeout(Duration::from_secs(60), failure(running)).await.is_err());
        }
    }
}
