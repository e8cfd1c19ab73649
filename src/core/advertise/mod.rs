//! What this node announces of its own in native mode: the prefixes of its pods and services.
//!
//! Prefixes come from sources: the configuration, watched files, routes of the kernel, Kubernetes. Each source says its whole set
//! whenever that changes ([`PrefixNews`]), and what became of the set before is found out here; so whoever knows a
//! node's prefixes, inside this process or out of it, is a source with one message. A source that is at fault says
//! so, and what it said before holds.
//!
//! A prefix is announced while any source gives it, with the attributes that the first of them says; the first is the
//! one that the configuration names first. What lies within a *block* is withheld, for the block is announced in its
//! place. Routes are put into the Rib as this speaker's own (ORIGIN IGP, an empty AS_PATH, this speaker as next hop),
//! and whatever decides on routes that are sent decides on them, too: RFC 8212 and export policies.

mod kept_out;
mod kernel;
mod plan;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::collections::btree_map::Range;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Bound;
use std::sync::Arc;

use bgp::rib::Rib;
use bgp::types::{Mac, PeerId};
use bgp::wire::{Attrs, ExtCommunity, NextHop, Nlris, TunnelType};
use ipnet::IpNet;

use super::{Action, Core};
use crate::config::{Announcement, OwnAttrs, OwnPrefixes};

use kept_out::KeptOut;
use kernel::KernelFinds;
pub(super) use plan::Row;

/// What the configuration is called as a source.
const CONFIGURATION: &str = "configuration";

/// A source says what it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixNews {
    /// What it is called, such as `file /etc/linnet/pods`.
    pub source: Arc<str>,
    /// Everything that it gives now.
    pub prefixes: Vec<Announcement>,
    /// What it could not give and why; empty where nothing is wrong. The part that is at fault is in `prefixes` as it
    /// was before.
    pub fault: String,
}

/// What is announced, and why.
#[derive(Debug)]
pub(super) struct Advertiser {
    /// In the order of precedence.
    sources: Vec<Source>,
    /// What follows from the sources, by prefix.
    rows: BTreeMap<IpNet, Row>,
    /// What the Rib has, and what was said of this node with it.
    originated: BTreeMap<IpNet, (OwnAttrs, Option<Decapsulation>)>,
    /// What is said of this node with every prefix.
    decapsulation: Option<Decapsulation>,
    /// What received routes are not put into the kernel for: services, and what is configured so.
    kept_out: KeptOut,
    /// The sources in the kernel, in the order in which they are configured.
    kernel: Vec<KernelFinds>,
    changed: bool,
    effects: Effects,
}

/// What others have to look at again, because what is announced has changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Effects {
    /// Prefixes for which the kernel is to have something else.
    pub(super) prefixes: Vec<IpNet>,
    /// Everything that was received.
    pub(super) all: bool,
}

/// This node takes what is wrapped in VXLAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decapsulation {
    /// What is inside is for this MAC.
    pub(super) mac: Mac,
    /// It comes over IPv4, and otherwise over IPv6.
    pub(super) over_ipv4: bool,
}

/// One source.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: Arc<str>,
    pub(super) prefixes: Vec<Announcement>,
    pub(super) fault: String,
    /// It has said something.
    pub(super) heard: bool,
}

impl Advertiser {
    /// With the sources that are configured.
    pub(super) fn new(own: &OwnPrefixes) -> Advertiser {
        let mut advertiser = Advertiser {
            sources: Vec::new(),
            rows: BTreeMap::new(),
            originated: BTreeMap::new(),
            decapsulation: None,
            kept_out: KeptOut::default(),
            kernel: Vec::new(),
            changed: true,
            effects: Effects::default(),
        };
        advertiser.configure(own);
        advertiser
    }

    /// These sources are configured from now on, and no others.
    pub(super) fn configure(&mut self, own: &OwnPrefixes) {
        let mut former = std::mem::take(&mut self.sources);
        let mut take = |name: String| {
            let known = former.iter().position(|source| *source.name == *name);
            known.map_or_else(|| Source::new(name.into()), |index| former.remove(index))
        };
        let mut fixed = take(CONFIGURATION.to_owned());
        (fixed.prefixes, fixed.heard) = (own.fixed.clone(), true);
        let files = own.files.iter().map(ToString::to_string);
        let kubernetes = own.kubernetes.iter().map(ToString::to_string);
        let kernel = own.kernel.iter().map(ToString::to_string);
        let named: Vec<String> = files.chain(kubernetes).chain(kernel).collect();
        self.sources = std::iter::once(fixed).chain(named.into_iter().map(&mut take)).collect();
        self.kept_out.configure(&own.no_install);
        self.changed = true;
    }

    /// A source says what it has. One that is no longer configured may have said so before it heard of that: it is not
    /// listened to.
    pub(super) fn news(&mut self, news: PrefixNews) {
        let Some(source) = self.sources.iter_mut().find(|source| source.name == news.source) else { return };
        self.changed |= source.prefixes != news.prefixes;
        (source.prefixes, source.fault, source.heard) = (news.prefixes, news.fault, true);
    }

    /// This is said of this node from now on.
    pub(super) fn decapsulate(&mut self, decapsulation: Option<Decapsulation>) {
        if self.decapsulation != decapsulation {
            self.decapsulation = decapsulation;
            self.changed = true;
        }
    }

    /// Whether every source that is configured has said something.
    pub(super) fn is_complete(&self) -> bool {
        self.sources.iter().all(|source| source.heard)
    }

    /// Has the Rib announce what is to be announced now, and nothing else. `learned` is the time that it is dated by.
    pub(super) fn settle(&mut self, learned: u32, rib: &mut Rib) {
        if !std::mem::take(&mut self.changed) {
            return;
        }
        let rows = plan::plan(&self.sources);
        let former = std::mem::replace(&mut self.rows, rows);
        self.note_effects(&former);
        // What comes is announced before what goes is taken back: a block before what it stands for.
        for (prefix, row) in self.rows.iter().filter(|(_, row)| row.withheld_by.is_none()) {
            let own = (row.attrs.clone(), self.decapsulation);
            if self.originated.get(prefix) != Some(&own) {
                self.originated.insert(*prefix, own);
                // Only a peer's route can be refused.
                let attrs = Arc::new(attrs(*prefix, &row.attrs, self.decapsulation));
                let _ = rib.announce(PeerId::LOCAL, learned, &attrs, &Nlris::from(*prefix));
            }
        }
        let rows = &self.rows;
        self.originated.retain(|prefix, _| {
            let stays = rows.get(prefix).is_some_and(|row| row.withheld_by.is_none());
            if !stays {
                rib.withdraw(PeerId::LOCAL, &Nlris::from(*prefix));
            }
            stays
        });
    }

    /// What has to be looked at again since the last time.
    pub(super) fn take_effects(&mut self) -> Effects {
        std::mem::take(&mut self.effects)
    }

    /// Whether the kernel is to drop what is for nobody within this prefix, which is announced.
    pub(super) fn is_blackhole(&self, prefix: IpNet) -> bool {
        self.rows.get(&prefix).is_some_and(|row| row.is_blackhole(prefix))
    }

    /// The prefix that keeps received routes to this one out of the kernel, if any does.
    pub(super) fn keeps_out(&self, prefix: IpNet) -> Option<IpNet> {
        self.kept_out.covering(prefix)
    }

    /// The rows from a prefix on.
    pub(super) fn rows_from(&self, from: Bound<IpNet>) -> Range<'_, IpNet, Row> {
        self.rows.range((from, Bound::Unbounded))
    }

    /// What a prefix that is announced is like.
    #[cfg(test)]
    pub(super) fn row(&self, prefix: IpNet) -> Option<&Row> {
        self.rows.get(&prefix)
    }

    /// The sources, in the order of precedence.
    pub(super) fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Finds out what others have to look at again, now that the rows are not the former ones.
    fn note_effects(&mut self, former: &BTreeMap<IpNet, Row>) {
        let blackholes = |rows: &BTreeMap<IpNet, Row>| -> Vec<IpNet> {
            rows.iter()
                .filter(|(prefix, row)| row.is_blackhole(**prefix))
                .map(|(prefix, _)| *prefix)
                .collect()
        };
        let (before, after) = (blackholes(former), blackholes(&self.rows));
        let differ = |some: &[IpNet], others: &[IpNet]| -> Vec<IpNet> {
            some.iter().filter(|prefix| others.binary_search(prefix).is_err()).copied().collect()
        };
        self.effects.prefixes.extend(differ(&before, &after));
        self.effects.prefixes.extend(differ(&after, &before));
        for prefix in self.kept_out.renew(&self.rows) {
            // Which routes are within a prefix no table can tell but by going through them all.
            match prefix.prefix_len() == prefix.max_prefix_len() {
                true => self.effects.prefixes.push(prefix),
                false => self.effects.all = true,
            }
        }
    }
}

impl Source {
    fn new(name: Arc<str>) -> Source {
        Source { name, prefixes: Vec::new(), fault: String::new(), heard: false }
    }
}

/// What a prefix is announced with: everything that is not said here is the same for all that is this speaker's own.
fn attrs(prefix: IpNet, own: &OwnAttrs, decapsulation: Option<Decapsulation>) -> Attrs {
    // Who sends it puts his end of the session there.
    let next_hop = match prefix {
        IpNet::V4(_) => NextHop::Ipv4(Ipv4Addr::UNSPECIFIED),
        IpNet::V6(_) => NextHop::Ipv6(Ipv6Addr::UNSPECIFIED),
    };
    Attrs {
        med: own.med,
        local_pref: own.local_pref,
        communities: own.communities.clone(),
        large_communities: own.large_communities.clone(),
        ext_communities: encapsulation(prefix, decapsulation),
        ..Attrs::new(next_hop)
    }
}

/// What tells others that this node decapsulates (RFC 9012 section 4.1), and with which MAC (RFC 9135 section 8.1). The
/// next hop is the tunnel's other end, and that of an IPv6 prefix is no IPv4 address.
fn encapsulation(prefix: IpNet, decapsulation: Option<Decapsulation>) -> Box<[ExtCommunity]> {
    let reaches = |it: &Decapsulation| !it.over_ipv4 || matches!(prefix, IpNet::V4(_));
    match decapsulation.filter(reaches) {
        Some(Decapsulation { mac, .. }) => {
            [ExtCommunity::encapsulation(TunnelType::VXLAN), ExtCommunity::router_mac(mac)].into()
        }
        None => Box::default(),
    }
}

impl Core {
    /// Has the sources watched that are not core's own.
    pub(super) fn watch_sources(&mut self) {
        self.renew_sources(&OwnPrefixes::default());
    }

    /// Takes what a new configuration says of sources; those before were the `former` ones.
    pub(super) fn renew_sources(&mut self, former: &OwnPrefixes) {
        let Some(advertiser) = &mut self.advertiser else { return };
        let none = OwnPrefixes::default();
        let own = self.config.native.as_ref().map_or(&none, |native| &native.own);
        advertiser.configure(own);
        if own.files != former.files {
            self.actions.push_back(Action::WatchFiles(own.files.clone()));
        }
        if own.kubernetes != former.kubernetes {
            self.actions.push_back(Action::FollowNode(own.kubernetes.clone()));
        }
        if let Some(native) = self.native.as_mut().filter(|_| own.kernel != former.kernel) {
            advertiser.look_for(own, &mut native.routes);
        }
    }
}
