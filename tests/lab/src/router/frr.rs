//! In FRR's words: `frr.conf`.

use std::net::IpAddr;

use super::{Family, Router};

/// What neighbours from a range are members of.
const GROUP: &str = "range";

impl Router {
    /// As FRR's integrated configuration.
    pub(super) fn frr(&self) -> String {
        let Router { asn, remote_as, speaker, rest, .. } = self;
        let mut text = format!(
            "router bgp {asn}
 bgp router-id {}
 no bgp network import-check
 no bgp ebgp-requires-policy
 no bgp default ipv4-unicast
",
            self.id()
        );
        text += &indented(1, "", speaker);
        if self.range.is_some() {
            text += &format!(" neighbor {GROUP} peer-group\n");
        }
        for (neighbor, _) in self.frr_neighbors() {
            let about = format!("neighbor {neighbor} ");
            let common = format!("remote-as {remote_as}\ntimers connect 1\n{}", self.session);
            text += &indented(1, &about, &common);
        }
        if let Some(range) = &self.range {
            text += &format!(" bgp listen range {range} peer-group {GROUP}\n");
        }
        for family in [Family::Ipv4, Family::Ipv6, Family::Evpn] {
            text += &self.frr_family(family);
        }
        text + "exit\n" + rest
    }

    /// Whom to name, and what to speak about: neighbours, or the group of those from the range.
    fn frr_neighbors(&self) -> impl Iterator<Item = (String, &[Family])> {
        let name =
            |neighbor: &IpAddr| if self.range.is_some() { GROUP.to_owned() } else { neighbor.to_string() };
        self.sessions.iter().map(move |(neighbor, families)| (name(neighbor), &**families))
    }

    fn frr_family(&self, family: Family) -> String {
        let about = self.frr_neighbors().filter(|(_, families)| families.contains(&family));
        let mut lines: String = self.routes_of(family).map(|route| format!("  network {route}\n")).collect();
        for (neighbor, _) in about {
            lines += &indented(2, &format!("neighbor {neighbor} "), &format!("activate\n{}", self.family));
        }
        if lines.is_empty() {
            return lines;
        }
        let name = match family {
            Family::Ipv4 => "ipv4 unicast",
            Family::Ipv6 => "ipv6 unicast",
            Family::Evpn => "l2vpn evpn",
        };
        format!(" address-family {name}\n{lines} exit-address-family\n")
    }
}

/// Each line of `lines` behind `depth` spaces and a common beginning.
fn indented(depth: usize, beginning: &str, lines: &str) -> String {
    lines.lines().map(|line| format!("{:depth$}{beginning}{line}\n", "")).collect()
}
