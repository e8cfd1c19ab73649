//! Capabilities as operators read them.

use std::fmt;

use crate::types::{Afi, Family, Safi};

use super::capability::{AddPathMode, Capability};

/// `multiprotocol l2vpn-evpn`, `four-octet-as 65000`, `graceful-restart 120s restarting`, `capability 73 (hex)`.
impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Capability::Multiprotocol(afi, safi) => write!(f, "multiprotocol {}", Named(*afi, *safi)),
            Capability::RouteRefresh => f.write_str("route-refresh"),
            Capability::ExtendedMessage => f.write_str("extended-message"),
            Capability::GracefulRestart { restarting, notification, time, families } => {
                write!(f, "graceful-restart {time}s")?;
                f.write_str(if *restarting { " restarting" } else { "" })?;
                f.write_str(if *notification { " notification" } else { "" })?;
                families.iter().try_for_each(|(afi, safi, preserved)| {
                    write!(f, " {}{}", Named(*afi, *safi), if *preserved { " (preserved)" } else { "" })
                })
            }
            Capability::ExtendedNextHop(families) => {
                f.write_str("extended-next-hop")?;
                families.iter().try_for_each(|(afi, safi, next_hop)| match *next_hop {
                    Afi::IPV6 => write!(f, " {}", Named(*afi, *safi)),
                    Afi(other) => write!(f, " {} by afi {other}", Named(*afi, *safi)),
                })
            }
            Capability::Role(role) => write!(f, "role {role}"),
            Capability::EnhancedRouteRefresh => f.write_str("enhanced-route-refresh"),
            Capability::Fqdn { host, domain } => {
                let dot = if domain.is_empty() { "" } else { "." };
                write!(f, "fqdn {}{dot}{}", host.escape_debug(), domain.escape_debug())
            }
            Capability::SoftwareVersion(version) => write!(f, "software-version {}", version.escape_debug()),
            Capability::FourOctetAs(asn) => write!(f, "four-octet-as {asn}"),
            Capability::AddPath(families) => {
                f.write_str("add-path")?;
                families.iter().try_for_each(|(afi, safi, mode)| {
                    let mode = match mode {
                        AddPathMode::Receive => "receive",
                        AddPathMode::Send => "send",
                        AddPathMode::Both => "both",
                    };
                    write!(f, " {} {mode}", Named(*afi, *safi))
                })
            }
            Capability::LongLivedGracefulRestart(families) => {
                f.write_str("long-lived-graceful-restart")?;
                families.iter().try_for_each(|family| {
                    let preserved = if family.preserved { " (preserved)" } else { "" };
                    write!(f, " {} {}s{preserved}", Named(family.afi, family.safi), family.stale_time)
                })
            }
            Capability::Unknown { code, value } => unknown(*code, value, f),
        }
    }
}

/// A family, by its name if linnet speaks it.
struct Named(Afi, Safi);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Family::new(self.0, self.1) {
            Some(family) => family.fmt(f),
            None => write!(f, "afi {} safi {}", self.0.0, self.1.0),
        }
    }
}

fn unknown(code: u8, value: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match name(code) {
        Some(name) => f.write_str(name)?,
        None => write!(f, "capability {code}")?,
    }
    if !value.is_empty() {
        f.write_str(" ")?;
    }
    value.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
}

/// Capabilities that others announce and linnet only shows, and those whose value was not understood (IANA).
fn name(code: u8) -> Option<&'static str> {
    Some(match code {
        1 => "multiprotocol",
        2 => "route-refresh",
        3 => "outbound-route-filtering",
        5 => "extended-next-hop",
        6 => "extended-message",
        9 => "role",
        64 => "graceful-restart",
        65 => "four-octet-as",
        67 => "dynamic",
        69 => "add-path",
        70 => "enhanced-route-refresh",
        71 => "long-lived-graceful-restart",
        73 => "fqdn",
        75 => "software-version",
        76 => "paths-limit",
        128 => "route-refresh-cisco",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Asn, BgpRole};
    use crate::wire::LongLivedFamily;

    #[test]
    fn one_of_each() {
        let families = vec![(Afi::L2VPN, Safi::EVPN, true), (Afi::IPV4, Safi(128), false)];
        let restart =
            Capability::GracefulRestart { restarting: true, notification: false, time: 120, families };
        for (capability, text) in [
            (Capability::Multiprotocol(Afi::L2VPN, Safi::EVPN), "multiprotocol l2vpn-evpn"),
            (Capability::Multiprotocol(Afi(1), Safi(128)), "multiprotocol afi 1 safi 128"),
            (restart, "graceful-restart 120s restarting l2vpn-evpn (preserved) afi 1 safi 128"),
            (Capability::FourOctetAs(Asn(65000)), "four-octet-as 65000"),
            (
                Capability::AddPath(vec![(Afi::IPV4, Safi::UNICAST, AddPathMode::Both)]),
                "add-path ipv4-unicast both",
            ),
            (
                Capability::LongLivedGracefulRestart(vec![LongLivedFamily {
                    afi: Afi::L2VPN,
                    safi: Safi::EVPN,
                    preserved: true,
                    stale_time: 3600,
                }]),
                "long-lived-graceful-restart l2vpn-evpn 3600s (preserved)",
            ),
            (
                Capability::ExtendedNextHop(vec![
                    (Afi::IPV4, Safi::UNICAST, Afi::IPV6),
                    (Afi::IPV4, Safi(128), Afi(9)),
                ]),
                "extended-next-hop ipv4-unicast afi 1 safi 128 by afi 9",
            ),
            (Capability::Role(BgpRole::RouteServerClient), "role rs_client"),
            (Capability::EnhancedRouteRefresh, "enhanced-route-refresh"),
            (Capability::Fqdn { host: "leaf1".into(), domain: String::new() }, "fqdn leaf1"),
            (Capability::Fqdn { host: "a\u{1b}[2J".into(), domain: "b".into() }, "fqdn a\\u{1b}[2J.b"),
            (Capability::SoftwareVersion("FRRouting/10.1".into()), "software-version FRRouting/10.1"),
            (Capability::Unknown { code: 9, value: vec![7] }, "role 07"),
            (Capability::Unknown { code: 71, value: vec![1] }, "long-lived-graceful-restart 01"),
            (Capability::Unknown { code: 200, value: vec![1, 2] }, "capability 200 0102"),
        ] {
            assert_eq!(capability.to_string(), text);
        }
    }
}
