//! The code of filters and functions: what is read of it.
//!
//! Code that is not understood is kept as such, to be named: a filter of which one line has no counterpart is still
//! worth carrying over. Only what is no code at all, such as a block without end, is a fault.

use super::cursor::Cursor;
use super::expr::{self, Expr};
use super::ledger::{Id, Ledger, line};
use super::lex::Token;
use super::place::{Fault, Place};

/// A line of code.
#[derive(Debug)]
pub(super) struct Code {
    pub(super) id: Id,
    pub(super) place: Place,
    pub(super) act: Act,
}

/// What it does.
#[derive(Debug)]
pub(super) enum Act {
    Accept,
    Reject,
    /// Back to the caller, with a value or without.
    Return(Option<Expr>),
    /// The first of the branches whose condition holds, or else the last block.
    If(Vec<(Expr, Vec<Code>)>, Vec<Code>),
    Block(Vec<Code>),
    /// A function, or a method such as `bgp_community.add(...)`.
    Call(Expr),
    Assign(Expr, Expr),
    /// The attribute is taken from the route.
    Unset(Expr),
    Print,
    /// Something else, and what stood in the way of reading it.
    Other(Option<Fault>),
}

/// Reads a block in braces.
pub(super) fn block(cursor: &mut Cursor<'_>, parent: Id, ledger: &mut Ledger) -> Result<Vec<Code>, Fault> {
    let inner = cursor.balanced()?;
    let mut inner = cursor.within(inner)?;
    let mut code = Vec::new();
    while inner.peek().is_some() {
        if !inner.eat(";") {
            code.push(one(&mut inner, parent, ledger)?);
        }
    }
    Ok(code)
}

/// Reads a line, and enters it into the ledger.
fn one(cursor: &mut Cursor<'_>, parent: Id, ledger: &mut Ledger) -> Result<Code, Fault> {
    let place = cursor.place();
    let id = ledger.enter(place, Some(parent));
    let from = cursor.rest();
    cursor.descend()?;
    let begin = cursor.clone();
    let act = match act(cursor, id, ledger)? {
        Ok(act) => act,
        Err(fault) => {
            *cursor = begin;
            skip(cursor)?;
            Act::Other(Some(fault))
        }
    };
    cursor.ascend();
    let length = from.len().saturating_sub(cursor.rest().len());
    let read = from.get(..length).unwrap_or_default();
    let ends = |token: &&Token| token.is_sign(";") || token.is_word("then");
    let length = read.iter().position(|token| ends(&token)).unwrap_or(length);
    ledger.describe(id, line(read.iter().take(length).map(Token::text)));
    Ok(Code { id, place, act })
}

/// What a line does; within, why it could not be read.
fn act(cursor: &mut Cursor<'_>, id: Id, ledger: &mut Ledger) -> Result<Result<Act, Fault>, Fault> {
    if cursor.is("{") {
        return Ok(Ok(Act::Block(block(cursor, id, ledger)?)));
    }
    if cursor.eat_word("if") {
        return conditional(cursor, id, ledger);
    }
    let simple = simple(cursor);
    Ok(simple.and_then(|act| cursor.want(";").map(|()| act)))
}

fn conditional(cursor: &mut Cursor<'_>, id: Id, ledger: &mut Ledger) -> Result<Result<Act, Fault>, Fault> {
    let mut branches = Vec::new();
    loop {
        let condition = match expr::expression(cursor) {
            Ok(condition) => condition,
            Err(fault) => return Ok(Err(fault)),
        };
        if !cursor.eat_word("then") {
            return Ok(Err(cursor.expected("`then`")));
        }
        branches.push((condition, branch(cursor, id, ledger)?));
        if !cursor.eat_word("else") {
            return Ok(Ok(Act::If(branches, Vec::new())));
        }
        if !cursor.eat_word("if") {
            return Ok(Ok(Act::If(branches, branch(cursor, id, ledger)?)));
        }
    }
}

/// A block, or one line without braces.
fn branch(cursor: &mut Cursor<'_>, id: Id, ledger: &mut Ledger) -> Result<Vec<Code>, Fault> {
    if cursor.is("{") { block(cursor, id, ledger) } else { Ok(vec![one(cursor, id, ledger)?]) }
}

/// A line without blocks, up to its `;`.
fn simple(cursor: &mut Cursor<'_>) -> Result<Act, Fault> {
    let Some(first) = cursor.peek() else { return Err(cursor.expected("a statement")) };
    for (word, act) in [("accept", Act::Accept), ("reject", Act::Reject)] {
        if first.is_word(word) {
            cursor.next();
            // Newer versions print what stands behind it.
            if !cursor.is(";") {
                expr::expression(cursor)?;
            }
            return Ok(act);
        }
    }
    if cursor.eat_word("return") {
        let value = if cursor.is(";") { None } else { Some(expr::expression(cursor)?) };
        return Ok(Act::Return(value));
    }
    if first.is_word("print") || first.is_word("printn") {
        while cursor.peek().is_some_and(|token| !token.is_sign(";")) {
            cursor.next();
        }
        return Ok(Act::Print);
    }
    if cursor.eat_word("unset") {
        cursor.want("(")?;
        let what = expr::expression(cursor)?;
        cursor.want(")")?;
        return Ok(Act::Unset(what));
    }
    if first.is_word("case") || first.is_word("for") {
        return Err(cursor.expected("`if`, `accept`, `reject`, an assignment or a call"));
    }
    let target = expr::target(cursor)?;
    if cursor.eat("=") {
        return Ok(Act::Assign(target, expr::expression(cursor)?));
    }
    match target {
        Expr::Call(..) | Expr::Method(..) => Ok(Act::Call(target)),
        _ => Err(cursor.expected("`=` or `(`")),
    }
}

/// Goes behind a line that cannot be read: its `;`, or the end of its block if no `else` follows.
fn skip(cursor: &mut Cursor<'_>) -> Result<(), Fault> {
    let mut brackets = 0_usize;
    while let Some(token) = cursor.peek() {
        if brackets == 0 && cursor.is("{") {
            cursor.balanced()?;
            if !cursor.peek().is_some_and(|token| token.is_word("else")) {
                return Ok(());
            }
            continue;
        }
        if ["[", "(", "[="].iter().any(|sign| token.is_sign(sign)) {
            brackets += 1;
        } else if ["]", ")", "=]"].iter().any(|sign| token.is_sign(sign)) {
            brackets = brackets.saturating_sub(1);
        }
        cursor.next();
        if brackets == 0 && token.is_sign(";") && !cursor.peek().is_some_and(|token| token.is_word("else")) {
            return Ok(());
        }
    }
    Ok(())
}
