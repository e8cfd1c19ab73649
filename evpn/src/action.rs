//! What EVPN asks its driver to do.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bgp::types::{Mac, Vni};
use bgp::wire::{Attrs, EvpnBody, EvpnKey};

use crate::dataplane::{WantedKey, WantedValue};
use crate::duplicates::Suspect;
use crate::rows::{AddressClaim, Place};

/// One thing to do, in order: what comes later may rest on what came before (a neighbour on its MAC).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Put a route of ours into the EVPN table, or replace it.
    Originate {
        /// Its identity.
        key: EvpnKey,
        /// ESI and labels.
        body: EvpnBody,
        /// Shared by all routes of a VNI that have the same.
        attrs: Arc<Attrs>,
    },
    /// Take a route of ours out of it.
    Retract {
        /// Its identity.
        key: EvpnKey,
    },
    /// The dataplane is to have this, or this instead of what it was to have under the key.
    Want {
        /// What.
        key: WantedKey,
        /// How.
        value: WantedValue,
    },
    /// The dataplane is no longer to have it.
    Unwant {
        /// What.
        key: WantedKey,
    },
    /// Hand in the best path of every EVPN route once more (`Evpn::route`), and what has gone meanwhile: a
    /// VNI wants routes that it did not want when they came. Never more than one is waiting; a route that is
    /// handed in unchanged costs a look-up.
    Replay,
    /// A host elsewhere claims an address that one here has: the one here is to be asked whether it is still there. If it is
    /// not, the answer is [`LocalNeighborGone`](crate::dataplane::Observation::LocalNeighborGone).
    Ask {
        /// The network.
        vni: Vni,
        /// The address.
        ip: IpAddr,
    },
    /// Something that a person should know.
    Notice(Notice),
}

/// News for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A MAC moved so often that two hosts probably have it (RFC 7432 section 15.1).
    DuplicateMac {
        /// The network.
        vni: Vni,
        /// The host's, or hosts'.
        mac: Mac,
        /// How often it moved.
        moves: u32,
        /// Within this time.
        window: Duration,
        /// Where it stays until that is over, if it is frozen.
        frozen: Option<Place>,
    },
    /// An address went from MAC to MAC so often that two hosts probably have it (RFC 9161 section 3.7).
    DuplicateAddress {
        /// The network.
        vni: Vni,
        /// The address.
        ip: IpAddr,
        /// The MAC that had it, and the one that has it now.
        macs: [Mac; 2],
        /// How often it moved.
        moves: u32,
        /// Within this time.
        window: Duration,
    },
    /// Two MACs have claimed one address for so long that two hosts have it (RFC 9161 section 3.7).
    TwoMacs {
        /// The network.
        vni: Vni,
        /// The address.
        ip: IpAddr,
        /// Who has it, and the next one.
        claims: [AddressClaim; 2],
        /// For so long.
        time: Duration,
    },
    /// What counted as a duplicate does so no longer: its moves are counted anew.
    DuplicateOver {
        /// The network.
        vni: Vni,
        /// The MAC or the address.
        suspect: Suspect,
    },
    /// A MAC was seen here that must not move away from where it is (RFC 7432 section 15.2): not believed.
    StickyMac {
        /// The network.
        vni: Vni,
        /// The host's.
        mac: Mac,
        /// Where it stays.
        vtep: IpAddr,
    },
    /// A route was taken by a VNI's route targets but cannot be used there. Said once per VNI, route
    /// distinguisher and reason.
    Unusable {
        /// The network.
        vni: Vni,
        /// The route.
        key: EvpnKey,
        /// Why.
        reason: Unusable,
    },
    /// A Type 3's tunnel endpoint is not its originator; frames are flooded to the originator, as FRR does
    /// (BIRD takes the endpoint).
    EndpointDiffers {
        /// The network.
        vni: Vni,
        /// The originating router's address.
        originator: IpAddr,
        /// What PMSI_TUNNEL says.
        endpoint: IpAddr,
    },
    /// The VXLAN device sends from another address than the configured VTEP, which is the one advertised.
    VtepDiffers {
        /// The network.
        vni: Vni,
        /// Configured, and advertised.
        configured: IpAddr,
        /// The device's.
        device: IpAddr,
    },
    /// Neither the configuration nor the device names a tunnel address: nothing is advertised or taken.
    NoVtep {
        /// The network.
        vni: Vni,
    },
    /// All 65535 automatic route distinguishers are in use: nothing is advertised or taken.
    NoRd {
        /// The network.
        vni: Vni,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::DuplicateMac { vni, mac, moves, window, frozen } => {
                let seconds = window.as_secs();
                write!(f, "VNI {vni}: {mac} moved {moves} times within {seconds} s: do two hosts have it?")?;
                match frozen {
                    Some(Place::Remote(vtep)) => write!(f, " Frozen behind {vtep}"),
                    Some(_) => write!(f, " Frozen here"),
                    None => Ok(()),
                }
            }
            Notice::DuplicateAddress { vni, ip, macs: [rival, now], moves, window } => {
                let seconds = window.as_secs();
                write!(
                    f,
                    "VNI {vni}: {ip} went from MAC to MAC {moves} times within {seconds} s: do {rival} and {now} \
                     both have it?"
                )
            }
            Notice::TwoMacs { vni, ip, claims: [first, second], time } => write!(
                f,
                "VNI {vni}: two hosts have {ip}: {first} and {second} have both claimed it for {} s. The first one is \
                 answered for",
                time.as_secs()
            ),
            Notice::DuplicateOver { vni, suspect } => {
                write!(f, "VNI {vni}: {suspect} counts as one host again")
            }
            Notice::StickyMac { vni, mac, vtep } => {
                write!(f, "VNI {vni}: {mac} was seen here but is sticky behind {vtep}: ignored")
            }
            Notice::Unusable { vni, key, reason } => write!(f, "VNI {vni}: {key} is not used: {reason}"),
            Notice::EndpointDiffers { vni, originator, endpoint } => write!(
                f,
                "VNI {vni}: the Type 3 of {originator} names endpoint {endpoint}: flooding to {originator}"
            ),
            Notice::VtepDiffers { vni, configured, device } => write!(
                f,
                "VNI {vni}: the VXLAN device sends from {device}, but the VTEP is configured as {configured}"
            ),
            Notice::NoVtep { vni } => {
                write!(
                    f,
                    "VNI {vni}: neither configuration nor VXLAN device has a tunnel address: not served"
                )
            }
            Notice::NoRd { vni } => {
                write!(f, "VNI {vni}: no automatic route distinguisher is left: not served")
            }
        }
    }
}

/// Why a VNI cannot use a route that its route targets let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unusable {
    /// It asks for other encapsulations than VXLAN only.
    Encapsulation,
    /// Its label is another VNI: downstream-assigned VNIs are not supported.
    Label,
    /// Its Ethernet tag is not 0: VLAN-aware bundles are not supported.
    Tag,
    /// No host has such a MAC.
    Mac,
    /// Its MAC is the bridge's own, as that of an anycast gateway is.
    BridgeMac,
    /// No host has such an IP address.
    Address,
    /// Its IP address is this node's own.
    OwnAddress,
    /// Its VTEP is no unicast address of the family of ours.
    Vtep,
    /// Its VTEP is this node.
    OwnVtep,
    /// A Type 3 without PMSI_TUNNEL, or with a tunnel that is not ingress replication.
    Pmsi,
}

impl Unusable {
    /// The name in API and command line.
    pub fn name(self) -> &'static str {
        match self {
            Unusable::Encapsulation => "encapsulation",
            Unusable::Label => "label",
            Unusable::Tag => "ethernet-tag",
            Unusable::Mac => "mac",
            Unusable::BridgeMac => "bridge-mac",
            Unusable::Address => "address",
            Unusable::OwnAddress => "own-address",
            Unusable::Vtep => "vtep",
            Unusable::OwnVtep => "own-vtep",
            Unusable::Pmsi => "pmsi",
        }
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unusable::Encapsulation => "it asks for another encapsulation than VXLAN",
            Unusable::Label => "its label is another VNI",
            Unusable::Tag => "its Ethernet tag is not 0",
            Unusable::Mac => "no host has such a MAC",
            Unusable::BridgeMac => "the MAC is the bridge's own",
            Unusable::Address => "no host has such an address",
            Unusable::OwnAddress => "the address is this node's own",
            Unusable::Vtep => "its VTEP is no unicast address of the family of ours",
            Unusable::OwnVtep => "its VTEP is this node",
            Unusable::Pmsi => "it has no PMSI tunnel of the ingress replication kind",
        })
    }
}
