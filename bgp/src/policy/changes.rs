//! What a statement does to the attributes of a route that meets its conditions.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::types::{Asn, Family};
use crate::wire::{Attrs, Community, ExtCommunity, LargeCommunity, NextHop, Origin};

use super::community::CommunityPattern;
use super::condition::{Context, list};

/// The changes of one statement; what is `None` or empty stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// LOCAL_PREF.
    pub local_pref: Option<NumberChange>,
    /// MULTI_EXIT_DISC.
    pub med: Option<NumberChange>,
    /// The weight, which comes first in the decision and is never sent.
    pub weight: Option<u32>,
    /// ORIGIN.
    pub origin: Option<Origin>,
    /// The next hop.
    pub next_hop: Option<NextHopChange>,
    /// AS numbers put in front.
    pub prepend: Option<Prepend>,
    /// Communities.
    pub communities: CommunityChanges,
}

/// A new value, or a step up or down from the present one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberChange {
    /// This.
    To(u32),
    /// So much more; it stops at the largest number.
    Up(u32),
    /// So much less; it stops at 0.
    Down(u32),
}

/// Where packets shall go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextHopChange {
    /// To this speaker: `self`. Only on export.
    Own,
    /// Where they went before: `unchanged`. Only on export.
    Unchanged,
    /// To this address. A unicast route takes only one of its own IP family.
    To(IpAddr),
}

/// An AS number and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prepend {
    /// Which.
    pub asn: Asn,
    /// How often, 1 to 255.
    pub count: u8,
}

/// What happens to communities: those of `replace` come in place of all others of their kinds, then what `remove`
/// matches goes, then `add` comes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommunityChanges {
    /// In place of all of these kinds. Only such as leave nothing open.
    pub replace: Box<[CommunityPattern]>,
    /// To be taken away.
    pub remove: Box<[CommunityPattern]>,
    /// To be added where they are missing. Only such as leave nothing open.
    pub add: Box<[CommunityPattern]>,
}

/// What the rules of export (RFC 4271 section 5.1) must leave as a policy has set it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Fixed {
    /// MULTI_EXIT_DISC, which else does not leave the AS.
    pub med: bool,
    /// The next hop, which else depends on the receiver.
    pub next_hop: Option<NextHopRule>,
}

/// What becomes of a next hop on export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NextHopRule {
    /// It becomes this speaker's address.
    Own,
    /// It stays.
    Keep,
}

impl Changes {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == Changes::default()
    }

    /// Makes the changes, and notes in `fixed` what export must not change again.
    pub(super) fn apply(&self, context: &Context, attrs: &mut Attrs, fixed: &mut Fixed) {
        if let Some(change) = self.local_pref {
            attrs.local_pref = Some(change.of(attrs.local_pref.unwrap_or(context.local_pref)));
        }
        if let Some(change) = self.med {
            attrs.med = Some(change.of(attrs.med.unwrap_or(0)));
            fixed.med = true;
        }
        attrs.weight = self.weight.or(attrs.weight);
        attrs.origin = self.origin.unwrap_or(attrs.origin);
        if let Some(change) = self.next_hop {
            change.apply(context.family, attrs, fixed);
        }
        if let Some(Prepend { asn, count }) = self.prepend {
            attrs.as_path = attrs.as_path.prepend(asn, count);
        }
        self.communities.apply(attrs);
    }
}

impl NumberChange {
    fn of(self, number: u32) -> u32 {
        match self {
            NumberChange::To(value) => value,
            NumberChange::Up(step) => number.saturating_add(step),
            NumberChange::Down(step) => number.saturating_sub(step),
        }
    }
}

impl NextHopChange {
    fn apply(self, family: Family, attrs: &mut Attrs, fixed: &mut Fixed) {
        let address = match self {
            NextHopChange::Own => return fixed.next_hop = Some(NextHopRule::Own),
            NextHopChange::Unchanged => return fixed.next_hop = Some(NextHopRule::Keep),
            NextHopChange::To(address) => address,
        };
        attrs.next_hop = match (family, address) {
            (Family::Ipv4Unicast | Family::L2vpnEvpn, IpAddr::V4(address)) => NextHop::Ipv4(address),
            (Family::Ipv6Unicast | Family::L2vpnEvpn, IpAddr::V6(address)) => NextHop::Ipv6(address),
            _ => return,
        };
        fixed.next_hop = Some(NextHopRule::Keep);
    }
}

impl CommunityChanges {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == CommunityChanges::default()
    }

    fn apply(&self, attrs: &mut Attrs) {
        if self.is_empty() {
            return;
        }
        let CommunityChanges { replace, remove, add } = self;
        let go = |matches: &dyn Fn(&CommunityPattern) -> bool| remove.iter().any(matches);
        attrs.communities = changed(
            &attrs.communities,
            [replace, add].map(|list| list.iter().filter_map(CommunityPattern::plain)),
            |c: &Community| go(&|pattern| pattern.matches(*c)),
        );
        attrs.large_communities = changed(
            &attrs.large_communities,
            [replace, add].map(|list| list.iter().filter_map(CommunityPattern::large)),
            |c: &LargeCommunity| go(&|pattern| pattern.matches_large(*c)),
        );
        attrs.ext_communities = changed(
            &attrs.ext_communities,
            [replace, add].map(|list| list.iter().filter_map(CommunityPattern::extended)),
            |c: &ExtCommunity| go(&|pattern| pattern.matches_extended(*c)),
        );
    }
}

/// A list of communities of one kind, changed.
fn changed<C: Copy + PartialEq>(
    present: &[C],
    [replace, add]: [impl Iterator<Item = C>; 2],
    goes: impl Fn(&C) -> bool,
) -> Box<[C]> {
    let mut list: Vec<C> = replace.collect();
    if list.is_empty() {
        list.extend_from_slice(present);
    }
    list.retain(|community| !goes(community));
    for community in add {
        if !list.contains(&community) {
            list.push(community);
        }
    }
    list.into()
}

impl FromStr for NumberChange {
    type Err = String;

    fn from_str(text: &str) -> Result<NumberChange, String> {
        let (digits, change): (&str, fn(u32) -> NumberChange) = match text.split_at_checked(1) {
            Some(("+", digits)) => (digits, NumberChange::Up),
            Some(("-", digits)) => (digits, NumberChange::Down),
            _ => (text, NumberChange::To),
        };
        let plain = digits.bytes().all(|digit| digit.is_ascii_digit());
        let number = digits.parse().ok().filter(|_| plain).map(change);
        number.ok_or_else(|| {
            format!("`{text}` is no number such as 200, nor a step such as \"+10\" or \"-10\"")
        })
    }
}

impl FromStr for NextHopChange {
    type Err = String;

    fn from_str(text: &str) -> Result<NextHopChange, String> {
        let address = |text: &str| text.parse().ok().filter(|address: &IpAddr| !address.is_unspecified());
        match text {
            "self" => Ok(NextHopChange::Own),
            "unchanged" => Ok(NextHopChange::Unchanged),
            _ => address(text)
                .map(NextHopChange::To)
                .ok_or_else(|| format!("`{text}` is neither self, nor unchanged, nor an address")),
        }
    }
}

/// As it is read.
impl fmt::Display for NumberChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NumberChange::To(number) => number.fmt(f),
            NumberChange::Up(step) => write!(f, "+{step}"),
            NumberChange::Down(step) => write!(f, "-{step}"),
        }
    }
}

/// As it is read.
impl fmt::Display for NextHopChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NextHopChange::Own => f.write_str("self"),
            NextHopChange::Unchanged => f.write_str("unchanged"),
            NextHopChange::To(address) => address.fmt(f),
        }
    }
}

/// `local_pref 200; prepend 65000 x 3`; nothing where there is no change.
impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CommunityChanges { replace, remove, add } = &self.communities;
        let numbers = [("local_pref", self.local_pref), ("med", self.med)];
        let mut parts: Vec<String> =
            numbers.iter().filter_map(|(key, change)| Some(format!("{key} {}", change.as_ref()?))).collect();
        parts.extend(self.weight.map(|weight| format!("weight {weight}")));
        parts.extend(self.origin.map(|origin| format!("origin {}", origin.name())));
        parts.extend(self.next_hop.map(|next_hop| format!("next_hop {next_hop}")));
        parts.extend(self.prepend.map(|Prepend { asn, count }| format!("prepend {asn} x {count}")));
        for (key, patterns) in [("replace", replace), ("remove", remove), ("add", add)] {
            if !patterns.is_empty() {
                parts.push(Listed("communities", key, patterns).to_string());
            }
        }
        f.write_str(&parts.join("; "))
    }
}

struct Listed<'a>(&'a str, &'a str, &'a [CommunityPattern]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.0)?;
        list(f, self.1, self.2.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attrs() -> Attrs {
        Attrs::new(NextHop::Ipv4([10, 0, 0, 9].into()))
    }

    fn apply(changes: &Changes, attrs: &mut Attrs) -> Fixed {
        let mut fixed = Fixed::default();
        let context = Context { family: Family::Ipv4Unicast, neighbor: None, local_pref: 100 };
        changes.apply(&context, attrs, &mut fixed);
        fixed
    }

    #[test]
    fn numbers() {
        for (text, before, after) in [
            ("7", None, 7),
            ("+10", Some(5), 15),
            ("+10", None, 10),
            ("-10", Some(5), 0),
            ("+5", Some(u32::MAX), u32::MAX),
        ] {
            let mut attrs = Attrs { med: before, ..attrs() };
            let fixed =
                apply(&Changes { med: Some(text.parse().unwrap()), ..Changes::default() }, &mut attrs);
            assert_eq!((attrs.med, fixed.med), (Some(after), true), "{text}");
        }
        let mut attrs = attrs();
        apply(&Changes { local_pref: Some("+50".parse().unwrap()), ..Changes::default() }, &mut attrs);
        assert_eq!(attrs.local_pref, Some(150), "from the default");
        for text in ["", "+", "x", "--5", "4294967296", "+ 5"] {
            assert!(text.parse::<NumberChange>().is_err(), "{text}");
        }
    }

    #[test]
    fn next_hops() {
        let to = |text: &str| {
            let mut attrs = attrs();
            let change = text.parse().unwrap();
            let fixed = apply(&Changes { next_hop: Some(change), ..Changes::default() }, &mut attrs);
            (attrs.next_hop.address().to_string(), fixed.next_hop)
        };
        assert_eq!(to("10.0.0.1"), ("10.0.0.1".into(), Some(NextHopRule::Keep)));
        assert_eq!(to("fd00::1"), ("10.0.0.9".into(), None), "not for a route of IPv4");
        assert_eq!(to("self"), ("10.0.0.9".into(), Some(NextHopRule::Own)));
        assert_eq!(to("unchanged"), ("10.0.0.9".into(), Some(NextHopRule::Keep)));
        assert!("0.0.0.0".parse::<NextHopChange>().is_err() && "me".parse::<NextHopChange>().is_err());
    }

    #[test]
    fn communities() {
        let list = |texts: &[&str]| -> Box<[CommunityPattern]> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        let before = Attrs {
            communities: ["1:1", "1:2", "2:2"].map(|text| text.parse().unwrap()).into(),
            large_communities: ["1:1:1".parse().unwrap()].into(),
            ext_communities: ["RT:1:1", "ET:8"].map(|text| text.parse().unwrap()).into(),
            ..attrs()
        };
        for (replace, remove, add, plain, large, extended) in [
            (&[][..], &["1:*"][..], &["3:3"][..], "2:2 3:3", "1:1:1", "RT:1:1 ET:8"),
            (&["9:9"], &[], &["9:9", "no-export"], "9:9 no-export", "1:1:1", "RT:1:1 ET:8"),
            (&["rt:5:5"], &["*:*:*"], &[], "1:1 1:2 2:2", "", "RT:5:5"),
            (&[], &["rt:*:*", "ET:8", "*:*"], &["7:7:7", "rt:7:7"], "", "1:1:1 7:7:7", "RT:7:7"),
        ] {
            let changes = CommunityChanges { replace: list(replace), remove: list(remove), add: list(add) };
            let mut attrs = before.clone();
            apply(&Changes { communities: changes, ..Changes::default() }, &mut attrs);
            assert_eq!(text(&attrs.communities), plain);
            assert_eq!(text(&attrs.large_communities), large);
            assert_eq!(text(&attrs.ext_communities), extended);
        }
    }

    fn text<C: ToString>(communities: &[C]) -> String {
        communities.iter().map(C::to_string).collect::<Vec<_>>().join(" ")
    }
}
