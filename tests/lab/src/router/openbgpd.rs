//! In OpenBGPD's words: `bgpd.conf`.

use super::{Family, Router};

impl Router {
    /// As OpenBGPD's configuration. It has no word for one family only, so that what is said about families is said
    /// about the session.
    pub(super) fn openbgpd(&self) -> String {
        let Router { asn, speaker, rest, .. } = self;
        let mut text = format!(
            "AS {asn}
router-id {}
socket \"/run/bgpd.sock\"
fib-update no
{speaker}",
            self.id()
        );
        text.extend(self.routes.iter().map(|route| format!("network {route}\n")));
        for (neighbor, families) in &self.sessions {
            let neighbor = self.range.clone().unwrap_or_else(|| neighbor.to_string());
            text += &self.openbgpd_session(&neighbor, families);
        }
        text + "allow from any\nallow to any\n" + rest
    }

    fn openbgpd_session(&self, neighbor: &str, families: &[Family]) -> String {
        let Router { remote_as, session, family, .. } = self;
        let mut announced = [("IPv4", Family::Ipv4), ("IPv6", Family::Ipv6)]
            .map(|(name, family)| {
                let what = if families.contains(&family) { "unicast" } else { "none" };
                format!("announce {name} {what}\n")
            })
            .concat();
        if families.contains(&Family::Evpn) {
            announced += "announce EVPN unicast\n";
        }
        format!("neighbor {neighbor} {{\nremote-as {remote_as}\n{announced}{session}{family}}}\n")
    }
}
