//! From tokens to statements: what ends with `;`, and what stands in braces.
//!
//! All of BIRD's configuration but the code of filters is of one shape: words and values up to a `;`, with blocks in
//! between that hold more of the same. So a statement is read whether or not its words are known; what they mean is
//! for others to say ([`super::peer`], [`super::native`], ...). Blocks of code are read in [`super::code`].

use std::net::IpAddr;

use ipnet::IpNet;

use super::code::{self, Code};
use super::cursor::Cursor;
use super::ledger::{Id, Ledger};
use super::lex::{Kind, Token};
use super::place::{Fault, Place};

/// A statement.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) id: Id,
    pub(super) place: Place,
    pub(super) items: Vec<Item>,
}

/// A part of a statement.
#[derive(Debug)]
pub(super) enum Item {
    Token(Token),
    /// A block of statements.
    Settings(Vec<Statement>),
    /// A block of code.
    Code(Vec<Code>),
    /// A block that is neither: `debug { states, routes }`.
    List,
}

/// Reads a file's statements, and enters each into the ledger.
pub(super) fn read(tokens: &[Token], ledger: &mut Ledger) -> Result<Vec<Statement>, Fault> {
    let mut cursor = Cursor::new(tokens);
    let mut statements = Vec::new();
    loop {
        while cursor.eat(";") {}
        if cursor.peek().is_none() {
            return Ok(statements);
        }
        if cursor.is("}") {
            return Err(cursor.expected("a statement; there is no block to end here"));
        }
        statements.push(statement(&mut cursor, None, ledger)?);
    }
}

fn statement(cursor: &mut Cursor<'_>, parent: Option<Id>, ledger: &mut Ledger) -> Result<Statement, Fault> {
    let place = cursor.place();
    let id = ledger.enter(place, parent);
    let mut items: Vec<Item> = Vec::new();
    // Braces within these are lengths of prefixes: 10.0.0.0/8{16,24}.
    let mut brackets = 0_usize;
    loop {
        // In BIRD 1 the variables of a filter or function stand before its code.
        let header = is_word(items.first(), "function") || is_word(items.first(), "filter");
        if brackets == 0 && !header && cursor.eat(";") {
            break;
        }
        if brackets == 0 && cursor.is("{") {
            items.push(block(cursor, &items, id, ledger)?);
            // `interface "a" { ... }, "b" { ... };` goes on.
            if !cursor.is(",") {
                cursor.eat(";");
                break;
            }
        }
        let Some(token) = cursor.next() else { return Err(cursor.expected("`;`")) };
        if brackets == 0 && token.is_sign("}") {
            return Err(Fault::new(token.place, format!("expected `;`, found {}", token.name())));
        }
        let is_one_of = |signs: [&str; 3]| signs.iter().any(|sign| token.is_sign(sign));
        if is_one_of(["[", "(", "[="]) {
            brackets += 1;
        } else if is_one_of(["]", ")", "=]"]) {
            brackets = brackets.saturating_sub(1);
        }
        items.push(Item::Token(token.clone()));
    }
    ledger.describe(id, text(&items));
    Ok(Statement { id, place, items })
}

fn is_word(item: Option<&Item>, word: &str) -> bool {
    matches!(item, Some(Item::Token(token)) if token.is_word(word))
}

fn block(cursor: &mut Cursor<'_>, before: &[Item], id: Id, ledger: &mut Ledger) -> Result<Item, Fault> {
    let of_code = ["filter", "function", "route"].iter().any(|word| is_word(before.first(), word))
        || is_word(before.last(), "filter");
    if of_code {
        return Ok(Item::Code(code::block(cursor, id, ledger)?));
    }
    let inner = cursor.balanced()?;
    if ["debug", "mrtdump", "log"].iter().any(|word| is_word(before.first(), word)) {
        return Ok(Item::List);
    }
    let mut inner = cursor.within(inner)?;
    let mut statements = Vec::new();
    loop {
        while inner.eat(";") {}
        if inner.peek().is_none() {
            return Ok(Item::Settings(statements));
        }
        statements.push(statement(&mut inner, Some(id), ledger)?);
    }
}

/// A statement in a line, for people; passwords are covered.
fn text(items: &[Item]) -> String {
    let secret = items.iter().any(|item| is_word(Some(item), "password") || is_word(Some(item), "secret"));
    let tokens = items.iter().map(|item| match item {
        Item::Token(Token { kind: Kind::Text(_), .. }) if secret => "\"...\"".to_owned(),
        Item::Token(token) => token.text(),
        Item::Settings(_) | Item::Code(_) | Item::List => "{ ... }".to_owned(),
    });
    super::ledger::line(tokens)
}

impl Item {
    fn token(&self) -> Option<&Token> {
        match self {
            Item::Token(token) => Some(token),
            _ => None,
        }
    }

    fn word(&self) -> Option<&str> {
        match &self.token()?.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    fn settings(&self) -> Option<&[Statement]> {
        match self {
            Item::Settings(statements) => Some(statements),
            _ => None,
        }
    }
}

impl Statement {
    /// The words that it begins with.
    pub(super) fn words(&self) -> Vec<&str> {
        self.items.iter().map_while(Item::word).collect()
    }

    /// What stands behind so many items.
    pub(super) fn after(&self, count: usize) -> Values<'_> {
        Values(self.items.get(count..).unwrap_or_default())
    }

    /// The statements in its first block.
    pub(super) fn settings(&self) -> &[Statement] {
        self.items.iter().find_map(Item::settings).unwrap_or_default()
    }

    /// The code in its block, if it has one.
    pub(super) fn code(&self) -> Option<&[Code]> {
        self.items.iter().find_map(|item| match item {
            Item::Code(code) => Some(code.as_slice()),
            _ => None,
        })
    }
}

/// The values of a statement, which are taken one after the other.
#[derive(Clone, Copy)]
pub(super) struct Values<'s>(&'s [Item]);

impl<'s> Values<'s> {
    fn kind(&self) -> Option<&'s Kind> {
        match self.0.first() {
            Some(Item::Token(token)) => Some(&token.kind),
            _ => None,
        }
    }

    fn take<T>(&mut self, read: impl Fn(&'s Kind) -> Option<T>) -> Option<T> {
        let value = read(self.kind()?)?;
        self.0 = self.0.get(1..).unwrap_or_default();
        Some(value)
    }

    /// Whether nothing is left.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes this word, if it is the next.
    pub(super) fn eat(&mut self, word: &str) -> bool {
        self.take(|kind| matches!(kind, Kind::Word(own) if own == word).then_some(())).is_some()
    }

    /// Takes this sign, if it is the next.
    pub(super) fn eat_sign(&mut self, sign: &str) -> bool {
        self.take(|kind| matches!(kind, Kind::Sign(own) if *own == sign).then_some(())).is_some()
    }

    pub(super) fn word(&mut self) -> Option<&'s str> {
        self.take(|kind| match kind {
            Kind::Word(word) => Some(word.as_str()),
            _ => None,
        })
    }

    pub(super) fn number<N: TryFrom<u64>>(&mut self) -> Option<N> {
        self.take(|kind| match kind {
            Kind::Number(number) => N::try_from(*number).ok(),
            _ => None,
        })
    }

    pub(super) fn ip(&mut self) -> Option<IpAddr> {
        self.take(|kind| match kind {
            Kind::Ip(ip) => Some(*ip),
            _ => None,
        })
    }

    pub(super) fn net(&mut self) -> Option<IpNet> {
        self.take(|kind| match kind {
            Kind::Net(net) => Some(net.trunc()),
            _ => None,
        })
    }

    pub(super) fn text(&mut self) -> Option<&'s str> {
        self.take(|kind| match kind {
            Kind::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// A string or a bare name, as interfaces are written behind `%`.
    pub(super) fn name(&mut self) -> Option<&'s str> {
        self.text().or_else(|| self.word())
    }

    /// On or off; on if nothing is said. Nothing may follow.
    pub(super) fn switch(mut self) -> Option<bool> {
        let value = match self.kind() {
            None if self.is_empty() => true,
            Some(Kind::Word(word)) => match word.as_str() {
                "on" | "yes" | "true" => true,
                "off" | "no" | "false" => false,
                _ => return None,
            },
            Some(Kind::Number(number)) => *number != 0,
            _ => return None,
        };
        self.take(|_| Some(()));
        self.is_empty().then_some(value)
    }

    /// A time in microseconds: a number of seconds, or one with its unit. BIRD's `5 s`, `500 ms`, `10 us`.
    pub(super) fn time(&mut self) -> Option<u64> {
        let number: u64 = self.number()?;
        let unit = match () {
            () if self.eat("us") => 1,
            () if self.eat("ms") => 1_000,
            () => {
                self.eat("s");
                1_000_000
            }
        };
        number.checked_mul(unit)
    }

    /// A time in whole seconds, behind which nothing follows.
    pub(super) fn seconds<N: TryFrom<u64>>(mut self) -> Option<N> {
        let time = self.time()?;
        self.is_empty().then_some(())?;
        N::try_from(time.div_ceil(1_000_000)).ok()
    }

    /// The tokens up to the first block.
    pub(super) fn tokens(&self) -> Vec<Token> {
        self.0.iter().map_while(Item::token).cloned().collect()
    }
}
