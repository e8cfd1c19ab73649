//! How often to send and how long to wait (RFC 5880 sections 6.8.2 to 6.8.4), and the Poll Sequence (section 6.5) by
//! which a session that is Up changes either.
//!
//! What is announced in packets and what is in force differ while a change is under way: an interval that would
//! surprise the neighbour (sending more rarely, waiting less long) comes into force only once the neighbour has
//! answered a Poll, and with that has shown that it knows.

use std::time::Duration;

use super::packet::Packet;

/// What the neighbour last said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Remote {
    pub(crate) discriminator: u32,
    pub(crate) min_tx: Duration,
    pub(crate) min_rx: Duration,
    pub(crate) multiplier: u8,
}

/// Nothing yet (section 6.8.1).
impl Default for Remote {
    fn default() -> Remote {
        Remote { discriminator: 0, min_tx: Duration::ZERO, min_rx: Duration::from_micros(1), multiplier: 0 }
    }
}

impl From<&Packet> for Remote {
    fn from(packet: &Packet) -> Remote {
        Remote {
            discriminator: packet.my_discriminator,
            min_tx: Duration::from_micros(packet.desired_min_tx.into()),
            min_rx: Duration::from_micros(packet.required_min_rx.into()),
            multiplier: packet.multiplier,
        }
    }
}

/// The two intervals of one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Intervals {
    /// Desired Min TX Interval.
    pub(crate) tx: Duration,
    /// Required Min RX Interval.
    pub(crate) rx: Duration,
}

/// This side's timing.
#[derive(Clone, Debug)]
pub(crate) struct Timing {
    announced: Intervals,
    in_force: Intervals,
    poll: Poll,
}

/// The Poll Sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Poll {
    No,
    /// Packets carry the P bit until one with the F bit comes.
    Running,
    /// The intervals changed while one ran, so its end says nothing of them: another is to follow.
    RunningForOlder,
}

impl Timing {
    pub(crate) fn new(intervals: Intervals) -> Timing {
        Timing { announced: intervals, in_force: intervals, poll: Poll::No }
    }

    /// What packets say.
    pub(crate) fn announced(&self) -> Intervals {
        self.announced
    }

    /// Whether packets ask for an answer.
    pub(crate) fn is_polling(&self) -> bool {
        self.poll != Poll::No
    }

    /// Changes the intervals of a session that is not Up: nobody relies on them.
    pub(crate) fn set(&mut self, intervals: Intervals) {
        *self = Timing::new(intervals);
    }

    /// Changes the intervals of a session that is Up.
    pub(crate) fn negotiate(&mut self, intervals: Intervals) {
        if intervals == self.announced {
            return;
        }
        self.announced = intervals;
        self.in_force.tx = self.in_force.tx.min(intervals.tx);
        self.in_force.rx = self.in_force.rx.max(intervals.rx);
        self.poll = if self.is_polling() { Poll::RunningForOlder } else { Poll::Running };
    }

    /// The neighbour has answered a Poll.
    pub(crate) fn answered(&mut self) {
        self.poll = match self.poll {
            Poll::RunningForOlder => Poll::Running,
            Poll::Running | Poll::No => {
                self.in_force = self.announced;
                Poll::No
            }
        };
    }

    /// How often to send, before jitter; `None` where the neighbour wants no periodic packets.
    pub(crate) fn transmit_interval(&self, remote: &Remote) -> Option<Duration> {
        (!remote.min_rx.is_zero()).then(|| self.in_force.tx.max(remote.min_rx))
    }

    /// How often the neighbour sends.
    pub(crate) fn receive_interval(&self, remote: &Remote) -> Duration {
        self.in_force.rx.max(remote.min_tx)
    }

    /// How long the neighbour may be silent.
    pub(crate) fn detection_time(&self, remote: &Remote) -> Duration {
        self.receive_interval(remote) * remote.multiplier.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(tx: u64, rx: u64) -> Intervals {
        Intervals { tx: Duration::from_millis(tx), rx: Duration::from_millis(rx) }
    }

    fn remote(tx: u64, rx: u64, multiplier: u8) -> Remote {
        let Intervals { tx, rx } = ms(tx, rx);
        Remote { discriminator: 7, min_tx: tx, min_rx: rx, multiplier }
    }

    #[test]
    fn the_slower_of_both_sides_counts() {
        let timing = Timing::new(ms(300, 200));
        assert_eq!(timing.transmit_interval(&remote(0, 100, 3)), Some(Duration::from_millis(300)));
        assert_eq!(timing.transmit_interval(&remote(0, 400, 3)), Some(Duration::from_millis(400)));
        assert_eq!(timing.transmit_interval(&remote(0, 0, 3)), None);
        assert_eq!(timing.detection_time(&remote(100, 0, 3)), Duration::from_millis(600));
        assert_eq!(timing.detection_time(&remote(500, 0, 4)), Duration::from_secs(2));
    }

    #[test]
    fn what_would_surprise_the_neighbour_waits_for_its_answer() {
        let peer = remote(1, 1, 1);
        for (from, to, meanwhile) in [
            (ms(300, 300), ms(100, 900), ms(100, 900)),
            (ms(300, 300), ms(900, 100), ms(300, 300)),
            (ms(300, 300), ms(900, 900), ms(300, 900)),
        ] {
            let mut timing = Timing::new(from);
            timing.negotiate(to);
            assert!(timing.is_polling() && timing.announced() == to);
            assert_eq!(timing.transmit_interval(&peer), Some(meanwhile.tx), "{to:?}");
            assert_eq!(timing.receive_interval(&peer), meanwhile.rx, "{to:?}");
            timing.answered();
            assert!(!timing.is_polling());
            assert_eq!(
                (timing.transmit_interval(&peer), timing.receive_interval(&peer)),
                (Some(to.tx), to.rx)
            );
        }
    }

    #[test]
    fn an_answer_to_an_older_poll_says_nothing_of_a_newer_change() {
        let mut timing = Timing::new(ms(300, 300));
        timing.negotiate(ms(400, 300));
        timing.negotiate(ms(500, 300));
        timing.answered();
        assert!(timing.is_polling());
        assert_eq!(timing.transmit_interval(&remote(1, 1, 1)), Some(Duration::from_millis(300)));
        timing.answered();
        assert!(!timing.is_polling());
        assert_eq!(timing.transmit_interval(&remote(1, 1, 1)), Some(Duration::from_millis(500)));
    }

    #[test]
    fn no_change_is_no_poll() {
        let mut timing = Timing::new(ms(300, 300));
        timing.negotiate(ms(300, 300));
        assert!(!timing.is_polling());
    }
}
