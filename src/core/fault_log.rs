//! What the log hears of malformed UPDATEs: a peer that sends nothing else must not fill it.

use std::time::{Duration, Instant};

use bgp::session::{FaultCounts, Info};
use bgp::types::PeerId;

use super::{Core, LogLine};

/// Between two lines about one peer.
const PAUSE: Duration = Duration::from_secs(60);

/// What has been said of a peer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FaultLog {
    said: FaultCounts,
    at: Option<Instant>,
}

impl FaultLog {
    /// What is to be said now, if anything: the first fault at once, and then, once a minute at most, those that
    /// came since.
    fn take(&mut self, now: Instant, counts: FaultCounts) -> Option<FaultCounts> {
        let new = FaultCounts {
            discarded: counts.discarded.saturating_sub(self.said.discarded),
            withdrawn: counts.withdrawn.saturating_sub(self.said.withdrawn),
        };
        let is_soon = self.at.is_some_and(|at| now.saturating_duration_since(at) < PAUSE);
        if new.total() == 0 || is_soon {
            return None;
        }
        *self = FaultLog { said: counts, at: Some(now) };
        Some(new)
    }
}

impl Core {
    /// Says what is new in a session's picture.
    pub(super) fn log_faults(&mut self, now: Instant, id: PeerId, info: &Info) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        let Some(new) = peer.faults_logged.take(now, info.fault_counts) else { return };
        if let Some((_, latest)) = info.faults.last() {
            self.log(LogLine::Faults { peer: id, new, latest: latest.clone() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_fault_at_once_and_the_others_together() {
        let (mut log, start) = (FaultLog::default(), Instant::now());
        let counts = |withdrawn| FaultCounts { discarded: 0, withdrawn };
        assert_eq!(log.take(start, counts(0)), None);
        assert_eq!(log.take(start, counts(1)), Some(counts(1)));
        assert_eq!(log.take(start + Duration::from_secs(1), counts(900)), None);
        assert_eq!(log.take(start + PAUSE, counts(1001)), Some(counts(1000)));
        assert_eq!(log.take(start + PAUSE * 3, counts(1001)), None);
    }
}
