//! A flow of numbered UDP datagrams from one namespace to another: which of them were lost, came twice or out of order,
//! and for how long none got through.
//!
//! It goes one way only. What a ping loses may have been lost on either way, and who restarts may owe one of the two.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::timed_out;
use crate::netns::Netns;

/// How long after the last datagram others may still come.
const GRACE: Duration = Duration::from_millis(500);
/// How often the receiver looks whether it is over.
const LOOK: Duration = Duration::from_millis(50);

/// What became of a datagram; its place in the flow is its number.
#[derive(Clone, Copy, Debug)]
pub struct Datagram {
    /// When it was sent.
    pub sent: Instant,
    /// When it came; `None`: it did not.
    pub arrived: Option<Instant>,
}

/// What became of a flow.
#[derive(Clone, Debug, Default)]
pub struct Passage {
    /// Every datagram that was sent, in order.
    pub datagrams: Vec<Datagram>,
    /// How many came once more.
    pub duplicates: usize,
    /// How many came after a later one.
    pub reordered: usize,
}

impl Passage {
    /// The numbers of those that did not come.
    pub fn lost(&self) -> Vec<usize> {
        self.lost_ones().map(|(number, _)| number).collect()
    }

    /// How long after `since` the last datagram was sent that was lost on the way; nothing if none was. It is put right
    /// that long after.
    pub fn outage_since(&self, since: Instant) -> Duration {
        let last = self.lost_ones().map(|(_, datagram)| datagram.sent).filter(|sent| *sent >= since).last();
        last.map_or(Duration::ZERO, |sent| sent.duration_since(since))
    }

    /// The longest time for which nothing arrived.
    pub fn longest_gap(&self) -> Duration {
        let arrivals: Vec<Instant> = self.datagrams.iter().filter_map(|datagram| datagram.arrived).collect();
        let gaps = arrivals.windows(2).filter_map(|pair| match pair {
            [one, next] => Some(next.saturating_duration_since(*one)),
            _ => None,
        });
        gaps.max().unwrap_or_default()
    }

    /// When the first datagram came that was sent at or after `since`.
    pub fn arrived_since(&self, since: Instant) -> Option<Instant> {
        let later = self.datagrams.iter().filter(|datagram| datagram.sent >= since);
        later.filter_map(|datagram| datagram.arrived).next()
    }

    /// In figures: sent, lost, duplicated, out of order, the longest gap.
    pub fn summary(&self) -> String {
        let Passage { datagrams, duplicates, reordered } = self;
        format!(
            "{} sent, {} lost, {duplicates} duplicated, {reordered} out of order, longest gap {} ms",
            datagrams.len(),
            self.lost_ones().count(),
            self.longest_gap().as_millis()
        )
    }

    fn lost_ones(&self) -> impl Iterator<Item = (usize, &Datagram)> {
        self.datagrams.iter().enumerate().filter(|(_, datagram)| datagram.arrived.is_none())
    }

    /// Leaves out what was sent after the last that came.
    fn leave_out_the_end(&mut self) {
        while self.datagrams.pop_if(|datagram| datagram.arrived.is_none()).is_some() {}
    }

    /// Takes a datagram's arrival down.
    fn arrive(&mut self, number: usize, now: Instant) {
        let is_late = self
            .datagrams
            .get(number + 1..)
            .is_some_and(|later| later.iter().any(|datagram| datagram.arrived.is_some()));
        let Some(datagram) = self.datagrams.get_mut(number) else { return };
        if datagram.arrived.is_some() {
            self.duplicates += 1;
        } else {
            datagram.arrived = Some(now);
            self.reordered += usize::from(is_late);
        }
    }
}

/// A flow that goes on until it is stopped or dropped.
#[derive(Debug)]
pub struct Flow {
    shared: Arc<Shared>,
    ends: Vec<JoinHandle<io::Result<()>>>,
}

#[derive(Debug, Default)]
struct Shared {
    ended: AtomicBool,
    passage: Mutex<Passage>,
}

impl Flow {
    /// Sends from `from` to `address`, which is in `to`, every `interval`.
    pub fn start(from: &Netns, to: &Netns, address: Ipv4Addr, interval: Duration) -> io::Result<Flow> {
        let receiver = to.run(|| UdpSocket::bind(SocketAddrV4::new(address, 0)))??;
        receiver.set_read_timeout(Some(LOOK))?;
        let destination = receiver.local_addr()?;
        let sender = from.run(|| UdpSocket::bind(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)))??;
        sender.connect(destination)?;
        let shared = Arc::new(Shared::default());
        let (sending, receiving) = (Arc::clone(&shared), Arc::clone(&shared));
        let ends = vec![
            thread::spawn(move || sending.send(&sender, interval)),
            thread::spawn(move || receiving.receive(&receiver)),
        ];
        Ok(Flow { shared, ends })
    }

    /// What has come of it so far, up to the last datagram that came: later ones may be on their way.
    pub fn so_far(&self) -> Passage {
        let mut passage = self.shared.passage().clone();
        passage.leave_out_the_end();
        passage
    }

    /// Stops, takes what is still on its way, and tells what came of it.
    pub fn stop(mut self) -> io::Result<Passage> {
        self.end()?;
        Ok(self.shared.passage().clone())
    }

    fn end(&mut self) -> io::Result<()> {
        self.shared.ended.store(true, Ordering::Relaxed);
        self.ends.drain(..).try_for_each(|end| match end.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

impl Shared {
    fn send(&self, socket: &UdpSocket, interval: Duration) -> io::Result<()> {
        let start = Instant::now();
        for number in 0_u32.. {
            if self.ended.load(Ordering::Relaxed) {
                break;
            }
            self.passage().datagrams.push(Datagram { sent: Instant::now(), arrived: None });
            // What cannot be sent just now is a datagram lost, and not an error of the test's.
            let _ = socket.send(&number.to_be_bytes());
            thread::sleep((start + interval * (number + 1)).saturating_duration_since(Instant::now()));
        }
        Ok(())
    }

    fn receive(&self, socket: &UdpSocket) -> io::Result<()> {
        let mut until = None;
        let mut octets = [0; 4];
        while until.is_none_or(|until| Instant::now() < until) {
            match socket.recv(&mut octets) {
                Ok(4) => self.passage().arrive(u32::from_be_bytes(octets) as usize, Instant::now()),
                Ok(_) => {}
                Err(error) if timed_out(&error) => {}
                Err(error) => return Err(error),
            }
            if until.is_none() && self.ended.load(Ordering::Relaxed) {
                until = Some(Instant::now() + GRACE);
            }
        }
        Ok(())
    }

    fn passage(&self) -> MutexGuard<'_, Passage> {
        self.passage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_datagrams_is_told() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let datagrams = (0..5).map(|n| Datagram { sent: at(n * 10), arrived: None }).collect();
        let mut passage = Passage { datagrams, ..Passage::default() };
        for (number, millis) in [(0, 1), (2, 21), (1, 22), (1, 23), (4, 90), (9, 91)] {
            passage.arrive(number, at(millis));
        }
        assert_eq!(passage.lost(), [3]);
        assert_eq!((passage.duplicates, passage.reordered), (1, 1));
        assert_eq!(passage.outage_since(at(5)), Duration::from_millis(25));
        assert_eq!(passage.outage_since(at(31)), Duration::ZERO);
        assert_eq!(passage.arrived_since(at(30)), Some(at(90)));
        passage.datagrams.push(Datagram { sent: at(50), arrived: None });
        passage.leave_out_the_end();
        assert_eq!(passage.datagrams.len(), 5);
        assert!(
            passage.summary().starts_with("5 sent, 1 lost, 1 duplicated, 1 out of order, longest gap 69 ms")
        );
    }
}
