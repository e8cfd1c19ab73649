//! The driver: carries ops to the kernel and brings its news. It decides nothing.
//!
//! ONE socket carries requests, their answers, dumps and notifications, so all of them arrive in the order in
//! which they happened; that is what lets [`Fib`](crate::Fib) believe what it sees. Two threads share it: one
//! writes (the kernel does the work inside the `send`), one reads. Threads and not tasks, because both block:
//! an async runtime has nothing to offer to a socket that is served in bursts of milliseconds.
//!
//! Devices are made and changed through `rtnetlink`, on a connection of its own: rare, and full of options.
//! What comes of it is seen on the one socket, like everybody else's changes.

mod device;
mod link;
mod neigh;
mod reader;
mod socket;
mod wire;
mod writer;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use netlink_sys::Socket;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use self::device::Devices;
use self::writer::Writer;
use crate::event::KernelEvent;
use crate::op::Op;

/// The kernel of the network namespace in which it was opened.
#[derive(Debug)]
pub struct Kernel {
    socket: Arc<Socket>,
    devices: Devices,
}

impl Kernel {
    /// Opens the sockets in the calling thread's network namespace. To be called within a tokio runtime, of
    /// which the half that changes devices becomes a task.
    ///
    /// # Errors
    /// The kernel's. Without `CAP_NET_ADMIN` it opens, and every op is refused.
    pub fn open() -> io::Result<Kernel> {
        Ok(Kernel { socket: Arc::new(socket::open()?), devices: Devices::open()? })
    }

    /// Serves until `ops` is closed, or nobody takes events any more. It waits where `events` is full; then
    /// the socket fills up, and an overrun is noticed and healed.
    ///
    /// # Errors
    /// A socket that fails for good; one that overflowed is an event, not an error.
    pub async fn run(
        self,
        mut ops: mpsc::Receiver<Vec<Op>>,
        events: mpsc::Sender<Vec<KernelEvent>>,
    ) -> io::Result<()> {
        let Kernel { socket, devices } = self;
        let closing = Arc::new(AtomicBool::new(false));
        let (runtime, is_closing) = (Handle::current(), Arc::clone(&closing));
        let (read_socket, read_events) = (Arc::clone(&socket), events.clone());
        let read = spawn("kernel-read", move || {
            reader::run(&read_socket, &read_events, || is_closing.load(Ordering::Acquire))
        })?;
        let written = spawn("kernel-write", move || {
            let mut writer = Writer::new(&socket, &devices, &runtime, &events);
            let result = writer.run(&mut ops);
            closing.store(true, Ordering::Release);
            result.and(writer.wake_reader())
        })?;
        // The writer ends when `ops` is closed and then wakes the reader. A reader that fails is told at once,
        // while the writer waits for ops: without answers there will be none.
        read.await.unwrap_or(Ok(()))?;
        written.await.unwrap_or(Ok(()))
    }
}

/// Runs `work` on a thread of its own.
fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<oneshot::Receiver<T>> {
    let (done, outcome) = oneshot::channel();
    let work = move || {
        let _ = done.send(work());
    };
    thread::Builder::new().name(name.to_owned()).spawn(work)?;
    Ok(outcome)
}
