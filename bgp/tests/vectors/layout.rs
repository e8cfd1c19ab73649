//! A message's octets taken apart by their lengths alone: to be laid out in lines, and to say in what two
//! encodings of the same differ. None of linnet's reader is used here.

use std::fmt::Write as _;

const OPEN: u8 = 1;
const UPDATE: u8 = 2;
/// The attribute's length takes two octets (RFC 4271 section 4.3).
const EXTENDED_LENGTH: u8 = 0x10;
/// Octets of a line.
const WIDTH: usize = 40;

/// A run of octets that belong together.
struct Piece<'a> {
    octets: &'a [u8],
    /// What it is, where there is a word for it.
    word: String,
}

/// The octets in hexadecimal, what belongs together on a line.
pub(crate) fn lines(octets: &[u8]) -> String {
    let mut text = String::new();
    for Piece { octets, word } in pieces(octets) {
        for (number, chunk) in octets.chunks(WIDTH).enumerate() {
            let digits: String = chunk.iter().map(|octet| format!("{octet:02x}")).collect();
            let remark = if number == 0 && !word.is_empty() { format!("  ; {word}") } else { String::new() };
            writeln!(text, "{digits}{remark}").unwrap();
        }
    }
    text.trim_end().to_owned()
}

fn pieces(octets: &[u8]) -> Vec<Piece<'_>> {
    let piece = |octets, word: &str| Piece { octets, word: word.to_owned() };
    let Some((header, body)) = octets.split_at_checked(19) else { return vec![piece(octets, "")] };
    let inner = match header[18] {
        UPDATE => Update::of(body).map(|update| update.pieces()),
        OPEN => Open::of(body).map(|open| open.pieces()),
        _ => None,
    };
    let mut pieces = vec![piece(header, "")];
    pieces.extend(inner.unwrap_or_else(|| vec![piece(body, "")]));
    pieces
}

/// The parts of an UPDATE.
struct Update<'a> {
    withdrawn: &'a [u8],
    attributes: Vec<Attribute<'a>>,
    nlri: &'a [u8],
    body: &'a [u8],
}

#[derive(Clone, Copy)]
struct Attribute<'a> {
    flags: u8,
    code: u8,
    value: &'a [u8],
    octets: &'a [u8],
}

impl<'a> Update<'a> {
    fn of(body: &'a [u8]) -> Option<Update<'a>> {
        let (withdrawn, rest) = sized(body)?;
        let (mut attributes, nlri) = sized(rest)?;
        let mut list = Vec::new();
        while !attributes.is_empty() {
            let (attribute, rest) = Attribute::first(attributes)?;
            list.push(attribute);
            attributes = rest;
        }
        Some(Update { withdrawn, attributes: list, nlri, body })
    }

    fn pieces(&self) -> Vec<Piece<'a>> {
        let lengths = 4 + self.withdrawn.len();
        let mut pieces = vec![Piece { octets: &self.body[..lengths], word: String::new() }];
        for attribute in &self.attributes {
            pieces.push(Piece { octets: attribute.octets, word: format!("attribute {}", attribute.code) });
        }
        if !self.nlri.is_empty() {
            pieces.push(Piece { octets: self.nlri, word: "routes".into() });
        }
        pieces
    }

    fn attribute(&self, code: u8) -> Option<&Attribute<'a>> {
        self.attributes.iter().find(|attribute| attribute.code == code)
    }
}

impl<'a> Attribute<'a> {
    fn first(octets: &'a [u8]) -> Option<(Attribute<'a>, &'a [u8])> {
        let [flags, code, first, rest @ ..] = octets else { return None };
        let (length, rest) = match rest {
            [second, rest @ ..] if flags & EXTENDED_LENGTH != 0 => {
                (usize::from(u16::from_be_bytes([*first, *second])), rest)
            }
            _ => (usize::from(*first), rest),
        };
        let (value, rest) = rest.split_at_checked(length)?;
        let octets = &octets[..octets.len() - rest.len()];
        Some((Attribute { flags: *flags, code: *code, value, octets }, rest))
    }
}

/// What stands behind a length of two octets, and the rest.
fn sized(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let ([high, low], rest) = octets.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes([*high, *low])))
}

/// The parts of an OPEN without long parameters.
struct Open<'a> {
    /// Up to the parameters' length.
    fixed: &'a [u8],
    parameters: Vec<&'a [u8]>,
    capabilities: Vec<&'a [u8]>,
}

impl<'a> Open<'a> {
    fn of(body: &'a [u8]) -> Option<Open<'a>> {
        let (fixed, rest) = body.split_at_checked(10)?;
        let parameters = short_list(rest)?;
        let lists = parameters.iter().map(|parameter| short_list(&parameter[2..]));
        let capabilities = lists.collect::<Option<Vec<_>>>()?.concat();
        Some(Open { fixed, parameters, capabilities })
    }

    fn pieces(&self) -> Vec<Piece<'a>> {
        let mut pieces = vec![Piece { octets: self.fixed, word: String::new() }];
        for parameter in &self.parameters {
            pieces.push(Piece { octets: &parameter[..2], word: "a parameter".into() });
            for octets in short_list(&parameter[2..]).into_iter().flatten() {
                pieces.push(Piece { octets, word: format!("capability {}", octets[0]) });
            }
        }
        pieces
    }
}

/// What stands one behind the other, each with a code and a length of one octet, both included.
fn short_list(mut octets: &[u8]) -> Option<Vec<&[u8]>> {
    let mut list = Vec::new();
    while !octets.is_empty() {
        let length = usize::from(*octets.get(1)?);
        let (one, rest) = octets.split_at_checked(2 + length)?;
        list.push(one);
        octets = rest;
    }
    Some(list)
}

/// In what linnet's encoding of a message differs from a speaker's, one thing a line.
pub(crate) fn difference(theirs: &[u8], ours: &[u8]) -> String {
    let bodies = (theirs.get(19..).unwrap_or_default(), ours.get(19..).unwrap_or_default());
    let lines = match theirs.get(18) {
        Some(&UPDATE) => Update::of(bodies.0).zip(Update::of(bodies.1)).map(|(a, b)| update(&a, &b)),
        Some(&OPEN) => Open::of(bodies.0).zip(Open::of(bodies.1)).map(|(a, b)| open(&a, &b)),
        _ => None,
    };
    lines.unwrap_or_else(|| vec!["the message".into()]).join("\n")
}

fn open(theirs: &Open<'_>, ours: &Open<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    if theirs.parameters.len() != ours.parameters.len() {
        lines.push(format!("{} parameters, where one can hold all capabilities", theirs.parameters.len()));
    }
    if theirs.capabilities != ours.capabilities {
        lines.push("the capabilities differ".into());
    }
    lines
}

fn update(theirs: &Update<'_>, ours: &Update<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    let codes = |update: &Update<'_>, beside: &Update<'_>| -> Vec<u8> {
        let codes = update.attributes.iter().map(|attribute| attribute.code);
        codes.filter(|code| beside.attribute(*code).is_some()).collect()
    };
    if codes(theirs, ours) != codes(ours, theirs) {
        lines.push("the attributes in another order".into());
    }
    for attribute in &theirs.attributes {
        match ours.attribute(attribute.code) {
            Some(our) => lines.extend(attribute_differences(attribute, our)),
            None => lines.push(format!("attribute {} is not passed on", attribute.code)),
        }
    }
    let added = ours.attributes.iter().filter(|attribute| theirs.attribute(attribute.code).is_none());
    lines.extend(added.map(|attribute| format!("attribute {} is added", attribute.code)));
    if (theirs.withdrawn, theirs.nlri) != (ours.withdrawn, ours.nlri) {
        lines.push("the routes outside attributes differ".into());
    }
    lines
}

fn attribute_differences(theirs: &Attribute<'_>, ours: &Attribute<'_>) -> Vec<String> {
    let code = theirs.code;
    let differs = |mask: u8| (theirs.flags ^ ours.flags) & mask != 0;
    let cases = [
        (
            differs(EXTENDED_LENGTH),
            format!("the length of attribute {code} in two octets, where one can hold it"),
        ),
        (differs(!EXTENDED_LENGTH), format!("the flags of attribute {code}: {:02x}", theirs.flags)),
        (theirs.value != ours.value, format!("the value of attribute {code}")),
    ];
    cases.into_iter().filter_map(|(holds, line)| holds.then_some(line)).collect()
}
