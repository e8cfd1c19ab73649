//! Received unicast routes into the kernel: reads the tables' change logs and says what is wanted under each prefix.
//!
//! Nothing is kept of a route here: the [`Routes`] know what is wanted, the tables what is best, and why a route is
//! not wanted can be found out again at any time ([`Import::verdict`]). Only the refused ones are remembered, to be
//! counted by their reasons.
//!
//! Nothing is read before the kernel has been: by then it is known which addresses are the node's own.

use std::collections::BTreeSet;
use std::net::IpAddr;

use bgp::rib::{Budget, CursorId, Destination, Path, Rib, Table, Version};
use bgp::types::{Family, Mac, PeerId};
use bgp::wire::{Attrs, ExtCommunityKind, NextHop, Nlri, TunnelType};
use fib::routes::{Routes, WantedHop, WantedRoute};
use ipnet::IpNet;
use smallvec::SmallVec;

use super::Given;
use super::admission::{Admission, Owner, Refusal, is_guarded};
use super::refusals::Refusals;
use crate::core::peer::Peers;

/// Changes read from a table in one piece.
const PIECE: usize = 256;

/// What a change costs here, in destinations that are merely looked at: it is wanted, its next hops are resolved, and it is written.
const WEIGHT: usize = 2;

/// From the tables to the kernel's routes.
#[derive(Debug)]
pub(in crate::core) struct Import {
    ipv4: CursorId,
    ipv6: CursorId,
    /// Several paths of a destination may be used, so that changes of any of them are read.
    multipath: bool,
    gate: Gate,
    /// Prefixes that what is allowed has changed for.
    again: BTreeSet<IpNet>,
    /// The node's own addresses, as far as they are guarded.
    own: Vec<IpAddr>,
    /// The neighbours may have other addresses than those guarded.
    stale_guard: bool,
}

/// What lets routes through.
#[derive(Debug)]
struct Gate {
    admission: Admission,
    refused: Refusals,
}

/// What becomes of a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::core) enum Verdict {
    /// There is no path, or the best one is this node's own and no block: nothing of it is for the kernel.
    Nothing,
    /// Its routes are not for the kernel.
    Refused(Refusal),
    /// The kernel is to have this.
    Wanted(WantedRoute),
}

impl Import {
    /// What the tables have already is looked at, too.
    pub(super) fn new(accept: BTreeSet<IpNet>, multipath: bool, rib: &mut Rib) -> Import {
        Import {
            ipv4: open(&mut rib.ipv4, multipath),
            ipv6: open(&mut rib.ipv6, multipath),
            multipath,
            gate: Gate { admission: Admission::new(accept), refused: Refusals::default() },
            again: BTreeSet::new(),
            own: Vec::new(),
            stale_guard: true,
        }
    }

    /// Says what is wanted of the kernel by now, as far as the budget goes. Says whether there is more to do.
    pub(super) fn settle(
        &mut self,
        rib: &mut Rib,
        given: Given<'_>,
        routes: &mut Routes,
        budget: &mut Budget,
    ) -> bool {
        if !routes.is_synced() {
            return false;
        }
        self.renew_guard(given.peers, routes);
        let Import { ipv4, ipv6, multipath, gate, again, .. } = self;
        while let Some(prefix) = again.pop_first() {
            match prefix {
                IpNet::V4(prefix) => gate.look(prefix, rib.ipv4.get(prefix).map(|(_, d)| d), given, routes),
                IpNet::V6(prefix) => gate.look(prefix, rib.ipv6.get(prefix).map(|(_, d)| d), given, routes),
            }
        }
        let more = read(&mut rib.ipv4, ipv4, *multipath, budget, |destination| {
            gate.look(destination.nlri(), Some(destination), given, routes);
        });
        more | read(&mut rib.ipv6, ipv6, *multipath, budget, |destination| {
            gate.look(destination.nlri(), Some(destination), given, routes);
        })
    }

    /// Neighbours have come, gone or changed their addresses.
    pub(super) fn neighbors_changed(&mut self) {
        self.stale_guard = true;
    }

    /// Other prefixes are taken, and other numbers of paths, from now on.
    pub(super) fn configure(&mut self, accept: BTreeSet<IpNet>, multipath: bool, rib: &mut Rib) {
        self.again.extend(self.gate.admission.accept(accept));
        if multipath != self.multipath {
            self.multipath = multipath;
            self.look_at_everything(rib);
        }
    }

    /// Reads no more.
    pub(super) fn close(self, rib: &mut Rib) {
        rib.ipv4.close_cursor(self.ipv4);
        rib.ipv6.close_cursor(self.ipv6);
    }

    /// Looks at these destinations again.
    pub(super) fn look_again(&mut self, prefixes: Vec<IpNet>) {
        self.again.extend(prefixes);
    }

    /// Looks at every destination again.
    pub(super) fn look_at_everything(&mut self, rib: &mut Rib) {
        reopen(&mut rib.ipv4, &mut self.ipv4, self.multipath);
        reopen(&mut rib.ipv6, &mut self.ipv6, self.multipath);
    }

    /// Whether everything in a family's table has been looked at.
    pub(super) fn is_current(&self, family: Family, rib: &Rib) -> bool {
        match family {
            Family::Ipv4Unicast => rib.ipv4.position(&self.ipv4) == rib.ipv4.head(),
            Family::Ipv6Unicast => rib.ipv6.position(&self.ipv6) == rib.ipv6.head(),
            Family::L2vpnEvpn => true,
        }
    }

    /// How many routes are refused, without those within services.
    pub(super) fn refused(&self) -> usize {
        self.gate.refused.len()
    }

    /// How many are, by reason, services included.
    pub(super) fn refusals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.gate.refused.counts()
    }

    /// What becomes of a destination, and why.
    pub(in crate::core) fn verdict<N: Nlri + Into<IpNet>>(
        &self,
        destination: &Destination<N>,
        given: Given<'_>,
    ) -> Verdict {
        self.gate.verdict(destination, given)
    }

    fn renew_guard(&mut self, peers: &Peers, routes: &Routes) {
        let own = || routes.addresses().map(|(_, address)| address.addr());
        if !std::mem::take(&mut self.stale_guard) && own().eq(self.own.iter().copied()) {
            return;
        }
        self.own = own().collect();
        let of_neighbors = peers.iter().filter_map(|peer| {
            let session = peer.session.as_ref().map(|session| session.agreed.remote.ip());
            peer.config.address.ip().or(session)
        });
        let neighbors = of_neighbors.map(|address| (address.to_canonical(), Owner::Neighbor));
        let own = self.own.iter().map(|address| (*address, Owner::Node));
        let guarded = neighbors.chain(own).filter(|(address, _)| is_guarded(*address)).collect();
        self.again.extend(self.gate.admission.guard(guarded));
    }
}

impl Gate {
    fn verdict<N: Nlri + Into<IpNet>>(&self, destination: &Destination<N>, given: Given<'_>) -> Verdict {
        let prefix = destination.nlri().into();
        if is_blackhole(prefix, given) {
            return Verdict::Wanted(WantedRoute::Blackhole);
        }
        let Some(best) = destination.best().filter(|best| best.source != PeerId::LOCAL) else {
            return Verdict::Nothing;
        };
        if self.admission.is_ours(best.attrs.next_hop.address()) {
            return Verdict::Refused(Refusal::LeadsHere);
        }
        let kept_out = given.advertiser.and_then(|advertiser| advertiser.keeps_out(prefix));
        match self.admission.refusal(prefix).or(kept_out.map(Refusal::KeptOut)) {
            Some(refusal) => Verdict::Refused(refusal),
            None => Verdict::Wanted(WantedRoute::Via(hops(destination, given))),
        }
    }

    /// Says what is wanted of the kernel because of a destination.
    fn look<N: Nlri + Into<IpNet>>(
        &mut self,
        nlri: N,
        destination: Option<&Destination<N>>,
        given: Given<'_>,
        routes: &mut Routes,
    ) {
        let prefix = nlri.into();
        let verdict = match destination {
            Some(destination) => self.verdict(destination, given),
            None if is_blackhole(prefix, given) => Verdict::Wanted(WantedRoute::Blackhole),
            None => Verdict::Nothing,
        };
        let (wanted, refused) = match verdict {
            Verdict::Wanted(wanted) => (Some(wanted), None),
            Verdict::Refused(refusal) => (None, Some(refusal)),
            Verdict::Nothing => (None, None),
        };
        self.refused.set(prefix, refused);
        routes.want(prefix, wanted);
    }
}

/// Whether what is for nobody within a prefix is to be dropped here, so that it does not go round in circles.
fn is_blackhole(prefix: IpNet, given: Given<'_>) -> bool {
    given.advertiser.is_some_and(|advertiser| advertiser.is_blackhole(prefix))
}

/// Shows `look` every destination that has changed since the cursor's place, as far as the budget goes. Says whether
/// there are more.
fn read<N: Nlri>(
    table: &mut Table<N>,
    cursor: &CursorId,
    multipath: bool,
    budget: &mut Budget,
    mut look: impl FnMut(&Destination<N>),
) -> bool {
    while table.position(cursor) < table.head() {
        if budget.is_spent() {
            return true;
        }
        let (after, limit) = (table.position(cursor), PIECE.min(budget.left().div_ceil(WEIGHT)));
        let mut changes = match multipath {
            true => table.path_changes(after, limit),
            false => table.changes(after, limit),
        };
        changes.by_ref().for_each(|change| look(change.destination));
        let (seen, reached) = (changes.seen(), changes.reached());
        table.advance(cursor, reached);
        budget.spend(seen.max(1) * WEIGHT);
    }
    false
}

fn open<N: Nlri>(table: &mut Table<N>, multipath: bool) -> CursorId {
    match multipath {
        true => table.open_paths_cursor(Version::default()),
        false => table.open_cursor(Version::default()),
    }
}

/// Reads everything again: what is not the best path has not been read before, or is to be forgotten.
fn reopen<N: Nlri>(table: &mut Table<N>, cursor: &mut CursorId, multipath: bool) {
    let former = std::mem::replace(cursor, open(table, multipath));
    table.close_cursor(former);
}

/// Where packets go: each next hop once, though two reflectors may tell of it.
fn hops<N: Nlri>(destination: &Destination<N>, given: Given<'_>) -> SmallVec<[WantedHop; 1]> {
    let mut hops = SmallVec::new();
    for hop in destination.multipaths().filter_map(|path| hop(path, given)) {
        if !hops.contains(&hop) {
            hops.push(hop);
        }
    }
    hops
}

/// A path's next hop. A neighbour that is reached by a link-local address is its own router on that link: there its
/// link-local address counts (RFC 2545 section 3), elsewhere the global one. `None` for this node's own path, and for
/// a link-local address on who knows which link.
pub(in crate::core) fn hop<N: Nlri>(path: &Path<N>, given: Given<'_>) -> Option<WantedHop> {
    let link = given.peers.get(path.source).and_then(|peer| peer.link);
    let address = match path.attrs.next_hop {
        NextHop::Ipv6LinkLocal(_, link_local) if link.is_some() => IpAddr::V6(link_local),
        other => other.address(),
    };
    let is_link_local = matches!(address, IpAddr::V6(ip) if ip.is_unicast_link_local());
    let is_usable = path.source != PeerId::LOCAL && (link.is_some() || !is_link_local);
    let device = link.filter(|_| is_link_local);
    let mac = if given.fallback { decapsulator(&path.attrs) } else { None };
    is_usable.then_some(WantedHop { device, mac, ..WantedHop::at(address) })
}

/// The MAC of a next hop that says of itself that it takes VXLAN packets: by an Encapsulation community (RFC 9012
/// section 4.1), and the router's MAC (RFC 9135 section 8.1).
fn decapsulator(attrs: &Attrs) -> Option<Mac> {
    let vxlan = ExtCommunityKind::Encapsulation(TunnelType::VXLAN);
    let kinds = || attrs.ext_communities.iter().map(|community| community.kind());
    let mac = kinds().find_map(|kind| match kind {
        ExtCommunityKind::RouterMac(mac) => Some(mac),
        _ => None,
    });
    mac.filter(|_| kinds().any(|kind| kind == vxlan))
}
