//! Doors: where a connection that was accepted goes, by the address that it comes from.
//!
//! A neighbour's door leads to its task. Whoever comes from a range of dynamic neighbours has none yet: his
//! connection waits here, unread, until core has said whether he becomes a neighbour. Few may wait at a time, and
//! one for each address, so that a crowd is turned away at no cost.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipnet::IpNet;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// How many connections may wait for core's word.
const WAITING: usize = 64;

/// Shared between those who listen and who begins the neighbours' tasks.
#[derive(Clone, Default)]
pub(super) struct Doors(Arc<Mutex<Hall>>);

#[derive(Default)]
struct Hall {
    doors: HashMap<IpAddr, mpsc::Sender<TcpStream>>,
    ranges: Vec<IpNet>,
    waiting: HashMap<IpAddr, TcpStream>,
}

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// A neighbour's task has it.
    Given,
    /// It waits: core is to be asked.
    Waits,
    /// It is closed: there is no such neighbour.
    Unknown,
    /// It is closed: too many wait already.
    Crowded,
}

impl Doors {
    /// Connections from this address are a neighbour's from now on, and so is one that waits.
    pub(super) fn open(&self, address: IpAddr, door: mpsc::Sender<TcpStream>) {
        let mut hall = self.locked();
        if let Some(stream) = hall.waiting.remove(&address) {
            // The door is new, so there is room; and were there none, the connection would be closed.
            drop(door.try_send(stream));
        }
        hall.doors.insert(address, door);
    }

    /// Connections from this address are nobody's any more.
    pub(super) fn close(&self, address: IpAddr) {
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
    pub(super) fn admit(&self, stream: TcpStream, from: IpAddr) -> Admission {
        let mut hall = self.locked();
        if let Some(door) = hall.doors.get(&from) {
            // A neighbour that connects faster than its task looks has its newest connection closed.
            return door.try_send(stream).map_or(Admission::Crowded, |()| Admission::Given);
        }
        if !hall.ranges.iter().any(|range| range.contains(&from)) {
            return Admission::Unknown;
        }
        if hall.waiting.len() >= WAITING || hall.waiting.contains_key(&from) {
            return Admission::Crowded;
        }
        hall.waiting.insert(from, stream);
        Admission::Waits
    }

    /// Nobody waits for anything while it is locked, and a hall that somebody died in is whole.
    fn locked(&self) -> MutexGuard<'_, Hall> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
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

    #[tokio::test]
    async fn who_comes_from_a_range_waits_and_no_crowd_does() {
        let doors = Doors::default();
        assert_eq!(doors.admit(stream().await, visitor(1)), Admission::Unknown);
        doors.set_ranges(vec!["10.9.0.0/16".parse().unwrap()]);
        assert_eq!(doors.admit(stream().await, visitor(1)), Admission::Waits);
        assert_eq!(doors.admit(stream().await, visitor(1)), Admission::Crowded, "one for each address");
        for n in 2..=WAITING as u8 {
            assert_eq!(doors.admit(stream().await, visitor(n)), Admission::Waits);
        }
        assert_eq!(doors.admit(stream().await, visitor(200)), Admission::Crowded);
        assert!(doors.take_waiting(visitor(2)).is_some() && doors.take_waiting(visitor(2)).is_none());
        assert_eq!(doors.admit(stream().await, visitor(200)), Admission::Waits);
    }

    #[tokio::test]
    async fn who_becomes_a_neighbor_is_let_in() {
        let doors = Doors::default();
        doors.set_ranges(vec!["10.9.0.0/16".parse().unwrap()]);
        doors.admit(stream().await, visitor(1));
        let (door, mut inside) = mpsc::channel(1);
        doors.open(visitor(1), door);
        assert!(inside.try_recv().is_ok());
        assert_eq!(doors.admit(stream().await, visitor(1)), Admission::Given);
        doors.close(visitor(1));
        assert_eq!(doors.admit(stream().await, visitor(1)), Admission::Waits);
    }
}
