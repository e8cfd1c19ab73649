//! What BIRD's other protocols do: `kernel`, `static`, `direct`, `device`. Together they are the `native` section.
//!
//! In BIRD a static blackhole route is two things: a route of the kernel's and something to advertise. If the kernel's
//! filter lets it by, it is a block of this node's; if not, it is an address of a service, which is only advertised.

use ipnet::IpNet;

use super::atom::{Atom, Range};
use super::change::Changes;
use super::condition::{Origin, Way};
use super::flow::{Rule, Verdict};
use super::ledger::Id;
use super::peer::Book;
use super::policy::{Filter, Policies};
use super::statics::Blackhole;
use super::tree::Statement;
use super::yaml::{Line, Map, Node};

/// What the protocols come to.
#[derive(Debug, Default)]
pub(super) struct Native<'s> {
    kernels: Vec<Kernel<'s>>,
    pub(super) blackholes: Vec<Blackhole>,
    /// Devices whose networks `protocol direct` took; `None`: all.
    direct: Vec<(Option<String>, Id)>,
    /// Calico keeps the devices of pods out of `protocol direct`.
    of_calico: bool,
    table: Option<(u32, Id)>,
    metric: Option<(u32, Id)>,
    pub(super) multipath: Option<(u16, Id)>,
}

/// A `protocol kernel`.
#[derive(Debug)]
struct Kernel<'s> {
    id: Id,
    export: Option<Filter<'s>>,
    learn: Option<Id>,
    imports: bool,
}

/// BIRD's `merge paths` without a limit.
const PATHS: u16 = 16;

/// `RTPROT_KERNEL` of linux/rtnetlink.h: what the kernel makes of a device's addresses.
const CONNECTED: u8 = 2;

impl<'s> Native<'s> {
    /// Reads a statement, if it is one of these protocols.
    pub(super) fn take(&mut self, statement: &'s Statement, book: &mut Book<'_>) {
        match statement.words().as_slice() {
            ["protocol", "kernel", ..] => self.kernel(statement, book),
            ["protocol", "static", ..] => self.statics(statement, book),
            ["protocol", "direct", ..] => self.directs(statement, book),
            ["protocol", "device", ..] => {
                book.ledger
                    .needless(statement.id, "the kernel tells of its links by itself; nothing is scanned");
            }
            _ => {}
        }
    }

    fn kernel(&mut self, statement: &'s Statement, book: &mut Book<'_>) {
        book.ledger.carried(statement.id);
        let mut kernel = Kernel { id: statement.id, export: None, learn: None, imports: true };
        statement.settings().iter().for_each(|setting| self.of_kernel(setting, &mut kernel, book));
        self.kernels.push(kernel);
    }

    fn of_kernel(&mut self, statement: &'s Statement, kernel: &mut Kernel<'s>, book: &mut Book<'_>) {
        let words = statement.words();
        let (id, ledger) = (statement.id, &mut *book.ledger);
        match words.as_slice() {
            ["ipv4" | "ipv6"] => {
                ledger.carried(id);
                statement.settings().iter().for_each(|setting| self.of_kernel(setting, kernel, book));
            }
            ["export", ..] => match Filter::read(statement) {
                Some(filter) => kernel.export = Some(filter),
                None => ledger.dropped(id, "is no filter that is understood"),
            },
            ["import", "none"] => {
                kernel.imports = false;
                ledger.needless(id, "nothing is taken from the kernel unless `native` says so");
            }
            ["import", "all"] => {
                ledger.needless(id, "which of the kernel's routes are advertised is said in native.kernel");
            }
            ["import", ..] => {
                ledger.dropped(id, "chose among routes found in the kernel; say in native.kernel which are advertised: by device, protocol, `within`");
            }
            ["learn", ..] => kernel.learn = Some(id),
            ["persist", ..] => ledger.needless(id, "routes stay in the kernel where graceful restart is on"),
            ["scan", "time", ..] => {
                ledger.needless(id, "the kernel tells of each change; nothing is scanned");
            }
            ["graceful", "restart", ..] => ledger.needless(
                id,
                "routes of a former run are always taken over, and go when the neighbours have been heard",
            ),
            ["kernel", "table", ..] => match statement.after(2).number() {
                Some(table) => {
                    self.table = Some((table, id));
                    ledger.carried(id);
                }
                None => ledger.dropped(id, "has a value that is not understood: expected a table's number"),
            },
            ["metric", ..] => match statement.after(1).number::<u32>() {
                Some(metric @ 1..) => {
                    self.metric = Some((metric, id));
                    ledger.carried(id);
                }
                _ => {
                    ledger
                        .dropped(id, "let each route have its own metric; linnet's have one, native.metric");
                }
            },
            ["merge", "paths", ..] => self.merge_paths(statement, book),
            ["device", "routes", ..] | ["netlink", "rx", "buffer", ..] | ["debug" | "mrtdump", ..] => {
                ledger.needless(id, "linnet reads what it needs of the kernel by itself");
            }
            ["table", "master" | "master4" | "master6"] => {
                ledger.needless(id, "linnet has one table a family");
            }
            ["preference", ..] => ledger.dropped(
                id,
                "preferred routes found in the kernel; linnet leaves that to the kernel's metrics",
            ),
            ["disabled", ..] => {
                ledger.dropped(id, "had nothing put into the kernel; that is `native: { install: false }`");
            }
            _ => ledger.dropped(id, "is nothing of the kernel's protocol that this conversion knows"),
        }
    }

    /// `merge paths [on or off] [limit N]`.
    fn merge_paths(&mut self, statement: &Statement, book: &mut Book<'_>) {
        let mut values = statement.after(2);
        let off = values.eat("off") || values.eat("no");
        let _ = values.eat("on") || values.eat("yes");
        let limit = if values.eat("limit") { values.number::<u16>() } else { Some(PATHS) };
        match limit {
            _ if off => {
                book.ledger
                    .needless(statement.id, "one next hop is used unless bgp.multipath says otherwise");
            }
            Some(limit) if limit > 0 && values.is_empty() => {
                self.multipath = Some((limit, statement.id));
                book.ledger.carried(statement.id);
            }
            _ => book
                .ledger
                .dropped(statement.id, "has a value that is not understood: expected on, off or `limit`"),
        }
    }

    fn directs(&mut self, statement: &Statement, book: &mut Book<'_>) {
        let mut devices = Vec::new();
        let mut excludes = false;
        for setting in statement.settings() {
            let words = setting.words();
            let (id, ledger) = (setting.id, &mut *book.ledger);
            match words.as_slice() {
                ["interface", ..] => {
                    let tokens = setting.after(1).tokens();
                    excludes |= tokens.iter().any(|token| token.is_sign("-"));
                    self.of_calico |= tokens.iter().any(|token| token.text().contains("cali"));
                    let names = tokens.iter().filter_map(|token| match &token.kind {
                        super::lex::Kind::Text(name) => Some((name.as_str() != "*").then(|| name.clone())),
                        _ => None,
                    });
                    devices.extend(names);
                    ledger.carried(id);
                }
                ["ipv4" | "ipv6", ..] => ledger.needless(id, "a prefix says its family by itself"),
                ["check", "link", ..] | ["debug" | "mrtdump", ..] => {
                    ledger.needless(id, "linnet looks at the kernel's routes themselves");
                }
                _ => ledger.dropped(id, "is nothing of direct routes that this conversion knows"),
            }
        }
        if excludes {
            let why = "linnet finds next hops through the kernel's routes; the network of a device that is to be advertised belongs into native.kernel: `{ protocol: 2, device: eth0 }`";
            book.ledger.needless(statement.id, why);
            statement.settings().iter().for_each(|setting| book.ledger.unless_dropped(setting.id, why));
            return;
        }
        book.ledger.carried(statement.id);
        if devices.is_empty() {
            devices.push(None);
        }
        self.direct.extend(devices.into_iter().map(|device| (device, statement.id)));
    }

    /// Whose routes those of these protocols are: this node's own.
    pub(super) fn origins(statements: &[Statement]) -> impl Iterator<Item = (String, Origin)> {
        statements.iter().filter_map(|statement| match statement.words().as_slice() {
            ["protocol", "kernel" | "static" | "direct" | "device", name, ..] => {
                Some(((*name).to_owned(), Origin::Local))
            }
            ["protocol", kind @ ("kernel" | "static" | "direct" | "device")] => {
                Some((format!("{kind}1"), Origin::Local))
            }
            _ => None,
        })
    }

    /// The section; `None` where there is nothing for it.
    pub(super) fn section(&self, policies: &mut Policies<'s>, book: &mut Book<'_>) -> Option<Line> {
        let exports: Vec<&Filter<'s>> =
            self.kernels.iter().filter_map(|kernel| kernel.export.as_ref()).collect();
        let mut rules: Vec<Rule> = Vec::new();
        for filter in &exports {
            rules.extend(policies.rules(filter, Way::Kernel, book.ledger).unwrap_or_default());
            book.ledger.carried(filter.id);
        }
        if self.kernels.is_empty() && self.blackholes.is_empty() && self.direct.is_empty() {
            return None;
        }
        let mut section = Map::new();
        let installs = rules.iter().any(|rule| rule.verdict == Verdict::Accept);
        let comment =
            exports.first().map(|filter| filter.id).or_else(|| self.kernels.first().map(|kernel| kernel.id));
        let comment =
            comment.map_or_else(|| "there is no `protocol kernel`".to_owned(), |id| book.comment(id));
        section.push(("install".into(), Node::bool(installs).with(comment)));
        for (key, value) in [("table", self.table), ("metric", self.metric)] {
            section.extend(
                value.map(|(value, id)| (key.to_owned(), Node::number(value).with(book.comment(id)))),
            );
        }
        let kept_out = self.kept_out(&rules, &exports, book);
        self.own(&rules, installs, &kept_out, &mut section, book);
        self.found(&mut section, book);
        Some(Node::Map(section).plain())
    }

    /// Blocks, services, and what is kept out of the kernel besides.
    fn own(
        &self,
        rules: &[Rule],
        installs: bool,
        kept_out: &[IpNet],
        section: &mut Map,
        book: &mut Book<'_>,
    ) {
        let kind = |net: IpNet| match lets_by(rules, net) {
            _ if !installs => "advertise",
            Some(false) => "services",
            Some(true) | None => "blocks",
        };
        let is_block = |hole: &&Blackhole| kind(hole.net) == "blocks";
        let blocks: Vec<IpNet> = self.blackholes.iter().filter(is_block).map(|hole| hole.net).collect();
        let mut seen = Vec::new();
        for key in ["blocks", "advertise", "services"] {
            let mut list = Vec::new();
            for hole in self.blackholes.iter().filter(|hole| kind(hole.net) == key) {
                let wider = |block: &&IpNet| **block != hole.net && block.contains(&hole.net);
                if let Some(block) = blocks.iter().find(wider) {
                    book.ledger.needless(
                        hole.id,
                        format!("is within the block {block}, which is advertised in its place"),
                    );
                } else if seen.contains(&hole.net) {
                    book.ledger.needless(hole.id, "stands in the file above, too");
                } else {
                    seen.push(hole.net);
                    book.ledger.carried(hole.id);
                    list.push(announced(hole).with(book.comment(hole.id)));
                }
            }
            if !list.is_empty() {
                section.push((key.into(), Node::List(list).plain()));
            }
        }
        let more: Vec<&IpNet> =
            kept_out.iter().filter(|net| !seen.iter().any(|own| own.contains(*net))).collect();
        if !more.is_empty() {
            section.push(("no_install".into(), Node::texts(more.iter().map(|net| net.to_string())).plain()));
        }
    }

    /// What the kernel's filter keeps out of the kernel, whoever announces it.
    fn kept_out(&self, rules: &[Rule], exports: &[&Filter<'s>], book: &mut Book<'_>) -> Vec<IpNet> {
        let mut nets: Vec<IpNet> = Vec::new();
        let mut odd = false;
        for rule in rules.iter().filter(|rule| rule.verdict == Verdict::Reject && !rule.guard.is_empty()) {
            match rule.guard.as_slice() {
                [Atom::Prefixes(ranges)] if ranges.iter().all(|range| *range == Range::within(range.net)) => {
                    nets.extend(ranges.iter().map(|range| range.net));
                }
                _ => odd = true,
            }
        }
        let last = rules.iter().rev().find(|rule| rule.guard.is_empty());
        odd |= last.is_some_and(|rule| rule.verdict == Verdict::Reject)
            && rules.iter().any(|rule| rule.verdict == Verdict::Accept);
        if odd && let Some(filter) = exports.first() {
            book.ledger.dropped(filter.id, "chose which routes go into the kernel by more than prefixes that stay out; native.no_install says those, an import policy what is taken at all");
        }
        nets.sort();
        nets.dedup();
        nets
    }

    /// Routes of the kernel that are advertised.
    fn found(&self, section: &mut Map, book: &mut Book<'_>) {
        let mut list = Vec::new();
        for kernel in &self.kernels {
            let Some(id) = kernel.learn else { continue };
            if !kernel.imports {
                book.ledger.needless(id, "nothing of it was imported");
                continue;
            }
            let source = match (self.of_calico, self.table) {
                (true, _) => ("device", Node::text("cali*")),
                (false, Some((table, _))) => ("table", Node::number(table)),
                // All of the main table would be more than BIRD took: the networks of links, too.
                (false, None) => {
                    book.ledger.dropped(
                        id,
                        "took routes that other programs put into the kernel; name their protocol or device in native.kernel: `{ device: \"cali*\" }`",
                    );
                    continue;
                }
            };
            book.ledger.carried(id);
            list.push((source.0, source.1, id));
        }
        for (device, id) in &self.direct {
            match device {
                Some(device) => list.push(("device", Node::text(device), *id)),
                None => list.push(("protocol", Node::number(CONNECTED), *id)),
            }
        }
        let mut lines: Vec<Line> = Vec::new();
        for (key, node, id) in list {
            let node = Node::Map(vec![(key.into(), node.plain())]);
            if !lines.iter().any(|line| line.node == node) {
                lines.push(node.with(book.comment(id)));
            }
        }
        if !lines.is_empty() {
            section.push(("kernel".into(), Node::List(lines).plain()));
        }
    }
}

/// A prefix, alone or with its attributes.
fn announced(hole: &Blackhole) -> Node {
    let net = hole.net.to_string();
    let Changes { local_pref, med, add, .. } = &hole.attributes;
    let mut map = vec![("prefix".to_owned(), Node::text(&net).plain())];
    if !add.is_empty() {
        map.push(("communities".into(), Node::texts(add).plain()));
    }
    for (key, value) in [("local_pref", local_pref), ("med", med)] {
        map.extend(value.as_ref().map(|value| (key.to_owned(), Node::Scalar(value.clone()).plain())));
    }
    if hole.net.prefix_len() == 0 {
        map.push(("default_route".into(), Node::bool(true).plain()));
    }
    if map.len() == 1 { Node::text(&net) } else { Node::Map(map) }
}

/// Whether a filter lets a prefix of this node's own by; `None`: it asks for something else.
fn lets_by(rules: &[Rule], net: IpNet) -> Option<bool> {
    for rule in rules.iter().filter(|rule| rule.verdict != Verdict::Next) {
        let mut holds = true;
        for atom in &rule.guard {
            holds &= match atom {
                Atom::Prefixes(ranges) => ranges.iter().any(|range| range.contains(net)),
                Atom::Neighbors(list) => list.iter().any(|neighbor| neighbor == "local"),
                Atom::Families(list) => {
                    list.contains(&if net.addr().is_ipv4() { "ipv4-unicast" } else { "ipv6-unicast" })
                }
                _ => return None,
            };
        }
        if holds {
            return Some(rule.verdict == Verdict::Accept);
        }
    }
    Some(false)
}
