//! Communities of all three kinds, with wildcards.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use crate::wire::{Attrs, Community, ExtCommunity, LargeCommunity, RouteTarget};

/// A community, or all that agree in some of their parts: `65000:*`, `rt:*:100`, `65000:1:*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommunityPattern {
    /// Of RFC 1997: two numbers of two octets.
    Plain(Part, Part),
    /// Of RFC 8092: three numbers of four octets.
    Large([Part; 3]),
    /// Of RFC 4360, in full.
    Extended(ExtCommunity),
    /// A route target or site of origin in which something is left open.
    Target {
        /// Which of the two.
        kind: TargetKind,
        /// Who gave it.
        admin: Admin,
        /// Its number.
        number: Part,
    },
}

/// A number, or any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part(Option<u32>);

/// What an extended community of RFC 4360 section 4 or 5 says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// A route target, `rt:`.
    RouteTarget = 2,
    /// A site of origin, `soo:`.
    SiteOfOrigin = 3,
}

/// Who gave a route target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admin {
    /// Anybody.
    Any,
    /// An AS, whether it is written in two octets or four.
    As(u32),
    /// An address.
    Address(Ipv4Addr),
}

/// Some patterns under one name: a route is meant that has a community which matches one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommunitySet {
    name: Box<str>,
    patterns: Box<[CommunityPattern]>,
}

impl Part {
    fn matches(self, number: u32) -> bool {
        self.0.is_none_or(|wanted| wanted == number)
    }

    fn parse(text: &str, most: u32) -> Option<Part> {
        match text {
            "*" => Some(Part(None)),
            _ => text.parse().ok().filter(|number| *number <= most).map(|number| Part(Some(number))),
        }
    }
}

impl TargetKind {
    const ALL: [(TargetKind, &str); 2] = [(TargetKind::RouteTarget, "rt"), (TargetKind::SiteOfOrigin, "soo")];

    fn name(self) -> &'static str {
        if self == TargetKind::RouteTarget { "rt" } else { "soo" }
    }

    /// What the community says if it is of this kind: both kinds have the same form.
    fn of(self, ExtCommunity([form, subtype, rest @ ..]): ExtCommunity) -> Option<RouteTarget> {
        let [a, b, c, d, e, f] = rest;
        (subtype == self as u8).then(|| ExtCommunity([form, 2, a, b, c, d, e, f]).route_target()).flatten()
    }

    fn with(self, target: RouteTarget) -> ExtCommunity {
        let ExtCommunity([form, _, rest @ ..]) = target.into();
        let [a, b, c, d, e, f] = rest;
        ExtCommunity([form, self as u8, a, b, c, d, e, f])
    }
}

impl CommunityPattern {
    /// Whether this plain community is meant.
    pub fn matches(&self, Community(value): Community) -> bool {
        matches!(self, CommunityPattern::Plain(high, low) if high.matches(value >> 16) && low.matches(value & 0xffff))
    }

    /// Whether this large community is meant.
    pub fn matches_large(&self, LargeCommunity(numbers): LargeCommunity) -> bool {
        matches!(self, CommunityPattern::Large(parts) if parts.iter().zip(numbers).all(|(p, n)| p.matches(n)))
    }

    /// Whether this extended community is meant.
    pub fn matches_extended(&self, community: ExtCommunity) -> bool {
        match *self {
            CommunityPattern::Extended(wanted) => wanted == community,
            CommunityPattern::Target { kind, admin, number } => {
                kind.of(community).is_some_and(|target| match (target, admin) {
                    (RouteTarget::As2(_, n), Admin::Any) => number.matches(n),
                    (RouteTarget::As4(_, n) | RouteTarget::Ipv4(_, n), Admin::Any) => {
                        number.matches(n.into())
                    }
                    (RouteTarget::As2(asn, n), Admin::As(wanted)) => {
                        u32::from(asn) == wanted && number.matches(n)
                    }
                    (RouteTarget::As4(asn, n), Admin::As(wanted)) => {
                        asn.0 == wanted && number.matches(n.into())
                    }
                    (RouteTarget::Ipv4(address, n), Admin::Address(wanted)) => {
                        address == wanted && number.matches(n.into())
                    }
                    _ => false,
                })
            }
            CommunityPattern::Plain(..) | CommunityPattern::Large(_) => false,
        }
    }

    /// The one plain community that is meant, if nothing is left open.
    pub fn plain(&self) -> Option<Community> {
        match *self {
            CommunityPattern::Plain(Part(Some(high)), Part(Some(low))) => Some(Community(high << 16 | low)),
            _ => None,
        }
    }

    /// As [`CommunityPattern::plain`], of a large one.
    pub fn large(&self) -> Option<LargeCommunity> {
        match *self {
            CommunityPattern::Large([Part(Some(a)), Part(Some(b)), Part(Some(c))]) => {
                Some(LargeCommunity([a, b, c]))
            }
            _ => None,
        }
    }

    /// As [`CommunityPattern::plain`], of an extended one.
    pub fn extended(&self) -> Option<ExtCommunity> {
        match *self {
            CommunityPattern::Extended(community) => Some(community),
            _ => None,
        }
    }
}

const EXPECTED: &str =
    "65000:100, 65000:*, no-export, 65000:1:2, 65000:1:*, rt:65000:100, rt:*:100 or soo:65000:1";

impl FromStr for CommunityPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<CommunityPattern, String> {
        let fault = || format!("`{text}` is no community; such as {EXPECTED}");
        if let Some((kind, value)) = target_kind(text) {
            return target(kind, value).ok_or_else(fault);
        }
        if let Ok(community) = text.parse::<Community>() {
            let part = |number| Part(Some(number));
            return Ok(CommunityPattern::Plain(part(community.0 >> 16), part(community.0 & 0xffff)));
        }
        let parts: Vec<&str> = text.split(':').collect();
        let half = |text| Part::parse(text, u16::MAX.into());
        let whole = |text| Part::parse(text, u32::MAX);
        let pattern = match parts[..] {
            [high, low] => half(high).zip(half(low)).map(|(high, low)| CommunityPattern::Plain(high, low)),
            [a, b, c] => {
                whole(a).zip(whole(b)).zip(whole(c)).map(|((a, b), c)| CommunityPattern::Large([a, b, c]))
            }
            _ => None,
        };
        // As the routing table shows them.
        pattern.or_else(|| text.parse().ok().map(CommunityPattern::Extended)).ok_or_else(fault)
    }
}

/// `rt:` and `soo:`, in capitals too, and what stands behind.
fn target_kind(text: &str) -> Option<(TargetKind, &str)> {
    let (name, value) = text.split_once(':')?;
    let (kind, _) = TargetKind::ALL.into_iter().find(|(_, known)| name.eq_ignore_ascii_case(known))?;
    Some((kind, value))
}

fn target(kind: TargetKind, value: &str) -> Option<CommunityPattern> {
    if let Ok(target) = value.parse() {
        return Some(CommunityPattern::Extended(kind.with(target)));
    }
    let (admin, number) = value.split_once(':')?;
    let admin = match admin {
        "*" => Admin::Any,
        _ => match admin.parse() {
            Ok(address) => Admin::Address(address),
            Err(_) => Admin::As(admin.parse::<crate::types::Asn>().ok()?.0),
        },
    };
    let number = Part::parse(number, u32::MAX)?;
    // Without an open part it is a target that no octets hold.
    (admin == Admin::Any || number.0.is_none()).then_some(CommunityPattern::Target { kind, admin, number })
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(number) => number.fmt(f),
            None => f.write_str("*"),
        }
    }
}

impl fmt::Display for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Admin::Any => f.write_str("*"),
            Admin::As(asn) => asn.fmt(f),
            Admin::Address(address) => address.fmt(f),
        }
    }
}

/// As it is read.
impl fmt::Display for CommunityPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommunityPattern::Plain(high, low) => match self.plain() {
                Some(community) => community.fmt(f),
                None => write!(f, "{high}:{low}"),
            },
            CommunityPattern::Large([a, b, c]) => write!(f, "{a}:{b}:{c}"),
            CommunityPattern::Extended(community) => {
                let known =
                    TargetKind::ALL.into_iter().find_map(|(kind, name)| Some((name, kind.of(*community)?)));
                match known {
                    Some((name, target)) => write!(f, "{name}:{target}"),
                    None => community.fmt(f),
                }
            }
            CommunityPattern::Target { kind, admin, number } => write!(f, "{}:{admin}:{number}", kind.name()),
        }
    }
}

impl CommunitySet {
    /// A set that is shown by this name.
    pub fn new(
        name: impl Into<Box<str>>,
        patterns: impl IntoIterator<Item = CommunityPattern>,
    ) -> CommunitySet {
        CommunitySet { name: name.into(), patterns: patterns.into_iter().collect() }
    }

    /// Its patterns.
    pub fn patterns(&self) -> &[CommunityPattern] {
        &self.patterns
    }

    /// Whether one of the route's communities is meant.
    pub fn matches(&self, attrs: &Attrs) -> bool {
        self.patterns.iter().any(|pattern| match pattern {
            CommunityPattern::Plain(..) => attrs.communities.iter().any(|c| pattern.matches(*c)),
            CommunityPattern::Large(_) => attrs.large_communities.iter().any(|c| pattern.matches_large(*c)),
            CommunityPattern::Extended(_) | CommunityPattern::Target { .. } => {
                attrs.ext_communities.iter().any(|c| pattern.matches_extended(*c))
            }
        })
    }
}

/// Its name.
impl fmt::Display for CommunitySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_leads_back() {
        for text in [
            "65000:100",
            "65000:*",
            "*:666",
            "no-export",
            "4200000000:1:*",
            "65000:1:2",
            "rt:65000:100",
            "rt:65000L:100",
            "rt:10.0.0.1:*",
            "rt:*:100",
            "rt:*:*",
            "soo:65000:7",
            "ET:8",
            "0x4306fde800000064",
        ] {
            assert_eq!(text.parse::<CommunityPattern>().map(|p| p.to_string()).as_deref(), Ok(text));
        }
        assert_eq!("RT:65000:1".parse::<CommunityPattern>().unwrap().to_string(), "rt:65000:1");
        for text in ["", "65000", "65536:1", "a:*", "1:2:3:4", "rt:65000", "rt:4200000000:70000", "blackhole"]
        {
            assert!(text.parse::<CommunityPattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn wildcards() {
        let plain = |pattern: &str, community: &str| {
            pattern.parse::<CommunityPattern>().unwrap().matches(community.parse().unwrap())
        };
        assert!(plain("65000:*", "65000:7") && !plain("65000:*", "65001:7") && plain("*:666", "1:666"));
        let large = |pattern: &str, community: &str| {
            pattern.parse::<CommunityPattern>().unwrap().matches_large(community.parse().unwrap())
        };
        assert!(large("65000:1:*", "65000:1:9") && !large("65000:1:*", "65000:2:9"));
        let extended = |pattern: &str, community: &str| {
            pattern.parse::<CommunityPattern>().unwrap().matches_extended(community.parse().unwrap())
        };
        for (pattern, community, matches) in [
            ("rt:65000:*", "RT:65000:1", true),
            ("rt:65000:*", "RT:65000L:1", true),
            ("rt:65000:*", "RT:65001:1", false),
            ("rt:*:100", "RT:10.0.0.1:100", true),
            ("rt:10.0.0.1:*", "RT:10.0.0.1:100", true),
            ("rt:*:*", "ET:8", false),
            ("soo:*:*", "RT:65000:1", false),
            ("soo:65000:*", "0x0003fde800000001", true),
            ("rt:65000:100", "RT:65000:100", true),
            ("rt:65000:100", "RT:65000L:100", false),
        ] {
            assert_eq!(extended(pattern, community), matches, "{pattern} on {community}");
        }
        assert!(!extended("65000:*", "RT:65000:1") && !plain("rt:*:*", "65000:1"), "kinds are not mixed");
    }
}
