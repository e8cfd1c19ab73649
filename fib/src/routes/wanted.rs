//! What is wanted under a prefix, in BGP's words.

use std::net::IpAddr;

use bgp::types::Mac;
use smallvec::SmallVec;

use crate::row::IfIndex;

/// What is wanted under a prefix.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum WantedRoute {
    /// Packets go to these next hops, side by side. None at all is never reachable.
    Via(SmallVec<[WantedHop; 1]>),
    /// Packets are dropped.
    Blackhole,
}

impl WantedRoute {
    /// To one next hop, which the kernel's own routes lead to.
    pub fn via(address: IpAddr) -> WantedRoute {
        WantedRoute::Via([WantedHop::at(address)].into_iter().collect())
    }

    /// The next hops.
    pub fn hops(&self) -> &[WantedHop] {
        match self {
            WantedRoute::Via(hops) => hops,
            WantedRoute::Blackhole => &[],
        }
    }

    /// The same for every order of its next hops.
    pub(super) fn normal(mut self) -> WantedRoute {
        if let WantedRoute::Via(hops) = &mut self {
            hops.sort_unstable();
            hops.dedup();
        }
        self
    }
}

/// One next hop as BGP says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WantedHop {
    /// Its address; IPv6 may lead to IPv4 destinations, too (RFC 8950).
    pub address: IpAddr,
    /// The device that it is on. Link-local addresses mean nothing without.
    pub device: Option<IfIndex>,
    /// It is on the link though no route says so: on `device`, or else on that of the route towards it.
    pub onlink: bool,
    /// It decapsulates VXLAN at its address, and its MAC within the tunnel is this: where it is on no link of this node,
    /// packets go to it through the fallback tunnel.
    pub mac: Option<Mac>,
}

impl WantedHop {
    /// What the kernel's own routes lead to.
    pub fn at(address: IpAddr) -> WantedHop {
        WantedHop { address, device: None, onlink: false, mac: None }
    }
}
