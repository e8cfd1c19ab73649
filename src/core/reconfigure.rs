//! A new configuration in place of the running one: only what differs is touched.
//!
//! What the difference is, [`Diff`] says; here it is carried out. The few keys that are in force only after the next
//! start keep their values, so that the next reload names them again.

use std::time::Instant;

use super::Core;
use super::event::{Action, SessionCommand};
use super::sessions::source;
use crate::config::diff::{Diff, NeighborStep, compare};
use crate::config::{Config, NeighborConfig, RangeConfig};
use crate::peer::session_config;
use bgp::types::{FamilySet, PeerId};

impl Core {
    /// Carries out a difference. With `admin_states` the configuration says again which neighbours are shut down,
    /// whatever operators have said since it was last read; else it says so only of those that it changes.
    pub(super) fn apply(&mut self, now: Instant, wanted: Config, diff: Diff, admin_states: bool) {
        let places = new_places(&self.config, &wanted);
        let wanted = kept_until_restart(&self.config, wanted);
        let former = std::mem::replace(&mut self.config, wanted);
        self.renew_speaker(now, &former);
        let (mut former, mut comers, mut leaving) = (Vec::new(), Vec::new(), Vec::new());
        for (address, step) in diff.neighbors {
            let id = self.peers.by_address(address).map(|peer| peer.id);
            match (step, id) {
                (NeighborStep::Add(config), None) => comers.push(self.add_neighbor(*config)),
                (NeighborStep::Remove, Some(id)) => match self.becomes_visitor(id) {
                    Some(config) => former.extend(self.change_neighbor(id, config).map(|old| (id, old))),
                    None => leaving.push(id),
                },
                (NeighborStep::Add(config) | NeighborStep::Change { config, resets: true, .. }, Some(id)) => {
                    self.handover.forget(id);
                    if self.goes_on_with(id, &config) {
                        former.extend(self.change_neighbor(id, *config).map(|old| (id, old)));
                    } else {
                        self.replace_neighbor(id, *config);
                    }
                }
                (NeighborStep::Change { config, .. }, Some(id)) => {
                    former.extend(self.change_neighbor(id, *config).map(|old| (id, old)));
                }
                (NeighborStep::Remove | NeighborStep::Change { .. }, None) => {}
            }
        }
        self.hand_over(now, &leaving, &comers, places);
        if !diff.ranges.is_empty() {
            former.extend(self.rearrange_visitors());
        }
        self.renew_policies(&former);
        let changed = |id: PeerId| former.iter().any(|(other, _)| *other == id);
        self.restore_admin_states(|id| admin_states || changed(id));
    }

    /// Whether a session that is established goes on though it would not be begun like this: it is over the address
    /// that connections are to be made from, and who connects does not matter to it any more.
    pub(super) fn goes_on_with(&self, id: PeerId, config: &NeighborConfig) -> bool {
        let Some(peer) = self.peers.get(id) else { return false };
        let Some(session) = &peer.session else { return false };
        let local =
            config.local_address.is_none_or(|local| local == session.agreed.local.ip().to_canonical());
        let (passive, local_address) = (peer.config.passive, peer.config.local_address);
        let alike = NeighborConfig { passive, local_address, ..config.clone() };
        local && !compare(&peer.config, &alike).1
    }

    /// What is configured for a neighbour that is no longer named and comes from a range now, if its session can go on
    /// as one of the range.
    pub(super) fn becomes_visitor(&self, id: PeerId) -> Option<NeighborConfig> {
        let address = self.peers.get(id)?.config.address;
        let config = self.range_of(address.ip()?)?.neighbor_at(address);
        self.goes_on_with(id, &config).then_some(config)
    }

    /// Changes what a session can take over while it lasts; what was configured before.
    pub(super) fn change_neighbor(&mut self, id: PeerId, config: NeighborConfig) -> Option<NeighborConfig> {
        let session = session_config(&self.config.bgp, &config);
        let peer = self.peers.get_mut(id)?;
        let limits_differ = peer.config.max_prefix != config.max_prefix;
        let sign =
            (peer.config.authentication != config.authentication).then(|| config.authentication.clone());
        let connects_from =
            (peer.config.local_address != config.local_address).then_some(config.local_address);
        let old = std::mem::replace(&mut peer.config, config);
        self.visitors.moved(old.range, peer.config.range, id);
        if let Some(session) = &peer.session {
            self.rib.peer_up(id, source(&session.agreed, &peer.config));
        }
        if peer.begun {
            self.actions
                .push_back(Action::Session { peer: id, command: SessionCommand::Configure(session.into()) });
        }
        if let Some(local) = connects_from {
            self.command(id, SessionCommand::ConnectFrom(local));
        }
        if let Some(how) = sign {
            self.actions.push_back(Action::Sign { peer: id, how });
        }
        self.bfd_reconfigured(id);
        self.watches.neighbor_changed(id);
        if limits_differ {
            self.limits_changed(id);
        }
        Some(old)
    }

    /// Those neighbours that are `meant` are shut down if the configuration says so, and only then.
    fn restore_admin_states(&mut self, meant: impl Fn(PeerId) -> bool) {
        let differ =
            |peer: &&super::peer::Peer| peer.shut_down != peer.config.shutdown.is_some() && meant(peer.id);
        let changed: Vec<PeerId> = self.peers.iter().filter(differ).map(|peer| peer.id).collect();
        for id in changed {
            let Some(peer) = self.peers.get_mut(id) else { continue };
            peer.shut_down = peer.config.shutdown.is_some();
            let command = match peer.config.shutdown.clone() {
                Some(text) => SessionCommand::Shutdown(Some(text).filter(|text| !text.is_empty())),
                None => SessionCommand::Enable,
            };
            self.administer(id, command);
        }
    }
}

/// The families of neighbours that may come from ranges that were not there.
fn new_places(running: &Config, wanted: &Config) -> FamilySet {
    let is_new = |new: &&RangeConfig| running.bgp.ranges.iter().all(|old| old.range != new.range);
    let new = wanted.bgp.ranges.iter().filter(is_new);
    new.flat_map(|range| range.neighbor.families.iter().collect::<Vec<_>>()).collect()
}

/// `wanted`, but for what only a restart brings into force.
fn kept_until_restart(running: &Config, mut wanted: Config) -> Config {
    let tracking = &mut wanted.bgp.next_hop_tracking;
    *tracking = running.bgp.next_hop_tracking.map(|running| tracking.unwrap_or(running));
    wanted.api = running.api.clone();
    wanted
}

#[cfg(test)]
mod tests {
    use bgp::rib::Budget;
    use bgp::types::Family;

    use super::*;
    use crate::core::Event;
    use crate::core::testing::{Node, attrs, imet, vni};

    fn config(neighbors: &[&str]) -> Config {
        let list: String = neighbors
            .iter()
            .map(|n| format!("    - {{ {n}, remote_as: 65000, families: [l2vpn-evpn, ipv4-unicast] }}\n"))
            .collect();
        let text = format!(
            "bgp:\n  asn: 65000\n  router_id: 10.0.0.1\n  neighbors:\n{list}evpn:\n  vtep: 10.0.0.1\n  advertise_all_vni: true\n"
        );
        Config::parse("t", &text).unwrap_or_else(|faults| panic!("{faults}"))
    }

    /// What is asked of the neighbours' tasks, in words; tasks that are to end do.
    fn take(node: &mut Node, neighbors: &[&str]) -> Vec<String> {
        let config = Box::new(config(neighbors));
        node.core.handle(node.now, Event::Reconfigure { config, request: None });
        let mut said = Vec::new();
        while let Some(action) = node.core.poll_action() {
            match action {
                Action::StartPeer { peer, start } => {
                    said.push(format!("start {} {}", peer.0, start.neighbor.address));
                }
                Action::StopPeer { peer, reason } => {
                    said.push(format!("stop {}: {reason}", peer.0));
                    node.core.handle(node.now, Event::PeerEnded { peer });
                }
                Action::SetRanges(ranges) => said.push(format!("{} ranges", ranges.len())),
                Action::Session { peer, command } => {
                    let command = format!("{command:?}");
                    said.push(format!("{} {}", command.split('(').next().unwrap(), peer.0));
                }
                _ => {}
            }
        }
        said
    }

    const A: &str = "address: 10.0.1.1";
    const B: &str = "address: 10.0.1.2";

    #[test]
    fn only_what_differs_is_touched() {
        let mut node = Node::new();
        [0, 1].into_iter().for_each(|peer| node.up(peer));
        node.run();
        assert_eq!(take(&mut node, &[A, B]), [] as [&str; 0]);
        assert_eq!(take(&mut node, &[&format!("{A}, hold_time: 9"), B]), ["Configure 0"]);
        assert_eq!(take(&mut node, &[B]), ["stop 0: no longer configured"]);
        assert_eq!(
            take(&mut node, &[&format!("{B}, port: 1179")]),
            ["stop 1: configured anew", "start 2 10.0.1.2"]
        );
        assert_eq!(
            take(&mut node, &[&format!("{B}, port: 1179, shutdown: true")]),
            ["Configure 2", "Shutdown 2"]
        );
        assert_eq!(take(&mut node, &[&format!("{B}, port: 1179")]), ["Configure 2", "Enable 2"]);
    }

    #[test]
    fn ids_are_given_again_once_nothing_is_left_of_their_owners() {
        let mut node = Node::new();
        let mut highest = 0;
        for _ in 0..20 {
            let id = node.core.peers.by_address("10.0.1.1".parse().unwrap()).unwrap().id.0;
            highest = highest.max(id);
            node.up(id);
            node.tell(id, imet(vni(100), 9), Some(attrs(vni(100), 9, 0)));
            node.run();
            assert_eq!(node.core.rib.counts(PeerId(id), Family::L2vpnEvpn).paths, 1);
            take(&mut node, &[B]);
            // Another comes before its routes are gone: it gets another id, and none of the routes.
            take(&mut node, &[A, B]);
            let newcomer = node.core.peers.by_address("10.0.1.1".parse().unwrap()).unwrap().id;
            assert_ne!(newcomer.0, id);
            assert_eq!(node.core.rib.counts(newcomer, Family::L2vpnEvpn).paths, 0);
            while node.core.settle(Instant::now(), &mut Budget::new(100)) {}
            node.run();
        }
        assert!(highest <= 3, "{highest}");
    }

    #[test]
    fn news_of_one_that_has_left_concern_nobody() {
        let mut node = Node::new();
        node.up(0);
        let config = Box::new(config(&[B]));
        node.core.handle(node.now, Event::Reconfigure { config, request: None });
        node.tell(0, imet(vni(100), 9), Some(attrs(vni(100), 9, 0)));
        node.down(0);
        node.run();
        assert_eq!(node.core.rib.evpn.paths(), 2, "our own");
    }
}
