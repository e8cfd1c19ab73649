//! Doors: where a connection that was accepted goes, by the address that it comes from.
//!
//! A neighbour's door leads to its task. Whoever comes from a range of dynamic neighbours has none yet: his
//! connection waits here, unread, until core has said whether he becomes a neighbour. Few may wait at a time, and
//! one for each address, so that a crowd is turned away at no cost.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipnet::IpNet;
use nix::net::if_::if_indextoname;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::config::{InterfaceName, NeighborAddress};

/// How many connections may wait for core's word.
const WAITING: usize = 64;

/// Shared between those who listen and who begins the neighbours' tasks.
#[derive(Clone, Default)]
pub(super) struct Doors(Arc<Mutex<Hall>>);

#[derive(Default)]
struct Hall {
    doors: HashMap<NeighborAddress, mpsc::Sender<TcpStream>>,
    ranges: Vec<IpNet>,
    waiting: HashMap<IpAddr, TcpStream>,
}

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// A neighbour's task has it.
    Given,
    /// It waits: core is to be asked about this address.
    Waits(IpAddr),
    /// It is closed: there is no such neighbour.
    Unknown,
    /// It is closed: too many wait already.
    Crowded,
}

impl Doors {
    /// Connections from this address or link are a neighbour's from now on, and so is one that waits.
    pub(super) fn open(&self, address: NeighborAddress, door: mpsc::Sender<TcpStream>) {
        let mut hall = self.locked();
        if let NeighborAddress::Ip(ip) = address
            && let Some(stream) = hall.waiting.remove(&ip)
        {
            // The door is new, so there is room; and were there none, the connection would be closed.
            drop(door.try_send(stream));
        }
        hall.doors.insert(address, door);
    }

    /// Connections from this address or link are nobody's any more.
    pub(super) fn close(&self, address: NeighborAddress) {
        self.locked().doors.remove(&address);
    }

    /// Neighbours may come from these ranges from now on.
    pub(super) fn set_ranges(&self, ranges: Vec<IpNet>) {
        self.locked().ranges = ranges;
    }

    /// The connection that waits from this address, to be turned away.
    pub(super) fn take_waiting(&self, address: IpAddr) -> Option<TcpStream> {
        self.locked().waiting.remove(&address)
    }

    /// Finds the door for a connection, or a place to wait.
    pub(super) fn admit(&self, stream: TcpStream, from: SocketAddr) -> Admission {
        let mut hall = self.locked();
        let link = link_of(from);
        if let Some(door) = hall.door(from, link) {
            // A neighbour that connects faster than its task looks has its newest connection closed.
            return door.try_send(stream).map_or(Admission::Crowded, |()| Admission::Given);
        }
        let from = from.ip().to_canonical();
        if link.is_some() || !hall.ranges.iter().any(|range| range.contains(&from)) {
            return Admission::Unknown;
        }
        if hall.waiting.len() >= WAITING || hall.waiting.contains_key(&from) {
            return Admission::Crowded;
        }
        hall.waiting.insert(from, stream);
        Admission::Waits(from)
    }

    /// Nobody waits for anything while it is locked, and a hall that somebody died in is whole.
    fn locked(&self) -> MutexGuard<'_, Hall> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hall {
    /// The door for a connection from there: of a neighbour with that address, or else with that link.
    fn door(&self, from: SocketAddr, link: Option<InterfaceName>) -> Option<&mpsc::Sender<TcpStream>> {
        match (from, link) {
            (SocketAddr::V6(from), Some(link)) => self
                .doors
                .get(&NeighborAddress::OnLink(*from.ip(), link))
                .or_else(|| self.doors.get(&NeighborAddress::Interface(link))),
            _ => self.doors.get(&from.ip().into()),
        }
    }
}

/// The link that a link-local address is on.
fn link_of(from: SocketAddr) -> Option<InterfaceName> {
    let SocketAddr::V6(from) = from else { return None };
    let name = if_indextoname(Some(from.scope_id()).filter(|index| *index != 0)?).ok()?;
    InterfaceName::new(name.to_str().ok()?)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::net::TcpListener;

    use super::*;

    async fn stream() -> TcpStream {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        TcpStream::connect(listener.local_addr().unwrap()).await.unwrap()
    }

    fn visitor(n: u8) -> IpAddr {
        Ipv4Addr::new(10, 9, 0, n).into()
    }

    fn from(n: u8) -> SocketAddr {
        (visitor(n), 40000).into()
    }

    #[tokio::test]
    async fn who_comes_from_a_range_waits_and_no_crowd_does() {
        let doors = Doors::default();
        assert_eq!(doors.admit(stream().await, from(1)), Admission::Unknown);
        doors.set_ranges(vec!["10.9.0.0/16".parse().unwrap()]);
        assert_eq!(doors.admit(stream().await, from(1)), Admission::Waits(visitor(1)));
        assert_eq!(doors.admit(stream().await, from(1)), Admission::Crowded, "one for each address");
        for n in 2..=WAITING as u8 {
            assert_eq!(doors.admit(stream().await, from(n)), Admission::Waits(visitor(n)));
        }
        assert_eq!(doors.admit(stream().await, from(200)), Admission::Crowded);
        assert!(doors.take_waiting(visitor(2)).is_some() && doors.take_waiting(visitor(2)).is_none());
        assert_eq!(doors.admit(stream().await, from(200)), Admission::Waits(visitor(200)));
    }

    #[tokio::test]
    async fn who_becomes_a_neighbor_is_let_in() {
        let doors = Doors::default();
        doors.set_ranges(vec!["10.9.0.0/16".parse().unwrap()]);
        doors.admit(stream().await, from(1));
        let (door, mut inside) = mpsc::channel(1);
        doors.open(visitor(1).into(), door);
        assert!(inside.try_recv().is_ok());
        assert_eq!(doors.admit(stream().await, from(1)), Admission::Given);
        doors.close(visitor(1).into());
        assert_eq!(doors.admit(stream().await, from(1)), Admission::Waits(visitor(1)));
    }
}
