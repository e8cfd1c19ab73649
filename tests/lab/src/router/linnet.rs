//! In linnetd's words, for a linnetd that is a spoke of another one.

use super::{Family, Router};

impl Router {
    /// As linnetd's configuration. Lines about the speaker are keys of `bgp`, those about a session keys of a
    /// neighbour, lines at the end other sections.
    pub(super) fn linnetd(&self) -> String {
        let Router { asn, remote_as, speaker, rest, .. } = self;
        let mut text = format!(
            "bgp:\n  asn: {asn}\n  router_id: {}\n  listen: {{ addresses: [\"0.0.0.0\", \"::\"] }}\n",
            self.id()
        );
        text.extend(speaker.lines().map(|line| format!("  {line}\n")));
        text += "  neighbors:\n";
        for (neighbor, families) in &self.sessions {
            let families = families.iter().map(|family| name(*family)).collect::<Vec<_>>().join(", ");
            text += &format!(
                "    - address: \"{neighbor}\"\n      remote_as: {remote_as}\n      families: [{families}]\n      connect_retry: 1\n"
            );
            text.extend(
                self.session.lines().chain(self.family.lines()).map(|line| format!("      {line}\n")),
            );
        }
        text + rest
    }
}

fn name(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "ipv4-unicast",
        Family::Ipv6 => "ipv6-unicast",
        Family::Evpn => "l2vpn-evpn",
    }
}
