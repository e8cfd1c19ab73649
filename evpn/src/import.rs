//! Which VNIs a route is for, and whether they can use it.
//!
//! The route targets of all VNIs stand in one index, so a route costs a look-up per target that it carries,
//! however many VNIs there are. What let a route in says nothing of its contents: those are checked per VNI.

use std::net::IpAddr;
use std::sync::Arc;

use bgp::types::{EthernetTag, Mac, Vni};
use bgp::wire::{Attrs, EvpnBody, ExtCommunityKind, NextHop, RouteTarget, TunnelType};
use hashbrown::HashMap;
use smallvec::SmallVec;

use crate::action::Unusable;
use crate::config::{ImportTarget, automatic_vni};
use crate::mobility::Traits;

/// The best path of an EVPN route.
#[derive(Clone, Copy, Debug)]
pub struct Remote<'a> {
    /// Its attributes.
    pub attrs: &'a Arc<Attrs>,
    /// Its ESI and labels.
    pub body: EvpnBody,
    /// It is this speaker's own: what we originated, nothing to learn from.
    pub local: bool,
}

/// A few VNIs; nearly always one.
pub(crate) type Vnis = SmallVec<[Vni; 2]>;

/// The VNIs by the route targets that they import.
#[derive(Debug, Default)]
pub(crate) struct ImportIndex {
    exact: HashMap<RouteTarget, Vnis>,
    any_as: HashMap<Vni, Vnis>,
}

impl ImportIndex {
    /// From now on `vni` takes what carries one of `targets`.
    pub(crate) fn add(&mut self, vni: Vni, targets: &[ImportTarget]) {
        for target in targets {
            let vnis = match *target {
                ImportTarget::Exact(target) => self.exact.entry(target).or_default(),
                ImportTarget::AnyAs(number) => self.any_as.entry(number).or_default(),
            };
            if !vnis.contains(&vni) {
                vnis.push(vni);
            }
        }
    }

    /// And from now on no more.
    pub(crate) fn remove(&mut self, vni: Vni, targets: &[ImportTarget]) {
        for target in targets {
            match target {
                ImportTarget::Exact(target) => remove_from(&mut self.exact, target, vni),
                ImportTarget::AnyAs(number) => remove_from(&mut self.any_as, number, vni),
            }
        }
    }

    /// The VNIs that take a route with these attributes, each once.
    pub(crate) fn matching(&self, attrs: &Attrs) -> Vnis {
        let mut vnis = Vnis::new();
        for target in attrs.route_targets() {
            let exact = self.exact.get(&target);
            let any_as = automatic_vni(target).and_then(|number| self.any_as.get(&number));
            for vni in exact.into_iter().chain(any_as).flatten() {
                if !vnis.contains(vni) {
                    vnis.push(*vni);
                }
            }
        }
        vnis
    }
}

fn remove_from<K: std::hash::Hash + Eq>(map: &mut HashMap<K, Vnis>, key: &K, vni: Vni) {
    let Some(vnis) = map.get_mut(key) else { return };
    vnis.retain(|held| *held != vni);
    if vnis.is_empty() {
        map.remove(key);
    }
}

/// What a Type 2 says about the host.
pub(crate) fn traits(attrs: &Attrs) -> Traits {
    let mut traits = Traits::default();
    for community in &attrs.ext_communities {
        match community.kind() {
            ExtCommunityKind::MacMobility { sticky, sequence } => {
                (traits.sticky, traits.seq) = (sticky, sequence);
            }
            ExtCommunityKind::DefaultGateway => traits.gateway = true,
            ExtCommunityKind::NdFlags { router, .. } => traits.router = router,
            _ => {}
        }
    }
    traits
}

/// What of this node's own no route may name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Here<'a> {
    pub(crate) vni: Vni,
    /// Its VTEP in the VNI.
    pub(crate) vtep: IpAddr,
    /// Its addresses, in order, as far as they are known.
    pub(crate) addresses: &'a [IpAddr],
    pub(crate) bridge_mac: Mac,
}

/// The VTEP of a Type 2, if the VNI can use the route.
pub(crate) fn check_mac_ip(
    here: Here<'_>,
    tag: EthernetTag,
    mac: Mac,
    ip: Option<IpAddr>,
    route: &Remote<'_>,
) -> Result<IpAddr, Unusable> {
    check_tag_and_encapsulation(tag, route.attrs)?;
    if !mac.is_host() {
        return Err(Unusable::Mac);
    }
    if mac == here.bridge_mac {
        return Err(Unusable::BridgeMac);
    }
    if ip.is_some_and(|ip| !NextHop::from(ip).is_host()) {
        return Err(Unusable::Address);
    }
    if ip.is_some_and(|ip| here.addresses.binary_search(&ip).is_ok()) {
        return Err(Unusable::OwnAddress);
    }
    if route.body.label != here.vni {
        return Err(Unusable::Label);
    }
    let vtep = route.attrs.next_hop.address();
    check_vtep(here.vtep, here.addresses, vtep)?;
    Ok(vtep)
}

/// The tunnel endpoint that a Type 3 names, if frames of the VNI can be flooded to its originator.
pub(crate) fn check_imet(
    here: Here<'_>,
    tag: EthernetTag,
    originator: IpAddr,
    attrs: &Attrs,
) -> Result<IpAddr, Unusable> {
    check_vtep(here.vtep, here.addresses, originator)?;
    check_tag_and_encapsulation(tag, attrs)?;
    let pmsi = attrs.pmsi.as_deref().ok_or(Unusable::Pmsi)?;
    let endpoint = pmsi.ingress_endpoint().ok_or(Unusable::Pmsi)?;
    // Label 0 cannot be a VNI of its own choosing: it is left out by speakers that mean the VNI of the
    // routes.
    if pmsi.vni != here.vni && pmsi.vni != Vni::default() {
        return Err(Unusable::Label);
    }
    Ok(endpoint)
}

fn check_tag_and_encapsulation(tag: EthernetTag, attrs: &Attrs) -> Result<(), Unusable> {
    if tag != EthernetTag::default() {
        return Err(Unusable::Tag);
    }
    // RFC 8365 section 5.1.3: the communities list what the sender can take; none means what is configured.
    let kinds = attrs.ext_communities.iter().map(|community| community.kind());
    let named = kinds.filter_map(|kind| match kind {
        ExtCommunityKind::Encapsulation(tunnel) => Some(tunnel),
        _ => None,
    });
    let mut named = named.peekable();
    if named.peek().is_some() && !named.any(|tunnel| tunnel == TunnelType::VXLAN) {
        return Err(Unusable::Encapsulation);
    }
    Ok(())
}

/// Whether frames can be sent to `theirs` from `ours`, where `addresses` lead back to.
pub(crate) fn check_vtep(ours: IpAddr, addresses: &[IpAddr], theirs: IpAddr) -> Result<(), Unusable> {
    match theirs {
        // What is sent to an address of this node comes back into the VNI, and the bridge learns it anew.
        _ if theirs == ours || addresses.binary_search(&theirs).is_ok() => Err(Unusable::OwnVtep),
        // A group would be joined, and flooded to, by a VXLAN device.
        _ if !NextHop::from(theirs).is_host() => Err(Unusable::Vtep),
        _ if theirs.is_ipv4() != ours.is_ipv4() => Err(Unusable::Vtep),
        _ => Ok(()),
    }
}
