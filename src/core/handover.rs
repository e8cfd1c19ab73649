//! Neighbours that make room for others: a reload that removes some and adds some, as where nodes go from a full mesh
//! to a route reflector or back, must not leave a moment in which nobody announces what both announce.
//!
//! So those that go keep their sessions and their routes until those that come have been heard: their sessions are
//! established, they have said End-of-RIB, and every destination that one of the former gives is given by somebody
//! else, too. That may never be so (a neighbour that goes may take its routes with it for good), so there is a bound,
//! `bgp.handover_time`. And what is here complete may not be so yet at the other end: after the last condition holds,
//! those that go stay a little.
//!
//! The tables are walked in slices, and the walk waits at a destination that would be lost.

use std::time::{Duration, Instant};

use bgp::rib::{Budget, Destination, DestinationId, Table};
use bgp::session::StopReason;
use bgp::types::{Family, FamilySet, PeerId};
use bgp::wire::Nlri;

use super::Core;
use super::event::LogLine;
use super::peer::{Peer, Peers};
use super::startup::WITHOUT_END_OF_RIB;

/// How often it is looked whether what is missing has come.
const PAUSE: Duration = Duration::from_millis(200);

/// How long those that go stay though nothing is missing here: the neighbours at their other ends have the same to
/// hear from others, and to put into their kernels.
const LINGER: Duration = Duration::from_secs(2);

/// Who goes when who has been heard. At most one such change is under way; a further one joins it.
#[derive(Debug, Default)]
pub(super) struct Handover {
    leaving: Vec<PeerId>,
    comers: Vec<PeerId>,
    /// Those that go are waited with no longer than this.
    until: Option<Instant>,
    walk: Walk,
    /// Nothing has been missing since.
    complete_since: Option<Instant>,
    /// When to look again.
    next_look: Option<Instant>,
}

/// How far the tables have been walked.
#[derive(Clone, Copy, Debug, Default)]
struct Walk {
    /// A place in [`Family::ALL`].
    family: usize,
    from: u32,
}

/// What a look at a table has found.
enum Step {
    /// Nothing more to look at.
    End,
    /// The budget is spent.
    Budget,
    /// This destination would be lost.
    Lost(DestinationId),
}

impl Handover {
    /// Whether a neighbour stays only until others have been heard; if so, until when at most.
    pub(super) fn leaves(&self, id: PeerId) -> Option<Instant> {
        self.until.filter(|_| self.leaving.contains(&id))
    }

    /// A neighbour goes, or is to stay after all.
    pub(super) fn forget(&mut self, id: PeerId) {
        self.leaving.retain(|leaving| *leaving != id);
        self.comers.retain(|comer| *comer != id);
        if self.leaving.is_empty() {
            *self = Handover::default();
        }
    }

    /// When to look again.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.until.into_iter().chain(self.next_look).min()
    }

    /// Whether everybody who comes has been heard out in the families that `peers` speak.
    fn are_heard(&self, now: Instant, peers: &Peers) -> bool {
        let mut comers = self.comers.iter().filter_map(|id| peers.get(*id));
        comers.all(|comer| comer.shut_down || is_heard(now, comer))
    }

    /// Goes on with the walk.
    fn step<N: Nlri>(&mut self, table: &Table<N>, peers: &Peers, budget: &mut Budget) -> Step {
        let lost = |source: PeerId| self.leaving.contains(&source);
        let (limit, end) = (budget.left(), table.id_limit().0);
        let reached = self.walk.from.saturating_add(limit as u32).min(end);
        let is_lost = |destination: &Destination<N>| {
            let mut given = false;
            // A neighbour that is no more, and whose routes are being swept, gives nothing either.
            let kept = destination.paths().any(|path| {
                let leaves = lost(path.source);
                given |= leaves;
                !leaves && (path.source == PeerId::LOCAL || peers.has(path.source))
            });
            given && !kept
        };
        let mut page = table.page(DestinationId(self.walk.from), limit);
        if let Some((id, _)) = page.find(|(_, destination)| is_lost(destination)) {
            budget.spend((id.0 - self.walk.from) as usize + 1);
            return Step::Lost(id);
        }
        budget.spend(reached.saturating_sub(self.walk.from) as usize + 1);
        self.walk.from = reached;
        if reached >= end { Step::End } else { Step::Budget }
    }
}

/// Whether a neighbour's session is established and it has said all that it has, as far as can be told.
fn is_heard(now: Instant, peer: &Peer) -> bool {
    let Some(session) = &peer.session else { return false };
    let awaited = session.agreed.families.iter().any(|family| !session.end_of_rib.contains(family));
    !awaited || session.agreed.restart.is_none() && now >= session.since + WITHOUT_END_OF_RIB
}

impl Core {
    /// Lets neighbours go once those that come have been heard, where there are any that could bring what the former
    /// take away; the others go at once. `places`: ranges of neighbours have come from which others may come.
    pub(super) fn hand_over(
        &mut self,
        now: Instant,
        leaving: &[PeerId],
        comers: &[PeerId],
        places: FamilySet,
    ) {
        let families = |ids: &[PeerId], peers: &Peers| -> FamilySet {
            let peers = ids.iter().filter_map(|id| peers.get(*id));
            peers.flat_map(|peer| peer.config.families.iter().collect::<Vec<_>>()).collect()
        };
        let mut offered = families(comers, &self.peers);
        places.iter().for_each(|family| offered.insert(family));
        let time = self.config.bgp.handover_time;
        for id in leaving {
            let brings = |peer: &Peer| {
                let session = peer.session.as_ref();
                session.is_some_and(|s| s.agreed.families.iter().any(|family| offered.contains(family)))
            };
            if time.is_zero() || !self.peers.get(*id).is_some_and(brings) {
                self.remove_neighbor(*id, StopReason::Deconfigured);
                continue;
            }
            self.handover.leaving.push(*id);
            self.watches.neighbor_changed(*id);
            self.log(LogLine::HandsOver(*id));
        }
        if !self.handover.leaving.is_empty() {
            self.handover.comers.extend(comers);
            self.handover.until = Some(now + time);
            self.look_again(now);
        }
    }

    /// The walk begins anew.
    fn look_again(&mut self, now: Instant) {
        self.handover.walk = Walk::default();
        self.handover.complete_since = None;
        self.handover.next_look = Some(now);
    }

    /// Lets those go whose place others have taken, or with whom it has been waited long enough. Says whether there is
    /// more to look at now.
    pub(super) fn go_on_handing_over(&mut self, now: Instant, budget: &mut Budget) -> bool {
        let Some(until) = self.handover.until else { return false };
        let lingered = self.handover.complete_since.is_some_and(|since| now >= since + LINGER);
        if lingered || now >= until {
            let leaving = std::mem::take(&mut self.handover).leaving;
            leaving.into_iter().for_each(|id| self.remove_neighbor(id, StopReason::Deconfigured));
            return false;
        }
        if self.handover.next_look.is_none_or(|due| now < due) {
            return false;
        }
        if !self.handover.are_heard(now, &self.peers) {
            self.handover.next_look = Some(now + PAUSE);
            return false;
        }
        self.walk_on(now, budget)
    }

    fn walk_on(&mut self, now: Instant, budget: &mut Budget) -> bool {
        let Core { handover, rib, peers, .. } = self;
        while let Some(family) = Family::ALL.get(handover.walk.family) {
            if budget.is_spent() {
                return true;
            }
            let step = match family {
                Family::Ipv4Unicast => handover.step(&rib.ipv4, peers, budget),
                Family::Ipv6Unicast => handover.step(&rib.ipv6, peers, budget),
                Family::L2vpnEvpn => handover.step(&rib.evpn, peers, budget),
            };
            match step {
                Step::End => handover.walk = Walk { family: handover.walk.family + 1, ..Walk::default() },
                Step::Budget => return true,
                Step::Lost(id) => {
                    handover.walk.from = id.0;
                    handover.next_look = Some(now + PAUSE);
                    return false;
                }
            }
        }
        handover.complete_since = Some(now);
        handover.next_look = Some(now + LINGER);
        false
    }
}

#[cfg(test)]
mod tests {
    use bgp::types::PathId;
    use bgp::wire::{Attrs, NextHop, Nlris, Route};

    use super::*;
    use crate::config::Config;
    use crate::core::testing::{Node, says_end_of_rib};
    use crate::core::{Event, PeerNews};

    const FIRST: u32 = 0;
    /// The id that the first newcomer gets.
    const NEW: u32 = 2;

    /// Neighbours 10.0.1.`n`.
    fn reload(node: &mut Node, neighbors: &[u8], rest: &str) {
        let list: String = neighbors
            .iter()
            .map(|n| format!("    - {{ address: 10.0.1.{n}, remote_as: 65000, families: [l2vpn-evpn, ipv4-unicast] }}\n"))
            .collect();
        let text = format!(
            "bgp:\n  asn: 65000\n  router_id: 10.0.0.1\n{rest}  neighbors:\n{list}\
             evpn:\n  vtep: 10.0.0.1\n  advertise_all_vni: true\n"
        );
        let config = Box::new(Config::parse("t", &text).unwrap_or_else(|faults| panic!("{faults}")));
        node.core.handle(node.now, Event::Reconfigure { config, request: None });
        node.run();
    }

    fn routes(prefixes: &[&str]) -> Nlris {
        let route = |text: &&str| Route { nlri: text.parse().unwrap(), path_id: PathId(0), body: () };
        Nlris::Ipv4(prefixes.iter().map(route).collect())
    }

    fn tell(node: &mut Node, peer: u32, prefixes: &[&str]) {
        let attrs = Attrs::new(NextHop::Ipv4([10, 0, 1, 1].into()));
        node.tell_routes(peer, routes(prefixes), Some(attrs));
        node.run();
    }

    /// Up, and one that says when it has said all.
    fn up(node: &mut Node, peer: u32) {
        node.up_with(peer, Some(says_end_of_rib()));
        node.run();
    }

    fn end_of_rib(node: &mut Node, peer: u32) {
        [Family::Ipv4Unicast, Family::L2vpnEvpn]
            .into_iter()
            .for_each(|family| node.peer(peer, PeerNews::EndOfRib(family)));
        node.run();
    }

    fn is_here(node: &Node, peer: u32) -> bool {
        node.core.peers.get(PeerId(peer)).is_some()
    }

    /// A node with two neighbours, the first of which gives two routes.
    fn node() -> Node {
        let mut node = Node::new();
        [0, 1].into_iter().for_each(|peer| up(&mut node, peer));
        [0, 1].into_iter().for_each(|peer| end_of_rib(&mut node, peer));
        tell(&mut node, FIRST, &["10.244.1.0/24", "10.244.2.0/24"]);
        node
    }

    #[test]
    fn who_goes_stays_until_others_give_what_he_gives() {
        let mut node = node();
        reload(&mut node, &[2, 3], "");
        assert!(is_here(&node, FIRST));
        assert!(node.core.handover.leaves(PeerId(FIRST)).is_some());
        up(&mut node, NEW);
        tell(&mut node, NEW, &["10.244.1.0/24"]);
        node.pass(LINGER + PAUSE);
        assert!(is_here(&node, FIRST), "the other has not said all");
        end_of_rib(&mut node, NEW);
        node.pass(PAUSE);
        node.pass(LINGER);
        assert!(is_here(&node, FIRST), "a route would be lost");
        tell(&mut node, NEW, &["10.244.2.0/24"]);
        node.pass(PAUSE);
        assert!(is_here(&node, FIRST), "it lingers");
        node.pass(LINGER);
        assert!(!is_here(&node, FIRST));
        assert_eq!(node.core.rib.ipv4.destinations(), 2);
    }

    #[test]
    fn nobody_is_waited_for_beyond_the_bound() {
        let mut node = node();
        reload(&mut node, &[2, 3], "  handover_time: 7\n");
        node.pass(Duration::from_secs(6));
        assert!(is_here(&node, FIRST));
        node.pass(Duration::from_secs(1));
        assert!(!is_here(&node, FIRST));
    }

    #[test]
    fn who_is_not_replaced_goes_at_once() {
        let mut node = node();
        reload(&mut node, &[2], "");
        assert!(!is_here(&node, FIRST), "nobody comes");
        let mut node = self::node();
        reload(&mut node, &[2, 3], "  handover_time: 0\n");
        assert!(!is_here(&node, FIRST), "that is how it is configured");
        let mut node = Node::new();
        reload(&mut node, &[2, 3], "");
        assert!(!is_here(&node, FIRST), "there is no session to be kept");
    }

    #[test]
    fn who_is_wanted_again_stays() {
        let mut node = node();
        reload(&mut node, &[2, 3], "");
        reload(&mut node, &[1, 2, 3], "");
        assert_eq!(node.core.handover.leaves(PeerId(FIRST)), None);
        node.pass(Duration::from_secs(60));
        assert!(node.core.peers.get(PeerId(FIRST)).is_some_and(|peer| peer.session.is_some()));
    }

    #[test]
    fn sessions_go_on_when_a_node_becomes_a_reflector_and_back() {
        let mut node = node();
        let ranges = "  listen: {}\n  dynamic_neighbors:\n    - { range: 10.0.1.0/24, remote_as: 65000, \
                      families: [l2vpn-evpn, ipv4-unicast], route_reflector_client: true }\n";
        reload(&mut node, &[], ranges);
        let client = |node: &Node, peer| {
            let peer = node.core.peers.get(PeerId(peer)).unwrap();
            assert!(peer.session.is_some());
            (peer.config.route_reflector_client, peer.config.range.is_some())
        };
        assert_eq!([0, 1].map(|peer| client(&node, peer)), [(true, true); 2]);
        assert_eq!(node.core.visitors.count("10.0.1.0/24".parse().unwrap()).here, 2);
        reload(&mut node, &[1, 2], "");
        assert_eq!([0, 1].map(|peer| client(&node, peer)), [(false, false); 2]);
        assert_eq!(node.core.visitors.count("10.0.1.0/24".parse().unwrap()).here, 0);
        assert_eq!(node.core.rib.ipv4.destinations(), 2);
    }
}
