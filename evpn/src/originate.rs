//! What this node says about itself: the routes that it originates, and the attributes they share.

use std::net::IpAddr;
use std::sync::Arc;

use bgp::types::{EthernetTag, Mac, Rd, Vni};
use bgp::wire::{
    Attrs, EvpnBody, EvpnKey, ExtCommunity, ExtCommunityKind, NextHop, PmsiTunnel, RouteTarget, TunnelType,
};
use hashbrown::HashMap;

use crate::action::Action;
use crate::mobility::Traits;

/// iBGP's usual preference (RFC 4271 section 5.1.5 leaves it to the speaker; 100 is everybody's).
const LOCAL_PREF: u32 = 100;

/// RFC 9047 section 2: the neighbour is a router, and nothing else is said of it.
const ROUTER: ExtCommunityKind =
    ExtCommunityKind::NdFlags { router: true, override_flag: false, immutable: false, proxy: false };

/// Who this node is in a VNI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// On all routes.
    pub(crate) rd: Rd,
    /// Next hop and originator.
    pub(crate) vtep: IpAddr,
    /// On all routes.
    pub(crate) export: Vec<RouteTarget>,
}

/// Makes a VNI's routes. Routes that say the same share one `Arc`, so that BGP packs them into one UPDATE.
#[derive(Debug)]
pub(crate) struct Originator {
    vni: Vni,
    identity: Identity,
    shared: HashMap<Traits, Arc<Attrs>>,
    prune_at: usize,
}

impl Originator {
    pub(crate) fn new(vni: Vni, identity: Identity) -> Originator {
        Originator { vni, identity, shared: HashMap::new(), prune_at: 0 }
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The identity of a Type 2 of ours.
    pub(crate) fn mac_ip_key(&self, mac: Mac, ip: Option<IpAddr>) -> EvpnKey {
        EvpnKey::MacIp { rd: self.identity.rd, tag: EthernetTag::default(), mac, ip }
    }

    /// The identity of our Type 3.
    pub(crate) fn imet_key(&self) -> EvpnKey {
        EvpnKey::Imet { rd: self.identity.rd, tag: EthernetTag::default(), originator: self.identity.vtep }
    }

    /// A Type 2 of ours (RFC 7432 section 10, RFC 8365 section 5.1.3).
    pub(crate) fn mac_ip(&mut self, mac: Mac, ip: Option<IpAddr>, traits: Traits) -> Action {
        let body = EvpnBody { label: self.vni, ..EvpnBody::default() };
        Action::Originate { key: self.mac_ip_key(mac, ip), body, attrs: self.attrs(traits) }
    }

    /// Our Type 3 (RFC 7432 section 11, RFC 8365 section 9): flood to us by ingress replication.
    pub(crate) fn imet(&mut self) -> Action {
        let mut attrs = self.build(Traits::default());
        attrs.pmsi = Some(Box::new(PmsiTunnel::ingress_replication(self.vni, self.identity.vtep)));
        Action::Originate { key: self.imet_key(), body: EvpnBody::default(), attrs: Arc::new(attrs) }
    }

    fn attrs(&mut self, traits: Traits) -> Arc<Attrs> {
        if let Some(attrs) = self.shared.get(&traits) {
            return attrs.clone();
        }
        self.prune();
        let attrs = Arc::new(self.build(traits));
        self.shared.insert(traits, attrs.clone());
        attrs
    }

    /// Drops what no route uses any more, each time the map has doubled: sequences come and go.
    fn prune(&mut self) {
        if self.shared.len() >= self.prune_at {
            self.shared.retain(|_, attrs| Arc::strong_count(attrs) > 1);
            self.prune_at = 32.max(2 * self.shared.len());
        }
    }

    fn build(&self, traits: Traits) -> Attrs {
        let next_hop = match self.identity.vtep {
            IpAddr::V4(ip) => NextHop::Ipv4(ip),
            IpAddr::V6(ip) => NextHop::Ipv6(ip),
        };
        let mut attrs = Attrs::new(next_hop);
        attrs.local_pref = Some(LOCAL_PREF);
        attrs.ext_communities = self.communities(traits).into();
        attrs
    }

    fn communities(&self, traits: Traits) -> Vec<ExtCommunity> {
        let targets = self.identity.export.iter().map(|target| ExtCommunity::from(*target));
        let mut communities: Vec<_> = targets.collect();
        communities.push(ExtCommunity::encapsulation(TunnelType::VXLAN));
        // RFC 7432 section 7.7: absent means 0; a MAC that has never moved does without it.
        if traits.seq > 0 || traits.sticky {
            communities.push(ExtCommunity::mac_mobility(traits.sticky, traits.seq));
        }
        if traits.router {
            communities.push(ROUTER.into());
        }
        communities
    }
}
