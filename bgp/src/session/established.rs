//! What two OPENs agreed upon.

use std::net::SocketAddr;
use std::time::Duration;

use super::restart::PeerRestart;
use super::words::Side;
use crate::types::{Asn, BgpRole, Family, FamilySet, RouterId};
use crate::wire::message::MAX_MESSAGE;
use crate::wire::update::{Encoding, PeerKind};
use crate::wire::{Capability, NextHop};

/// What holds for the life of an established session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Established {
    /// The connection that carries it.
    pub side: Side,
    /// Our end.
    pub local: SocketAddr,
    /// The peer's end.
    pub remote: SocketAddr,
    /// What the peer is told as this speaker's own next hop: the address of our end. Where that is link-local, whoever
    /// knows of a global one on its link puts it in front (RFC 2545 section 3).
    pub next_hop: NextHop,
    /// Internal or external.
    pub kind: PeerKind,
    /// The peer's AS.
    pub remote_asn: Asn,
    /// The peer's BGP identifier.
    pub remote_router_id: RouterId,
    /// The lower of the two offers; zero: no keepalives and no hold timer (RFC 4271 section 4.2).
    pub hold_time: Duration,
    /// How often we send a KEEPALIVE; zero with a hold time of zero.
    pub keepalive: Duration,
    /// The families that both offered.
    pub families: FamilySet,
    /// The peer can be asked for its routes again (RFC 2918).
    pub route_refresh: bool,
    /// A refresh has marks at its beginning and end, both ways (RFC 7313).
    pub enhanced_refresh: bool,
    /// What this speaker is to the peer, an external one, where that was configured (RFC 9234).
    pub role: Option<BgpRole>,
    /// How the peer encodes for us.
    pub receive: Encoding,
    /// How we encode for the peer.
    pub send: Encoding,
    /// What the peer does about graceful restart; `None` unless both offer it.
    pub restart: Option<PeerRestart>,
    /// What we offered.
    pub capabilities_sent: Vec<Capability>,
    /// What the peer offered.
    pub capabilities_received: Vec<Capability>,
}

impl Established {
    /// The capabilities that are in use since both sides offered them, in words.
    pub fn in_use(&self) -> Vec<String> {
        let families = self.families.iter().map(|family| (true, format!("multiprotocol {family}")));
        let word = |used: bool, word: &str| (used, word.to_owned());
        let rest = [
            word(self.send.as4, "four-octet-as"),
            word(self.route_refresh, "route-refresh"),
            word(self.enhanced_refresh, "enhanced-route-refresh"),
            word(self.send.max_message > MAX_MESSAGE, "extended-message"),
            word(self.send.extended_next_hop, "extended-next-hop ipv4-unicast"),
        ];
        let restart = self.restart.as_ref();
        let long_lived = restart.is_some_and(|restart| restart.long_lived.is_some());
        let restart = [
            word(restart.is_some(), "graceful-restart"),
            word(restart.is_some_and(|restart| restart.notification), "graceful-restart notification"),
            word(long_lived, "long-lived-graceful-restart"),
        ];
        let several = self.families.iter().filter_map(|family| Some((true, self.add_path(family)?)));
        let role = self.role.filter(|role| self.remote_role() == Some(role.counterpart()));
        let role = role.map(|role| format!("role {role} to {}", role.counterpart()));
        families
            .chain(several)
            .chain(rest)
            .chain(restart)
            .filter(|(used, _)| *used)
            .map(|(_, word)| word)
            .chain(role)
            .collect()
    }

    /// The directions in which several paths of a destination are sent, in words; `None` for neither.
    fn add_path(&self, family: Family) -> Option<String> {
        let (send, receive) = (self.send.add_path.contains(family), self.receive.add_path.contains(family));
        let direction = match (send, receive) {
            (false, false) => return None,
            (true, false) => "send",
            (false, true) => "receive",
            (true, true) => "both",
        };
        Some(format!("add-path {family} {direction}"))
    }

    /// What the peer says it is to this speaker (RFC 9234).
    pub fn remote_role(&self) -> Option<BgpRole> {
        self.received(|capability| match capability {
            Capability::Role(role) => Some(*role),
            _ => None,
        })
    }

    /// What the peer says it is called: host name and domain.
    pub fn remote_fqdn(&self) -> Option<(&str, &str)> {
        self.received(|capability| match capability {
            Capability::Fqdn { host, domain } => Some((host.as_str(), domain.as_str())),
            _ => None,
        })
    }

    /// The software that the peer says it runs.
    pub fn remote_software(&self) -> Option<&str> {
        self.received(|capability| match capability {
            Capability::SoftwareVersion(version) => Some(version.as_str()),
            _ => None,
        })
    }

    fn received<'a, T>(&'a self, find: impl FnMut(&'a Capability) -> Option<T>) -> Option<T> {
        self.capabilities_received.iter().find_map(find)
    }
}
