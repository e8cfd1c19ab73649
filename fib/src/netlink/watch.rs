//! A watch on devices, for those who want to know which are there and up, and leave the kernel as it is.
//!
//! It has a socket of its own that hears of devices alone: on a node with a hundred thousand rows nobody who waits
//! for a link should have to read past them. Rows of one device are told when asked for.

use std::{fmt, io};

use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket};

use super::wire::messages;
use super::{link, neigh, rows, socket};
use crate::event::KernelEvent;
use crate::op::{Action, Dump, Table};
use crate::row::IfIndex;

/// The devices of the network namespace in which it was opened.
pub struct LinkWatch {
    socket: TokioSocket,
}

impl fmt::Debug for LinkWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LinkWatch").field(self.socket.socket_ref()).finish()
    }
}

impl LinkWatch {
    /// Begins to watch; every device that is there is told of first, and then [`KernelEvent::DumpEnd`]. To be
    /// called within a tokio runtime.
    ///
    /// # Errors
    /// The kernel's.
    pub fn open() -> io::Result<LinkWatch> {
        let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
        let plain = socket.socket_mut();
        plain.set_netlink_get_strict_chk(true)?;
        plain.bind_auto()?;
        plain.connect(&SocketAddr::new(0, 0))?;
        plain.add_membership(socket::GROUP_LINK)?;
        let watch = LinkWatch { socket };
        watch.ask_for_links()?;
        Ok(watch)
    }

    /// Waits for news. After [`KernelEvent::Overrun`] every device is told of once more, as at the beginning.
    ///
    /// # Errors
    /// The socket's, for good.
    pub async fn next(&mut self) -> io::Result<Vec<KernelEvent>> {
        match self.socket.recv_from_full().await {
            Ok((datagram, _)) => Ok(messages(&datagram).filter_map(rows::event).collect()),
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                self.ask_for_links()?;
                Ok(vec![KernelEvent::Overrun])
            }
            Err(error) => Err(error),
        }
    }

    /// Asks for the IPv6 neighbours of a device; they come as [`KernelEvent::RowSeen`].
    ///
    /// # Errors
    /// The kernel's. While another answer is under way it may refuse.
    pub fn ask_for_neighbors(&self, device: IfIndex) -> io::Result<()> {
        let mut request = Vec::new();
        let dump = Dump { table: Table::Neighbors6, bridge: Some(device) };
        neigh::put_action(&mut request, NEIGHBORS, &Action::Dump(dump));
        self.socket.socket_ref().send(&request, 0).map(drop)
    }

    fn ask_for_links(&self) -> io::Result<()> {
        let mut request = Vec::new();
        link::put_dump(&mut request, LINKS.0);
        self.socket.socket_ref().send(&request, 0).map(drop)
    }
}

/// What [`KernelEvent::DumpEnd`] calls the end of all devices.
pub const LINKS: crate::OpId = crate::OpId(1);
const NEIGHBORS: u32 = 2;
