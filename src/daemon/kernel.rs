//! The kernel's task: carries operations to it and news from it.

use std::io;

use fib::netlink::Kernel;
use fib::{CREDIT, KernelEvent, Op};
use tokio::sync::mpsc;
use tracing::error;

use crate::core::Event;

/// News from the kernel that may wait to be passed on.
const EVENTS: usize = 16;

/// Opens the kernel's tables, where they are wanted, and starts the task.
///
/// # Errors
/// What keeps them from being opened, the lack of CAP_NET_ADMIN as a rule.
pub(super) fn start(wanted: bool, core: &mpsc::Sender<Event>) -> io::Result<Option<mpsc::Sender<Vec<Op>>>> {
    if !wanted {
        return Ok(None);
    }
    let kernel = Kernel::open()?;
    // Every operation could come alone.
    let (ops, ops_in) = mpsc::channel(CREDIT);
    let (events, events_in) = mpsc::channel(EVENTS);
    tokio::spawn(async move {
        if let Err(error) = kernel.run(ops_in, events).await {
            error!(%error, "the connection with the kernel has ended; its tables stay as they are");
        }
    });
    tokio::spawn(pass_on(events_in, core.clone()));
    Ok(Some(ops))
}

async fn pass_on(mut events: mpsc::Receiver<Vec<KernelEvent>>, core: mpsc::Sender<Event>) {
    while let Some(news) = events.recv().await {
        if core.send(Event::Kernel(news)).await.is_err() {
            return;
        }
    }
}
