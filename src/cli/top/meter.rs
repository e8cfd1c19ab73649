//! Rates, from counters that are read again and again.

use std::collections::VecDeque;
use std::time::Instant;

/// How many readings a rate is taken over. The daemon renews a session's counters once a second: between two
/// readings so close together there may be two seconds' worth, or nothing.
const READINGS: usize = 5;

/// The last readings of `N` counters that only rise.
#[derive(Clone, Debug)]
pub(super) struct Meter<const N: usize> {
    readings: VecDeque<(Instant, [u64; N])>,
}

impl<const N: usize> Default for Meter<N> {
    fn default() -> Self {
        Meter { readings: VecDeque::with_capacity(READINGS) }
    }
}

impl<const N: usize> Meter<N> {
    /// Takes a reading. Where a counter has fallen it began anew, and so does the meter.
    pub(super) fn read(&mut self, at: Instant, counters: [u64; N]) {
        let has_fallen = |(_, last): &(Instant, [u64; N])| last.iter().zip(&counters).any(|(a, b)| b < a);
        if self.readings.back().is_some_and(has_fallen) {
            self.readings.clear();
        }
        if self.readings.len() == READINGS {
            self.readings.pop_front();
        }
        self.readings.push_back((at, counters));
    }

    /// How many a second of each; `None` before there are two readings.
    pub(super) fn rates(&self) -> Option<[f64; N]> {
        let ((then, before), (now, after)) = (self.readings.front()?, self.readings.back()?);
        let seconds = now.saturating_duration_since(*then).as_secs_f64();
        let mut rates = [0.0; N];
        for ((rate, before), after) in rates.iter_mut().zip(before).zip(after) {
            *rate = after.saturating_sub(*before) as f64 / seconds;
        }
        (seconds > 0.0).then_some(rates)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_rate_is_over_the_last_readings() {
        let (start, mut meter) = (Instant::now(), Meter::default());
        let at = |second| start + Duration::from_secs(second);
        assert_eq!(meter.rates(), None);
        meter.read(at(0), [100]);
        assert_eq!(meter.rates(), None);
        meter.read(at(2), [110]);
        assert_eq!(meter.rates(), Some([5.0]));
        for second in 3..20 {
            meter.read(at(second), [110]);
        }
        assert_eq!(meter.rates(), Some([0.0]), "what is long ago does not count");
    }

    #[test]
    fn a_counter_that_falls_begins_anew() {
        let (start, mut meter) = (Instant::now(), Meter::default());
        meter.read(start, [100, 7]);
        meter.read(start + Duration::from_secs(1), [3, 8]);
        assert_eq!(meter.rates(), None);
        meter.read(start + Duration::from_secs(2), [5, 8]);
        assert_eq!(meter.rates(), Some([2.0, 0.0]));
    }
}
