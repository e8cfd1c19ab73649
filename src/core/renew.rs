//! What a new configuration says of this speaker itself: who it is, which VNIs it serves, and how it uses the kernel's
//! routes. What neighbours have to do with it is their own configuration's part: see `reconfigure`.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use bgp::rib::LocalIdentity;

use super::advertise::Advertiser;
use super::forward::Forwarding;
use super::native::Native;
use super::{Action, Core};
use crate::config::{Config, NeighborAddress, OwnPrefixes};

/// Who this speaker is. Besides the VTEP it has these addresses, as far as is known yet.
pub(super) fn identity(config: &Config, addresses: impl Iterator<Item = IpAddr>) -> LocalIdentity {
    let bgp = &config.bgp;
    let vtep = config.evpn.iter().map(|evpn| evpn.vtep);
    let addresses: BTreeSet<IpAddr> = addresses.chain(vtep).collect();
    LocalIdentity {
        asn: bgp.asn,
        router_id: bgp.router_id,
        cluster_id: bgp.cluster_id,
        addresses: addresses.into_iter().collect(),
    }
}

impl Core {
    /// Brings into force what the configuration says, in place of what `former` said.
    pub(super) fn renew_speaker(&mut self, now: Instant, former: &Config) {
        self.rib.set_rules(self.config.bgp.decision.clone());
        self.rib.set_default_local_pref(self.config.bgp.default_local_pref);
        self.renew_identity(now);
        self.renew_clusters();
        self.renew_evpn(now, former);
        self.renew_native();
        let own = former.native.as_ref().map(|native| native.own.clone()).unwrap_or_default();
        self.renew_sources(&own);
    }

    /// Who this speaker is may have changed: by the configuration, or by an address that has come or gone. What is in
    /// the table stays there; of what comes from now on nothing may lead back here.
    pub(super) fn renew_identity(&mut self, now: Instant) {
        let sessions = self.peers.iter().filter_map(|peer| peer.session.as_ref());
        let ends = sessions.map(|session| session.agreed.local.ip().to_canonical());
        let of_node = self.native.iter().flat_map(|native| native.own_addresses()).copied();
        let beside_rows = self.forwarding.iter().flat_map(|forwarding| forwarding.fib.addresses());
        let identity = identity(&self.config, ends.chain(of_node).chain(beside_rows));
        if let Some(forwarding) = &mut self.forwarding {
            forwarding.evpn.set_addresses(now, &identity.addresses);
        }
        if *self.rib.identity() != identity {
            self.rib.set_identity(identity);
            self.renew_injectors();
        }
    }

    /// Neighbours whose configuration is the same otherwise may come to have a cluster, or to have none.
    fn renew_clusters(&mut self) {
        let bgp = &self.config.bgp;
        let named = bgp.neighbors.iter().map(|n| (n.address, n.cluster));
        let clusters: HashMap<NeighborAddress, Option<Ipv4Addr>> = named.collect();
        for id in self.peers.iter().map(|peer| peer.id).collect::<Vec<_>>() {
            let Some(peer) = self.peers.get_mut(id) else { continue };
            let of_range = || {
                let range = bgp.ranges.iter().find(|range| Some(range.range) == peer.config.range)?;
                Some(range.neighbor.cluster)
            };
            let cluster = clusters.get(&peer.config.address).copied().or_else(of_range).flatten();
            // Another cluster is for another session.
            if peer.config.cluster.is_none() || cluster.is_none() {
                peer.config.cluster = cluster;
            }
        }
    }

    /// Has connections accepted where the configuration says, and nowhere else.
    pub(super) fn renew_listeners(&mut self) {
        self.actions.push_back(Action::Listen(self.config.bgp.listen.clone()));
    }

    fn renew_evpn(&mut self, now: Instant, former: &Config) {
        let who = |config: &Config| (config.bgp.asn, config.bgp.router_id);
        if former.evpn == self.config.evpn && who(former) == who(&self.config) {
            return;
        }
        let learned = self.clock(now);
        let Core { config, rib, actions, .. } = self;
        match (&mut self.forwarding, &config.evpn) {
            (Some(forwarding), evpn) => {
                forwarding.configure(now, learned, &config.bgp, evpn.as_ref(), rib, actions);
            }
            (None, Some(evpn)) => {
                let mut forwarding = Forwarding::new(&config.bgp, evpn, rib, self.seed);
                self.watches.feed_rows(&mut forwarding);
                self.forwarding = Some(forwarding);
            }
            (None, None) => {}
        }
    }

    fn renew_native(&mut self) {
        match &mut self.native {
            Some(native) => native.configure(&self.config, &mut self.rib),
            None => {
                self.native = Native::new(&self.config, &mut self.rib, self.seed);
                self.native.iter_mut().for_each(|native| self.watches.feed_routes(native));
            }
        }
        if self.config.native.is_some() && self.advertiser.is_none() {
            self.advertiser = Some(Advertiser::new(&OwnPrefixes::default()));
        }
    }
}

#[cfg(test)]
mod tests {
    use bgp::types::{Family, PeerId};

    use crate::config::Config;
    use crate::core::testing::{Node, attrs, imet, mac, mac_ip, vni};
    use crate::core::{Action, Event};

    const ALL: &str = "vtep: 10.0.0.1\n  advertise_all_vni: true";

    /// Takes a configuration with these settings; the ids of neighbours whose tasks end.
    fn take(node: &mut Node, bgp: &str, evpn: &str) -> Vec<u32> {
        let families = "families: [l2vpn-evpn, ipv4-unicast]";
        let text = format!(
            "bgp:
  asn: 65000
  {bgp}
  neighbors:
    - {{ address: 10.0.1.1, remote_as: 65000, {families} }}
    - {{ address: 10.0.1.2, remote_as: 65000, {families} }}
{evpn}
"
        );
        let config = Box::new(Config::parse("t", &text).unwrap_or_else(|faults| panic!("{faults}")));
        node.core.handle(node.now, Event::Reconfigure { config, request: None });
        let mut ended = Vec::new();
        while let Some(action) = node.core.poll_action() {
            if let Action::StopPeer { peer, .. } = action {
                ended.push(peer.0);
                node.core.handle(node.now, Event::PeerEnded { peer });
            } else {
                node.perform(action);
            }
        }
        node.run();
        ended
    }

    fn with_evpn(node: &mut Node, section: &str) {
        let ended = take(node, "router_id: 10.0.0.1", &format!("evpn:\n  {section}"));
        assert_eq!(ended, [] as [u32; 0], "no session ends for EVPN's sake");
    }

    /// What this node announces, in words.
    fn own(node: &Node) -> Vec<String> {
        let table = node.core.rib.evpn.page(bgp::rib::DestinationId(0), 999);
        let own = table.filter(|(_, d)| d.best().is_some_and(|best| best.source == PeerId::LOCAL));
        let mut own: Vec<String> = own.map(|(_, d)| d.nlri().to_string()).collect();
        own.sort();
        own
    }

    /// A remote host in two VNIs, and one of this node's own.
    fn node() -> Node {
        let mut node = Node::new();
        node.up(0);
        for number in [100, 200] {
            node.tell(0, imet(vni(number), 9), Some(attrs(vni(number), 9, 0)));
            node.tell(0, mac_ip(vni(number), 9, mac(9), None), Some(attrs(vni(number), 9, 0)));
        }
        node.run();
        node
    }

    /// How many rows the kernel has of a VNI.
    fn rows(node: &Node, number: u32) -> usize {
        let all = node.core.forwarding.as_ref().unwrap().fib.rows();
        let vni_of = |key| match key {
            evpn::dataplane::WantedKey::Flood { vni, .. }
            | evpn::dataplane::WantedKey::Mac { vni, .. }
            | evpn::dataplane::WantedKey::Neighbor { vni, .. } => vni,
        };
        all.filter(|row| row.status == fib::Status::Programmed && vni_of(row.key) == vni(number)).count()
    }

    #[test]
    fn a_vni_goes_and_comes_back_with_what_the_table_has() {
        let mut node = node();
        let (announced, ops) = (own(&node), node.core.forwarding.as_ref().unwrap().fib.counters().ops);
        assert_eq!((rows(&node, 100), rows(&node, 200)), (2, 2));
        with_evpn(&mut node, "vtep: 10.0.0.1\n  vnis: [{ vni: 100 }]");
        assert_eq!((rows(&node, 100), rows(&node, 200)), (2, 0));
        assert_eq!(
            node.core.forwarding.as_ref().unwrap().fib.counters().ops,
            ops + 2,
            "the other's rows stay"
        );
        assert!(own(&node).len() < announced.len(), "{:?}", own(&node));
        with_evpn(&mut node, "vtep: 10.0.0.1\n  vnis: [{ vni: 100 }, { vni: 200 }]");
        assert_eq!((rows(&node, 100), rows(&node, 200)), (2, 2));
        assert_eq!(own(&node), announced, "the numbers in the route distinguishers are kept");
    }

    #[test]
    fn other_route_targets_take_other_routes() {
        let mut node = node();
        with_evpn(&mut node, "vtep: 10.0.0.1\n  vnis: [{ vni: 100, import_rt: ['65000:7'] }, { vni: 200 }]");
        assert_eq!((rows(&node, 100), rows(&node, 200)), (0, 2));
        with_evpn(
            &mut node,
            "vtep: 10.0.0.1\n  vnis: [{ vni: 100, import_rt: ['65000:100'] }, { vni: 200 }]",
        );
        assert_eq!((rows(&node, 100), rows(&node, 200)), (2, 2));
    }

    #[test]
    fn evpn_goes_as_a_whole_and_comes_back() {
        let mut node = node();
        let announced = own(&node);
        assert_eq!(take(&mut node, "router_id: 10.0.0.1", ""), [] as [u32; 0]);
        assert_eq!((rows(&node, 100), rows(&node, 200), own(&node).len()), (0, 0, 0));
        with_evpn(&mut node, ALL);
        assert_eq!((rows(&node, 100), own(&node)), (2, announced));
    }

    #[test]
    fn evpn_begins_while_routes_are_there() {
        let mut node = node();
        node.core.forwarding = None;
        take(&mut node, "router_id: 10.0.0.1", "");
        assert!(node.core.forwarding.is_none());
        with_evpn(&mut node, ALL);
        assert_eq!((rows(&node, 100), rows(&node, 200)), (2, 2));
    }

    #[test]
    fn another_identity_ends_the_sessions_and_renames_what_is_announced() {
        let mut node = node();
        let before = own(&node);
        let evpn = format!("evpn:\n  {ALL}");
        assert_eq!(take(&mut node, "router_id: 10.0.0.7", &evpn), [0, 1]);
        let after = own(&node);
        assert_eq!(after.len(), before.len());
        assert!(after.iter().all(|nlri| nlri.contains("10.0.0.7:")), "{after:?}");
        assert_eq!(node.core.rib.counts(PeerId(0), Family::L2vpnEvpn).paths, 0);
    }

    #[test]
    fn another_cluster_ends_the_sessions_that_know_it() {
        let mut node = node();
        let evpn = format!("evpn:\n  {ALL}");
        assert_eq!(take(&mut node, "router_id: 10.0.0.1\n  cluster_id: 9.9.9.9", &evpn), [] as [u32; 0]);
        assert_eq!(node.core.rib.identity().cluster_id.to_string(), "9.9.9.9");
        let client = "router_id: 10.0.0.1\n  cluster_id: 9.9.9.9\n  mesh: { nodes: [10.0.0.1, 10.0.0.5], route_reflector_client: true }";
        assert_eq!(take(&mut node, client, &evpn), [] as [u32; 0], "it begins to reflect");
        let ended = take(&mut node, &client.replace("9.9.9.9", "8.8.8.8"), &evpn);
        assert!(ended.contains(&0) && ended.contains(&1), "{ended:?}");
    }
}
