//! What a statement does.

use std::net::IpAddr;

use bgp::policy::{Changes, CommunityChanges, CommunityPattern, NextHopChange, NumberChange, Prepend};
use bgp::types::{Asn, Family};

use super::super::fault::Path;
use super::super::value::Texts;
use super::conditions::origin;
use super::file::{CommunitiesEntry, MatchEntry, PrependEntry, SetEntry};
use super::sets::{Findings, Sets, find, values};

/// Reads `set`; `asn` is this speaker's.
pub(super) fn changes(
    at: &Path,
    entry: &SetEntry,
    asn: Asn,
    sets: &Sets,
    findings: &mut Findings,
) -> Changes {
    Changes {
        local_pref: number(&at.key("local_pref"), entry.local_pref.as_ref(), findings),
        med: number(&at.key("med"), entry.med.as_ref(), findings),
        weight: entry.weight,
        origin: entry.origin.map(origin),
        next_hop: next_hop(&at.key("next_hop"), entry.next_hop.as_deref(), findings),
        prepend: entry.prepend.as_ref().map(|entry| prepend(&at.key("prepend"), entry, asn, findings)),
        communities: match &entry.communities {
            Some(entry) => communities(&at.key("communities"), entry, sets, findings),
            None => CommunityChanges::default(),
        },
    }
}

/// Finds a next hop that no route which the statement applies to can have.
pub(super) fn check_next_hop(at: &Path, matches: &MatchEntry, changes: &Changes, findings: &mut Findings) {
    let (Some(NextHopChange::To(address)), Some(families)) = (changes.next_hop, &matches.families) else {
        return;
    };
    let alien = match address {
        IpAddr::V4(_) => Family::Ipv6Unicast,
        IpAddr::V6(_) => Family::Ipv4Unicast,
    };
    if families.iter().all(|family| family.0 == alien) {
        find(findings, at.key("next_hop"), format!("a route of {alien} cannot have the next hop {address}"));
    }
}

fn number(at: &Path, texts: Option<&Texts>, findings: &mut Findings) -> Option<NumberChange> {
    let texts = texts?;
    if texts.list.len() != 1 {
        find(findings, at.clone(), "one number, not a list");
        return None;
    }
    values(at, texts, findings, str::parse).pop()
}

fn next_hop(at: &Path, text: Option<&str>, findings: &mut Findings) -> Option<NextHopChange> {
    match text?.parse() {
        Ok(change) => Some(change),
        Err(message) => {
            find(findings, at.clone(), message);
            None
        }
    }
}

fn prepend(at: &Path, entry: &PrependEntry, own: Asn, findings: &mut Findings) -> Prepend {
    if entry.count == 0 {
        find(findings, at.key("count"), "1 to 255");
    }
    Prepend { asn: entry.asn.map_or(own, |asn| asn.0), count: entry.count }
}

fn communities(
    at: &Path,
    entry: &CommunitiesEntry,
    sets: &Sets,
    findings: &mut Findings,
) -> CommunityChanges {
    let mut read = |key: &str, texts: &Option<Texts>, exact: bool| -> Box<[CommunityPattern]> {
        let Some(texts) = texts else { return Box::default() };
        let at = at.key(key);
        let found = sets.communities(&at, texts, findings);
        let patterns: Vec<CommunityPattern> = found.iter().flat_map(|set| set.patterns()).copied().collect();
        if let Some(open) = patterns.iter().find(|pattern| exact && !is_exact(pattern)) {
            find(findings, at, format!("`{open}` leaves something open and can only be matched or removed"));
        }
        patterns.into()
    };
    CommunityChanges {
        replace: read("replace", &entry.replace, true),
        remove: read("remove", &entry.remove, false),
        add: read("add", &entry.add, true),
    }
}

fn is_exact(pattern: &CommunityPattern) -> bool {
    pattern.plain().is_some() || pattern.large().is_some() || pattern.extended().is_some()
}
