//! The statements of a BGP protocol's channel, `ipv4 { ... }`, which in BIRD 1 stand in the protocol itself.

use super::peer::{Book, Outcome, Peer};
use super::policy::Filter;
use super::settings::{switched, unless_off};
use super::tree::Statement;
use super::yaml::Node;

/// The family of a channel.
pub(super) fn family(word: &str) -> Option<&'static str> {
    match word {
        "ipv4" => Some("ipv4-unicast"),
        "ipv6" => Some("ipv6-unicast"),
        "evpn" => Some("l2vpn-evpn"),
        _ => None,
    }
}

/// What a statement comes to; `of` is the family whose channel it stands in.
pub(super) fn setting<'s>(
    statement: &'s Statement,
    peer: &mut Peer<'s>,
    of: Option<&'static str>,
    book: &mut Book<'_>,
) -> Option<Outcome> {
    let words = statement.words();
    Some(match words.as_slice() {
        ["ipv4" | "ipv6", "multicast" | "mpls", ..]
        | ["vpn4" | "vpn6" | "flow4" | "flow6" | "mpls" | "roa4" | "roa6" | "eth", ..]
            if of.is_none() =>
        {
            Outcome::Dropped(
                "is a family that linnet does not speak: ipv4-unicast, ipv6-unicast and l2vpn-evpn are"
                    .into(),
            )
        }
        [word @ ("ipv4" | "ipv6" | "evpn"), ..] if of.is_none() => {
            channel(statement, peer, family(word)?, book)
        }
        ["import" | "receive" | "route", "limit", ..] => limit(statement, of),
        ["export", "limit", ..] => {
            Outcome::Dropped("bounded how many routes are sent; an export policy says which".into())
        }
        ["import", "keep", "filtered", ..] => switched(statement, 3, "keep_adj_in"),
        ["import", "table", ..] => switched(statement, 2, "keep_adj_in"),
        ["export", "table", ..] => Outcome::Needless("`linnet rib --adj out` shows what is sent without one"),
        ["import", ..] => filter(statement, peer, of, true),
        ["export", ..] => filter(statement, peer, of, false),
        ["add", "paths", ..] => add_paths(statement),
        ["next", "hop", ..] => next_hop(statement, &words),
        ["gateway", word] => match *word {
            "recursive" => Outcome::Needless(
                "linnet finds next hops through the kernel's routes, over as many as it takes",
            ),
            _ => Outcome::Dropped(
                "took next hops on a link only; linnet finds them through the kernel's routes".into(),
            ),
        },
        ["extended", "next", "hop", ..] => switched(statement, 3, "extended_next_hop"),
        ["missing", "lladdr", ..] => {
            Outcome::Needless("a next hop without a link-local address is taken as it is")
        }
        ["table", ..] if matches!(words.as_slice(), ["table", "master" | "master4" | "master6"]) => {
            Outcome::Needless("linnet has one table a family")
        }
        ["table", ..] | ["igp", "table", ..] => Outcome::Dropped(
            "used a table of its own; linnet has one a family, and policies say what goes where".into(),
        ),
        ["preference", ..] => Outcome::Dropped(
            "preferred this protocol's routes to others'; `weight` does so between neighbours".into(),
        ),
        ["secondary", ..] => {
            Outcome::Needless("with `add_path` the best paths are sent, and otherwise the best one")
        }
        ["mandatory", ..] => unless_off(
            statement,
            1,
            "refused neighbours without this family; linnet shows in `linnet neighbor ADDR` what was agreed on",
        ),
        ["cost", ..] | ["aigp", ..] => {
            Outcome::Dropped("linnet does not have it: LOCAL_PREF and MED prefer one path to another".into())
        }
        ["validate", ..] => unless_off(statement, 1, "validated flow specifications"),
        ["rpki", "reload", ..] | ["debug", ..] => {
            Outcome::Needless("there is nothing of the kind to be done")
        }
        ["graceful", "restart", ..] | ["long", "lived", ..] if of.is_some() => {
            Outcome::Needless("graceful restart is for all families of a neighbour")
        }
        _ => return None,
    })
}

fn channel<'s>(
    statement: &'s Statement,
    peer: &mut Peer<'s>,
    family: &'static str,
    book: &mut Book<'_>,
) -> Outcome {
    peer.own.channels = true;
    peer.whole.channels.entry(family).or_default();
    for setting in statement.settings() {
        let outcome = self::setting(setting, peer, Some(family), book)
            .unwrap_or_else(|| Outcome::Dropped("is nothing of a channel that this conversion knows".into()));
        peer.enter(setting, outcome, book);
    }
    Outcome::Noted
}

fn filter<'s>(
    statement: &'s Statement,
    peer: &mut Peer<'s>,
    of: Option<&'static str>,
    import: bool,
) -> Outcome {
    let Some(filter) = Filter::read(statement) else {
        return Outcome::Dropped(
            "is no filter that is understood: expected all, none, a filter, or where".into(),
        );
    };
    let channel = match of {
        Some(family) => peer.whole.channels.entry(family).or_default(),
        None => &mut peer.whole.plain,
    };
    if import {
        (channel.import, peer.own.import) = (Some(filter), true);
    } else {
        (channel.export, peer.own.export) = (Some(filter), true);
    }
    // What becomes of it is known when the filter is made a policy.
    Outcome::Settled
}

fn add_paths(statement: &Statement) -> Outcome {
    let mut values = statement.after(2);
    let (receive, send) = match () {
        () if values.eat("rx") => (true, false),
        () if values.eat("tx") => (false, true),
        () => match values.switch() {
            Some(both) => (both, both),
            None => {
                return Outcome::Dropped(
                    "has a value that is not understood: expected on, off, rx or tx".into(),
                );
            }
        },
    };
    let mut keys = vec![("add_path.receive", Node::bool(receive))];
    if send {
        keys.push(("add_path.send", Node::text("all")));
    }
    Outcome::Keys(keys)
}

/// `import limit N [action WORD]`, of routes before or behind the filter.
fn limit(statement: &Statement, of: Option<&'static str>) -> Outcome {
    let mut values = statement.after(2);
    if values.eat("off") {
        return Outcome::Needless("there is no limit unless one is set");
    }
    let Some(limit) = values.number::<u32>().filter(|limit| *limit > 0) else {
        return Outcome::Dropped(
            "has a value that is not understood: expected a number of routes, at least 1".into(),
        );
    };
    let action = if values.eat("action") { values.word() } else { Some("disable") };
    let action = match action {
        Some("disable") => "teardown",
        Some("restart") => "restart",
        Some("warn") => "warn",
        _ => return Outcome::Dropped(
            "kept what came beyond the limit out; `max_prefix` ends the session, or warns: `action: warn`"
                .into(),
        ),
    };
    let key = match of {
        None => "max_prefix.limit",
        Some("ipv6-unicast") => "max_prefix.families.ipv6-unicast",
        Some("l2vpn-evpn") => "max_prefix.families.l2vpn-evpn",
        Some(_) => "max_prefix.families.ipv4-unicast",
    };
    Outcome::Keys(vec![(key, Node::number(limit)), ("max_prefix.action", Node::text(action))])
}

fn next_hop(statement: &Statement, words: &[&str]) -> Outcome {
    match words {
        ["next", "hop", "self", "ebgp"] => Outcome::key("next_hop_self", Node::bool(true)),
        ["next", "hop", "self", "ibgp"] => Outcome::Dropped(
            "told this node's address for routes by iBGP alone; `next_hop_self: force` does so for all"
                .into(),
        ),
        ["next", "hop", "self", ..] => match statement.after(3).switch() {
            Some(true) => Outcome::key("next_hop_self", Node::text("force")),
            Some(false) => Outcome::key("next_hop_self", Node::bool(false)),
            None => {
                Outcome::Dropped("has a value that is not understood: expected on, off, ebgp or ibgp".into())
            }
        },
        ["next", "hop", "keep", "ibgp"] => Outcome::Needless("next hops of routes by iBGP are kept"),
        ["next", "hop", "keep", "ebgp"] => Outcome::key("next_hop_unchanged", Node::bool(true)),
        ["next", "hop", "keep", ..] => Outcome::key_or(
            "next_hop_unchanged",
            statement.after(3).switch().map(Node::bool),
            "on, off, ebgp or ibgp",
        ),
        ["next", "hop", "prefer", ..] => Outcome::Needless(
            "of two next hops the global one is taken, and the link-local one where there is no other",
        ),
        _ => Outcome::Dropped(
            "told a next hop of its own; set it in an export policy: `set: { next_hop: ADDRESS }`".into(),
        ),
    }
}
