//! Where a reader is among the tokens.

use super::lex::{Kind, Token};
use super::place::{Fault, Place};

/// Blocks, brackets and conditions may be in each other so often. A reader goes as deep into its stack.
const DEPTH: usize = 64;

/// A place between two tokens.
#[derive(Clone)]
pub(super) struct Cursor<'t> {
    rest: &'t [Token],
    /// Where the last token stands: the end is shown there.
    last: Place,
    depth: usize,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(tokens: &'t [Token]) -> Cursor<'t> {
        Cursor { rest: tokens, last: tokens.last().map(|token| token.place).unwrap_or_default(), depth: 0 }
    }

    /// A cursor for a part of the tokens, one level deeper.
    pub(super) fn within(&self, tokens: &'t [Token]) -> Result<Cursor<'t>, Fault> {
        let mut inner = Cursor { rest: tokens, last: self.place(), depth: self.depth };
        inner.descend()?;
        Ok(inner)
    }

    /// Goes a level deeper; the caller comes back up with [`Cursor::ascend`].
    pub(super) fn descend(&mut self) -> Result<(), Fault> {
        if self.depth >= DEPTH {
            return Err(Fault::new(self.place(), format!("more than {DEPTH} levels deep")));
        }
        self.depth += 1;
        Ok(())
    }

    pub(super) fn ascend(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    pub(super) fn peek(&self) -> Option<&'t Token> {
        self.rest.first()
    }

    /// The token behind the next.
    pub(super) fn second(&self) -> Option<&'t Token> {
        self.rest.get(1)
    }

    /// What is left.
    pub(super) fn rest(&self) -> &'t [Token] {
        self.rest
    }

    /// Where the next token is; at the end, where the last one was.
    pub(super) fn place(&self) -> Place {
        self.peek().map_or(self.last, |token| token.place)
    }

    pub(super) fn next(&mut self) -> Option<&'t Token> {
        let (first, rest) = self.rest.split_first()?;
        (self.rest, self.last) = (rest, first.place);
        Some(first)
    }

    pub(super) fn is(&self, sign: &str) -> bool {
        self.peek().is_some_and(|token| token.is_sign(sign))
    }

    /// Takes the sign if it is the next.
    pub(super) fn eat(&mut self, sign: &str) -> bool {
        let is = self.is(sign);
        if is {
            self.next();
        }
        is
    }

    /// Takes the word if it is the next.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let is = self.peek().is_some_and(|token| token.is_word(word));
        if is {
            self.next();
        }
        is
    }

    /// Takes the next token if it is a word.
    pub(super) fn word(&mut self) -> Option<&'t str> {
        match &self.peek()?.kind {
            Kind::Word(word) => {
                self.next();
                Some(word)
            }
            _ => None,
        }
    }

    /// Takes the sign.
    pub(super) fn want(&mut self, sign: &str) -> Result<(), Fault> {
        if self.eat(sign) { Ok(()) } else { Err(self.expected(&format!("`{sign}`"))) }
    }

    /// That something else should stand here.
    pub(super) fn expected(&self, what: &str) -> Fault {
        let found = self.peek().map_or_else(|| "the end".to_owned(), Token::name);
        Fault::new(self.place(), format!("expected {what}, found {found}"))
    }

    /// Takes a block in braces, and gives what is within.
    pub(super) fn balanced(&mut self) -> Result<&'t [Token], Fault> {
        let open = self.place();
        self.want("{")?;
        let (inner, mut depth) = (self.rest, 1_usize);
        loop {
            let Some(token) = self.next() else {
                return Err(Fault::new(open, "this `{` has no end: expected `}`"));
            };
            if token.is_sign("{") {
                depth += 1;
            } else if token.is_sign("}") {
                depth -= 1;
            }
            if depth == 0 {
                let length = inner.len() - self.rest.len() - 1;
                return Ok(inner.get(..length).unwrap_or_default());
            }
        }
    }
}
