//! BFD: `bfd` of a BGP protocol, and `protocol bfd`.

use super::peer::{Book, Outcome, Peer};
use super::tree::Statement;
use super::yaml::{Map, Node};

/// `bfd [on, off or graceful]`, or with a block.
pub(super) fn of_peer<'s>(statement: &'s Statement, peer: &mut Peer<'s>, book: &mut Book<'_>) -> Outcome {
    if statement.settings().is_empty() {
        let mut values = statement.after(1);
        if values.eat("graceful") {
            let why = "linnet ends the session when BFD is lost, and keeps the routes only where graceful restart is on; `bfd: true` is set";
            peer.set("bfd", Node::bool(true).with(book.comment(statement.id)));
            return Outcome::Dropped(why.into());
        }
        // An empty block is no word.
        let on = if matches!(statement.items.get(1), Some(super::tree::Item::Settings(_))) {
            Some(true)
        } else {
            values.switch()
        };
        return Outcome::key_or("bfd", on.map(Node::bool), "on, off or graceful");
    }
    let mut section = Map::new();
    options(statement.settings(), &mut section, book);
    let node = if section.is_empty() { Node::bool(true) } else { Node::Map(section) };
    Outcome::key("bfd", node)
}

/// The statements of a block of options.
pub(super) fn options(statements: &[Statement], section: &mut Map, book: &mut Book<'_>) {
    for statement in statements {
        match option(statement) {
            Outcome::Keys(keys) => {
                let comment = book.comment(statement.id);
                keys.into_iter()
                    .for_each(|(key, node)| super::peer::set(section, key, node.with(comment.clone())));
                book.ledger.carried(statement.id);
            }
            Outcome::Needless(why) => book.ledger.needless(statement.id, why),
            Outcome::Dropped(why) => book.ledger.dropped(statement.id, why),
            Outcome::Noted | Outcome::Settled => {}
        }
    }
}

fn option(statement: &Statement) -> Outcome {
    let words = statement.words();
    let milliseconds = |count: usize| {
        let mut values = statement.after(count);
        let time = values.time()?.div_ceil(1000);
        u32::try_from(time).ok().filter(|_| values.is_empty()).map(Node::number)
    };
    match words.as_slice() {
        ["interval", ..] => match milliseconds(1) {
            Some(time) => {
                Outcome::Keys(vec![("transmit_interval_ms", time.clone()), ("receive_interval_ms", time)])
            }
            None => Outcome::Dropped("has a value that is not understood: expected a time".into()),
        },
        ["min", "rx", "interval", ..] => Outcome::key_or("receive_interval_ms", milliseconds(3), "a time"),
        ["min", "tx", "interval", ..] => Outcome::key_or("transmit_interval_ms", milliseconds(3), "a time"),
        ["idle", "tx", "interval", ..] => {
            Outcome::Needless("a session that is not up sends once a second (RFC 5880 section 6.8.3)")
        }
        ["multiplier", ..] => {
            Outcome::key_or("multiplier", statement.after(1).number::<u8>().map(Node::number), "1 to 255")
        }
        ["passive", ..] => {
            Outcome::key_or("passive", statement.after(1).switch().map(Node::bool), "on or off")
        }
        ["graceful", ..] => match statement.after(1).switch() {
            Some(false) => Outcome::Needless("it is so here, too"),
            _ => Outcome::Dropped("kept the routes when BFD was lost; linnet ends the session then".into()),
        },
        ["authentication", "none"] => Outcome::Needless("there is none"),
        ["authentication" | "password", ..] => {
            Outcome::Dropped("signed BFD's packets, which linnet does not".into())
        }
        _ => Outcome::Dropped("is nothing of BFD that this conversion knows".into()),
    }
}

/// `protocol bfd`: what holds for all sessions.
pub(super) fn protocol(statement: &Statement, section: &mut Map, book: &mut Book<'_>) {
    book.ledger.carried(statement.id);
    for inner in statement.settings() {
        let words = inner.words();
        let all = inner.after(1).text() == Some("*");
        match words.as_slice() {
            ["interface", ..] if all => {
                options(inner.settings(), section, book);
                book.ledger.carried(inner.id);
            }
            ["multihop", ..] => {
                let before = section.clone();
                options(inner.settings(), section, book);
                if !before.is_empty() && before != *section {
                    *section = before;
                    book.ledger.dropped(
                        inner.id,
                        "held sessions over several hops by other times; set `bfd` at those neighbours",
                    );
                } else {
                    book.ledger.carried(inner.id);
                }
            }
            ["interface", ..] => book
                .ledger
                .dropped(inner.id, "was for sessions on some links; set `bfd` at the neighbours there"),
            ["neighbor", ..] => {
                book.ledger.dropped(inner.id, "watched an address without BGP; linnet watches neighbours");
            }
            ["accept", ..] | ["strict", "bind", ..] => {
                book.ledger.needless(
                    inner.id,
                    "sessions are held with neighbours that have `bfd`, and with nobody else",
                );
            }
            ["debug" | "mrtdump" | "disabled", ..] => {
                book.ledger.needless(inner.id, "there is nothing of the kind to be done");
            }
            _ => book.ledger.dropped(inner.id, "is nothing of BFD that this conversion knows"),
        }
    }
}
