//! What a statement asks, and whether any route could ever answer.

use bgp::policy::{
    AttrsCondition, MacPattern, NeighborMatch, PrefixRange, PrefixSet, RouteCondition, VniRange,
};
use bgp::types::{Family, FamilySet};
use bgp::wire::Origin;

use super::super::fault::Path;
use super::super::value::Texts;
use super::file::{MatchEntry, OriginWord};
use super::sets::{Findings, Sets, find, values};

/// The names of the EVPN route types, as `linnet rib` knows them too, from 1.
const ROUTE_TYPES: [&str; 5] = ["ead", "macip", "multicast", "es", "prefix"];

/// Route types that have a MAC, ...
const WITH_MAC: &[u8] = &[2];
/// ... a prefix or address, ...
const WITH_PREFIX: &[u8] = &[2, 5];
/// ... a label, or a tunnel with one.
const WITH_VNI: &[u8] = &[1, 2, 3, 5];

/// The conditions of a statement.
#[derive(Default)]
pub(super) struct Conditions {
    pub(super) of_attrs: Vec<AttrsCondition>,
    pub(super) of_route: Vec<RouteCondition>,
}

/// Reads `match`.
pub(super) fn conditions(at: &Path, entry: &MatchEntry, sets: &Sets, findings: &mut Findings) -> Conditions {
    let mut found = Conditions::default();
    of_attrs(at, entry, sets, findings, &mut found.of_attrs);
    of_route(at, entry, sets, findings, &mut found.of_route);
    contradictions(at, entry, &found, findings);
    found
}

fn of_attrs(
    at: &Path,
    entry: &MatchEntry,
    sets: &Sets,
    findings: &mut Findings,
    list: &mut Vec<AttrsCondition>,
) {
    if let Some(families) = &entry.families {
        if families.is_empty() {
            find(findings, at.key("families"), "an empty list: no route would match");
        }
        list.push(AttrsCondition::Families(families.iter().map(|family| family.0).collect()));
    }
    if let Some(texts) = &entry.neighbors {
        let neighbors: Vec<NeighborMatch> = values(&at.key("neighbors"), texts, findings, str::parse);
        list.push(AttrsCondition::Neighbors(neighbors.into()));
    }
    list.extend(entry.origin.map(|word| AttrsCondition::Origin(origin(word))));
    if let Some(texts) = &entry.next_hops {
        let ranges = values(&at.key("next_hops"), texts, findings, addresses);
        list.push(AttrsCondition::NextHops(PrefixSet::new(texts.list.join(", "), ranges).into()));
    }
    if let Some(texts) = &entry.communities {
        let communities = sets.communities(&at.key("communities"), texts, findings);
        list.push(AttrsCondition::Communities(communities.into()));
    }
    if let Some(texts) = &entry.as_path {
        list.push(AttrsCondition::AsPaths(sets.as_paths(&at.key("as_path"), texts, findings).into()));
    }
}

fn of_route(
    at: &Path,
    entry: &MatchEntry,
    sets: &Sets,
    findings: &mut Findings,
    list: &mut Vec<RouteCondition>,
) {
    if let Some(texts) = &entry.route_types {
        let types = values(&at.key("route_types"), texts, findings, route_type);
        list.push(RouteCondition::RouteTypes(types.into()));
    }
    if let Some(texts) = &entry.vni {
        let ranges: Vec<VniRange> = values(&at.key("vni"), texts, findings, str::parse);
        list.push(RouteCondition::Vnis(ranges.into()));
    }
    if let Some(texts) = &entry.mac {
        let macs: Vec<MacPattern> = values(&at.key("mac"), texts, findings, str::parse);
        list.push(RouteCondition::Macs(macs.into()));
    }
    if let Some(texts) = &entry.prefixes {
        list.push(RouteCondition::Prefixes(sets.prefixes(&at.key("prefixes"), texts, findings).into()));
    }
}

/// An address, or a prefix with all addresses in it.
fn addresses(text: &str) -> Result<PrefixRange, String> {
    let net = text.parse().or_else(|_| text.parse::<std::net::IpAddr>().map(Into::into));
    net.map(PrefixRange::within).map_err(|_| format!("`{text}` is neither an address nor a prefix"))
}

fn route_type(text: &str) -> Result<u8, String> {
    let known = (1..).zip(ROUTE_TYPES).find(|(number, name)| *name == text || number.to_string() == text);
    let fault = || format!("`{text}` is no EVPN route type: one of {}, or 1 to 5", ROUTE_TYPES.join(", "));
    known.map(|(number, _)| number).ok_or_else(fault)
}

pub(super) fn origin(word: OriginWord) -> Origin {
    match word {
        OriginWord::Igp => Origin::Igp,
        OriginWord::Egp => Origin::Egp,
        OriginWord::Incomplete => Origin::Incomplete,
    }
}

/// Conditions that no route can meet together.
fn contradictions(at: &Path, entry: &MatchEntry, found: &Conditions, findings: &mut Findings) {
    let keys = [
        ("route_types", &entry.route_types, &[1, 2, 3, 4, 5][..], "an EVPN route type"),
        ("vni", &entry.vni, WITH_VNI, "a VNI"),
        ("mac", &entry.mac, WITH_MAC, "a MAC"),
    ];
    let families = found.of_attrs.iter().find_map(|condition| match condition {
        AttrsCondition::Families(families) => Some(*families),
        _ => None,
    });
    let types = found.of_route.iter().find_map(|condition| match condition {
        RouteCondition::RouteTypes(types) => Some(&types[..]),
        _ => None,
    });
    for (key, _, with, what) in keys.into_iter().filter(|(_, texts, ..)| texts.is_some()) {
        if families.is_some_and(|families| !families.contains(Family::L2vpnEvpn)) {
            let message = format!("only routes of l2vpn-evpn have {what}, and `families` leaves that out");
            find(findings, at.key(key), message);
        }
        without(at, key, what, with, types, findings);
    }
    if let Some(texts) = &entry.prefixes {
        without(at, "prefixes", "a prefix or an address", WITH_PREFIX, types, findings);
        prefixes_of_families(at, texts, families, found, findings);
    }
}

/// Finds a key that none of the route types has.
fn without(at: &Path, key: &str, what: &str, with: &[u8], types: Option<&[u8]>, findings: &mut Findings) {
    if types.is_some_and(|types| !types.is_empty() && !types.iter().any(|kind| with.contains(kind))) {
        find(findings, at.key(key), format!("none of the `route_types` has {what}"));
    }
}

/// Finds prefixes that are all of another family than the statement is about.
fn prefixes_of_families(
    at: &Path,
    texts: &Texts,
    families: Option<FamilySet>,
    found: &Conditions,
    findings: &mut Findings,
) {
    let Some(families) = families.filter(|families| !families.contains(Family::L2vpnEvpn)) else { return };
    let [only_ipv4, only_ipv6] = [Family::Ipv6Unicast, Family::Ipv4Unicast]
        .map(|other| !families.contains(other) && !families.is_empty());
    for condition in &found.of_route {
        let RouteCondition::Prefixes(sets) = condition else { continue };
        let mut ranges = sets.iter().flat_map(|set| set.ranges());
        let any = ranges.clone().next().is_some();
        let alien = ranges.all(|range| if range.is_ipv4() { only_ipv6 } else { only_ipv4 });
        if any && alien {
            let message = format!("{} has no prefix of the `families`", texts.list.join(", "));
            find(findings, at.key("prefixes"), message);
        }
    }
}
