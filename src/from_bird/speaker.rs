//! What stands outside of protocols, filters and functions: `router id`, `listen bgp`, `log`, and `protocol bfd`.

use std::collections::HashMap;
use std::net::IpAddr;

use super::bfd;
use super::bgp::Speaker;
use super::peer::Book;
use super::tree::Statement;

/// What has been read.
pub(super) struct Speakers<'d> {
    pub(super) speaker: Speaker,
    /// Names that a `define` gave, and whether they are used.
    defined: &'d HashMap<String, bool>,
}

impl<'d> Speakers<'d> {
    pub(super) fn new(defined: &'d HashMap<String, bool>) -> Speakers<'d> {
        Speakers { speaker: Speaker::default(), defined }
    }

    /// Reads a statement, if it is one of these.
    pub(super) fn take(&mut self, statement: &Statement, book: &mut Book<'_>) {
        let words = statement.words();
        let (id, ledger) = (statement.id, &mut *book.ledger);
        match words.as_slice() {
            ["protocol" | "template", "bgp", ..] => {}
            ["protocol", "kernel" | "static" | "direct" | "device", ..] => {}
            ["protocol", "bfd", ..] => bfd::protocol(statement, &mut self.speaker.bfd, book),
            ["protocol", kind, ..] => {
                ledger.dropped(
                    id,
                    format!("ran `{kind}`, which linnet does not: keep BIRD for it, without its BGP"),
                );
            }
            ["template", ..] => ledger.needless(id, "no protocol for BGP takes from it"),
            ["router", "id", ..] => match statement.after(2).ip() {
                Some(IpAddr::V4(ip)) => {
                    self.speaker.router_id = Some((ip, id));
                    ledger.carried(id);
                }
                _ => ledger
                    .dropped(id, "took the router id from an interface; linnet wants it said: bgp.router_id"),
            },
            ["listen", "bgp", ..] => self.listen(statement, book),
            ["include", ..] => ledger.carried(id),
            ["define", name, ..] => {
                if self.defined.get(*name).copied().unwrap_or(false) {
                    ledger.carried(id);
                } else {
                    ledger.needless(id, "nothing uses the name");
                }
            }
            ["log" | "debug" | "mrtdump" | "timeformat" | "cli", ..] => ledger
                .needless(id, "the log goes to stderr or the journal, and its level is set with `RUST_LOG`"),
            ["watchdog", ..] | ["threads", ..] | ["hostname", ..] | ["eval", ..] => {
                ledger.needless(id, "linnetd has nothing of the kind to be set");
            }
            ["graceful", "restart", "wait", ..] => {
                ledger.needless(id, "linnetd waits until every neighbour has been heard, or 120 seconds");
            }
            [
                "ipv4" | "ipv6" | "vpn4" | "vpn6" | "roa4" | "roa6" | "eth" | "flow4" | "flow6" | "mpls",
                ..,
            ]
            | ["table" | "roa", ..] => {
                let default = matches!(words.as_slice(), [_, "table", "master4" | "master6"]);
                if default {
                    ledger.needless(id, "linnet has one table a family");
                } else {
                    ledger.dropped(
                        id,
                        "made a table of its own; linnet has one a family, and policies say what goes where",
                    );
                }
            }
            ["attribute", ..] => {
                ledger.dropped(id, "made an attribute of the file's own; mark routes with a community");
            }
            _ => {}
        }
    }

    /// `listen bgp [address A] [port N] [dual or v6only]`.
    fn listen(&mut self, statement: &Statement, book: &mut Book<'_>) {
        let mut values = statement.after(2);
        let (mut addresses, mut port) = (Vec::new(), None);
        loop {
            if values.eat("address") {
                let Some(ip) = values.ip() else { break };
                addresses.push(ip);
            } else if values.eat("port") {
                let Some(number) = values.number() else { break };
                port = Some(number);
            } else if !values.eat("dual") && !values.eat("v6only") {
                break;
            }
        }
        if values.is_empty() {
            self.speaker.listen = Some((addresses, port, statement.id));
            book.ledger.carried(statement.id);
        } else {
            book.ledger.dropped(
                statement.id,
                "has a value that is not understood: expected `address`, `port`, `dual` or `v6only`",
            );
        }
    }
}
