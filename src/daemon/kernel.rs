//! The kernel's task: carries operations to it and news from it.

use std::io;

use fib::netlink::Kernel;
use fib::{CREDIT, KernelEvent, Op};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::core::Event;

/// News from the kernel that may wait to be passed on.
const EVENTS: usize = 16;

/// The way to the task, and the task.
pub(super) struct KernelTask {
    /// Operations for it.
    pub(super) ops: mpsc::Sender<Vec<Op>>,
    running: Running,
}

/// A task that ends without an error only because nobody has operations for it any more.
type Running = JoinHandle<io::Result<()>>;

/// Opens the kernel's tables, where they are wanted, and starts the task.
///
/// # Errors
/// What keeps them from being opened, the lack of CAP_NET_ADMIN as a rule.
pub(super) fn start(wanted: bool, core: &mpsc::Sender<Event>) -> io::Result<Option<KernelTask>> {
    if !wanted {
        return Ok(None);
    }
    let kernel = Kernel::open()?;
    // Every operation could come alone.
    let (ops, ops_in) = mpsc::channel(CREDIT);
    let (events, events_in) = mpsc::channel(EVENTS);
    let running = tokio::spawn(async move { kernel.run(ops_in, events).await });
    tokio::spawn(pass_on(events_in, core.clone()));
    Ok(Some(KernelTask { ops, running }))
}

impl KernelTask {
    /// The way to the task, and its failure: see [`failure`].
    pub(super) fn split(
        task: Option<KernelTask>,
    ) -> (Option<mpsc::Sender<Vec<Op>>>, impl Future<Output = io::Error>) {
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

async fn pass_on(mut events: mpsc::Receiver<Vec<KernelEvent>>, core: mpsc::Sender<Event>) {
    while let Some(news) = events.recv().await {
        if core.send(Event::Kernel(news)).await.is_err() {
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
