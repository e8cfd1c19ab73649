//! What only comes out of several statements of a protocol together: who the neighbour is, its policies, how far
//! away it may be, its families.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

use super::Secret;
use crate::from_bird::condition::Way;
use crate::from_bird::ledger::Id;
use crate::from_bird::peer::{Book, Channel, Peer, Remote, Whole, set};
use crate::from_bird::policy::{Chosen, Filter, Policies};
use crate::from_bird::yaml::{Line, Map, Node};

/// Keys of a neighbour in the order in which they are written.
const ORDER: &[&str] = &[
    "name",
    "range",
    "address",
    "interface",
    "peer_group",
    "description",
    "remote_as",
    "port",
    "local_address",
    "families",
    "shutdown",
    "passive",
    "local_as",
    "route_reflector_client",
    "hold_time",
    "keepalive",
    "connect_retry",
    "min_hold_time",
    "send_hold_time",
    "multihop",
    "ttl_security",
    "password_file",
    "role",
    "role_strict",
    "allow_as_in",
    "as_set",
    "extended_next_hop",
    "next_hop_self",
    "next_hop_unchanged",
    "add_path",
    "local_pref",
    "fqdn",
    "graceful_restart",
    "bfd",
    "max_prefix",
    "keep_adj_in",
    "import_policy",
    "export_policy",
];

/// BIRD's hold time where none is set, in seconds.
const HOLD_TIME: u16 = 240;

pub(super) fn is_internal(whole: &Whole<'_>, asn: Option<u32>) -> bool {
    match whole.remote {
        Some(Remote::Internal) => true,
        Some(Remote::Number(remote)) => whole.local_as.map(|(local, _)| local).or(asn) == Some(remote),
        Some(Remote::External) | None => false,
    }
}

/// Sets who the neighbour is; `None` where that is nobody linnet can have. Says whether it is a range.
pub(super) fn identity(peer: &mut Peer<'_>, seen: &mut HashSet<String>, book: &mut Book<'_>) -> Option<bool> {
    let id = peer.statement.id;
    if peer.whole.remote.is_none() {
        book.ledger
            .dropped(id, "names no AS of its neighbour; without one linnet lets nobody in: `remote_as`");
        return None;
    }
    let whole = &peer.whole;
    let link_local = |ip: IpAddr| matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
    let (key, text) = match (whole.address, whole.range, whole.link.as_deref()) {
        (Some(ip), _, Some(link)) if link_local(ip) => ("address", format!("{ip}%{link}")),
        (Some(ip), _, None) if link_local(ip) => {
            book.ledger.dropped(id, "has a link-local neighbour; say on which link: `address: fe80::1%eth0`");
            return None;
        }
        (Some(ip), ..) => ("address", ip.to_string()),
        (None, Some(range), Some(link)) if link_local(range.addr()) => ("interface", link.to_owned()),
        (None, Some(range), _) => ("range", range.to_string()),
        (None, None, _) => {
            book.ledger.dropped(id, "names no neighbour");
            return None;
        }
    };
    if !seen.insert(text.clone()) {
        book.ledger.dropped(
            id,
            format!("is a second session with {text}; linnet has one with each neighbour, for all families"),
        );
        return None;
    }
    peer.set(key, Node::text(&text).plain());
    Some(key == "range")
}

/// Sets the policies where they are others than those inherited; says which hold.
pub(super) fn decide<'s>(
    peer: &mut Peer<'s>,
    says: [bool; 2],
    inherited: [Option<Chosen>; 2],
    internal: bool,
    policies: &mut Policies<'s>,
    book: &mut Book<'_>,
) -> [Option<Chosen>; 2] {
    let mut result = inherited;
    let ways = [(Way::Import, "import_policy"), (Way::Export, "export_policy")];
    for (((way, key), says), result) in ways.into_iter().zip(says).zip(&mut result) {
        if !says {
            continue;
        }
        let filters = filters(&peer.whole, way);
        let chosen = policies.choose(&filters, way, &peer.name, book.ledger);
        let ids: Vec<Id> = filters.values().flatten().map(|filter| filter.id).collect();
        let default = if internal { Some(Chosen::All) } else { None };
        if result.as_ref().or(default.as_ref()) == Some(&chosen) {
            ids.iter().for_each(|id| {
                book.ledger.needless(
                    *id,
                    "an internal neighbour takes and is sent everything unless a policy says otherwise",
                );
            });
            continue;
        }
        let name = policies.name(&chosen);
        let node = Node::text(&name);
        let comment = match ids.first() {
            Some(id) => book.comment(*id),
            None if way == Way::Export => "BIRD exports nothing unless told to".to_owned(),
            None => "BIRD imports everything unless told otherwise".to_owned(),
        };
        ids.iter().for_each(|id| book.ledger.carried(*id));
        peer.set(key, node.with(comment));
        *result = Some(chosen);
    }
    result
}

/// The filters of each family.
fn filters<'s>(whole: &Whole<'s>, way: Way) -> BTreeMap<&'static str, Option<Filter<'s>>> {
    let of = |channel: &Channel<'s>| match way {
        Way::Import => channel.import.clone(),
        Way::Export | Way::Kernel => channel.export.clone(),
    };
    if whole.channels.is_empty() {
        return BTreeMap::from([("ipv4-unicast", of(&whole.plain))]);
    }
    whole
        .channels
        .iter()
        .map(|(family, channel)| (*family, of(channel).or_else(|| of(&whole.plain))))
        .collect()
}

/// Sets how far away the neighbour may be, where its own statements change that.
pub(super) fn reach(peer: &mut Peer<'_>, book: &mut Book<'_>) {
    if !peer.own.hops {
        return;
    }
    let hops = peer.whole.hops;
    match (peer.whole.ttl_security, hops) {
        (Some(id), hops) => {
            let limit = hops.map_or(1, |(hops, _)| hops);
            let comment = book.comment(id);
            peer.set("ttl_security", Node::number(limit).with(comment));
        }
        (None, Some((hops, id))) => {
            let comment = book.comment(id);
            peer.set("multihop", Node::number(hops).with(comment));
        }
        (None, None) => peer.set("multihop", Node::number(1_u8).with("on the link")),
    }
}

pub(super) fn families(peer: &mut Peer<'_>) {
    if peer.own.channels {
        let families: Vec<&str> = peer.whole.channels.keys().copied().collect();
        peer.set("families", Node::texts(families).plain());
    } else if peer.whole.channels.is_empty() && peer.whole.address.is_some_and(|ip| ip.is_ipv6()) {
        peer.set("families", Node::texts(["ipv6-unicast"]).with("BIRD 1's for IPv6"));
    }
    // Where none is set, a keepalive that BIRD's hold time allows is to be allowed here.
    if peer.has("keepalive") && !peer.whole.hold_time {
        peer.set("hold_time", Node::number(HOLD_TIME).with("BIRD's, where none is set"));
    }
}

pub(super) fn local_as(peer: &mut Peer<'_>, asn: Option<u32>, internal: bool, book: &mut Book<'_>) {
    let Some((local, id)) = peer.whole.local_as.filter(|(local, _)| Some(*local) != asn) else { return };
    if internal {
        book.ledger.dropped(id, "is another AS than that of other protocols, towards a neighbour within it; a linnetd is of one AS");
        return;
    }
    let comment = book.comment(id);
    let section = vec![
        ("asn".to_owned(), Node::number(local).plain()),
        ("no_prepend".to_owned(), Node::bool(true).plain()),
        ("replace_as".to_owned(), Node::bool(true).plain()),
    ];
    peer.set("local_as", Node::Map(section).with(comment));
}

/// Where the password is to be, which is written nowhere.
pub(super) fn password(peer: &mut Peer<'_>, secrets: &mut Vec<Secret>, book: &mut Book<'_>) {
    let Some(id) = peer.own.password else { return };
    let letter = |letter: char| {
        if letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.') { letter } else { '-' }
    };
    let name: String = peer.name.chars().map(letter).collect();
    let file = format!("/etc/linnet/{name}.key");
    peer.set("password_file", Node::text(&file).with(format!("{}; put it into this file", book.comment(id))));
    if let Some(entry) = book.ledger.get(id) {
        secrets.push(Secret { place: book.names.place(entry.place), file });
    }
}

pub(super) fn written(peer: Peer<'_>, book: &Book<'_>) -> Line {
    let mut map = Map::new();
    let rank = |key: &str| ORDER.iter().position(|known| *known == key).unwrap_or(ORDER.len());
    let mut keys = peer.keys;
    keys.sort_by_key(|(key, _)| rank(key));
    keys.into_iter().for_each(|(key, line)| set(&mut map, &key, line));
    Node::Map(map).with(book.comment(peer.statement.id))
}
