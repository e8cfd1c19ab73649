//! The border between EVPN and whatever forwards packets: what is wanted of it and what it was seen to do.
//!
//! Nothing here is Linux. The kernel driver translates: a VNI into a bridge and its VXLAN device, a remote
//! MAC into two FDB rows, a suppression neighbour into a neighbour on the bridge.

use std::net::IpAddr;

use bgp::types::{Mac, Vni};

/// What identifies a piece of forwarding state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WantedKey {
    /// Frames flooded in `vni` go to `vtep` too.
    Flood {
        /// In this network.
        vni: Vni,
        /// Copies go here.
        vtep: IpAddr,
    },
    /// Where frames for a MAC go.
    Mac {
        /// In this network.
        vni: Vni,
        /// The host.
        mac: Mac,
    },
    /// ARP or ND for an address is answered here.
    Neighbor {
        /// In this network.
        vni: Vni,
        /// The host's address.
        ip: IpAddr,
    },
}

/// The state wanted under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WantedValue {
    /// Under [`WantedKey::Flood`].
    Flood,
    /// Under [`WantedKey::Mac`]: the host is behind this VTEP.
    Mac {
        /// The VTEP.
        vtep: IpAddr,
        /// Not to be taken over by local traffic (RFC 7432 section 15.2, or a default gateway's MAC).
        sticky: bool,
    },
    /// Under [`WantedKey::Neighbor`]: a remote host's binding, to be answered from here.
    Neighbor {
        /// The host's MAC.
        mac: Mac,
        /// It is an IPv6 router (RFC 9047).
        router: bool,
    },
    /// Under [`WantedKey::Neighbor`]: a host that has just moved here with its MAC. The remote entry is to
    /// become an ordinary local neighbour which the dataplane verifies, so that the binding follows at once.
    /// The answer is one of [`Observation::LocalNeighbor`] and [`Observation::LocalNeighborGone`]; after
    /// either, this is unwanted again, which leaves the ordinary neighbour alone.
    LocalNeighbor {
        /// The host's MAC.
        mac: Mac,
    },
}

/// What the dataplane was seen to have. All but `Vni` and `VniGone` speak of what came from elsewhere than
/// from us: hosts attached here. Only what differs from what was reported before is reported, and a VNI
/// before what is in it. What gives way to something wanted (a MAC learnt here that is now wanted behind a
/// VTEP, a neighbour that is now answered for) is gone, and is reported so; if traffic brings it back, that
/// is news again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observation {
    /// A VNI can be served: its bridge and VXLAN device are there and up. Also when a property changed.
    Vni {
        /// The network.
        vni: Vni,
        /// The device's local tunnel address, where it has one.
        local: Option<IpAddr>,
        /// The bridge's own MAC: an address of ours on the network, never a host's.
        bridge_mac: Mac,
    },
    /// It no longer can: what was local in it is gone with it.
    VniGone {
        /// The network.
        vni: Vni,
    },
    /// A MAC was learnt on, or set on, a port of the VNI's bridge other than the VXLAN device. Reported again
    /// when it takes back the place of a remote one, and when the operator's wish changes; not when the port
    /// does.
    LocalMac {
        /// The network.
        vni: Vni,
        /// The host.
        mac: Mac,
        /// Set by the operator not to move.
        sticky: bool,
    },
    /// It is no longer there.
    LocalMacGone {
        /// The network.
        vni: Vni,
        /// The host.
        mac: Mac,
    },
    /// The VNI's bridge (its SVI) has a usable neighbour that we did not put there, or it has another MAC
    /// now. Reported again when the dataplane has made sure of it after it was not.
    LocalNeighbor {
        /// The network.
        vni: Vni,
        /// The host's address.
        ip: IpAddr,
        /// The host's MAC.
        mac: Mac,
        /// It is an IPv6 router.
        router: bool,
    },
    /// A host here says that it has an address which is answered for on behalf of a host elsewhere. That is not believed as
    /// [`Observation::LocalNeighbor`] is, which takes the address over; but both claim it. Ends as that does.
    LocalClaim {
        /// The network.
        vni: Vni,
        /// The host's address.
        ip: IpAddr,
        /// The host's MAC.
        mac: Mac,
        /// It is an IPv6 router.
        router: bool,
    },
    /// It no longer has.
    LocalNeighborGone {
        /// The network.
        vni: Vni,
        /// The host's address.
        ip: IpAddr,
    },
    /// Everything that was there when looking began has been reported (after start, and after an overrun).
    Synced,
}
