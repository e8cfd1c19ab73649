//! Filters as policies: each is made once, under its own name, and written as the `policy` section.

use std::collections::{BTreeMap, HashMap};

use super::atom::{Atom, Guard};
use super::change::Changes;
use super::code::Code;
use super::condition::{Origin, Way};
use super::cursor::Cursor;
use super::expr::{self, Expr};
use super::flow::{self, Flow, Rule, TooMany, Verdict};
use super::functions::Functions;
use super::ledger::{Id, Ledger};
use super::lex::Token;
use super::place::{Names, Place};
use super::tree::{Item, Statement, Values};
use super::yaml::{Line, Map, Node};

/// What stands behind `import` or `export`.
#[derive(Clone, Debug)]
pub(super) struct Filter<'s> {
    /// The statement.
    pub(super) id: Id,
    pub(super) place: Place,
    kind: Kind<'s>,
}

#[derive(Clone, Debug)]
enum Kind<'s> {
    All,
    None,
    Named(&'s str),
    Code(&'s [Code]),
    Where(Vec<Token>),
}

/// What decides for a neighbour.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Chosen {
    All,
    None,
    /// The policy of this name.
    Policy(String),
}

/// A policy that takes, or refuses, everything.
pub(super) const ALL: &str = "accept-all";
pub(super) const NONE: &str = "reject-all";

/// The policies of a file.
pub(super) struct Policies<'s> {
    pub(super) functions: Functions<'s>,
    /// Protocols by name.
    pub(super) protocols: HashMap<String, Origin>,
    made: Vec<(String, Vec<Rule>)>,
    named: HashMap<(String, Way), Option<Vec<Rule>>>,
    used_all: bool,
    used_none: bool,
}

impl<'s> Filter<'s> {
    /// What stands behind `import` or `export`; `None` if that is no filter.
    pub(super) fn read(statement: &'s Statement) -> Option<Filter<'s>> {
        let mut values = statement.after(1);
        let kind = if let Some(code) = statement.code() {
            Kind::Code(code)
        } else if values.eat("where") {
            Kind::Where(values.tokens())
        } else {
            Self::named(values)?
        };
        Some(Filter { id: statement.id, place: statement.place, kind })
    }

    fn named(mut values: Values<'s>) -> Option<Kind<'s>> {
        values.eat("filter");
        let kind = match values.word()? {
            "all" => Kind::All,
            "none" => Kind::None,
            name => Kind::Named(name),
        };
        values.is_empty().then_some(kind)
    }
}

impl<'s> Policies<'s> {
    pub(super) fn new(functions: Functions<'s>, protocols: HashMap<String, Origin>) -> Policies<'s> {
        let (made, named) = (Vec::new(), HashMap::new());
        Policies { functions, protocols, made, named, used_all: false, used_none: false }
    }

    /// The rules of a filter; `None` where it cannot be said, which is noted.
    pub(super) fn rules(&mut self, filter: &Filter<'s>, way: Way, ledger: &mut Ledger) -> Option<Vec<Rule>> {
        let found = match &filter.kind {
            Kind::All => Some(vec![end(Verdict::Accept, filter.place)]),
            Kind::None => Some(vec![end(Verdict::Reject, filter.place)]),
            Kind::Code(code) => self.of_code(code, filter.id, way, ledger),
            Kind::Where(tokens) => self.of_tokens(tokens, filter, way, ledger),
            Kind::Named(name) => self.of_name(name, filter.id, way, ledger),
        };
        // Whether a word alone is written down is for others to say.
        if found.is_some() && !matches!(filter.kind, Kind::All | Kind::None) {
            ledger.carried(filter.id);
        }
        found
    }

    fn of_code(&self, code: &'s [Code], id: Id, way: Way, ledger: &mut Ledger) -> Option<Vec<Rule>> {
        let rules = Flow::new(way, &self.functions, &self.protocols, ledger).of_code(code);
        few(rules, id, ledger)
    }

    fn of_tokens(
        &self,
        tokens: &[Token],
        filter: &Filter<'s>,
        way: Way,
        ledger: &mut Ledger,
    ) -> Option<Vec<Rule>> {
        let mut cursor = Cursor::new(tokens);
        let expr = match expr::expression(&mut cursor) {
            Ok(expr) if cursor.peek().is_none() => expr,
            Ok(_) => {
                ledger.dropped(filter.id, cursor.expected("the end of the condition").message);
                return None;
            }
            Err(fault) => {
                ledger.dropped(filter.id, fault.message);
                return None;
            }
        };
        let asked = match Flow::new(way, &self.functions, &self.protocols, ledger)
            .of_condition(&expr, filter.place)
        {
            Ok(rules) => rules,
            Err(why) => {
                ledger.dropped(filter.id, why);
                return None;
            }
        };
        if let Expr::Call(name, _) = &expr
            && let Some(function) = self.functions.functions.get(name)
        {
            ledger.carried(function.id);
            super::functions::carry(function.code, ledger);
        }
        few(asked, filter.id, ledger)
    }

    fn of_name(&mut self, name: &str, id: Id, way: Way, ledger: &mut Ledger) -> Option<Vec<Rule>> {
        if let Some(rules) = self.named.get(&(name.to_owned(), way)) {
            return rules.clone();
        }
        let Some(function) = self.functions.filters.get(name) else {
            ledger.dropped(id, format!("names the filter `{name}`, which is not in the file"));
            return None;
        };
        ledger.carried(function.id);
        let rules = self.of_code(function.code, function.id, way, ledger);
        self.named.insert((name.to_owned(), way), rules.clone());
        rules
    }

    /// What decides for a neighbour with these filters, one a family; `owner` is whose they are.
    pub(super) fn choose(
        &mut self,
        filters: &BTreeMap<&'static str, Option<Filter<'s>>>,
        way: Way,
        owner: &str,
        ledger: &mut Ledger,
    ) -> Chosen {
        let mut lists: Vec<(&'static str, Vec<Rule>)> = Vec::new();
        for (family, filter) in filters {
            // What cannot be said refuses: nothing is to get out that a filter held back.
            let refused = vec![Rule {
                guard: Guard::new(),
                changes: Changes::default(),
                verdict: Verdict::Reject,
                place: None,
            }];
            let rules = match filter {
                Some(filter) => self.rules(filter, way, ledger).unwrap_or(refused),
                None if way == Way::Import => vec![end(Verdict::Accept, Place::default())],
                None => refused,
            };
            lists.push((family, rules));
        }
        let Some((_, first)) = lists.first() else { return Chosen::All };
        if lists.iter().all(|(_, rules)| same(rules, first)) {
            let name = filters.values().flatten().find_map(|filter| match filter.kind {
                Kind::Named(name) => Some(name),
                _ => None,
            });
            let rules = first.clone();
            return self.named(name.map(str::to_owned), owner, way, rules);
        }
        let rules = lists.into_iter().flat_map(|(family, rules)| of_family(family, rules)).collect();
        let rules = [rules, vec![end(Verdict::Reject, Place::default())]].concat();
        self.named(None, owner, way, flow::without_needless(rules))
    }

    /// The name under which there are these rules, or will be.
    fn named(&mut self, name: Option<String>, owner: &str, way: Way, rules: Vec<Rule>) -> Chosen {
        match rules.as_slice() {
            [only] if only.changes.is_empty() && only.verdict == Verdict::Accept => return Chosen::All,
            [only] if only.verdict == Verdict::Reject => return Chosen::None,
            _ => {}
        }
        if let Some((name, _)) = self.made.iter().find(|(_, made)| same(made, &rules)) {
            return Chosen::Policy(name.clone());
        }
        let direction = if way == Way::Import { "import" } else { "export" };
        let mut wanted = clean(&name.unwrap_or_else(|| format!("{owner}-{direction}")));
        if self.taken(&wanted) {
            wanted = format!("{wanted}-{direction}");
        }
        let mut unique = wanted.clone();
        let mut number = 2_u32;
        while self.taken(&unique) {
            unique = format!("{wanted}-{number}");
            number += 1;
        }
        self.made.push((unique.clone(), rules));
        Chosen::Policy(unique)
    }

    fn taken(&self, name: &str) -> bool {
        [ALL, NONE, "default", ""].contains(&name) || self.made.iter().any(|(made, _)| made == name)
    }

    /// The name to write for what was chosen.
    pub(super) fn name(&mut self, chosen: &Chosen) -> String {
        match chosen {
            Chosen::All => {
                self.used_all = true;
                ALL.into()
            }
            Chosen::None => {
                self.used_none = true;
                NONE.into()
            }
            Chosen::Policy(name) => name.clone(),
        }
    }

    /// The `policy` section; `None` where there is nothing in it.
    pub(super) fn section(&self, names: &Names) -> Option<Line> {
        let whole = |name: &str, verdict: &str| {
            Node::Map(vec![
                ("name".into(), Node::text(name).plain()),
                ("default".into(), Node::text(verdict).plain()),
            ])
            .plain()
        };
        let mut list = Vec::new();
        if self.used_all {
            list.push(whole(ALL, "accept"));
        }
        if self.used_none {
            list.push(whole(NONE, "reject"));
        }
        list.extend(self.made.iter().map(|(name, rules)| written(name, rules, names)));
        let section = vec![("policies".to_owned(), Node::List(list.clone()).plain())];
        (!list.is_empty()).then(|| Node::Map(section).plain())
    }
}

fn few(rules: Result<Vec<Rule>, TooMany>, id: Id, ledger: &mut Ledger) -> Option<Vec<Rule>> {
    match rules {
        Ok(rules) => Some(rules),
        Err(TooMany) => {
            ledger.dropped(id, "has more ways through it than a policy may have statements (docs/policy.md); until it is written anew, everything is refused here");
            None
        }
    }
}

fn end(verdict: Verdict, place: Place) -> Rule {
    Rule { guard: Guard::new(), changes: Changes::default(), verdict, place: Some(place) }
}

/// Whether two lists do the same, wherever they stand.
fn same(a: &[Rule], b: &[Rule]) -> bool {
    let alike =
        |(a, b): (&Rule, &Rule)| (&a.guard, &a.changes, a.verdict) == (&b.guard, &b.changes, b.verdict);
    a.len() == b.len() && a.iter().zip(b).all(alike)
}

/// Rules for routes of one family only.
fn of_family(family: &'static str, rules: Vec<Rule>) -> Vec<Rule> {
    let narrowed = |rule: Rule| {
        let guard = super::atom::and(&rule.guard, &Atom::Families(vec![family])).ok()??;
        Some(Rule { guard, ..rule })
    };
    rules.into_iter().filter_map(narrowed).collect()
}

/// A name that a policy may have.
pub(super) fn clean(name: &str) -> String {
    let letter = |letter: char| {
        if letter.is_whitespace() || letter.is_control() || matches!(letter, ',' | '/') {
            '-'
        } else {
            letter
        }
    };
    name.chars().map(letter).collect()
}

fn written(name: &str, rules: &[Rule], names: &Names) -> Line {
    let mut map: Map = vec![("name".into(), Node::text(name).plain())];
    let (statements, default) = match rules.split_last() {
        Some((last, rest)) if last.guard.is_empty() && last.changes.is_empty() => (rest, last.verdict),
        _ => (rules, Verdict::Reject),
    };
    let mut taken: HashMap<String, u32> = HashMap::new();
    let list: Vec<Line> = statements.iter().map(|rule| statement(rule, names, &mut taken)).collect();
    if !list.is_empty() {
        map.push(("statements".into(), Node::List(list).plain()));
    }
    map.push(("default".into(), word(default).plain()));
    Node::Map(map).plain()
}

fn word(verdict: Verdict) -> Node {
    Node::text(match verdict {
        Verdict::Accept => "accept",
        Verdict::Reject => "reject",
        Verdict::Next => "next",
    })
}

/// A statement; it is called by its place in BIRD's file.
fn statement(rule: &Rule, names: &Names, taken: &mut HashMap<String, u32>) -> Line {
    let place = rule.place.map_or_else(|| "end".to_owned(), |place| clean(&names.line(place)));
    let count = taken.entry(place.clone()).or_insert(0);
    *count += 1;
    let name = if *count == 1 { place } else { format!("{place}-{count}") };
    let mut map: Map = vec![("name".into(), Node::text(&name).plain())];
    if !rule.guard.is_empty() {
        let key = |atom: &Atom| {
            let node = match atom {
                Atom::Origin(word) => Node::text(word),
                atom => Node::texts(atom.values()),
            };
            (atom.key().to_owned(), node.plain())
        };
        map.push(("match".into(), Node::Map(rule.guard.iter().map(key).collect()).plain()));
    }
    let set = changed(&rule.changes);
    if !set.is_empty() {
        map.push(("set".into(), Node::Map(set).plain()));
    }
    map.push(("action".into(), word(rule.verdict).plain()));
    Node::Map(map).plain()
}

fn changed(changes: &Changes) -> Map {
    let mut map = Map::new();
    let number = |text: &String| match text.parse::<u32>() {
        Ok(_) if !text.starts_with('+') => Node::Scalar(text.clone()),
        _ => Node::text(text),
    };
    if let Some(text) = &changes.local_pref {
        map.push(("local_pref".into(), number(text).plain()));
    }
    if let Some(text) = &changes.med {
        map.push(("med".into(), number(text).plain()));
    }
    let mut communities = Map::new();
    for (key, list) in [("remove", &changes.remove), ("add", &changes.add)] {
        if !list.is_empty() {
            communities.push((key.into(), Node::texts(list).plain()));
        }
    }
    if !communities.is_empty() {
        map.push(("communities".into(), Node::Map(communities).plain()));
    }
    if let Some((asn, count)) = changes.prepend {
        let prepend =
            vec![("asn".into(), Node::number(asn).plain()), ("count".into(), Node::number(count).plain())];
        map.push(("prepend".into(), Node::Map(prepend).plain()));
    }
    if let Some(next_hop) = &changes.next_hop {
        map.push(("next_hop".into(), Node::text(next_hop).plain()));
    }
    if let Some(origin) = changes.origin {
        map.push(("origin".into(), Node::text(origin).plain()));
    }
    map
}

/// Says of filters and functions that nobody uses, and of code that no route gets to, that this is so.
pub(super) fn unused(statements: &[Statement], ledger: &mut Ledger) {
    for statement in statements {
        if matches!(statement.words().first(), Some(&("filter" | "function"))) && ledger.is_open(statement.id)
        {
            ledger.needless(statement.id, "no protocol uses it");
        }
    }
    unreached(statements, ledger);
}

fn unreached(statements: &[Statement], ledger: &mut Ledger) {
    for statement in statements {
        for item in &statement.items {
            match item {
                Item::Code(code) if ledger.is_carried(statement.id) => unreached_code(code, ledger),
                Item::Settings(inner) => unreached(inner, ledger),
                _ => {}
            }
        }
    }
}

fn unreached_code(code: &[Code], ledger: &mut Ledger) {
    use super::code::Act;
    for line in code {
        if ledger.is_open(line.id) {
            ledger.needless(line.id, "no route gets here: all are decided above");
        } else if ledger.is_carried(line.id) {
            match &line.act {
                Act::If(branches, otherwise) => {
                    branches.iter().for_each(|(_, block)| unreached_code(block, ledger));
                    unreached_code(otherwise, ledger);
                }
                Act::Block(block) => unreached_code(block, ledger),
                _ => {}
            }
        }
    }
}
