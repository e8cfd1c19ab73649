//! The vectors in this folder: octets, and what they say, both ways.
//!
//! A file is paragraphs of lines. A line that begins with blanks goes on with the field above it; one that begins
//! with `#` is a remark.
//!
//! ```text
//! name  imet                   what the tests call it
//! from  ibgp                   optional: whose message it is: ibgp (as without the line) or ebgp,
//!                              then any of as2, add-path, extended-next-hop
//! hex   ffff .. 02  ; header   the octets; behind a semicolon a remark
//! ours  ffff .. 02             optional: how linnet writes the same,
//! why   attributes in order    and in what that differs
//! text  UPDATE                 what they say
//!         announce ...
//! only  read                   optional: nobody writes this
//! ```
//!
//! Some files are made by hand; the others, named after a speaker, are recordings of sessions that it had with
//! linnetd (tests/lab/tests/recordings.rs). More than one test reads them: `text` prints a message, `write` writes
//! it again, `layout` takes its octets apart without any of linnet's code.
#![allow(dead_code, reason = "each test that reads vectors uses a part of it")]

pub(crate) mod layout;
pub(crate) mod text;
pub(crate) mod write;

use std::fmt;

use bgp::types::{Family, FamilySet};
use bgp::wire::message::{HEADER_LEN, Message, frame};
use bgp::wire::{Encoding, PeerKind, UpdateContext};

/// The files, by name.
pub(crate) const FILES: [(&str, &str); 9] = [
    ("open", include_str!("open.txt")),
    ("update", include_str!("update.txt")),
    ("evpn", include_str!("evpn.txt")),
    ("faults", include_str!("faults.txt")),
    ("frr", include_str!("frr.txt")),
    ("bird", include_str!("bird.txt")),
    ("bird-old", include_str!("bird-old.txt")),
    ("gobgp", include_str!("gobgp.txt")),
    ("openbgpd", include_str!("openbgpd.txt")),
];

/// One of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Vector {
    pub(crate) name: String,
    pub(crate) from: String,
    hex: String,
    ours: String,
    pub(crate) why: String,
    pub(crate) text: String,
    only: String,
}

/// Every vector, with the name of its file.
pub(crate) fn all() -> Vec<(&'static str, Vector)> {
    let paragraphs = FILES.iter().flat_map(|(file, content)| {
        let vectors = content.split("\n\n").map(str::trim_end).filter(|p| p.contains("name  "));
        vectors.map(|paragraph| (*file, paragraph))
    });
    paragraphs.map(|(file, paragraph)| (file, Vector::read(paragraph))).collect()
}

impl Vector {
    /// What a speaker was heard to say.
    pub(crate) fn heard(name: &str, from: &str, octets: &[u8]) -> Vector {
        let mut vector = Vector { name: name.into(), from: from.into(), ..Vector::default() };
        vector.hex = layout::lines(octets);
        match vector.decode() {
            Ok(message) => {
                vector.text = text::message(&message);
                let ours = write::message(&message, &vector.context().encoding);
                if ours != octets {
                    vector.ours = layout::lines(&ours);
                    vector.why = layout::difference(octets, &ours);
                }
            }
            Err(refusal) => {
                vector.text = refusal;
                vector.only = "read".into();
            }
        }
        vector
    }

    fn read(paragraph: &str) -> Vector {
        let mut vector = Vector::default();
        let mut field = &mut vector.name;
        for line in paragraph.lines().filter(|line| !line.starts_with('#')) {
            let (key, value) = line.split_at(line.len().min(6));
            field = match key.trim_end() {
                "name" => &mut vector.name,
                "from" => &mut vector.from,
                "hex" => &mut vector.hex,
                "ours" => &mut vector.ours,
                "why" => &mut vector.why,
                "text" => &mut vector.text,
                "only" => &mut vector.only,
                "" => field,
                _ => panic!("no such field: {line}"),
            };
            if !field.is_empty() {
                field.push('\n');
            }
            field.push_str(value);
        }
        vector
    }

    /// The octets.
    pub(crate) fn octets(&self) -> Vec<u8> {
        octets(&self.hex)
    }

    /// The octets as linnet writes them; `None` for what nobody writes.
    pub(crate) fn written(&self) -> Option<Vec<u8>> {
        match (&*self.only, &*self.ours) {
            ("read", _) => None,
            (_, "") => Some(self.octets()),
            (_, ours) => Some(octets(ours)),
        }
    }

    /// Whether it can be read without an error and without a fault.
    pub(crate) fn is_sound(&self) -> bool {
        !self.text.starts_with("NOTIFICATION 3/")
            && !self.text.contains("\n  fault ")
            && self.decode().is_ok()
    }

    /// What was agreed on the session.
    pub(crate) fn context(&self) -> UpdateContext {
        let mut ctx = context(PeerKind::Ibgp);
        for word in self.from.split_whitespace() {
            match word {
                "ibgp" => ctx.kind = PeerKind::Ibgp,
                "ebgp" => ctx.kind = PeerKind::Ebgp,
                "as2" => ctx.encoding.as4 = false,
                "extended-next-hop" => ctx.encoding.extended_next_hop = true,
                "add-path" => ctx.encoding.add_path = Family::ALL.into_iter().collect::<FamilySet>(),
                _ => panic!("{}: {word}?", self.name),
            }
        }
        ctx
    }

    /// The message, or the text of what linnet answers to it.
    pub(crate) fn decode(&self) -> Result<Message, String> {
        let octets = self.octets();
        let refusal = |error: bgp::wire::WireError| text::refusal(&error);
        let (kind, length) = frame(&octets, 4096).map_err(refusal)?.ok_or("incomplete")?;
        if length != octets.len() {
            return Err(format!("length field {length:04x}, octets {:04x}", octets.len()));
        }
        Message::parse(kind, &octets[HEADER_LEN..], &self.context()).map_err(refusal)
    }
}

/// As it stands in a file.
impl fmt::Display for Vector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Vector { name, from, hex, ours, why, text, only } = self;
        for (key, value) in [
            ("name", name),
            ("from", from),
            ("only", only),
            ("hex", hex),
            ("ours", ours),
            ("why", why),
            ("text", text),
        ] {
            let mut lines = value.lines();
            if let Some(first) = lines.next() {
                writeln!(f, "{key:6}{first}")?;
            }
            lines.try_for_each(|line| writeln!(f, "      {line}"))?;
        }
        Ok(())
    }
}

/// A session on which everything is spoken.
pub(crate) fn context(kind: PeerKind) -> UpdateContext {
    let families: FamilySet = Family::ALL.into_iter().collect();
    UpdateContext { encoding: Encoding::default(), kind, families }
}

/// Octets from hexadecimal digits; blanks do not matter.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    assert_eq!(digits.len() % 2, 0, "odd number of digits: {text}");
    let octet = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap();
    digits.chunks(2).map(octet).collect()
}

/// The same from lines with remarks.
fn octets(lines: &str) -> Vec<u8> {
    let digits = |line: &str| line.split(';').next().unwrap_or_default().to_owned();
    hex(&lines.lines().map(digits).collect::<String>())
}
