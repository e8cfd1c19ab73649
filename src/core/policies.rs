//! Policies that change while sessions last: what was taken and what was sent is looked at again.
//!
//! What a neighbour is sent is known, so export goes through it once more. What it sent is known only where it is
//! kept; else the neighbour is asked for it again (RFC 2918), and only where it cannot be asked does its session
//! have to begin anew.

use bgp::export::MemberSpec;
use bgp::types::PeerId;

use super::Core;
use super::event::{Action, SessionCommand};
use super::sessions::member_spec;
use crate::config::NeighborConfig;

impl Core {
    /// Puts the policies of neighbours into force that had others, as the configurations from before say.
    pub(super) fn renew_policies(&mut self, former: &[(PeerId, NeighborConfig)]) {
        for (id, old) in former {
            self.renew_import(*id, old);
        }
        let changed: Vec<(PeerId, MemberSpec)> =
            former.iter().filter_map(|(id, old)| Some((*id, self.renewed_export(*id, old)?))).collect();
        self.export.change(&mut self.rib, &changed);
    }

    fn renew_import(&mut self, id: PeerId, old: &NeighborConfig) {
        let Some(peer) = self.peers.get(id) else { return };
        let new = &peer.config;
        let changed = new.import_policy != old.import_policy || new.ebgp_accept != old.ebgp_accept;
        if new.import_policy != old.import_policy {
            self.rib.set_import_policy(id, new.import_policy.clone());
        }
        let Some(session) = &peer.session else { return };
        let (kept, keep) = (self.rib.keeps_received(id), peer.keeps_received());
        self.rib.keep_received(id, keep);
        // Nothing is kept of a time when everything was refused unseen.
        let knows_all = kept && keep && session.imported(old);
        if !changed && (kept || !keep) {
            return;
        }
        if !peer.imports() {
            // As if the neighbour withdrew them: they are swept.
            self.rib.peer_down(id);
        } else if knows_all {
            self.rib.review(id);
        } else if session.agreed.route_refresh {
            let families = session.agreed.families;
            families.iter().for_each(|family| self.command(id, SessionCommand::RequestRefresh(family)));
        } else {
            self.command(id, SessionCommand::Reset(Some("import policy changed".to_owned())));
        }
    }

    /// How a neighbour is to be served now, if that is another way than before.
    fn renewed_export(&self, id: PeerId, old: &NeighborConfig) -> Option<MemberSpec> {
        let peer = self.peers.get(id)?;
        let new = &peer.config;
        let session = peer.session.as_ref()?;
        let changed = new.export_policy != old.export_policy
            || new.ebgp_accept != old.ebgp_accept
            || new.route_reflector_client != old.route_reflector_client
            || new.between_clients != old.between_clients
            || new.next_hop_mode != old.next_hop_mode;
        changed.then(|| member_spec(&session.agreed, new, self.config.bgp.asn))
    }

    /// Has a session's task do something. What is wanted of one that has not begun is seen to when it does.
    pub(super) fn command(&mut self, id: PeerId, command: SessionCommand) {
        if self.peers.get(id).is_some_and(|peer| peer.begun) {
            self.actions.push_back(Action::Session { peer: id, command });
        }
    }
}

#[cfg(test)]
mod tests {
    use api::Query;
    use api::query::Answer;
    use api::v1;
    use bgp::types::Family;

    use super::*;
    use crate::config::Config;
    use crate::core::Event;
    use crate::core::testing::{Node, attrs, imet, mac, vni};

    const EVPN: Family = Family::L2vpnEvpn;

    /// The node's configuration with these settings for the first neighbour, and these policies.
    fn reconfigure(node: &mut Node, settings: &str, statements: &str) -> Vec<String> {
        let text = format!(
            "bgp:
  asn: 65000
  router_id: 10.0.0.1
  neighbors:
    - {{ address: 10.0.1.1, remote_as: 65000, families: [l2vpn-evpn, ipv4-unicast]{settings} }}
    - {{ address: 10.0.1.2, remote_as: 65000, families: [l2vpn-evpn, ipv4-unicast] }}
policy: {{ policies: [{{ name: p, statements: [{statements}], default: next }}, {{ name: all, default: accept }}] }}
evpn:
  vtep: 10.0.0.1
  advertise_all_vni: true
"
        );
        let config = Box::new(Config::parse("t", &text).unwrap_or_else(|faults| panic!("{faults}")));
        node.core.handle(node.now, Event::Reconfigure { config, request: None });
        let mut commands = Vec::new();
        while let Some(action) = node.core.poll_action() {
            match action {
                Action::Session { peer, command } => commands.push(format!("{} {command:?}", peer.0)),
                Action::StopPeer { .. } | Action::StartPeer { .. } => panic!("{action:?}"),
                _ => {}
            }
        }
        commands.retain(|command| !command.contains("Configure"));
        node.run();
        commands
    }

    fn node() -> Node {
        let mut node = Node::new();
        [0, 1].into_iter().for_each(|peer| node.up(peer));
        node.local_mac(vni(100), mac(1), 0, true);
        tell(&mut node);
        node
    }

    /// The first neighbour tells all it has, as it does when it is asked.
    fn tell(node: &mut Node) {
        for n in [8, 9] {
            node.tell(0, imet(vni(100), n), Some(attrs(vni(100), n, 0)));
        }
        node.run();
    }

    fn taken(node: &Node) -> usize {
        node.core.rib.counts(PeerId(0), EVPN).paths
    }

    fn sent(node: &Node, peer: u32) -> usize {
        node.core.export.status(&node.core.rib, PeerId(peer), EVPN).map_or(0, |status| status.advertised)
    }

    const NEAR: &str = "{ name: near, match: { next_hops: 10.0.0.8 }, action: accept }";
    const HOSTS: &str =
        "{ name: hosts, match: { route_types: macip }, action: reject }, { name: rest, action: accept }";

    #[test]
    fn a_new_import_policy_asks_for_the_routes_again() {
        let mut node = node();
        assert_eq!(taken(&node), 2);
        let commands = reconfigure(&mut node, ", import_policy: p", NEAR);
        assert_eq!(commands, ["0 RequestRefresh(Ipv4Unicast)", "0 RequestRefresh(L2vpnEvpn)"]);
        tell(&mut node);
        assert_eq!(taken(&node), 1);
        assert_eq!(reconfigure(&mut node, ", import_policy: p", NEAR), [] as [&str; 0], "nothing new");
        let commands = reconfigure(&mut node, ", import_policy: all", NEAR);
        assert_eq!(commands.len(), 2);
        tell(&mut node);
        assert_eq!(taken(&node), 2);
    }

    #[test]
    fn a_new_export_policy_takes_back_what_it_refuses() {
        let mut node = node();
        let before = (sent(&node, 0), sent(&node, 1));
        assert_eq!(before, (3, 3), "a Type 3 of each VNI, and the host");
        assert_eq!(reconfigure(&mut node, ", export_policy: p", HOSTS), [] as [&str; 0]);
        assert_eq!((sent(&node, 0), sent(&node, 1)), (2, 3));
        reconfigure(&mut node, "", HOSTS);
        assert_eq!((sent(&node, 0), sent(&node, 1)), before);
    }

    /// Nothing of its routes changes, but who may be told of them does.
    #[test]
    fn who_becomes_a_client_is_heard_by_the_others() {
        let mut node = node();
        tell(&mut node);
        let before = sent(&node, 1);
        reconfigure(&mut node, ", route_reflector_client: true", HOSTS);
        assert_eq!(sent(&node, 1), before + 2);
        reconfigure(&mut node, "", HOSTS);
        assert_eq!(sent(&node, 1), before);
    }

    #[test]
    fn what_policies_decided_is_told() {
        let mut node = node();
        reconfigure(
            &mut node,
            ", import_policy: [p, all], export_policy: all",
            NEAR.replace("accept", "next").as_str(),
        );
        tell(&mut node);
        let answer = node.ask(Query::ListPolicies(v1::ListPoliciesRequest::default()));
        let Ok(Answer::ListPolicies(listed)) = answer else { panic!("{answer:?}") };
        let [p, all] = &listed.policies[..] else { panic!("{listed:?}") };
        let rows: Vec<_> = p.statements.iter().map(|s| (&*s.name, &*s.action, s.import_routes)).collect();
        assert_eq!(rows, [("near", "next", 1), ("default", "next", 2)]);
        assert_eq!(
            (&p.import_neighbors[..], &p.export_neighbors[..]),
            (&["10.0.1.1".to_owned()][..], &[][..])
        );
        assert_eq!((all.statements[0].import_routes, all.statements[0].export_routes), (2, 3));
    }
}
