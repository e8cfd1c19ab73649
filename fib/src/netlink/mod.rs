//! The driver: carries ops to the kernel and brings its news. It decides nothing.
//!
//! ONE socket carries requests, their answers, dumps and notifications, so all of them arrive in the order in
//! which they happened; that is what lets [`Fib`](crate::Fib) believe what it sees.
//!
//! It runs on a thread of its own: a `send` returns when the kernel has done the work, and that may have to wait
//! for whoever else changes the network just then (one lock guards it all). No task of the daemon's shares that
//! wait.
//!
//! Routes have a socket and a thread of their own, driven in the same way: [`RouteKernel`].
//!
//! Devices are made and changed through `rtnetlink`, on a connection of its own: rare, and full of options.
//! What comes of it is seen on the one socket, like everybody else's changes.

mod device;
mod dialect;
mod driver;
mod filter;
mod ip_address;
mod link;
mod mtu;
mod neigh;
mod reader;
mod route;
mod routes;
mod rows;
mod run;
mod socket;
mod tunnel;
mod watch;
mod wire;

use std::{io, thread};

use netlink_sys::Socket;
use tokio::sync::{mpsc, oneshot};

use self::device::Devices;
use self::dialect::Dialect;
use self::driver::{Driver, End};
use self::rows::Rows;
use crate::event::KernelEvent;
use crate::op::Op;

pub use device::overhead as vxlan_overhead;
pub use routes::RouteKernel;
pub use watch::{LINKS, LinkWatch};

/// What is to be heard of.
const GROUPS: [u32; 4] =
    [socket::GROUP_LINK, socket::GROUP_NEIGH, socket::GROUP_IPV4_ADDRESS, socket::GROUP_IPV6_ADDRESS];

/// The kernel of the network namespace in which it was opened.
#[derive(Debug)]
pub struct Kernel {
    socket: Socket,
    devices: Devices,
}

impl Kernel {
    /// Opens the sockets in the calling thread's network namespace. To be called within a tokio runtime, of
    /// which the connection that changes devices becomes a task.
    ///
    /// # Errors
    /// The kernel's. Without `CAP_NET_ADMIN` it opens, and every op is refused.
    pub fn open() -> io::Result<Kernel> {
        Ok(Kernel { socket: socket::open(&GROUPS, filter::own_rows)?, devices: Devices::open()? })
    }

    /// Serves until `ops` is closed, or nobody takes events any more. It waits where `events` is full; then
    /// the socket fills up, and an overrun is noticed and healed.
    ///
    /// # Errors
    /// A socket that fails for good; one that overflowed is an event, not an error.
    pub async fn run(
        self,
        ops: mpsc::Receiver<Vec<Op>>,
        events: mpsc::Sender<Vec<KernelEvent>>,
    ) -> io::Result<()> {
        on_a_thread("kernel", move || serve(&self.socket, Rows(&self.devices), ops, events)).await
    }
}

/// Does the work on a thread of its own, and waits for its end.
async fn on_a_thread(name: &str, work: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<()> {
    let (done, outcome) = oneshot::channel();
    let work = move || {
        // Nobody may be left to hear it.
        let _ = done.send(work());
    };
    thread::Builder::new().name(name.to_owned()).spawn(work)?;
    outcome.await.unwrap_or_else(|_| Err(io::Error::other("the kernel thread died")))
}

/// Serves one reconciler, on this thread.
fn serve<D: Dialect>(
    socket: &Socket,
    dialect: D,
    ops: mpsc::Receiver<Vec<D::Op>>,
    events: mpsc::Sender<Vec<D::Event>>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let end = runtime.block_on(async { Driver::new(socket, dialect, events)?.serve(ops).await });
    match end {
        Ok(()) | Err(End::Deaf) => Ok(()),
        Err(End::Socket(error)) => Err(error),
    }
}
