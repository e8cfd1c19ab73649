//! A watch on the routes of the main table and the devices that they lead over.
//!
//! It has a socket of its own, for nothing here has to keep its order with the rows that [`super::Kernel`] writes.
//! Devices come before routes. The kernel says nothing of IPv4 routes that go with a device or an address, so when
//! one of these goes, and when the socket overflowed, all is told of afresh.

use std::{fmt, io};

use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket};

use super::wire::{self, Message, messages};
use super::{link, reader, route, rows, socket};
use crate::event::KernelEvent;
use crate::routes::RouteEvent;

/// `RTM_DELADDR`.
const ADDRESS_GONE: u16 = 21;

// Multicast groups, `RTNLGRP_*`.
const GROUP_IPV4_ADDRESS: u32 = 5;
const GROUP_IPV4_ROUTE: u32 = 7;
const GROUP_IPV6_ROUTE: u32 = 11;

/// What is asked for, one after the other: the kernel answers one such request at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Devices = 1,
    Ipv4 = 2,
    Ipv6 = 3,
}

/// The routes of the network namespace in which it was opened.
pub struct RouteWatch {
    socket: TokioSocket,
    /// What is being told of afresh; `None` at rest.
    part: Option<Part>,
    /// Nothing changed in the midst of what has been told of afresh.
    intact: bool,
    /// All is to be told of afresh.
    again: bool,
}

impl fmt::Debug for RouteWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RouteWatch").field(self.socket.socket_ref()).finish()
    }
}

impl RouteWatch {
    /// Begins to watch. To be called within a tokio runtime.
    ///
    /// # Errors
    /// The kernel's.
    pub fn open() -> io::Result<RouteWatch> {
        let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
        let plain = socket.socket_mut();
        socket::make_room(plain)?;
        plain.set_netlink_get_strict_chk(true)?;
        plain.bind_auto()?;
        plain.connect(&SocketAddr::new(0, 0))?;
        for group in [socket::GROUP_LINK, GROUP_IPV4_ADDRESS, GROUP_IPV4_ROUTE, GROUP_IPV6_ROUTE] {
            plain.add_membership(group)?;
        }
        Ok(RouteWatch { socket, part: None, intact: true, again: true })
    }

    /// Waits for news.
    ///
    /// # Errors
    /// The socket's, for good.
    pub async fn next(&mut self) -> io::Result<Vec<RouteEvent>> {
        let mut news = Vec::new();
        while news.is_empty() {
            if self.again && self.part.is_none() {
                self.again = false;
                self.intact = true;
                news.push(RouteEvent::Begin);
                self.ask_for(Part::Devices)?;
                break;
            }
            match self.socket.recv_from_full().await {
                Ok((datagram, _)) => {
                    messages(&datagram).try_for_each(|message| self.read(message, &mut news))?;
                }
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => self.read_past_the_gap()?,
                Err(error) => return Err(error),
            }
        }
        Ok(news)
    }

    fn read(&mut self, message: Message<'_>, news: &mut Vec<RouteEvent>) -> io::Result<()> {
        // What was asked for comes as parts of one answer, what happens comes alone.
        let happens = message.flags & wire::MULTI == 0;
        match message.kind {
            route::NEW => {
                let replaces = message.flags & wire::REPLACE != 0;
                news.extend(route::parse(message.payload).map(|route| RouteEvent::Seen { route, replaces }));
            }
            route::DELETE => news.extend(route::parse(message.payload).map(RouteEvent::Gone)),
            ADDRESS_GONE => self.again = true,
            link::NEW => {
                if let Some(link) = link::parse(message.payload) {
                    self.again |= happens && !link.up;
                    news.push(RouteEvent::Device { index: link.index, up: link.up && link.carrier });
                }
            }
            link::DELETE => {
                if let Some(index) = link::parse_gone(message.payload) {
                    self.again = true;
                    news.push(RouteEvent::Device { index, up: false });
                }
            }
            wire::ERROR | wire::DONE => self.end_of_part(message, news)?,
            _ => {}
        }
        Ok(())
    }

    fn end_of_part(&mut self, message: Message<'_>, news: &mut Vec<RouteEvent>) -> io::Result<()> {
        match rows::event(message) {
            Some(KernelEvent::DumpEnd { intact, .. }) => self.intact &= intact,
            // A table that is made with its first route, or a family that the kernel was built without.
            Some(KernelEvent::Failed { fault, .. })
                if [libc::ENOENT, libc::EAFNOSUPPORT, libc::EOPNOTSUPP].contains(&fault.errno) => {}
            Some(KernelEvent::Failed { fault, .. }) => return Err(io::Error::from_raw_os_error(fault.errno)),
            _ => return Ok(()),
        }
        match self.part {
            Some(Part::Devices) => self.ask_for(Part::Ipv4),
            Some(Part::Ipv4) => self.ask_for(Part::Ipv6),
            Some(Part::Ipv6) => {
                self.part = None;
                self.again |= !self.intact;
                news.extend(self.intact.then_some(RouteEvent::Complete));
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn ask_for(&mut self, part: Part) -> io::Result<()> {
        let (mut request, sequence) = (Vec::new(), part as u32);
        match part {
            Part::Devices => link::put_dump(&mut request, sequence),
            Part::Ipv4 => route::put_dump(&mut request, libc::AF_INET, sequence),
            Part::Ipv6 => route::put_dump(&mut request, libc::AF_INET6, sequence),
        }
        self.part = Some(part);
        self.socket.socket_ref().send(&request, 0).map(drop)
    }

    /// After an overflow the kernel drops what comes in silence until the socket has been read to its end. What is
    /// in it is of no more use then.
    fn read_past_the_gap(&mut self) -> io::Result<()> {
        let mut datagram = Vec::with_capacity(reader::DATAGRAM);
        loop {
            datagram.clear();
            match self.socket.socket_ref().recv(&mut datagram, libc::MSG_DONTWAIT) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {}
                Err(error) => return Err(error),
            }
        }
        (self.part, self.again) = (None, true);
        Ok(())
    }
}
