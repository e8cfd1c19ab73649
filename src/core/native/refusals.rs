//! The received routes that are kept out of the kernel, and how many there are for each reason.

use std::collections::BTreeMap;

use ipnet::IpNet;

use super::admission::{Owner, Refusal};

/// Those that are refused now. What is within a service's prefix is counted apart: every node announces services, and
/// that others' stay out is how it is meant to be.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    by_prefix: BTreeMap<IpNet, Refusal>,
    counts: BTreeMap<&'static str, u64>,
}

impl Refusals {
    /// From now on this is said of a prefix.
    pub(super) fn set(&mut self, prefix: IpNet, refusal: Option<Refusal>) {
        let former = match refusal {
            Some(refusal) => self.by_prefix.insert(prefix, refusal),
            None => self.by_prefix.remove(&prefix),
        };
        if let Some(refusal) = refusal {
            *self.counts.entry(name(&refusal)).or_default() += 1;
        }
        if let Some(former) = former {
            let count = self.counts.entry(name(&former)).or_default();
            *count -= 1;
            if *count == 0 {
                self.counts.remove(name(&former));
            }
        }
    }

    /// How many there are, without what is within services.
    pub(super) fn len(&self) -> usize {
        self.by_prefix.len() - self.counts.get(KEPT_OUT).map_or(0, |count| *count as usize)
    }

    /// How many there are, by reason.
    pub(super) fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.counts.iter().map(|(reason, count)| (*reason, *count))
    }
}

/// Of what is within a service's prefix, or one of `native.no_install`.
const KEPT_OUT: &str = "kept-out";

/// The name in API and command line.
fn name(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Default => "default",
        Refusal::Covers(_, Owner::Node) => "own-address",
        Refusal::Covers(_, Owner::Neighbor) => "neighbor-address",
        Refusal::KeptOut(_) => KEPT_OUT,
        Refusal::NoHosts => "no-hosts",
        Refusal::LeadsHere => "leads-here",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_count() {
        let net = |text: &str| text.parse::<IpNet>().unwrap();
        let mut refusals = Refusals::default();
        refusals.set(net("0.0.0.0/0"), Some(Refusal::Default));
        refusals.set(net("10.0.0.0/8"), Some(Refusal::Covers([10, 0, 0, 1].into(), Owner::Node)));
        refusals.set(net("10.96.0.1/32"), Some(Refusal::KeptOut(net("10.96.0.0/16"))));
        refusals.set(net("10.96.0.1/32"), Some(Refusal::KeptOut(net("10.96.0.0/12"))));
        assert_eq!(refusals.len(), 2);
        assert_eq!(
            refusals.counts().collect::<Vec<_>>(),
            [("default", 1), ("kept-out", 1), ("own-address", 1)]
        );
        for prefix in ["0.0.0.0/0", "10.0.0.0/8", "10.96.0.1/32", "10.9.0.0/16"] {
            refusals.set(net(prefix), None);
        }
        assert_eq!((refusals.counts().count(), refusals.len()), (0, 0));
    }
}
