//! What a peer is as a receiver of routes. Equal receivers share an update group.

use crate::otc;
use crate::policy::Chain;
use crate::types::{Asn, BgpRole, Family};
use crate::wire::NextHop;
use crate::wire::update::Encoding;

/// How one peer is to be served in one family.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MemberSpec {
    /// How it stands to this speaker.
    pub role: Role,
    /// What this speaker is to an external peer (RFC 9234).
    pub bgp_role: Option<BgpRole>,
    /// This speaker's address towards it: the next hop of what is passed on over eBGP (IPv4 and IPv6
    /// unicast), and of own routes whose next hop is the unspecified address. EVPN routes keep theirs.
    pub next_hop: NextHop,
    /// Whether that takes the place of the next hops that IP routes have.
    pub next_hop_mode: NextHopMode,
    /// What was negotiated for sending.
    pub encoding: Encoding,
    /// How many paths of a destination it is sent in families in which several may be (RFC 7911).
    pub paths: PathsSent,
    /// Whether it is sent routes at all. An eBGP peer without a policy is not (RFC 8212): End-of-RIB only.
    pub export: bool,
    /// Whether it knows long-lived graceful restart: nobody else is told of routes that are stale for long
    /// (RFC 9494 section 4.3).
    pub long_lived: bool,
    /// Whether a client is sent what comes from other clients. It is not where the clients of a cluster speak with
    /// each other themselves (RFC 4456 section 10).
    pub between_clients: bool,
    /// What decides which routes it is sent, and how they are changed; all, if there is none.
    pub policy: Option<Chain>,
}

/// How many paths of a destination a receiver of several is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathsSent {
    /// All that may be passed on to it.
    #[default]
    All,
    /// So many of those, the best first. Its own are among them though it is not sent these.
    Best(u16),
}

/// Which next hop a receiver is told for IP routes. EVPN routes keep theirs, the VTEP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NextHopMode {
    /// Over eBGP this speaker's address, within the AS the one that the route has (RFC 4271 section 5.1.3).
    #[default]
    Standard,
    /// This speaker's address as well for what came by eBGP: for an AS whose routers do not know the way to its
    /// neighbours' addresses.
    SelfForExternal,
    /// This speaker's address for everything, reflected routes included: all traffic goes through it.
    SelfForAll,
    /// The one that the route has, over eBGP too: for a route server, and between the spines of a fabric.
    Unchanged,
}

impl NextHopMode {
    /// The name in API and command line; empty for the standard one.
    pub fn name(self) -> &'static str {
        match self {
            NextHopMode::Standard => "",
            NextHopMode::SelfForExternal => "self",
            NextHopMode::SelfForAll => "self-force",
            NextHopMode::Unchanged => "unchanged",
        }
    }
}

/// How a receiver stands to this speaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// iBGP, and a route reflection client of this speaker.
    Client,
    /// iBGP, and not a client.
    NonClient,
    /// eBGP; towards it this speaker is of `local_as`.
    Ebgp {
        /// The AS number that is put in front.
        local_as: Asn,
        /// This speaker's own AS number, where it stands behind that one.
        behind: Option<Asn>,
    },
}

impl MemberSpec {
    /// The spec as far as it makes a difference in `family`: equal results share an update group.
    pub(super) fn group_key(mut self, family: Family) -> MemberSpec {
        let add_path = self.encoding.add_path.contains(family);
        self.encoding.add_path = add_path.then_some(family).into_iter().collect();
        self.bgp_role = self.bgp_role.filter(|_| otc::applies(family));
        if !add_path {
            self.paths = PathsSent::All;
        }
        let names_us = self.policy.as_ref().is_some_and(Chain::sets_own_next_hop);
        if family == Family::L2vpnEvpn && !names_us {
            self.next_hop = NextHop::Ipv4(std::net::Ipv4Addr::UNSPECIFIED);
            self.next_hop_mode = NextHopMode::Standard;
        }
        self
    }
}
