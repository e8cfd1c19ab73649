//! What a peer is as a receiver of routes. Equal receivers share an update group.

use crate::policy::Chain;
use crate::types::{Asn, Family};
use crate::wire::NextHop;
use crate::wire::update::Encoding;

/// How one peer is to be served in one family.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MemberSpec {
    /// How it stands to this speaker.
    pub role: Role,
    /// This speaker's address towards it: the next hop of what is passed on over eBGP (IPv4 and IPv6
    /// unicast), and of own routes whose next hop is the unspecified address. EVPN routes keep theirs.
    pub next_hop: NextHop,
    /// What was negotiated for sending.
    pub encoding: Encoding,
    /// Whether it is sent routes at all. An eBGP peer without a policy is not (RFC 8212): End-of-RIB only.
    pub export: bool,
    /// Whether it knows long-lived graceful restart: nobody else is told of routes that are stale for long
    /// (RFC 9494 section 4.3).
    pub long_lived: bool,
    /// What decides which routes it is sent, and how they are changed; all, if there is none.
    pub policy: Option<Chain>,
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
    },
}

impl MemberSpec {
    /// The spec as far as it makes a difference in `family`: equal results share an update group.
    pub(super) fn group_key(mut self, family: Family) -> MemberSpec {
        let add_path = self.encoding.add_path.contains(family);
        self.encoding.add_path = add_path.then_some(family).into_iter().collect();
        let names_us = self.policy.as_ref().is_some_and(Chain::sets_own_next_hop);
        if family == Family::L2vpnEvpn && !names_us {
            self.next_hop = NextHop::Ipv4(std::net::Ipv4Addr::UNSPECIFIED);
        }
        self
    }
}
