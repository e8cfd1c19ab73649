//! Update groups: the change log turned into bytes for peers.
//!
//! Peers that are to be sent the same share an update group: one cursor on the table's log, one account of
//! what was sent, one encoding. [`Export::pump`] reads a window of the log for each group, applies the group's
//! policy, packs routes with equal attributes together, and encodes a [`Batch`] once for all members. A
//! message holds routes of one source only, so that split horizon leaves out whole messages and no member
//! needs bytes of its own.
//!
//! Nothing waits here but state. A member is sent a batch only against a credit. While one has none, its group
//! waits for as long as the others still have something to write; then it goes on without it: the slow
//! member is detached with a copy of cursor and account, reads only the newest state when it has credit again,
//! and joins the group once both are at the head, where what they have been sent is the same by construction.
//! A new member, or one that asks for a refresh, is a group at the beginning of the log.
//!
//! A group of receivers of several paths (RFC 7911) is no different: it reads every change of a path and not only
//! of the best, and its account names several paths for each destination.
//!
//! Standards: RFC 4271 sections 5.1 and 9.2, RFC 4456 (reflection), RFC 4724 section 2 (End-of-RIB), RFC 2918,
//! RFC 7313, RFC 1997, RFC 8212, and what an operator wants besides (`policy`). Not here: what a peer is configured
//! to be (an argument), sockets, and any clock.

mod adj_rib_out;
mod batch;
mod encode;
mod family;
mod group;
#[cfg(test)]
mod model;
mod outlet;
mod pack;
mod plans;
mod policy;
mod rewalk;
mod sent;
mod sent_paths;
mod several;
mod speaker;
mod spec;
mod verdict;

pub use batch::{Batch, Segment};
pub use family::Advertised;
pub use spec::{MemberSpec, NextHopMode, PathsSent, Role};
pub use verdict::{Verdict, Withheld};

use std::sync::Arc;

use ipnet::{Ipv4Net, Ipv6Net};

use crate::policy::{Chain, Hits};
use crate::rib::{Budget, DestinationId, Path, Rib, Version};
use crate::types::{Family, PeerId};
use crate::wire::EvpnKey;

use family::FamilyExport;
use outlet::Outlet;
use speaker::Speaker;

/// What peers are sent, in all families.
#[derive(Debug, Default)]
pub struct Export {
    ipv4: FamilyExport<Ipv4Net>,
    ipv6: FamilyExport<Ipv6Net>,
    evpn: FamilyExport<EvpnKey>,
    outlet: Outlet,
}

/// How far a peer has been served in one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberStatus {
    /// Everything up to this version has been turned into batches for it.
    pub cursor: Version,
    /// That is the newest version, and End-of-RIB is among them.
    pub in_sync: bool,
    /// How many routes it has been sent and not withdrawn.
    pub advertised: usize,
}

impl Export {
    /// Begins to serve a peer in a family: it is sent everything, then End-of-RIB, then what changes.
    pub fn join(&mut self, rib: &mut Rib, peer: PeerId, family: Family, spec: &MemberSpec) {
        match family {
            Family::Ipv4Unicast => self.ipv4.join(&mut rib.ipv4, peer, spec),
            Family::Ipv6Unicast => self.ipv6.join(&mut rib.ipv6, peer, spec),
            Family::L2vpnEvpn => self.evpn.join(&mut rib.evpn, peer, spec),
        }
    }

    /// Stops serving a peer, in all families, and takes back its credit. Batches that wait for it are dropped.
    pub fn leave(&mut self, rib: &mut Rib, peer: PeerId) {
        self.ipv4.leave(&mut rib.ipv4, peer);
        self.ipv6.leave(&mut rib.ipv6, peer);
        self.evpn.leave(&mut rib.evpn, peer);
        self.outlet.forget(peer);
    }

    /// Sends a peer everything again (RFC 2918), `marked` at its beginning and end where that was agreed upon
    /// (RFC 7313).
    pub fn refresh(&mut self, rib: &mut Rib, peer: PeerId, family: Family, marked: bool) {
        match family {
            Family::Ipv4Unicast => self.ipv4.refresh(&mut rib.ipv4, peer, marked),
            Family::Ipv6Unicast => self.ipv6.refresh(&mut rib.ipv6, peer, marked),
            Family::L2vpnEvpn => self.evpn.refresh(&mut rib.evpn, peer, marked),
        }
    }

    /// Holds End-of-RIB of a family back from everybody who has not been sent it, or no longer. A speaker that has
    /// just started has not heard all it will pass on, and End-of-RIB would have its neighbours drop the rest
    /// (RFC 4724 section 4.1). Routes go out meanwhile as they come.
    pub fn hold_end_of_rib(&mut self, family: Family, hold: bool) {
        match family {
            Family::Ipv4Unicast => self.ipv4.hold_end_of_rib(hold),
            Family::Ipv6Unicast => self.ipv6.hold_end_of_rib(hold),
            Family::L2vpnEvpn => self.evpn.hold_end_of_rib(hold),
        }
    }

    /// Serves peers with another spec from now on, in all families in which they are members: what that changes is
    /// sent or withdrawn, and nothing else. What was negotiated must be as it was.
    pub fn change(&mut self, rib: &mut Rib, changes: &[(PeerId, MemberSpec)]) {
        self.ipv4.change(&mut rib.ipv4, changes);
        self.ipv6.change(&mut rib.ipv6, changes);
        self.evpn.change(&mut rib.evpn, changes);
    }

    /// What a peer's policy decided, in all families. Peers that are served alike are counted together.
    pub fn policy_hits(&self, peer: PeerId) -> Hits {
        let mut hits = Hits::default();
        let of_families = [self.ipv4.hits(peer), self.ipv6.hits(peer), self.evpn.hits(peer)];
        of_families.into_iter().flatten().for_each(|more| hits.join(more));
        hits
    }

    /// What every policy decided, once for all peers that are served alike.
    pub fn all_policy_hits(&self) -> impl Iterator<Item = (&Chain, &Hits)> {
        self.ipv4.all_hits().chain(self.ipv6.all_hits()).chain(self.evpn.all_hits())
    }

    /// The peer may be sent `batches` more. The first call says how many it takes at a time, each later one
    /// that it has sent as many of those it was given. The credit is one for all families.
    pub fn credit(&mut self, peer: PeerId, batches: u32) {
        self.outlet.grant(peer, batches);
    }

    /// Turns changes into batches, within the budget and the peers' credits. Says whether there is more to do
    /// that waits for nothing but another turn.
    pub fn pump(&mut self, rib: &mut Rib, budget: &mut Budget) -> bool {
        let Export { ipv4, ipv6, evpn, outlet } = self;
        let speaker = Speaker { us: &rib.identity, decision: &rib.decision };
        ipv4.pump(&mut rib.ipv4, speaker, outlet, budget)
            | ipv6.pump(&mut rib.ipv6, speaker, outlet, budget)
            | evpn.pump(&mut rib.evpn, speaker, outlet, budget)
    }

    /// The next batch to hand over. A credit of the peer has been taken for it.
    pub fn poll_batch(&mut self) -> Option<(PeerId, Arc<Batch>)> {
        self.outlet.poll()
    }

    /// Forgets a peer that has left for good: its id may become another's.
    pub fn forget(&mut self, peer: PeerId) {
        self.outlet.reset(peer);
    }

    /// How many routes a peer was not sent, since it is known, because their attributes leave no room for even
    /// one route in the longest message that it takes. They were withdrawn instead.
    pub fn oversized(&self, peer: PeerId) -> u64 {
        self.outlet.sent(peer).oversized
    }

    /// How many routes a peer was sent since it is known, announced or withdrawn.
    pub fn routes_sent(&self, peer: PeerId) -> u64 {
        self.outlet.sent(peer).routes
    }

    /// How far a peer has been served; `None` if it is not a member in this family.
    pub fn status(&self, rib: &Rib, peer: PeerId, family: Family) -> Option<MemberStatus> {
        match family {
            Family::Ipv4Unicast => self.ipv4.status(&rib.ipv4, peer),
            Family::Ipv6Unicast => self.ipv6.status(&rib.ipv6, peer),
            Family::L2vpnEvpn => self.evpn.status(&rib.evpn, peer),
        }
    }
    /// A page of the IPv4 routes that `peer` has been sent: those of destinations from `from` on, looking at no
    /// more than `limit`. A route that has changed since is left out until the change has been sent.
    pub fn advertised_ipv4(
        &self,
        rib: &Rib,
        peer: PeerId,
        from: DestinationId,
        limit: usize,
    ) -> Vec<Advertised<Ipv4Net>> {
        self.ipv4.advertised(&rib.ipv4, Speaker::of(rib), peer, from, limit)
    }

    /// As [`Export::advertised_ipv4`], of the IPv6 routes.
    pub fn advertised_ipv6(
        &self,
        rib: &Rib,
        peer: PeerId,
        from: DestinationId,
        limit: usize,
    ) -> Vec<Advertised<Ipv6Net>> {
        self.ipv6.advertised(&rib.ipv6, Speaker::of(rib), peer, from, limit)
    }

    /// As [`Export::advertised_ipv4`], of the EVPN routes.
    pub fn advertised_evpn(
        &self,
        rib: &Rib,
        peer: PeerId,
        from: DestinationId,
        limit: usize,
    ) -> Vec<Advertised<EvpnKey>> {
        self.evpn.advertised(&rib.evpn, Speaker::of(rib), peer, from, limit)
    }

    /// What becomes of a path to an IPv4 prefix towards a peer; `None` if it is not a member in this family.
    pub fn verdict_ipv4(
        &self,
        rib: &Rib,
        peer: PeerId,
        nlri: &Ipv4Net,
        path: &Path<Ipv4Net>,
    ) -> Option<Verdict<'_>> {
        self.ipv4.verdict(Speaker::of(rib), peer, nlri, path)
    }

    /// As [`Export::verdict_ipv4`], for IPv6.
    pub fn verdict_ipv6(
        &self,
        rib: &Rib,
        peer: PeerId,
        nlri: &Ipv6Net,
        path: &Path<Ipv6Net>,
    ) -> Option<Verdict<'_>> {
        self.ipv6.verdict(Speaker::of(rib), peer, nlri, path)
    }

    /// As [`Export::verdict_ipv4`], for EVPN.
    pub fn verdict_evpn(
        &self,
        rib: &Rib,
        peer: PeerId,
        nlri: &EvpnKey,
        path: &Path<EvpnKey>,
    ) -> Option<Verdict<'_>> {
        self.evpn.verdict(Speaker::of(rib), peer, nlri, path)
    }
}
