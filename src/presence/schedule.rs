//! When which host is due, and how fast hosts may be asked.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use bgp::types::Vni;

/// The bindings by the time at which they are to be looked at.
#[derive(Debug, Default)]
pub(super) struct Schedule(BTreeSet<(Instant, Vni, IpAddr)>);

impl Schedule {
    /// Has a binding looked at then, and no longer at the time that it was to be looked at before.
    pub(super) fn set(&mut self, vni: Vni, ip: IpAddr, due: &mut Instant, then: Instant) {
        self.0.remove(&(*due, vni, ip));
        *due = then;
        self.0.insert((then, vni, ip));
    }

    /// Forgets a binding.
    pub(super) fn clear(&mut self, vni: Vni, ip: IpAddr, due: Instant) {
        self.0.remove(&(due, vni, ip));
    }

    /// The time of the first.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.first().map(|(due, ..)| *due)
    }

    /// The first that is due.
    pub(super) fn due(&self, now: Instant) -> Option<(Vni, IpAddr)> {
        self.0.first().filter(|(due, ..)| *due <= now).map(|(_, vni, ip)| (*vni, *ip))
    }
}

/// So many a second, however many are due; after a pause a tenth of that at once.
#[derive(Debug)]
pub(super) struct Pace {
    rate: u32,
    /// When all that was taken is paid for.
    paid: Option<Instant>,
}

/// What may be taken at once, as a part of a second.
const BURST: Duration = Duration::from_millis(100);

impl Pace {
    pub(super) fn new(rate: u32) -> Pace {
        Pace { rate: rate.max(1), paid: None }
    }

    /// When the next may be taken.
    pub(super) fn next(&self) -> Option<Instant> {
        self.paid.and_then(|paid| paid.checked_sub(BURST))
    }

    pub(super) fn allows(&self, now: Instant) -> bool {
        self.next().is_none_or(|next| next <= now)
    }

    pub(super) fn take(&mut self, now: Instant) {
        let from = self.paid.map_or(now, |paid| paid.max(now));
        self.paid = Some(from + Duration::from_secs(1) / self.rate);
    }
}

/// How many there were in the last full second.
#[derive(Debug, Default)]
pub(super) struct Lately {
    since: Option<Instant>,
    now: u64,
    before: u64,
}

/// What is counted at once.
const SECOND: Duration = Duration::from_secs(1);

impl Lately {
    /// One more.
    pub(super) fn count(&mut self, now: Instant) {
        self.before = self.in_a_second(now);
        let age = self.since.map_or(SECOND, |since| now.saturating_duration_since(since));
        if age >= SECOND {
            (self.since, self.now) = (Some(now), 0);
        }
        self.now += 1;
    }

    /// How many there were in the second before the one that runs.
    pub(super) fn in_a_second(&self, now: Instant) -> u64 {
        match self.since.map(|since| now.saturating_duration_since(since)) {
            Some(age) if age < SECOND => self.before,
            Some(age) if age < 2 * SECOND => self.now,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_kept_and_a_burst_is_a_tenth_of_it() {
        let (start, mut pace) = (Instant::now(), Pace::new(100));
        let mut taken_by = |millis: u64| {
            let now = start + Duration::from_millis(millis);
            std::iter::from_fn(|| pace.allows(now).then(|| pace.take(now))).count()
        };
        assert_eq!(taken_by(0), 11);
        assert_eq!((1..=1000).map(&mut taken_by).sum::<usize>(), 100);
        assert_eq!(taken_by(60_000), 11, "a pause saves up no more than a burst");
    }

    #[test]
    fn the_last_second_is_counted() {
        let (start, mut lately) = (Instant::now(), Lately::default());
        let at = |millis| start + Duration::from_millis(millis);
        (0..30).for_each(|n| lately.count(at(n * 100)));
        assert_eq!((lately.in_a_second(at(2950)), lately.in_a_second(at(3100))), (10, 10));
        assert_eq!(lately.in_a_second(at(4100)), 0, "nobody has been asked since");
        assert_eq!(Lately::default().in_a_second(start), 0);
    }

    #[test]
    fn what_is_due_comes_in_order() {
        let (start, vni) = (Instant::now(), Vni::default());
        let at = |seconds| start + Duration::from_secs(seconds);
        let (a, b): (IpAddr, IpAddr) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let (mut due_a, mut due_b, mut schedule) = (start, start, Schedule::default());
        schedule.set(vni, a, &mut due_a, at(2));
        schedule.set(vni, b, &mut due_b, at(1));
        assert_eq!((schedule.due(at(0)), schedule.due(at(1))), (None, Some((vni, b))));
        schedule.set(vni, b, &mut due_b, at(3));
        assert_eq!((schedule.next(), schedule.due(at(9))), (Some(at(2)), Some((vni, a))));
        schedule.clear(vni, a, due_a);
        assert_eq!(schedule.next(), Some(at(3)));
    }
}
