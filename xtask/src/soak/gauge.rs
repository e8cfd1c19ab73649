//! What a daemon takes of its machine, and whether that grows.

use std::fs;
use std::time::Duration;

use lab::Node;

/// Until then a daemon's memory is still getting to its size.
const WARM: Duration = Duration::from_secs(30);

/// By how much the mean of the last third may be above that of the first: so many parts in a hundred, and so many octets,
/// for allocators give memory back when they like.
const TOLERANCE: (f64, f64) = (0.15, 4.0 * 1024.0 * 1024.0);

/// What the processes of a daemon take.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    memory: u64,
    descriptors: usize,
}

impl Reading {
    /// `None` while it does not run.
    pub(super) fn of(node: &Node) -> Option<Reading> {
        let descriptors =
            node.pids().map(|pid| fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count));
        let reading = Reading { memory: node.memory().ok()?, descriptors: descriptors.sum() };
        (reading.memory > 0).then_some(reading)
    }
}

/// The readings of one daemon.
pub(super) struct Gauge {
    name: &'static str,
    readings: Vec<(Duration, Reading)>,
}

impl Gauge {
    pub(super) fn new(name: &'static str) -> Gauge {
        Gauge { name, readings: Vec::new() }
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn push(&mut self, at: Duration, reading: Reading) {
        self.readings.push((at, reading));
    }

    /// As it is now.
    pub(super) fn now(&self) -> String {
        match self.readings.last() {
            Some((_, Reading { memory, descriptors })) => {
                format!("{} {:.1} MiB {descriptors} fds", self.name, mebibytes(*memory as f64))
            }
            None => format!("{} away", self.name),
        }
    }

    /// What is wrong with its growth, if anything is. Who was started anew on the way has no growth to speak of.
    pub(super) fn growth(&self, survived: bool) -> Option<String> {
        let (first, last) = self.thirds()?;
        let (share, octets) = TOLERANCE;
        (survived && last > first * (1.0 + share) + octets)
            .then(|| format!("{} grew from {:.1} to {:.1} MiB", self.name, mebibytes(first), mebibytes(last)))
    }

    pub(super) fn summary(&self) -> String {
        let all = self.readings.iter().map(|(_, reading)| reading);
        let most = all.clone().map(|reading| reading.memory).max().unwrap_or_default();
        let fds = all.map(|reading| reading.descriptors).max().unwrap_or_default();
        let (first, last) = self.thirds().unwrap_or_default();
        format!(
            "{}: memory {:.1} MiB in the first third, {:.1} MiB in the last, {:.1} MiB at most; {fds} descriptors at most",
            self.name,
            mebibytes(first),
            mebibytes(last),
            mebibytes(most as f64)
        )
    }

    /// The mean memory of the first and of the last third, once it was warm.
    fn thirds(&self) -> Option<(f64, f64)> {
        let warm: Vec<f64> = self
            .readings
            .iter()
            .filter(|(at, _)| *at >= WARM)
            .map(|(_, reading)| reading.memory as f64)
            .collect();
        let third = warm.len() / 3;
        let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
        (third > 0).then_some(())?;
        Some((mean(warm.get(..third)?), mean(warm.get(warm.len() - third..)?)))
    }
}

fn mebibytes(octets: f64) -> f64 {
    octets / 1024.0 / 1024.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gauge(memory: impl Iterator<Item = u64>) -> Gauge {
        let mut gauge = Gauge::new("leaf");
        for (at, mebibytes) in (30..).zip(memory) {
            let reading = Reading { memory: mebibytes << 20, descriptors: 9 };
            gauge.push(Duration::from_secs(at), reading);
        }
        gauge
    }

    #[test]
    fn what_grows_is_told_from_what_goes_up_and_down() {
        assert_eq!(gauge((0..90).map(|n| 20 + n % 10)).growth(true), None);
        let grown = gauge((0..90).map(|n| 20 + n / 3));
        assert_eq!(grown.growth(true).as_deref(), Some("leaf grew from 24.5 to 44.5 MiB"));
        assert_eq!(grown.growth(false), None);
    }
}
