//! `protocol static`.

use ipnet::IpNet;

use super::change::Changes;
use super::code::Code;
use super::ledger::Id;
use super::native::Native;
use super::peer::Book;
use super::tree::Statement;

/// A blackhole route.
#[derive(Debug)]
pub(super) struct Blackhole {
    pub(super) net: IpNet,
    pub(super) id: Id,
    /// What its block sets.
    pub(super) attributes: Changes,
}

impl<'s> Native<'s> {
    pub(super) fn statics(&mut self, statement: &'s Statement, book: &mut Book<'_>) {
        book.ledger.carried(statement.id);
        for setting in statement.settings() {
            let words = setting.words();
            let (id, ledger) = (setting.id, &mut *book.ledger);
            match words.as_slice() {
                ["route", ..] => self.route(setting, book),
                ["ipv4" | "ipv6", ..] => ledger.needless(id, "a prefix says its family by itself"),
                ["import", "all"] | ["export", "none"] => {
                    ledger.needless(id, "what is in `native` is advertised where the policies let it");
                }
                ["check", "link", ..] | ["scan", "time", ..] | ["debug" | "mrtdump", ..] => {
                    ledger.needless(id, "linnet looks at the kernel's routes themselves");
                }
                ["igp", "table", ..] | ["table", ..] => {
                    ledger.dropped(id, "used a table of its own; linnet has one a family");
                }
                ["preference", ..] => {
                    ledger.needless(id, "this node's own routes are preferred to all others");
                }
                _ => ledger.dropped(id, "is nothing of static routes that this conversion knows"),
            }
        }
    }

    fn route(&mut self, statement: &Statement, book: &mut Book<'_>) {
        let mut values = statement.after(1);
        let id = statement.id;
        let Some(net) = values.net() else {
            return book.ledger.dropped(id, "is no route that is understood: expected a prefix");
        };
        let kind = ["blackhole", "unreachable", "prohibit", "drop", "reject"]
            .into_iter()
            .find(|word| values.eat(word));
        match kind {
            Some("blackhole" | "drop") => {
                let attributes = attributes(statement.code().unwrap_or_default(), book);
                self.blackholes.push(Blackhole { net, id, attributes });
            }
            Some(kind) => book.ledger.dropped(
                id,
                format!("refused packets to {net} in the kernel: `ip route add {kind} {net}` where this node's network is set up"),
            ),
            None => book.ledger.dropped(
                id,
                format!("put a route to {net} into the kernel, which linnet leaves to where this node's network is set up: `ip route add {net} ...`; to advertise it, name it in native.advertise"),
            ),
        }
    }
}

/// What a route's block sets: communities, LOCAL_PREF, MED.
fn attributes(code: &[Code], book: &mut Book<'_>) -> Changes {
    let mut changes = Changes::default();
    for line in code {
        let mut next = changes.clone();
        match next.apply(&line.act) {
            Some(Ok(())) => {
                let Changes { origin, next_hop, prepend, remove, .. } = &next;
                let other = origin.is_some() || next_hop.is_some() || prepend.is_some() || !remove.is_empty();
                let steps = [&next.local_pref, &next.med]
                    .into_iter()
                    .flatten()
                    .any(|value| value.starts_with(['+', '-']));
                if other || steps {
                    book.ledger.dropped(
                        line.id,
                        "sets what a prefix of `native` does not have; an export policy can set it",
                    );
                } else {
                    changes = next;
                    book.ledger.carried(line.id);
                }
            }
            Some(Err(why)) => book.ledger.dropped(line.id, why),
            None => book.ledger.dropped(line.id, "is code that has no counterpart at a route"),
        }
    }
    changes
}
