//! One IP address of a VNI: who says which MAC has it, and what follows from that.
//!
//! A binding is good only while its MAC is where the binding's source is: an address is never answered for,
//! or advertised, with a MAC that has moved elsewhere.

use std::net::IpAddr;

use bgp::types::Mac;
use smallvec::SmallVec;

use crate::dataplane::WantedValue;
use crate::mac_table::MacId;
use crate::mobility::Traits;
use crate::origin::OriginId;
use crate::table::Keyed;

/// The number of a [`NeighborEntry`] in its table.
pub(crate) type NeighborId = u32;

/// An IP address that is bound to a MAC by someone.
#[derive(Debug)]
pub(crate) struct NeighborEntry {
    pub(crate) ip: IpAddr,
    /// In no order; at most one is local. Most addresses have one.
    pub(crate) bindings: SmallVec<[Binding; 1]>,
    /// The local binding is what a MAC brought along when it moved here: the dataplane is verifying it.
    pub(crate) verifying: bool,
    /// What BGP and the dataplane were told.
    pub(crate) told: Told,
}

/// Somebody says that a MAC has the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Binding {
    pub(crate) mac: MacId,
    /// Who says so; `None` is this node.
    pub(crate) origin: Option<OriginId>,
    /// What the route says. Of a local binding: whether it is a router, and the lowest sequence that its MAC
    /// is to be advertised with, because the address was taken over from another MAC.
    pub(crate) traits: Traits,
}

/// What was made of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Nothing: no binding is good.
    Nothing,
    /// Advertised, with these traits.
    Local { mac: Mac, traits: Traits, verifying: bool },
    /// Answered for. A host here has it as well, which is announced with these traits all the same: that two claim it is
    /// for everybody to see.
    Remote { mac: Mac, router: bool, also: Option<(Mac, Traits)> },
}

impl NeighborEntry {
    pub(crate) fn new(ip: IpAddr) -> NeighborEntry {
        NeighborEntry { ip, bindings: SmallVec::new(), verifying: false, told: Told::Nothing }
    }

    /// This node's own binding.
    pub(crate) fn local(&self) -> Option<&Binding> {
        self.bindings.iter().find(|binding| binding.origin.is_none())
    }

    /// Sets this node's own binding; returns the one before.
    pub(crate) fn set_local(&mut self, mac: MacId, traits: Traits) -> Option<Binding> {
        let old = self.take_local();
        self.bindings.push(Binding { mac, origin: None, traits });
        old
    }

    /// Takes this node's own binding out.
    pub(crate) fn take_local(&mut self) -> Option<Binding> {
        let at = self.bindings.iter().position(|binding| binding.origin.is_none())?;
        self.verifying = false;
        Some(self.bindings.swap_remove(at))
    }

    /// Whether anyone binds it to this MAC.
    pub(crate) fn is_bound_to(&self, mac: MacId) -> bool {
        self.bindings.iter().any(|binding| binding.mac == mac)
    }

    /// What a source says of it and this MAC.
    pub(crate) fn said_by(&self, origin: OriginId, mac: MacId) -> Option<Traits> {
        let found = self.bindings.iter().find(|b| b.mac == mac && b.origin == Some(origin));
        found.map(|binding| binding.traits)
    }
}

impl Keyed for NeighborEntry {
    type Key = IpAddr;

    fn key(&self) -> IpAddr {
        self.ip
    }
}

impl Told {
    /// The MAC that the address was said to have.
    pub(crate) fn mac(self) -> Option<Mac> {
        match self {
            Told::Nothing => None,
            Told::Local { mac, .. } | Told::Remote { mac, .. } => Some(mac),
        }
    }

    /// What the dataplane is to have.
    pub(crate) fn wanted(self) -> Option<WantedValue> {
        match self {
            Told::Nothing | Told::Local { verifying: false, .. } => None,
            Told::Local { mac, .. } => Some(WantedValue::LocalNeighbor { mac }),
            Told::Remote { mac, router, .. } => Some(WantedValue::Neighbor { mac, router }),
        }
    }

    /// What BGP was told.
    pub(crate) fn advertised(self) -> Option<(Mac, Traits)> {
        match self {
            Told::Local { mac, traits, .. } => Some((mac, traits)),
            Told::Remote { also, .. } => also,
            Told::Nothing => None,
        }
    }
}
