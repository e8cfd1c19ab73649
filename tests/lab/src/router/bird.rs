//! In BIRD's words: `bird.conf`.

use super::{Family, Router};

impl Router {
    /// As BIRD's configuration: its sessions are the protocols `linnet` and, if there is another, `linnet2`. Times
    /// of routes are shown to the microsecond.
    pub(super) fn bird(&self) -> String {
        let Router { asn, remote_as, speaker, session, rest, .. } = self;
        let mut text = format!(
            "router id {};
timeformat route \"%s.%6f\";
protocol device {{}}
{speaker}template bgp common {{
local as {asn};
connect delay time 1; connect retry time 1; error wait time 1, 2;
{session}}}
",
            self.id()
        );
        for family in [Family::Ipv4, Family::Ipv6] {
            text += &self.bird_routes(family);
        }
        for ((neighbor, families), name) in self.sessions.iter().zip(["linnet", "linnet2"]) {
            let channels: String = families.iter().map(|family| self.bird_channel(*family)).collect();
            let neighbor = match &self.range {
                Some(range) => format!("range {range}"),
                None => neighbor.to_string(),
            };
            text += &format!(
                "protocol bgp {name} from common {{\nneighbor {neighbor} as {remote_as};\n{channels}}}\n"
            );
        }
        text + rest
    }

    fn bird_routes(&self, family: Family) -> String {
        let routes: String =
            self.routes_of(family).map(|route| format!("route {route} blackhole; ")).collect();
        if routes.is_empty() { routes } else { format!("protocol static {{ {}; {routes}}}\n", name(family)) }
    }

    fn bird_channel(&self, family: Family) -> String {
        format!("{} {{\nimport all; export all;\n{}}};\n", name(family), self.family)
    }
}

fn name(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "ipv4",
        Family::Ipv6 => "ipv6",
        Family::Evpn => "evpn",
    }
}
