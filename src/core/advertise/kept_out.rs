//! Prefixes within which received routes are not put into the kernel: this node's services, which every node has, and
//! what is configured so.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use ipnet::IpNet;
use prefix_trie::joint::JointPrefixMap;

use crate::config::PrefixKind;

use super::Row;

#[derive(Default)]
pub(super) struct KeptOut {
    configured: BTreeSet<IpNet>,
    all: BTreeSet<IpNet>,
    /// The same, to find what an address is in.
    index: JointPrefixMap<IpNet, ()>,
}

impl KeptOut {
    /// These are configured from now on; in force from the next [`KeptOut::renew`] on.
    pub(super) fn configure(&mut self, prefixes: &BTreeSet<IpNet>) {
        self.configured.clone_from(prefixes);
    }

    /// Takes the services among the rows. Returns what has come and gone.
    pub(super) fn renew(&mut self, rows: &BTreeMap<IpNet, Row>) -> Vec<IpNet> {
        let services = rows.iter().filter(|(_, row)| row.kind == PrefixKind::Services);
        let all: BTreeSet<IpNet> =
            services.map(|(prefix, _)| *prefix).chain(self.configured.iter().copied()).collect();
        let changed: Vec<IpNet> = all.symmetric_difference(&self.all).copied().collect();
        for prefix in &changed {
            if all.contains(prefix) {
                self.index.insert(*prefix, ());
            } else {
                self.index.remove(prefix);
            }
        }
        self.all = all;
        changed
    }

    /// The longest of the prefixes that this one is in.
    pub(super) fn covering(&self, prefix: IpNet) -> Option<IpNet> {
        self.index.get_lpm(&prefix).map(|(covering, ())| covering)
    }
}

impl fmt::Debug for KeptOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.all.fmt(f)
    }
}
