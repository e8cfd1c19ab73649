//! Timers: a fixed table of optional instants.

use std::time::Instant;

/// What a time is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// The pause after an error; the session's, not a connection's.
    IdleHold,
    /// A dial takes too long, or it is time for the next.
    ConnectRetry,
    /// The peer's OPEN is overdue.
    OpenWait,
    /// The peer is silent.
    Hold,
    /// It is time for a KEEPALIVE.
    Keepalive,
    /// The peer does not read.
    SendHold,
    /// A connection that is to lose a collision has waited long enough for the one that is to win.
    Yield,
    /// A newcomer has waited long enough for the established connection to turn out dead; the session's.
    Newcomer,
}

/// When each timer is due, if it runs.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers([Option<Instant>; Timer::ALL.len()]);

impl Timer {
    /// All of them.
    pub const ALL: [Timer; 8] = [
        Timer::IdleHold,
        Timer::ConnectRetry,
        Timer::OpenWait,
        Timer::Hold,
        Timer::Keepalive,
        Timer::SendHold,
        Timer::Yield,
        Timer::Newcomer,
    ];

    /// Its name, as shown.
    pub fn name(self) -> &'static str {
        match self {
            Timer::IdleHold => "idle-hold",
            Timer::ConnectRetry => "connect-retry",
            Timer::OpenWait => "open-wait",
            Timer::Hold => "hold",
            Timer::Keepalive => "keepalive",
            Timer::SendHold => "send-hold",
            Timer::Yield => "yield",
            Timer::Newcomer => "newcomer",
        }
    }
}

impl Timers {
    /// Starts or restarts `timer`.
    pub(super) fn set(&mut self, timer: Timer, due: Instant) {
        if let Some(slot) = self.0.get_mut(timer as usize) {
            *slot = Some(due);
        }
    }

    /// Stops `timer`.
    pub(super) fn clear(&mut self, timer: Timer) {
        if let Some(slot) = self.0.get_mut(timer as usize) {
            *slot = None;
        }
    }

    /// Stops all.
    pub(super) fn clear_all(&mut self) {
        *self = Timers::default();
    }

    /// When `timer` is due, if it runs.
    pub(super) fn get(&self, timer: Timer) -> Option<Instant> {
        self.0.get(timer as usize).copied().flatten()
    }

    /// Those that run.
    pub(super) fn running(&self) -> impl Iterator<Item = (Timer, Instant)> + '_ {
        Timer::ALL.into_iter().filter_map(|timer| Some((timer, self.get(timer)?)))
    }

    /// When the first of them is due.
    pub(super) fn earliest(&self) -> Option<Instant> {
        self.0.iter().flatten().min().copied()
    }

    /// Takes `timer` if it is due at `now`.
    pub(super) fn take_due(&mut self, timer: Timer, now: Instant) -> bool {
        let due = self.get(timer).is_some_and(|due| due <= now);
        if due {
            self.clear(timer);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn each_has_its_own_slot() {
        let start = Instant::now();
        let mut timers = Timers::default();
        for (i, timer) in Timer::ALL.into_iter().enumerate() {
            timers.set(timer, start + Duration::from_secs(i as u64));
        }
        assert_eq!(timers.running().count(), Timer::ALL.len());
        assert_eq!(timers.earliest(), Some(start));
        timers.clear(Timer::IdleHold);
        assert_eq!(timers.earliest(), Some(start + Duration::from_secs(1)));
    }

    #[test]
    fn due_ones_are_taken_once() {
        let start = Instant::now();
        let mut timers = Timers::default();
        timers.set(Timer::Hold, start + Duration::from_secs(2));
        assert!(!timers.take_due(Timer::Hold, start + Duration::from_secs(1)));
        assert!(!timers.take_due(Timer::Keepalive, start + Duration::from_secs(2)));
        assert!(timers.take_due(Timer::Hold, start + Duration::from_secs(2)));
        assert!(!timers.take_due(Timer::Hold, start + Duration::from_secs(2)));
        assert_eq!(timers.earliest(), None);
    }
}
