//! Addresses that two MACs claim, and neither lets go of.
//!
//! Two hosts with one address need not move it about: each node has heard of its own, both routes stand, and everybody
//! follows one of them. So what is counted here is time. An address is in contest while more than one MAC claims it;
//! after [`DuplicateRules::window`](crate::DuplicateRules::window), in which a host that was made anew with another
//! MAC has long replaced its former self, it is a duplicate, until there is one claim left.
//!
//! A contest is not over at once. Who lost is asked before it is given up, a session that flaps brings its routes back:
//! for [`REST`] it is remembered.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::ops::Bound;
use std::time::{Duration, Instant};

/// For so long a contest that is over may go on.
const REST: Duration = Duration::from_secs(10);

/// Contests that are kept in a VNI. Where there are more, somebody makes addresses up: each would be a line in the log.
const MOST: usize = 1024;

/// The addresses that are in contest.
#[derive(Debug, Default)]
pub(crate) struct Contests {
    all: HashMap<IpAddr, Contest>,
    /// Those that were found to be duplicates.
    found: BTreeSet<IpAddr>,
}

/// An address that more than one MAC claims, or claimed a moment ago.
#[derive(Clone, Copy, Debug)]
struct Contest {
    since: Instant,
    /// When there was one claim left.
    over: Option<Instant>,
    found: Option<Instant>,
}

/// What has become of a contest when it was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Nothing yet.
    Waits,
    /// It has lasted: the address is a duplicate.
    Found,
    /// It is forgotten, and the address had been a duplicate or not.
    Over(bool),
}

impl Contests {
    /// More than one MAC claims an address; when to look at it, where that is news.
    pub(crate) fn stands(&mut self, now: Instant, window: Duration, ip: IpAddr) -> Option<Instant> {
        if let Some(contest) = self.all.get_mut(&ip) {
            contest.over.take()?;
            return contest.due(window).map(|due| due.max(now));
        }
        if self.all.len() >= MOST {
            return None;
        }
        let contest = Contest { since: now, over: None, found: None };
        self.all.insert(ip, contest);
        contest.due(window)
    }

    /// Whether a contest would be one that nothing is known of.
    pub(crate) fn is_new(&self, ip: IpAddr) -> bool {
        !self.all.contains_key(&ip) && self.all.len() < MOST
    }

    /// No more than one MAC does; when to look at it, where that is news.
    pub(crate) fn rests(&mut self, now: Instant, ip: IpAddr) -> Option<Instant> {
        let contest = self.all.get_mut(&ip).filter(|contest| contest.over.is_none())?;
        contest.over = Some(now);
        now.checked_add(REST)
    }

    /// Looks at a contest.
    pub(crate) fn look_at(&mut self, now: Instant, window: Duration, ip: IpAddr) -> Turn {
        let Some(contest) = self.all.get_mut(&ip) else { return Turn::Waits };
        match contest.over {
            Some(over) if now.saturating_duration_since(over) >= REST => Turn::Over(self.forget(ip)),
            None if contest.due(window).is_some_and(|due| due <= now) => {
                contest.found = Some(now);
                self.found.insert(ip);
                Turn::Found
            }
            _ => Turn::Waits,
        }
    }

    /// Forgets a contest; whether the address was a duplicate.
    pub(crate) fn forget(&mut self, ip: IpAddr) -> bool {
        self.all.remove(&ip);
        self.found.remove(&ip)
    }

    /// When an address was found to be a duplicate, if it is one.
    pub(crate) fn found(&self, ip: IpAddr) -> Option<Instant> {
        self.all.get(&ip)?.found
    }

    /// The addresses that are duplicates, in order: those behind one.
    pub(crate) fn duplicates(&self, after: Option<IpAddr>) -> impl Iterator<Item = IpAddr> + '_ {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.found.range((from, Bound::Unbounded)).copied()
    }

    /// When each is to be looked at by another window.
    pub(crate) fn reschedule(&self, now: Instant, window: Duration) -> Vec<(Instant, IpAddr)> {
        let due = |contest: &Contest| match contest.over {
            Some(over) => over.checked_add(REST),
            None => contest.due(window).map(|due| due.max(now)),
        };
        self.all.iter().filter_map(|(ip, contest)| Some((due(contest)?, *ip))).collect()
    }
}

impl Contest {
    /// When it will have lasted, unless it has.
    fn due(&self, window: Duration) -> Option<Instant> {
        self.since.checked_add(window).filter(|_| self.found.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(180);

    fn ip(n: u16) -> IpAddr {
        let [high, low] = n.to_be_bytes();
        IpAddr::from([10, 1, high, low])
    }

    #[test]
    fn what_lasts_is_found_and_over_after_a_rest() {
        let (start, mut contests) = (Instant::now(), Contests::default());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(contests.stands(start, WINDOW, ip(1)), Some(at(180)));
        assert_eq!(contests.stands(at(1), WINDOW, ip(1)), None);
        assert_eq!(contests.look_at(at(179), WINDOW, ip(1)), Turn::Waits);
        assert_eq!(contests.look_at(at(180), WINDOW, ip(1)), Turn::Found);
        assert_eq!(contests.found(ip(1)), Some(at(180)));
        assert_eq!((contests.rests(at(200), ip(1)), contests.rests(at(201), ip(1))), (Some(at(210)), None));
        assert_eq!(contests.look_at(at(209), WINDOW, ip(1)), Turn::Waits);
        assert_eq!(contests.look_at(at(210), WINDOW, ip(1)), Turn::Over(true));
        assert_eq!(contests.duplicates(None).count(), 0);
    }

    #[test]
    fn a_pause_does_not_begin_it_anew() {
        let (start, mut contests) = (Instant::now(), Contests::default());
        let at = |seconds| start + Duration::from_secs(seconds);
        contests.stands(start, WINDOW, ip(1));
        contests.rests(at(100), ip(1));
        assert_eq!(contests.stands(at(105), WINDOW, ip(1)), Some(at(180)));
        contests.rests(at(179), ip(1));
        assert_eq!(contests.look_at(at(180), WINDOW, ip(1)), Turn::Waits);
        assert_eq!(contests.stands(at(185), WINDOW, ip(1)), Some(at(185)), "its time has passed meanwhile");
        assert_eq!(contests.look_at(at(185), WINDOW, ip(1)), Turn::Found);
    }

    #[test]
    fn there_is_an_end_to_them() {
        let (start, mut contests) = (Instant::now(), Contests::default());
        let taken = (0..9999).filter(|n| contests.stands(start, WINDOW, ip(*n)).is_some()).count();
        assert_eq!((taken, contests.all.len()), (MOST, MOST));
        assert!(!contests.forget(ip(0)) && contests.stands(start, WINDOW, ip(9999)).is_some());
    }
}
