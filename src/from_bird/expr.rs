//! The expressions of filters.
//!
//! Operators bind as they do in BIRD 2.0: `!` before arithmetic, that before comparisons, and those before `&&` and
//! `||`, which bind alike, from left to right.

use std::net::IpAddr;

use ipnet::IpNet;

use super::cursor::Cursor;
use super::lex::{Kind, Token};
use super::place::Fault;

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expr {
    Number(u64),
    Ip(IpAddr),
    Net(IpNet),
    Text(String),
    /// An attribute, a variable or a constant.
    Name(String),
    /// A part of a value: `net.len`.
    Field(Box<Expr>, String),
    Call(String, Vec<Expr>),
    Method(Box<Expr>, String, Vec<Expr>),
    Not(Box<Expr>),
    /// Two operands and the sign between them.
    Binary(Box<Expr>, &'static str, Box<Expr>),
    /// Operands with `&&` or `||` before all but the first.
    Logic(Box<Expr>, Vec<(&'static str, Expr)>),
    /// `(65000, 1)`, and the community of three parts.
    Tuple(Vec<Expr>),
    /// `[ ... ]`.
    Set(Vec<Expr>),
    /// A prefix of a set with the lengths that are meant.
    Lengths(IpNet, u8, u8),
    /// `1..5`.
    Range(u64, u64),
    /// `*`.
    Any,
    /// `[= ... =]`.
    Path(Vec<Step>),
}

/// A step of a path mask.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Asn(u64),
    /// One of any number.
    One,
    /// Any number of any.
    Many,
}

/// A chain of operators that is longer is no filter that a person or a template wrote.
const CHAIN: usize = 512;

/// An expression.
pub(super) fn expression(cursor: &mut Cursor<'_>) -> Result<Expr, Fault> {
    let first = comparison(cursor)?;
    let mut more = Vec::new();
    while let Some(sign) = ["&&", "||"].into_iter().find(|sign| cursor.is(sign)) {
        cursor.next();
        more.push((sign, comparison(cursor)?));
        if more.len() > CHAIN {
            return Err(cursor.expected(&format!("an end after {CHAIN} conditions")));
        }
    }
    Ok(if more.is_empty() { first } else { Expr::Logic(first.into(), more) })
}

fn comparison(cursor: &mut Cursor<'_>) -> Result<Expr, Fault> {
    const SIGNS: [&str; 8] = ["=", "!=", "~", "!~", "<=", ">=", "<", ">"];
    let left = sum(cursor)?;
    match SIGNS.into_iter().find(|sign| cursor.is(sign)) {
        Some(sign) => {
            cursor.next();
            Ok(Expr::Binary(left.into(), sign, sum(cursor)?.into()))
        }
        None => Ok(left),
    }
}

/// Sums and products bind alike here: nothing of them but one step of a number has a counterpart.
fn sum(cursor: &mut Cursor<'_>) -> Result<Expr, Fault> {
    let left = unary(cursor)?;
    match ["+", "-", "*", "/"].into_iter().find(|sign| cursor.is(sign)) {
        Some(sign) => {
            cursor.next();
            Ok(Expr::Binary(left.into(), sign, unary(cursor)?.into()))
        }
        None => Ok(left),
    }
}

fn unary(cursor: &mut Cursor<'_>) -> Result<Expr, Fault> {
    let mut negations = 0_usize;
    while cursor.eat("!") {
        negations += 1;
    }
    let value = postfix(cursor)?;
    Ok(if negations % 2 == 1 { Expr::Not(value.into()) } else { value })
}

/// What can be assigned to or called.
pub(super) fn target(cursor: &mut Cursor<'_>) -> Result<Expr, Fault> {
    postfix(cursor)
}

fn postfix(cursor: &mut Cursor<'_>) -> Result<Expr, Fault> {
    cursor.descend()?;
    let mut value = primary(cursor)?;
    for _ in 0..DOTS {
        if !cursor.eat(".") {
            break;
        }
        let Some(name) = cursor.word() else { return Err(cursor.expected("a name")) };
        value = if cursor.is("(") {
            Expr::Method(value.into(), name.to_owned(), arguments(cursor)?)
        } else {
            Expr::Field(value.into(), name.to_owned())
        };
    }
    cursor.ascend();
    Ok(value)
}

/// How many parts of parts are read.
const DOTS: usize = 8;

fn primary(cursor: &mut Cursor<'_>) -> Result<Expr, Fault> {
    if cursor.is("[") {
        return set(cursor);
    }
    if cursor.is("[=") {
        return path(cursor);
    }
    if cursor.is("(") {
        let mut list = arguments(cursor)?;
        return match (list.pop(), list.is_empty()) {
            (Some(one), true) => Ok(one),
            (Some(last), false) => {
                list.push(last);
                Ok(Expr::Tuple(list))
            }
            (None, _) => Err(cursor.expected("a value in the parentheses")),
        };
    }
    // `-empty-` and `+empty+`, the values without anything in them.
    if (cursor.is("-") || cursor.is("+")) && cursor.second().is_some_and(|token| token.is_word("empty")) {
        cursor.next();
        cursor.next();
        if !cursor.eat("-") && !cursor.eat("+") {
            return Err(cursor.expected("`-empty-`"));
        }
        return Ok(Expr::Set(Vec::new()));
    }
    let Some(token) = cursor.peek() else { return Err(cursor.expected("a value")) };
    let value = match &token.kind {
        Kind::Number(number) => Expr::Number(*number),
        Kind::Ip(ip) => Expr::Ip(*ip),
        Kind::Net(net) => Expr::Net(net.trunc()),
        Kind::Text(text) => Expr::Text(text.clone()),
        Kind::Word(word) if word == "then" || word == "else" => return Err(cursor.expected("a value")),
        Kind::Word(word) => {
            cursor.next();
            if cursor.is("(") {
                return Ok(Expr::Call(word.clone(), arguments(cursor)?));
            }
            return Ok(Expr::Name(word.clone()));
        }
        Kind::Sign("*") => Expr::Any,
        Kind::Sign(_) => return Err(cursor.expected("a value")),
    };
    cursor.next();
    Ok(value)
}

/// Values in parentheses. In a tuple of a set they may be ranges.
fn arguments(cursor: &mut Cursor<'_>) -> Result<Vec<Expr>, Fault> {
    cursor.descend()?;
    cursor.want("(")?;
    let mut list = Vec::new();
    while !cursor.is(")") {
        list.push(ranged(cursor)?);
        if !cursor.eat(",") {
            break;
        }
    }
    cursor.want(")")?;
    cursor.ascend();
    Ok(list)
}

/// An expression, or `1..5`.
fn ranged(cursor: &mut Cursor<'_>) -> Result<Expr, Fault> {
    let from = expression(cursor)?;
    match (&from, cursor.is("..")) {
        (Expr::Number(first), true) => {
            cursor.next();
            match unary(cursor)? {
                Expr::Number(last) => Ok(Expr::Range(*first, last)),
                _ => Err(cursor.expected("a number before this")),
            }
        }
        _ => Ok(from),
    }
}

fn set(cursor: &mut Cursor<'_>) -> Result<Expr, Fault> {
    cursor.want("[")?;
    let mut list = Vec::new();
    while !cursor.is("]") {
        list.push(element(cursor)?);
        if !cursor.eat(",") {
            break;
        }
    }
    cursor.want("]")?;
    Ok(Expr::Set(list))
}

/// An element of a set. Behind a prefix stands which lengths are meant: `+` from its own on, `-` up to its own,
/// `{16,24}` these.
fn element(cursor: &mut Cursor<'_>) -> Result<Expr, Fault> {
    let Some(Token { kind: Kind::Net(net), .. }) = cursor.peek() else { return ranged(cursor) };
    cursor.next();
    let (net, own) = (net.trunc(), net.prefix_len());
    let (least, most) = if cursor.eat("+") {
        (own, net.max_prefix_len())
    } else if cursor.eat("-") {
        (0, own)
    } else if cursor.eat("{") {
        let least = length(cursor, net)?;
        cursor.want(",")?;
        let most = length(cursor, net)?;
        cursor.want("}")?;
        (least, most)
    } else {
        (own, own)
    };
    Ok(Expr::Lengths(net, least, most))
}

fn length(cursor: &mut Cursor<'_>, net: IpNet) -> Result<u8, Fault> {
    let most = net.max_prefix_len();
    match cursor.peek().map(|token| &token.kind) {
        Some(Kind::Number(number)) if *number <= most.into() => {
            let number = u8::try_from(*number).unwrap_or(most);
            cursor.next();
            Ok(number)
        }
        _ => Err(cursor.expected(&format!("a length from 0 to {most}"))),
    }
}

fn path(cursor: &mut Cursor<'_>) -> Result<Expr, Fault> {
    cursor.want("[=")?;
    let mut steps = Vec::new();
    while !cursor.eat("=]") {
        steps.push(match cursor.peek().map(|token| &token.kind) {
            Some(Kind::Number(asn)) => Step::Asn(*asn),
            Some(Kind::Sign("*")) => Step::Many,
            Some(Kind::Sign("?")) => Step::One,
            _ => return Err(cursor.expected("an AS number, `*`, `?` or `=]`")),
        });
        cursor.next();
    }
    Ok(Expr::Path(steps))
}

#[cfg(test)]
mod tests {
    use super::super::lex;
    use super::*;

    fn read(text: &str) -> Expr {
        let tokens = lex::tokens(0, text).unwrap();
        let mut cursor = Cursor::new(&tokens);
        let value = expression(&mut cursor).unwrap_or_else(|fault| panic!("{text}: {fault:?}"));
        assert!(cursor.peek().is_none(), "{text}: {:?}", cursor.rest());
        value
    }

    fn name(name: &str) -> Expr {
        Expr::Name(name.into())
    }

    #[test]
    fn and_and_or_bind_alike() {
        let expected = Expr::Logic(name("a").into(), vec![("||", name("b")), ("&&", name("c"))]);
        assert_eq!(read("a || b && c"), expected);
        assert_eq!(read("a || (b && c)"), Expr::Logic(name("a").into(), vec![("||", read("b && c"))]));
    }

    #[test]
    fn sets_hold_prefixes_with_their_lengths() {
        let net = "10.0.0.0/8".parse().unwrap();
        let expected =
            [(8, 8), (8, 32), (0, 8), (16, 24)].map(|(least, most)| Expr::Lengths(net, least, most));
        assert_eq!(
            read("[ 10.0.0.0/8, 10.0.0.0/8+, 10.0.0.0/8-, 10.0.0.0/8{16,24} ]"),
            Expr::Set(expected.into())
        );
        let tuple = Expr::Tuple(vec![Expr::Number(1), Expr::Range(2, 5), Expr::Any]);
        assert_eq!(read("[(1, 2..5, *)]"), Expr::Set(vec![tuple]));
    }

    #[test]
    fn what_calico_writes_is_read() {
        for text in [
            "((net ~ 10.1.0.0/16) && ((defined(source))&&(source ~ [ RTS_BGP ])) && ((defined(ifname))&&(ifname ~ \"eth*\")))",
            "!(bgp_path ~ [= 65001 * =]) || net.len > 26",
            "add(bgp_community, (65000, 1)) = -empty-",
        ] {
            read(text);
        }
    }
}
