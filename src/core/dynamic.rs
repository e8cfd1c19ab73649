//! Neighbours that are not named in the configuration: they come from a range of addresses, and are gone when
//! their session is.
//!
//! Whoever connects from a range is asked about here before anything of his is read. Within the range's limit he
//! becomes a neighbour like any other, but for a time only: who has no session soon, or has none any more, is let
//! go. So a crowd of strangers costs as many neighbours as the limits allow, and each of them a short while.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use bgp::session::{StateName, StopReason};
use bgp::types::PeerId;
use ipnet::IpNet;

use super::peer::Peer;
use super::{Action, Core};
use crate::config::diff::compare;
use crate::config::{NeighborConfig, RangeConfig};

/// How long a newcomer may take until his session is established.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who is here from ranges.
#[derive(Debug, Default)]
pub(super) struct Visitors {
    by_range: BTreeMap<IpNet, Count>,
    /// When each of those came of whom it is not known yet whether they stay, the first first.
    newcomers: VecDeque<(Instant, PeerId)>,
}

/// The visitors of one range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// How many are here.
    pub(super) here: u32,
    /// How many were turned away because there were too many.
    pub(super) refused: u64,
}

impl Visitors {
    /// How many came from a range.
    pub(super) fn count(&self, range: IpNet) -> Count {
        self.by_range.get(&range).copied().unwrap_or_default()
    }

    /// A neighbour came, perhaps from a range.
    pub(super) fn came(&mut self, range: Option<IpNet>) {
        if let Some(range) = range {
            self.by_range.entry(range).or_default().here += 1;
        }
    }

    /// A neighbour went that had come from there.
    pub(super) fn went(&mut self, range: Option<IpNet>, id: PeerId) {
        let Some(range) = range else { return };
        self.newcomers.retain(|(_, newcomer)| *newcomer != id);
        if let Some(count) = self.by_range.get_mut(&range) {
            count.here = count.here.saturating_sub(1);
        }
    }

    /// A neighbour is one of another range from now on.
    pub(super) fn moved(&mut self, from: Option<IpNet>, to: Option<IpNet>, id: PeerId) {
        if from == to {
            return;
        }
        if to.is_none() {
            self.newcomers.retain(|(_, newcomer)| *newcomer != id);
        }
        if let Some(count) = from.and_then(|range| self.by_range.get_mut(&range)) {
            count.here = count.here.saturating_sub(1);
        }
        self.came(to);
    }
}

impl Peer {
    /// Whether it came from a range and has no session any more.
    fn is_over(&self) -> bool {
        let had_its_turn = self.info.as_ref().is_some_and(|info| {
            info.state < StateName::OpenSent && (info.last_failure.is_some() || info.last_down.is_some())
        });
        // Who was shut down by an operator is kept, or he could come again.
        self.config.range.is_some() && self.session.is_none() && !self.shut_down && had_its_turn
    }
}

impl Core {
    /// Somebody connects who is no neighbour yet.
    pub(super) fn knock(&mut self, now: Instant, from: IpAddr) {
        let Some(range) = self.range_of(from).filter(|_| self.peers.by_address(from.into()).is_none()) else {
            return self.actions.push_back(Action::TurnAway { from });
        };
        let (limit, neighbor) = (range.limit, range.neighbor_at(from.into()));
        let count = neighbor.range.map(|range| self.visitors.by_range.entry(range).or_default());
        if let Some(count) = count.filter(|count| count.here >= limit) {
            count.refused += 1;
            return self.actions.push_back(Action::TurnAway { from });
        }
        let id = self.add_neighbor(neighbor);
        self.visitors.newcomers.push_back((now + PATIENCE, id));
    }

    /// Has the doors opened and the keys set for the ranges as they are configured.
    pub(super) fn announce_ranges(&mut self) {
        let ranges = self.config.bgp.ranges.iter();
        let ranges = ranges.map(|range| (range.range, range.neighbor.authentication.clone())).collect();
        self.actions.push_back(Action::SetRanges(ranges));
    }

    /// Lets a neighbour go that came from a range and has no session any more, unless it restarts gracefully.
    pub(super) fn let_go_if_over(&mut self, id: PeerId) {
        if self.peers.get(id).is_some_and(Peer::is_over) && !self.restarts.keeps(id) {
            self.remove_neighbor(id, StopReason::Deconfigured);
        }
    }

    /// Lets those go who have had time enough for a session and have none.
    pub(super) fn lose_patience(&mut self, now: Instant) {
        while self.patience_ends().is_some_and(|due| due <= now) {
            let Some((_, id)) = self.visitors.newcomers.pop_front() else { return };
            let idles = |peer: &Peer| {
                peer.config.range.is_some() && peer.session.is_none() && peer.flaps == 0 && !peer.shut_down
            };
            if self.peers.get(id).is_some_and(idles) {
                self.remove_neighbor(id, StopReason::Deconfigured);
            }
        }
    }

    /// When patience with the first of the newcomers ends.
    pub(super) fn patience_ends(&self) -> Option<Instant> {
        self.visitors.newcomers.front().map(|(due, _)| *due)
    }

    /// Has the neighbours of ranges held as their ranges are configured now, and lets those go that are of none. Of
    /// those that go on: what was configured for them before.
    pub(super) fn rearrange_visitors(&mut self) -> Vec<(PeerId, NeighborConfig)> {
        let mut former = Vec::new();
        let visitors = self.peers.iter().filter(|peer| peer.config.range.is_some());
        let visitors: Vec<PeerId> = visitors.map(|peer| peer.id).collect();
        for id in visitors {
            let Some(old) = self.peers.get(id).map(|peer| peer.config.clone()) else { continue };
            let range = old.address.ip().and_then(|address| self.range_of(address));
            let Some(new) = range.map(|range| range.neighbor_at(old.address)) else {
                self.remove_neighbor(id, StopReason::Deconfigured);
                continue;
            };
            match compare(&old, &new) {
                (_, true) => self.remove_neighbor(id, StopReason::Reconfigured),
                (_, false) => {
                    former.extend(self.change_neighbor(id, new).map(|old| (id, old)));
                }
            }
        }
        self.announce_ranges();
        former
    }

    /// The range that an address is in: the one with the longest prefix.
    pub(super) fn range_of(&self, address: IpAddr) -> Option<&RangeConfig> {
        let holding = self.config.bgp.ranges.iter().filter(|range| range.range.contains(&address));
        holding.max_by_key(|range| range.range.prefix_len())
    }
}

#[cfg(test)]
mod tests {
    use bgp::session::{Down, TransportFault};

    use super::*;
    use crate::config::Config;
    use crate::core::testing::Node;
    use crate::core::{Event, PeerNews};

    fn config(ranges: &str) -> Config {
        let text = format!(
            "bgp: {{ asn: 65000, router_id: 10.0.0.1, listen: {{}}, dynamic_neighbors: [{ranges}],\n  \
             neighbors: [{{ address: 10.9.0.1, remote_as: 65000 }}] }}"
        );
        Config::parse("t", &text).unwrap_or_else(|faults| panic!("{faults}"))
    }

    /// Has somebody connect from 10.9.0.`n`; what is to be done about it.
    fn knock(core: &mut Core, now: Instant, n: u8) -> String {
        core.handle(now, Event::Knock { from: [10, 9, 0, n].into() });
        actions(core)
    }

    fn actions(core: &mut Core) -> String {
        let text = |action| match action {
            Action::StartPeer { peer, start } => {
                format!("start {} of {:?}", peer.0, start.neighbor.range.map(|range| range.to_string()))
            }
            Action::StopPeer { peer, .. } => format!("stop {}", peer.0),
            Action::TurnAway { .. } => "turn away".to_owned(),
            _ => String::new(),
        };
        let texts: Vec<String> = std::iter::from_fn(|| core.poll_action()).map(text).collect();
        texts.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ")
    }

    const WIDE: &str = "{ range: 10.9.0.0/16, remote_as: [65000, 65001], limit: 2 }";
    const NARROW: &str = "{ range: 10.9.0.64/26, remote_as: [65000, 65001], limit: 1 }";

    fn core(now: Instant) -> Core {
        let mut core = Core::new(now, config(&format!("{WIDE}, {NARROW}")), 1);
        actions(&mut core);
        core
    }

    #[test]
    fn the_longest_prefix_counts_and_each_range_has_its_limit() {
        let now = Instant::now();
        let mut core = core(now);
        assert_eq!(knock(&mut core, now, 2), "start 1 of Some(\"10.9.0.0/16\")");
        assert_eq!(knock(&mut core, now, 65), "start 2 of Some(\"10.9.0.64/26\")");
        assert_eq!(knock(&mut core, now, 66), "turn away");
        assert_eq!(knock(&mut core, now, 3), "start 3 of Some(\"10.9.0.0/16\")");
        assert_eq!(knock(&mut core, now, 4), "turn away");
        assert_eq!(
            knock(&mut core, now, 1),
            "turn away",
            "the neighbour that is named has a door of its own"
        );
        core.handle(now, Event::Knock { from: [10, 8, 0, 1].into() });
        assert_eq!(actions(&mut core), "turn away", "of no range");
        assert_eq!(core.visitors.count("10.9.0.0/16".parse().unwrap()), Count { here: 2, refused: 1 });
    }

    #[test]
    fn who_has_no_session_is_let_go() {
        let mut now = Instant::now();
        let mut core = core(now);
        knock(&mut core, now, 2);
        now += PATIENCE / 2;
        knock(&mut core, now, 3);
        assert_eq!(core.poll_timeout(now), Some(now + PATIENCE / 2));
        now += PATIENCE / 2;
        core.settle(now, &mut bgp::rib::Budget::new(100));
        assert_eq!(actions(&mut core), "stop 1");
        assert_eq!(knock(&mut core, now, 4), "start 3 of Some(\"10.9.0.0/16\")", "there is room again");
    }

    #[test]
    fn a_reload_rearranges_them() {
        let now = Instant::now();
        let mut core = core(now);
        knock(&mut core, now, 2);
        knock(&mut core, now, 65);
        let reload = |core: &mut Core, ranges: &str| {
            let config = Box::new(config(ranges));
            core.handle(now, Event::Reconfigure { config, request: None });
            actions(core)
        };
        assert_eq!(reload(&mut core, &WIDE.replace("limit: 2", "limit: 3")), "", "the wide range has both");
        assert_eq!(core.visitors.count("10.9.0.0/16".parse().unwrap()).here, 2);
        assert_eq!(reload(&mut core, &WIDE.replace("range", "port: 1, range")), "stop 1, stop 2");
        assert_eq!(core.visitors.count("10.9.0.0/16".parse().unwrap()).here, 0);
    }

    #[test]
    fn who_loses_the_session_is_no_neighbor_any_more() {
        let mut node = Node::new();
        node.core.config.bgp.ranges = config(WIDE).bgp.ranges;
        node.core.handle(node.now, Event::Knock { from: [10, 9, 0, 2].into() });
        let id = node.core.peers.by_address(IpAddr::from([10, 9, 0, 2]).into()).unwrap().id;
        node.up(id.0);
        let info = |down: Option<Down>| {
            let session = bgp::session::SessionConfig::new(
                bgp::types::Asn(65000),
                bgp::types::RouterId([10, 0, 0, 1].into()),
                bgp::session::RemoteAs::Any,
                bgp::types::FamilySet::EMPTY,
            );
            let mut info = bgp::session::Session::new(session, 1).info();
            info.last_down = down.map(|down| (Instant::now(), down));
            PeerNews::Info(Box::new(info))
        };
        node.peer(id.0, info(None));
        assert!(node.core.peers.get(id).is_some());
        node.down(id.0);
        node.peer(id.0, info(Some(Down::Transport(TransportFault::Closed))));
        assert!(node.core.peers.get(id).is_none());
    }
}
