//! What a statement about BGP begins with: `protocol bgp NAME from TEMPLATE`.

use crate::from_bird::place::Place;
use crate::from_bird::tree::Statement;

/// What a statement begins with that is about BGP.
pub(super) struct Head<'s> {
    pub(super) statement: &'s Statement,
    pub(super) is_template: bool,
    pub(super) name: String,
    pub(super) from: Option<&'s str>,
}

impl<'s> Head<'s> {
    pub(super) fn of(statement: &'s Statement) -> Option<Head<'s>> {
        let words = statement.words();
        let (is_template, rest) = match words.as_slice() {
            ["protocol", "bgp", rest @ ..] => (false, rest),
            ["template", "bgp", rest @ ..] => (true, rest),
            _ => return None,
        };
        let (name, from) = match rest {
            ["from", from] => (None, Some(*from)),
            [name, "from", from] => (Some(*name), Some(*from)),
            [name] => (Some(*name), None),
            _ => (None, None),
        };
        let Place { line, .. } = statement.place;
        let name = name.map_or_else(|| format!("bgp-{line}"), str::to_owned);
        Some(Head { statement, is_template, name, from })
    }
}
