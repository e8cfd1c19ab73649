//! Which received routes the kernel is not to have, whatever BGP makes of them.
//!
//! A default route moves everything, and a route that covers an address of this node or of one of its neighbours can
//! cut the node or the session off: whoever announces one by mistake, or on purpose, would take the node's traffic.
//! Such routes are refused unless the configuration names the very prefix (`native.accept`). What nothing can be
//! forwarded by is refused in any case.
//!
//! Link-local addresses are not guarded: no route in a routing table decides about them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use fib::routes::prefixes_over;
use ipnet::IpNet;

use crate::config::is_for_no_host;

/// What decides.
#[derive(Debug)]
pub(super) struct Admission {
    accept: BTreeSet<IpNet>,
    guarded: BTreeMap<IpAddr, Owner>,
}

/// Whose an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::core) enum Owner {
    /// This node's.
    Node,
    /// A neighbour's.
    Neighbor,
}

/// Why a route is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::core) enum Refusal {
    /// It is a default route.
    Default,
    /// It covers this address.
    Covers(IpAddr, Owner),
    /// It is within this prefix, whose routes do not go into the kernel: a service's, or one of `native.no_install`.
    KeptOut(IpNet),
    /// Its addresses are for no host beyond a link.
    NoHosts,
    /// Its next hop is this node: who injected it says that what it is for is here.
    LeadsHere,
}

impl Admission {
    /// With these prefixes taken whatever they cover.
    pub(super) fn new(accept: BTreeSet<IpNet>) -> Admission {
        Admission { accept, guarded: BTreeMap::new() }
    }

    /// Why a route to `prefix` is refused, if it is.
    pub(super) fn refusal(&self, prefix: IpNet) -> Option<Refusal> {
        if is_for_no_host(prefix) {
            return Some(Refusal::NoHosts);
        }
        if self.accept.contains(&prefix) {
            return None;
        }
        if prefix.prefix_len() == 0 {
            return Some(Refusal::Default);
        }
        let mut covered = self.guarded.range(prefix.network()..=prefix.broadcast());
        covered.next().map(|(address, owner)| Refusal::Covers(*address, *owner))
    }

    /// Whether an address is this node's.
    pub(super) fn is_ours(&self, address: IpAddr) -> bool {
        self.guarded.get(&address) == Some(&Owner::Node)
    }

    /// These addresses are guarded from now on, and no others. Returns the prefixes, up to the default route, that
    /// may be refused now and were not, or the other way round.
    pub(super) fn guard(&mut self, addresses: BTreeMap<IpAddr, Owner>) -> Vec<IpNet> {
        let former = std::mem::replace(&mut self.guarded, addresses);
        let come = self.guarded.keys().filter(|address| !former.contains_key(address));
        let gone = former.keys().filter(|address| !self.guarded.contains_key(address));
        come.chain(gone).flat_map(|address| prefixes_over(*address)).collect()
    }

    /// Other prefixes are taken from now on. Returns those that it makes a difference to.
    pub(super) fn accept(&mut self, accept: BTreeSet<IpNet>) -> Vec<IpNet> {
        let differing = self.accept.symmetric_difference(&accept).copied().collect();
        self.accept = accept;
        differing
    }
}

/// Whether routes of others may be kept off an address.
pub(super) fn is_guarded(address: IpAddr) -> bool {
    let is_link_local = match address {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    !is_link_local && !address.is_loopback() && !address.is_unspecified()
}

/// In words, with what would let it in.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Default => f.write_str("a default route, and native.accept does not name it"),
            Refusal::Covers(address, owner) => {
                let whose = match owner {
                    Owner::Node => "this node",
                    Owner::Neighbor => "a neighbor",
                };
                write!(f, "covers {address} of {whose}, and native.accept does not name it")
            }
            Refusal::KeptOut(prefix) => {
                write!(f, "within {prefix}, whose routes stay out of the kernel")
            }
            Refusal::NoHosts => f.write_str("its addresses are for no host beyond a link"),
            Refusal::LeadsHere => f.write_str("its next hop is this node"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    /// Guards 10.0.0.1 and fd00::1 of the node, 10.0.0.9 of a neighbour; one prefix is accepted.
    fn admission() -> Admission {
        let mut admission = Admission::new([net("10.0.0.0/8")].into());
        let addresses = [("10.0.0.1", Owner::Node), ("fd00::1", Owner::Node), ("10.0.0.9", Owner::Neighbor)];
        admission.guard(addresses.map(|(address, owner)| (address.parse().unwrap(), owner)).into());
        admission
    }

    #[test]
    fn what_is_refused_and_why() {
        let admission = admission();
        let said = |text| admission.refusal(net(text)).map(|refusal| refusal.to_string()).unwrap_or_default();
        let unnamed = "and native.accept does not name it";
        for (prefix, expected) in [
            ("0.0.0.0/0", format!("a default route, {unnamed}")),
            ("::/0", format!("a default route, {unnamed}")),
            ("0.0.0.0/1", format!("covers 10.0.0.1 of this node, {unnamed}")),
            ("10.0.0.1/32", format!("covers 10.0.0.1 of this node, {unnamed}")),
            ("10.0.0.8/30", format!("covers 10.0.0.9 of a neighbor, {unnamed}")),
            ("fd00::/64", format!("covers fd00::1 of this node, {unnamed}")),
            ("10.0.0.0/8", String::new()),
            ("10.0.0.2/32", String::new()),
            ("10.244.1.0/24", String::new()),
            ("128.0.0.0/1", String::new()),
            ("fd00:0:0:1::/64", String::new()),
            ("127.0.0.0/8", "its addresses are for no host beyond a link".to_owned()),
            ("239.1.0.0/16", "its addresses are for no host beyond a link".to_owned()),
            ("fe80::/64", "its addresses are for no host beyond a link".to_owned()),
        ] {
            assert_eq!(said(prefix), expected, "{prefix}");
        }
    }

    #[test]
    fn what_a_change_concerns() {
        let mut admission = admission();
        let mut guarded = admission.guarded.clone();
        guarded.remove(&IpAddr::from([10, 0, 0, 9]));
        let concerned = admission.guard(guarded);
        assert_eq!(concerned.len(), 33);
        assert!(concerned.contains(&net("10.0.0.9/32")) && concerned.contains(&net("10.0.0.8/30")));
        assert_eq!(admission.refusal(net("10.0.0.8/30")), None);
        assert_eq!(admission.accept([net("10.0.0.1/32")].into()), [net("10.0.0.0/8"), net("10.0.0.1/32")]);
        assert_eq!(admission.refusal(net("10.0.0.1/32")), None);
        assert!(admission.refusal(net("10.0.0.0/8")).is_some());
    }
}
