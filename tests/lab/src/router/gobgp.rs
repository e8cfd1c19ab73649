//! In GoBGP's words: `gobgp.toml`.

use std::net::IpAddr;

use super::{Family, Router};

/// What neighbours from a range are members of.
const GROUP: &str = "range";

impl Router {
    /// As GoBGP's configuration. Lines about a session come among those of `[neighbors.config]` and may open tables
    /// of their own; those of a family likewise.
    pub(super) fn gobgp(&self) -> String {
        let Router { asn, speaker, rest, .. } = self;
        let mut text = format!("[global.config]\nas = {asn}\nrouter-id = \"{}\"\n{speaker}", self.id());
        for (neighbor, families) in &self.sessions {
            text += &self.gobgp_session(*neighbor, families);
        }
        if let Some(range) = &self.range {
            text += &format!(
                "[[dynamic-neighbors]]\n[dynamic-neighbors.config]\nprefix = \"{range}\"\npeer-group = \"{GROUP}\"\n"
            );
        }
        text + rest
    }

    fn gobgp_session(&self, neighbor: IpAddr, families: &[Family]) -> String {
        let Router { remote_as, session, .. } = self;
        let who = match self.range {
            Some(_) => format!("peer-group-name = \"{GROUP}\""),
            None => format!("neighbor-address = \"{neighbor}\""),
        };
        let mut text = format!(
            "[[neighbors]]
[neighbors.config]
{who}
peer-as = {remote_as}
{session}[neighbors.timers.config]
connect-retry = 1
idle-hold-time-after-reset = 1
"
        );
        for family in families {
            let name = match family {
                Family::Ipv4 => "ipv4-unicast",
                Family::Ipv6 => "ipv6-unicast",
                Family::Evpn => "l2vpn-evpn",
            };
            text += &format!(
                "[[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = \"{name}\"\n{}",
                self.family
            );
        }
        if self.range.is_some() { text.replace("neighbors", "peer-groups") } else { text }
    }
}
