//! What the kernel refused, and when it is asked again.
//!
//! Also a brake: a key that something else keeps changing is put right at once a few times in a while, then after a wait
//! that grows, up to what leaves it right within a second, so that two programs which want different things do not fill
//! the kernel's time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::Hash;
use std::time::{Duration, Instant};

use hashbrown::HashMap;

use crate::op::Fault;

/// The first retry comes this soon; each later one takes twice as long ...
const FIRST: Duration = Duration::from_millis(100);
/// ... up to this: an operator who cleared the cause should not have to wait for long.
const LONGEST: Duration = Duration::from_secs(30);
/// A key is put right at once this often ...
const REPAIRS: u8 = 4;
/// ... in this time.
const WHILE: Duration = Duration::from_secs(10);

/// No row that somebody changes waits longer than this to be put right.
const LONGEST_REPAIR: Duration = Duration::from_millis(800);

/// How long to wait after so many failures.
pub(crate) fn backoff(attempts: u8) -> Duration {
    let doublings = u32::from(attempts.saturating_sub(1)).min(16);
    FIRST.saturating_mul(1 << doublings).min(LONGEST)
}

#[derive(Debug)]
struct Trouble {
    attempts: u8,
    due: Instant,
    fault: Fault,
}

/// The keys in trouble, and the times at which they are looked at again.
#[derive(Debug)]
pub(crate) struct Retries<K> {
    troubles: HashMap<K, Trouble>,
    /// Also holds times that are no longer those of a trouble: such are skipped when they come.
    times: BinaryHeap<Reverse<(Instant, K)>>,
    /// How often each key was put right since `while_ends` was set.
    repairs: HashMap<K, u8>,
    while_ends: Option<Instant>,
}

impl<K> Default for Retries<K> {
    fn default() -> Self {
        Retries {
            troubles: HashMap::default(),
            times: BinaryHeap::default(),
            repairs: HashMap::default(),
            while_ends: None,
        }
    }
}

impl<K: Copy + Ord + Hash> Retries<K> {
    /// Notes a refusal.
    pub(crate) fn refused(&mut self, now: Instant, key: K, fault: Fault) {
        let attempts = self.troubles.get(&key).map_or(1, |trouble| trouble.attempts.saturating_add(1));
        self.hold(key, Trouble { attempts, due: now + backoff(attempts), fault });
    }

    /// Notes that something else spoilt what was right. From then on the key may have to wait.
    pub(crate) fn spoilt(&mut self, now: Instant, key: K) {
        let ends = *self.while_ends.get_or_insert(now + WHILE);
        let repairs = self.repairs.entry(key).or_default();
        *repairs = repairs.saturating_add(1);
        if *repairs > REPAIRS {
            let due = ends.min(now + backoff(*repairs - REPAIRS).min(LONGEST_REPAIR));
            let fault = Fault { errno: 0, text: Some("something else keeps changing it".into()) };
            self.hold(key, Trouble { attempts: 0, due, fault });
        }
    }

    fn hold(&mut self, key: K, trouble: Trouble) {
        if self.troubles.get(&key).is_none_or(|old| old.due != trouble.due) {
            self.times.push(Reverse((trouble.due, key)));
        }
        self.troubles.insert(key, trouble);
    }

    /// Forgets a key's trouble: it is right, or something else is wanted.
    pub(crate) fn clear(&mut self, key: &K) {
        if !self.troubles.is_empty() {
            self.troubles.remove(key);
        }
    }

    /// Whether a key has to wait.
    pub(crate) fn holds(&self, now: Instant, key: &K) -> bool {
        !self.troubles.is_empty() && self.troubles.get(key).is_some_and(|trouble| now < trouble.due)
    }

    /// Why a key is in trouble.
    pub(crate) fn reason(&self, key: &K) -> Option<String> {
        self.troubles.get(key).map(|trouble| trouble.fault.to_string())
    }

    /// A key whose time has come. To be called until it is `None`.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<K> {
        if self.while_ends.is_some_and(|ends| ends <= now) {
            self.while_ends = None;
            self.repairs.clear();
        }
        while let Some(Reverse((due, key))) = self.times.peek().copied().filter(|time| time.0.0 <= now) {
            self.times.pop();
            if self.troubles.get(&key).is_some_and(|trouble| trouble.due == due) {
                return Some(key);
            }
        }
        None
    }

    pub(crate) fn next_due(&self) -> Option<Instant> {
        let retry = self.times.peek().map(|time| time.0.0);
        retry.into_iter().chain(self.while_ends).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> u8 {
        1
    }

    #[test]
    fn waits_grow_and_end() {
        let waits: Vec<u128> = (1..=12).map(|attempts| backoff(attempts).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000, 30000]);
        assert_eq!(backoff(u8::MAX), LONGEST);
    }

    #[test]
    fn a_refused_key_comes_back_once_when_due() {
        let (mut retries, start) = (Retries::default(), Instant::now());
        retries.refused(start, key(), Fault::errno(12));
        assert!(retries.holds(start, &key()));
        assert_eq!(retries.pop_due(start), None);
        let due = retries.next_due().unwrap();
        assert_eq!(due, start + FIRST);
        assert_eq!(retries.pop_due(due), Some(key()));
        assert_eq!(retries.pop_due(due), None);
        assert!(!retries.holds(due, &key()));
    }

    #[test]
    fn a_cleared_key_does_not_come_back() {
        let (mut retries, start) = (Retries::default(), Instant::now());
        retries.refused(start, key(), Fault::errno(12));
        retries.clear(&key());
        assert_eq!(retries.pop_due(start + LONGEST), None);
        assert_eq!(retries.next_due(), None);
    }

    #[test]
    fn a_key_that_is_always_spoilt_is_left_alone_for_longer_and_longer() {
        let (mut retries, start) = (Retries::default(), Instant::now());
        for _ in 0..REPAIRS {
            retries.spoilt(start, key());
            assert!(!retries.holds(start, &key()));
        }
        for wait in [100, 200, 400, 800, 800].map(Duration::from_millis) {
            retries.spoilt(start, key());
            assert!(retries.holds(start, &key()));
            assert_eq!(retries.next_due(), Some(start + wait));
            assert_eq!(retries.pop_due(start + wait), Some(key()));
            // It was put right.
            retries.clear(&key());
        }
        for _ in 0..9 {
            retries.spoilt(start, key());
        }
        assert_eq!(retries.pop_due(start + WHILE), Some(key()));
        retries.clear(&key());
        retries.spoilt(start + WHILE, key());
        assert!(!retries.holds(start + WHILE, &key()));
    }
}
