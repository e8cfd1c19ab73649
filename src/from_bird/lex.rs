//! From text to tokens: words, numbers, addresses, prefixes, strings and signs, each with its place.
//!
//! What BIRD's own lexer tells apart by its tables (keywords, names that were defined) is all one here: a word is
//! known by where it stands.

use std::net::IpAddr;

use ipnet::IpNet;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_until, take_while, take_while1};
use nom::character::complete::{char, digit1, hex_digit1, not_line_ending};
use nom::combinator::{cut, map, map_res, opt, recognize, verify};
use nom::sequence::{delimited, pair, preceded};
use nom::{IResult, Parser};

use super::place::{Fault, Place};

/// A token at its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) place: Place,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// A keyword or a name, be it in single quotes.
    Word(String),
    Number(u64),
    Ip(IpAddr),
    Net(IpNet),
    /// What stands in double quotes.
    Text(String),
    Sign(&'static str),
}

/// The longer ones first.
const SIGNS: &[&str] = &[
    "[=", "=]", "!=", "!~", "<=", ">=", "&&", "||", "..", "->", "{", "}", "(", ")", "[", "]", ";", ",", ":",
    ".", "=", "~", "!", "<", ">", "+", "-", "*", "/", "%", "&", "|", "?", "@", "$",
];

impl Token {
    /// Whether it is this sign.
    pub(super) fn is_sign(&self, sign: &str) -> bool {
        matches!(self.kind, Kind::Sign(own) if own == sign)
    }

    /// Whether it is this word.
    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(&self.kind, Kind::Word(own) if own == word)
    }

    /// As it is named where another was expected. A string may be a secret.
    pub(super) fn name(&self) -> String {
        match &self.kind {
            Kind::Text(_) => "a string".to_owned(),
            _ => format!("`{}`", self.text()),
        }
    }

    /// As it is written.
    pub(super) fn text(&self) -> String {
        match &self.kind {
            Kind::Word(word) => word.clone(),
            Kind::Number(number) => number.to_string(),
            Kind::Ip(ip) => ip.to_string(),
            Kind::Net(net) => net.to_string(),
            Kind::Text(text) => format!("\"{text}\""),
            Kind::Sign(sign) => (*sign).to_owned(),
        }
    }
}

/// Reads a file.
///
/// # Errors
/// The first place at which no token begins.
pub(super) fn tokens(file: usize, text: &str) -> Result<Vec<Token>, Fault> {
    let mut reader = Reader { rest: text, place: Place { file, line: 1, column: 1 } };
    let mut tokens = Vec::new();
    loop {
        while reader.skip(opt(blank))?.is_some() {}
        if reader.rest.is_empty() {
            return Ok(tokens);
        }
        let place = reader.place;
        tokens.push(Token { kind: reader.skip(kind)?, place });
    }
}

/// The rest of a text, and where it begins.
struct Reader<'t> {
    rest: &'t str,
    place: Place,
}

impl<'t> Reader<'t> {
    /// Reads one thing and goes behind it.
    fn skip<T, P>(&mut self, mut read: P) -> Result<T, Fault>
    where
        P: Parser<&'t str, Output = T, Error = nom::error::Error<&'t str>>,
    {
        let (rest, value) =
            read.parse(self.rest).map_err(|_| Fault::new(self.place, unreadable(self.rest)))?;
        let length = self.rest.len() - rest.len();
        for letter in self.rest.get(..length).unwrap_or_default().chars() {
            if letter == '\n' {
                (self.place.line, self.place.column) = (self.place.line.saturating_add(1), 1);
            } else {
                self.place.column = self.place.column.saturating_add(1);
            }
        }
        self.rest = rest;
        Ok(value)
    }
}

/// What is wrong where nothing could be read.
fn unreadable(rest: &str) -> String {
    match rest.chars().next() {
        Some('"') => "this string has no end in its line: expected `\"`".to_owned(),
        Some('\'') => "this name has no end: letters, digits, `-`, `.`, `:` and `_`, and then `'`".to_owned(),
        Some('/') => "this comment has no end: expected `*/`".to_owned(),
        Some(letter) if letter.is_ascii_hexdigit() || letter == ':' => {
            "no number of 64 bits, no address and no prefix; such as 179, 10.0.0.1 or 10.0.0.0/8".to_owned()
        }
        Some(letter) => format!("`{}` begins nothing that BIRD knows", letter.escape_default()),
        None => "the file ends here".to_owned(),
    }
}

/// White space, or a comment.
fn blank(input: &str) -> IResult<&str, &str> {
    alt((
        take_while1(char::is_whitespace),
        recognize((tag("#"), not_line_ending)),
        recognize((tag("/*"), cut((take_until("*/"), tag("*/"))))),
    ))
    .parse(input)
}

fn kind(input: &str) -> IResult<&str, Kind> {
    alt((text, address, number, word, sign)).parse(input)
}

fn text(input: &str) -> IResult<&str, Kind> {
    let inner = take_while(|letter| letter != '"' && letter != '\n');
    map(preceded(char('"'), cut((inner, char('"')))), |(text, _): (&str, char)| Kind::Text(text.to_owned()))
        .parse(input)
}

/// An address, or a prefix if a length follows.
fn address(input: &str) -> IResult<&str, Kind> {
    let run = take_while1(|letter: char| letter.is_ascii_hexdigit() || letter == ':' || letter == '.');
    let ip = map_res(run, str::parse::<IpAddr>);
    let (rest, ip) = verify(ip, |_| true).parse(input)?;
    if rest.starts_with(is_name) {
        return Err(nom::Err::Error(nom::error::make_error(input, nom::error::ErrorKind::Verify)));
    }
    let length = opt(preceded(char('/'), digit1)).parse(rest)?;
    match length {
        (rest, None) => Ok((rest, Kind::Ip(ip))),
        (rest, Some(length)) => {
            let net = length.parse().ok().and_then(|length| IpNet::new(ip, length).ok());
            let wrong = || nom::Err::Failure(nom::error::make_error(input, nom::error::ErrorKind::Verify));
            net.map(|net| (rest, Kind::Net(net))).ok_or_else(wrong)
        }
    }
}

fn number(input: &str) -> IResult<&str, Kind> {
    let hexadecimal = preceded(tag("0x"), cut(map_res(hex_digit1, |digits| u64::from_str_radix(digits, 16))));
    let decimal =
        preceded(nom::combinator::peek(digit1), cut(map_res(digit1, |digits: &str| digits.parse::<u64>())));
    map(alt((hexadecimal, decimal)), Kind::Number).parse(input)
}

fn is_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

fn word(input: &str) -> IResult<&str, Kind> {
    let plain = recognize(pair(
        verify(nom::character::complete::anychar, |letter| letter.is_ascii_alphabetic() || *letter == '_'),
        take_while(is_name),
    ));
    let inner = take_while1(|letter| is_name(letter) || matches!(letter, '-' | '.' | ':'));
    let quoted = delimited(char('\''), cut(inner), cut(char('\'')));
    map(alt((plain, quoted)), |word: &str| Kind::Word(word.to_owned())).parse(input)
}

fn sign(input: &str) -> IResult<&str, Kind> {
    match SIGNS.iter().find_map(|sign| Some((input.strip_prefix(sign)?, *sign))) {
        Some((rest, sign)) => Ok((rest, Kind::Sign(sign))),
        None => Err(nom::Err::Error(nom::error::make_error(input, nom::error::ErrorKind::OneOf))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        tokens(0, text).unwrap().iter().map(Token::text).collect()
    }

    #[test]
    fn what_stands_together_is_one_token() {
        assert_eq!(texts("route 10.0.0.0/26 blackhole;"), ["route", "10.0.0.0/26", "blackhole", ";"]);
        assert_eq!(
            texts("net~[fd00::/8{8,64}]"),
            ["net", "~", "[", "fd00::/8", "{", "8", ",", "64", "}", "]"]
        );
        assert_eq!(
            texts("dead::beef bgp_path.len 1..5 0x1f"),
            ["dead::beef", "bgp_path", ".", "len", "1", "..", "5", "31"]
        );
        assert_eq!(texts("fe80::1%'eth0.7' [= 1 * =]"), ["fe80::1", "%", "eth0.7", "[=", "1", "*", "=]"]);
        assert_eq!(texts("a /* b\n c */ d # e\n\"f # g\""), ["a", "d", "\"f # g\""]);
        assert_eq!(texts("::/0 case 1: x"), ["::/0", "case", "1", ":", "x"]);
    }

    #[test]
    fn places_are_counted_in_characters() {
        let tokens = tokens(0, "a\n \"ä\" b").unwrap();
        let places: Vec<_> = tokens.iter().map(|token| (token.place.line, token.place.column)).collect();
        assert_eq!(places, [(1, 1), (2, 2), (2, 6)]);
    }

    #[test]
    fn what_is_no_token_is_said_with_its_place() {
        let fault = |text| tokens(0, text).unwrap_err();
        for (text, line, column, word) in [
            ("a \"b\nc\"", 1, 3, "no end in its line"),
            ("a\n/* b", 2, 1, "comment has no end"),
            ("route 10.0.0.0/33", 1, 7, "no prefix"),
            ("x 99999999999999999999", 1, 3, "64 bits"),
            ("x é", 1, 3, "\\u{e9}"),
        ] {
            let fault = fault(text);
            assert_eq!((fault.place.line, fault.place.column), (line, column), "{text}: {fault:?}");
            assert!(fault.message.contains(word), "{text}: {fault:?}");
        }
    }
}
