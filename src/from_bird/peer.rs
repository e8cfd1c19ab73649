//! `protocol bgp` and `template bgp`: what each of their statements is in linnet's words.
//!
//! A template becomes a peer group and a protocol a neighbour that takes from it, so a statement is carried over once,
//! where it stands. What only comes out of several statements together (hops, families, policies) is made when a
//! protocol is complete ([`super::bgp`]).

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::ledger::{Fate, Id, Ledger};
use super::place::Names;
use super::policy::Filter;
use super::settings;
use super::tree::Statement;
use super::yaml::{Line, Map, Node};

/// A `protocol bgp` or `template bgp`.
#[derive(Debug)]
pub(super) struct Peer<'s> {
    pub(super) statement: &'s Statement,
    pub(super) name: String,
    /// The template that it takes from.
    pub(super) template: Option<String>,
    /// Keys of the configuration, in no order.
    pub(super) keys: Map,
    /// What holds with the template's statements.
    pub(super) whole: Whole<'s>,
    /// What its own statements say.
    pub(super) own: Own,
}

/// What holds for a protocol, with what it has from its template.
#[derive(Clone, Debug, Default)]
pub(super) struct Whole<'s> {
    pub(super) local_as: Option<(u32, Id)>,
    pub(super) remote: Option<Remote>,
    pub(super) address: Option<IpAddr>,
    pub(super) range: Option<IpNet>,
    pub(super) link: Option<String>,
    pub(super) source: Option<IpAddr>,
    /// Hops; `None` on the link.
    pub(super) hops: Option<(u8, Id)>,
    pub(super) ttl_security: Option<Id>,
    pub(super) hold_time: bool,
    /// Filters of each family's channel.
    pub(super) channels: BTreeMap<&'static str, Channel<'s>>,
    /// Filters where there are no channels: BIRD 1.
    pub(super) plain: Channel<'s>,
}

/// The filters of a channel.
#[derive(Clone, Debug, Default)]
pub(super) struct Channel<'s> {
    pub(super) import: Option<Filter<'s>>,
    pub(super) export: Option<Filter<'s>>,
}

/// What a protocol says itself, beside its keys.
#[derive(Debug, Default)]
pub(super) struct Own {
    pub(super) hops: bool,
    pub(super) channels: bool,
    pub(super) import: bool,
    pub(super) export: bool,
    pub(super) description: Option<Line>,
    /// The port that BIRD listened at for it.
    pub(super) port: Option<(u16, Id)>,
    pub(super) cluster: Option<(std::net::Ipv4Addr, Id)>,
    pub(super) password: Option<Id>,
}

/// The AS of a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remote {
    Number(u32),
    Internal,
    External,
}

/// What a statement comes to.
pub(super) enum Outcome {
    /// These keys; a dot stands between a section and a key in it.
    Keys(Vec<(&'static str, Node)>),
    /// It is noted in the peer, and made a key in the end.
    Noted,
    Needless(&'static str),
    Dropped(String),
    /// It has been accounted for already.
    Settled,
}

impl Outcome {
    pub(super) fn key(key: &'static str, node: Node) -> Outcome {
        Outcome::Keys(vec![(key, node)])
    }

    /// A key, or that the value is none.
    pub(super) fn key_or(key: &'static str, node: Option<Node>, expected: &str) -> Outcome {
        match node {
            Some(node) => Outcome::key(key, node),
            None => Outcome::Dropped(format!("has a value that is not understood: expected {expected}")),
        }
    }
}

/// Where what is found goes.
pub(super) struct Book<'b> {
    pub(super) ledger: &'b mut Ledger,
    pub(super) names: &'b Names,
}

impl Book<'_> {
    pub(super) fn comment(&self, id: Id) -> String {
        self.ledger.comment(id, self.names)
    }
}

impl<'s> Peer<'s> {
    /// Reads a protocol's or template's statements.
    pub(super) fn read(
        statement: &'s Statement,
        name: String,
        template: Option<String>,
        whole: Whole<'s>,
        book: &mut Book<'_>,
    ) -> Peer<'s> {
        let (keys, own) = (Map::new(), Own::default());
        let mut peer = Peer { statement, name, template, keys, whole, own };
        for setting in statement.settings() {
            let outcome = settings::setting(setting, &mut peer, book);
            peer.enter(setting, outcome, book);
        }
        peer
    }

    /// Does what a statement comes to.
    pub(super) fn enter(&mut self, statement: &Statement, outcome: Outcome, book: &mut Book<'_>) {
        let fate = match outcome {
            Outcome::Keys(keys) => {
                let comment = book.comment(statement.id);
                keys.into_iter().for_each(|(key, node)| self.set(key, node.with(comment.clone())));
                Fate::Carried
            }
            Outcome::Noted => Fate::Carried,
            Outcome::Needless(why) => Fate::Needless(why.into()),
            Outcome::Dropped(why) => Fate::Dropped(why),
            Outcome::Settled => return,
        };
        book.ledger.settle(statement.id, fate);
    }

    /// Sets a key, or `section.key`.
    pub(super) fn set(&mut self, key: &str, line: Line) {
        set(&mut self.keys, key, line);
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.keys.iter().any(|(own, _)| own == key)
    }
}

/// Sets a key of a mapping, or `section.key` in a section of it; the last one counts.
pub(super) fn set(map: &mut Map, key: &str, line: Line) {
    let (section, inner) = key.split_once('.').map_or((key, None), |(section, inner)| (section, Some(inner)));
    let position = map.iter().position(|(own, _)| own == section).unwrap_or_else(|| {
        map.push((section.to_owned(), Node::Map(Map::new()).plain()));
        map.len() - 1
    });
    let Some((_, place)) = map.get_mut(position) else { return };
    match inner {
        None => *place = line,
        Some(inner) => {
            if !matches!(place.node, Node::Map(_)) {
                *place = Node::Map(Map::new()).plain();
            }
            if let Node::Map(section) = &mut place.node {
                set(section, inner, line);
            }
        }
    }
}
