//! The statements of `protocol bgp` but for its channels: who, how, when.

use std::net::{IpAddr, Ipv4Addr};

use super::bfd;
use super::channel;
use super::peer::{Book, Outcome, Peer, Remote};
use super::tree::Statement;
use super::yaml::Node;

const LOGS: &str = "the log's level is set with `RUST_LOG`, and `linnet monitor` shows what happens";

/// What a statement comes to.
pub(super) fn setting<'s>(statement: &'s Statement, peer: &mut Peer<'s>, book: &mut Book<'_>) -> Outcome {
    who(statement, peer, book)
        .or_else(|| times(statement, peer))
        .or_else(|| restart(statement))
        .or_else(|| session(statement, peer, book))
        .or_else(|| attributes(statement))
        .or_else(|| channel::setting(statement, peer, None, book))
        .unwrap_or_else(|| Outcome::Dropped("is nothing of BGP that this conversion knows; docs/migrating-from-bird.md says what linnet has".into()))
}

/// Who talks to whom.
fn who<'s>(statement: &'s Statement, peer: &mut Peer<'s>, book: &mut Book<'_>) -> Option<Outcome> {
    let words = statement.words();
    Some(match words.as_slice() {
        ["description", ..] => {
            peer.own.description = statement.after(1).text().map(|text| Node::text(text).with(book.comment(statement.id)));
            if peer.statement.words().first() == Some(&"template") {
                Outcome::Needless("a neighbour is described by its own statement, or else by its BIRD name")
            } else {
                Outcome::Noted
            }
        }
        ["local", "role", ..] => {
            let role = statement.after(2).word().filter(|role| ROLES.contains(role));
            Outcome::key_or("role", role.map(Node::text), "a role")
        }
        ["local", ..] => local(statement, peer),
        ["neighbor", ..] => neighbor(statement, peer, book),
        ["interface", ..] => match statement.after(1).name() {
            Some(link) if !link.contains('*') => {
                peer.whole.link = Some(link.to_owned());
                Outcome::Noted
            }
            _ => Outcome::Dropped("took neighbours on links by a pattern; name each link: `neighbors: [{ interface: eth1, ... }]`".into()),
        },
        ["source", "address"] => match statement.after(2).ip() {
            Some(ip) => {
                peer.whole.source = Some(ip);
                Outcome::key("local_address", Node::text(&ip.to_string()))
            }
            None => Outcome::Dropped("has a value that is not understood: expected an address".into()),
        },
        ["disabled", ..] => switched(statement, 1, "shutdown"),
        ["debug" | "mrtdump", ..] => Outcome::Needless(LOGS),
        ["router", "id", ..] => Outcome::Dropped("gave this session a router id of its own; a linnetd has one, bgp.router_id".into()),
        ["hostname", ..] => Outcome::Needless("neighbours are told the node's host name"),
        ["vrf", ..] => Outcome::Dropped("put the session into a VRF; linnetd works in one: run one in each".into()),
        ["dynamic", "name", ..] => Outcome::Needless("neighbours of a range are known by their addresses"),
        ["confederation", ..] => Outcome::Dropped("linnet has no confederations; use route reflectors".into()),
        _ => return None,
    })
}

const ROLES: [&str; 5] = ["provider", "customer", "peer", "rs_server", "rs_client"];

/// `local [ADDRESS] [port N] [as N]`.
fn local(statement: &Statement, peer: &mut Peer<'_>) -> Outcome {
    let mut values = statement.after(1);
    let mut keys = Vec::new();
    loop {
        if values.eat("as") {
            let Some(asn) = values.number() else { break };
            peer.whole.local_as = Some((asn, statement.id));
        } else if values.eat("port") {
            let Some(port) = values.number() else { break };
            peer.own.port = Some((port, statement.id));
        } else if let Some(ip) = values.ip() {
            peer.whole.source = Some(ip);
            keys.push(("local_address", Node::text(&ip.to_string())));
        } else {
            break;
        }
    }
    match (values.is_empty(), keys.is_empty()) {
        (true, false) => Outcome::Keys(keys),
        (true, true) => Outcome::Noted,
        (false, _) => {
            Outcome::Dropped("has a value that is not understood: expected an address, `port` or `as`".into())
        }
    }
}

/// `neighbor [ADDRESS or range PREFIX] [port N] [as N, internal or external]`.
fn neighbor(statement: &Statement, peer: &mut Peer<'_>, book: &mut Book<'_>) -> Outcome {
    let mut values = statement.after(1);
    let mut keys = Vec::new();
    loop {
        if values.eat("as") {
            let Some(asn) = values.number() else { break };
            peer.whole.remote = Some(Remote::Number(asn));
            keys.push(("remote_as", Node::number(asn)));
        } else if values.eat("internal") {
            peer.whole.remote = Some(Remote::Internal);
            keys.push(("remote_as", Node::text("internal")));
        } else if values.eat("external") {
            peer.whole.remote = Some(Remote::External);
            keys.push(("remote_as", Node::text("external")));
        } else if values.eat("port") {
            let Some(port) = values.number::<u16>() else { break };
            keys.push(("port", Node::number(port)));
        } else if values.eat("range") {
            let Some(net) = values.net() else { break };
            peer.whole.range = Some(net);
        } else if values.eat("onlink") {
            book.ledger.needless(statement.id, "the kernel is asked which link leads to a neighbour");
        } else if let Some(ip) = values.ip() {
            peer.whole.address = Some(ip);
            if values.eat_sign("%") {
                peer.whole.link = values.name().map(str::to_owned);
            }
        } else {
            break;
        }
    }
    if values.is_empty() {
        Outcome::Keys(keys)
    } else {
        Outcome::Dropped("has a value that is not understood: expected an address or `range`, `port`, `as`, `internal` or `external`".into())
    }
}

/// How long what may take.
fn times(statement: &Statement, peer: &mut Peer<'_>) -> Option<Outcome> {
    let words = statement.words();
    let seconds = |count, key| {
        let seconds: Option<u16> = statement.after(count).seconds();
        Outcome::key_or(key, seconds.map(Node::number), "whole seconds, at most 65535")
    };
    Some(match words.as_slice() {
        ["hold", "time", ..] => {
            peer.whole.hold_time = true;
            seconds(2, "hold_time")
        }
        ["keepalive", "time", ..] => seconds(2, "keepalive"),
        ["min", "hold", "time", ..] => seconds(3, "min_hold_time"),
        ["send", "hold", "time", ..] => seconds(3, "send_hold_time"),
        ["connect", "retry", "time", ..] => seconds(3, "connect_retry"),
        ["connect", "delay", "time", ..] => {
            Outcome::Needless("linnetd dials at once, and then every `connect_retry` seconds")
        }
        ["startup", "hold", "time", ..] => Outcome::Needless("an OPEN is waited for as RFC 4271 says"),
        ["error", "wait", "time", ..] => {
            Outcome::Needless("after an error linnetd waits by itself, longer if it happens again")
        }
        ["error", "forget", "time", ..] => {
            Outcome::Needless("errors are forgotten when a session has been up")
        }
        ["min", "keepalive", "time", ..] => Outcome::Dropped(
            "bounded how often keepalives are sent; the least hold time does: `min_hold_time`".into(),
        ),
        ["disable", "after", ..] => unless_off(
            statement,
            3,
            "kept the session down after an error; linnetd tries again, `linnet neighbor ADDR shutdown` keeps it down",
        ),
        _ => return None,
    })
}

/// Graceful restart.
fn restart(statement: &Statement) -> Option<Outcome> {
    let words = statement.words();
    // Who only helps others restarts gracefully too, with linnet: the two are one.
    let enabled = |count: usize, key| {
        let mut values = statement.after(count);
        let value = if values.eat("aware") { values.is_empty().then_some(true) } else { values.switch() };
        Outcome::key_or(key, value.map(Node::bool), "on, off or aware")
    };
    let seconds = |count: usize, key| {
        let value: Option<u32> = statement.after(count).seconds();
        Outcome::key_or(key, value.map(Node::number), "a number of seconds")
    };
    Some(match words.as_slice() {
        ["graceful", "restart", "time", ..] => seconds(3, "graceful_restart.restart_time"),
        ["graceful", "restart", ..] => enabled(2, "graceful_restart.enabled"),
        ["long", "lived", "graceful", "restart", ..] => enabled(4, "graceful_restart.long_lived.enabled"),
        ["long", "lived", "stale", "time", ..] => seconds(4, "graceful_restart.long_lived.stale_time"),
        _ => return None,
    })
}

/// How the session is held.
fn session<'s>(statement: &'s Statement, peer: &mut Peer<'s>, book: &mut Book<'_>) -> Option<Outcome> {
    let words = statement.words();
    Some(match words.as_slice() {
        ["direct"] => {
            peer.own.hops |= peer.whole.hops.take().is_some();
            Outcome::Needless(
                "an external neighbour is on the link unless `multihop` is set; an internal one may be anywhere",
            )
        }
        ["multihop", ..] => {
            let mut values = statement.after(1);
            let hops = if values.is_empty() { Some(u8::MAX) } else { values.number() };
            match hops.filter(|hops| *hops > 0) {
                Some(hops) => {
                    (peer.own.hops, peer.whole.hops) = (true, Some((hops, statement.id)));
                    Outcome::Noted
                }
                None => Outcome::Dropped("has a value that is not understood: expected 1 to 255 hops".into()),
            }
        }
        ["ttl", "security", ..] => match statement.after(2).switch() {
            Some(true) => {
                (peer.own.hops, peer.whole.ttl_security) = (true, Some(statement.id));
                Outcome::Noted
            }
            Some(false) => {
                peer.own.hops |= peer.whole.ttl_security.take().is_some();
                Outcome::Needless("it is off unless `ttl_security` is set")
            }
            None => Outcome::Dropped("has a value that is not understood: expected on or off".into()),
        },
        ["password", ..] => {
            peer.own.password = Some(statement.id);
            Outcome::Noted
        }
        ["setkey", ..] => Outcome::Needless("Linux takes the key from the process"),
        ["authentication", ..] => Outcome::Dropped(
            "named how segments are signed; that is `password_file` (TCP-MD5) or `tcp_ao`".into(),
        ),
        ["passive", ..] => switched(statement, 1, "passive"),
        ["bfd", ..] => bfd::of_peer(statement, peer, book),
        ["rr", "client"] => Outcome::key("route_reflector_client", Node::bool(true)),
        ["rr", "cluster", "id", ..] => cluster(statement, peer),
        ["rs", "client", ..] => Outcome::Dropped(
            "made this node a route server, which leaves its AS out of paths; linnet is none".into(),
        ),
        ["strict", "bind", ..] => {
            unless_off(statement, 2, "listened at the local address only; name it in bgp.listen.addresses")
        }
        ["free", "bind", ..] => unless_off(
            statement,
            2,
            "bound to addresses that the node has not yet; bring the address up before linnetd",
        ),
        ["check", "link", ..] => unless_off(
            statement,
            2,
            "ended the session when the link went down; `bfd: true` notices that, and more",
        ),
        ["enable", "route", "refresh", ..]
        | ["enable", "enhanced", "route", "refresh", ..]
        | ["enable", "as4", ..]
        | ["enable", "extended", "messages", ..]
        | ["capabilities", ..]
        | ["advertise", "ipv4", ..]
        | ["interpret", "communities", ..] => {
            let off = words.last().is_some_and(|word| matches!(*word, "off" | "no"));
            if off {
                Outcome::Dropped("switched off what linnet always offers".into())
            } else {
                Outcome::Needless("linnet always does")
            }
        }
        ["advertise", "hostname", ..] => switched(statement, 2, "fqdn"),
        ["require", "roles", ..] => switched(statement, 2, "role_strict"),
        ["require", ..] => unless_off(
            statement,
            words.len(),
            "refused neighbours without a capability; linnet shows in `linnet neighbor ADDR` what was agreed on",
        ),
        ["tx", "size", "warning", ..] => Outcome::Needless("a slow neighbour costs no memory"),
        _ => return None,
    })
}

fn cluster(statement: &Statement, peer: &mut Peer<'_>) -> Outcome {
    let mut values = statement.after(3);
    let id = match values.ip() {
        Some(IpAddr::V4(ip)) => Some(ip),
        _ => values.number::<u32>().map(Ipv4Addr::from_bits),
    };
    match id {
        Some(id) => {
            peer.own.cluster = Some((id, statement.id));
            Outcome::Noted
        }
        None => Outcome::Dropped(
            "has a value that is not understood: expected an IPv4 address or a number".into(),
        ),
    }
}

/// Which paths and attributes are taken, and how they are compared.
fn attributes(statement: &Statement) -> Option<Outcome> {
    let words = statement.words();
    Some(match words.as_slice() {
        ["allow", "local", "as", ..] => {
            let mut values = statement.after(3);
            let count: Option<u8> = if values.is_empty() { Some(u8::MAX) } else { values.number() };
            match count {
                Some(count) => Outcome::key("allow_as_in", Node::number(count)),
                None => {
                    let value = statement.after(3).switch().map(|on| Node::number(if on { u8::MAX } else { 0 }));
                    Outcome::key_or("allow_as_in", value, "how often, at most 255")
                }
            }
        }
        ["allow", "as", "sets", ..] => {
            let word = statement.after(3).switch().map(|on| Node::text(if on { "accept" } else { "reject" }));
            Outcome::key_or("as_set", word, "on or off")
        }
        ["allow", "bgp_local_pref" | "bgp_med", ..] => unless_off(statement, 2, "took the attribute from neighbours that must not send it; set it in an import policy"),
        ["default", "bgp_local_pref", ..] => {
            let value: Option<u32> = statement.after(2).number();
            Outcome::key_or("local_pref", value.map(Node::number), "a number")
        }
        ["default", "bgp_med", ..] => Outcome::Dropped("gave a MED to routes without one; set it in an import policy: `set: { med: N }`".into()),
        ["med", "metric", ..] => match statement.after(2).switch() {
            Some(true) => Outcome::Dropped("compared the MEDs of any two neighbours' routes; that is for all of them here: `bgp.decision.always_compare_med: true`".into()),
            _ => Outcome::Needless("it is so unless bgp.decision says otherwise"),
        },
        ["deterministic", "med", ..] => Outcome::Needless("MEDs are always compared so that the order of arrival does not count"),
        ["path", "metric", ..] => off_is(statement, "left the length of AS paths out; that is for all neighbours here: `bgp.decision.ignore_as_path_length: true`"),
        ["igp", "metric", ..] => off_is(statement, "left the distance of next hops out; linnet does not look at it without `next_hop_tracking`"),
        ["prefer", "older", ..] => unless_off(statement, 2, "kept the older of two equal paths; with linnet no path wins by age"),
        _ => return None,
    })
}

/// A key that is on or off.
pub(super) fn switched(statement: &Statement, count: usize, key: &'static str) -> Outcome {
    Outcome::key_or(key, statement.after(count).switch().map(Node::bool), "on or off")
}

/// What is needless where it is off, and not offered where it is on.
pub(super) fn unless_off(statement: &Statement, count: usize, message: &str) -> Outcome {
    match statement.after(count).switch() {
        Some(false) => Outcome::Needless("it is off here, too"),
        _ => Outcome::Dropped(message.into()),
    }
}

/// What is needless where it is on, and not offered where it is off.
pub(super) fn off_is(statement: &Statement, message: &str) -> Outcome {
    match statement.after(2).switch() {
        Some(true) => Outcome::Needless("it is so here, too"),
        _ => Outcome::Dropped(message.into()),
    }
}
