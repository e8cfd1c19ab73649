//! AS paths by regular expression or by the AS that they begin in.

use std::fmt;

use regex::bytes::{RegexSet, RegexSetBuilder};

use crate::types::Asn;
use crate::wire::AsPath;
use crate::wire::as_path::SegmentKind;

/// Some ways to know an AS path, under one name: any of them is enough.
#[derive(Clone)]
pub struct AsPathSet {
    name: Box<str>,
    /// What it was made of.
    entries: Box<[Box<str>]>,
    expressions: RegexSet,
    /// Sorted.
    origins: Box<[Asn]>,
}

/// What begins an entry that names the originating AS.
const ORIGIN: &str = "origin:";

/// What `_` stands for: either end, or what stands between AS numbers in a path's text.
const BOUNDARY: &str = "(?:^|[ ,{}()\\[\\]]|$)";

/// What one set's compiled expressions may take, in octets. The crate's own limit, named here as it bounds what a
/// configuration can make us allocate.
const COMPILED: usize = 10 << 20;

impl AsPathSet {
    /// A set that is shown by this name. An entry is `origin:65020`, the AS that originated the route, or a regular
    /// expression on the path's text, `65001 65002 {65003,65004}`, in which `_` means what it means to FRR.
    ///
    /// # Errors
    /// The first entry (its index) that is neither, and why.
    pub fn new(name: impl Into<Box<str>>, entries: &[String]) -> Result<AsPathSet, (usize, String)> {
        let (mut expressions, mut origins) = (Vec::new(), Vec::new());
        for (index, entry) in entries.iter().enumerate() {
            match entry.strip_prefix(ORIGIN) {
                Some(asn) => origins.push(asn.parse().map_err(|error| (index, format!("`{asn}`: {error}")))?),
                None => {
                    let expression = translated(entry);
                    compile([&expression]).map_err(|fault| (index, format!("`{entry}`: {fault}")))?;
                    expressions.push(expression);
                }
            }
        }
        origins.sort_unstable();
        let last = entries.len().saturating_sub(1);
        Ok(AsPathSet {
            name: name.into(),
            entries: entries.iter().map(|entry| entry.as_str().into()).collect(),
            expressions: compile(expressions).map_err(|fault| (last, fault))?,
            origins: origins.into(),
        })
    }

    /// Whether the path is one of those meant.
    pub fn contains(&self, path: &AsPath) -> bool {
        let originates = !self.origins.is_empty()
            && originator(path).is_some_and(|asn| self.origins.binary_search(&asn).is_ok());
        originates || !self.expressions.is_empty() && self.expressions.is_match(path.to_string().as_bytes())
    }
}

/// The AS that originated a route: the last number, unless a set stands there, which names nobody (RFC 6811
/// section 2).
fn originator(path: &AsPath) -> Option<Asn> {
    let (kind, asns) = path.segments().last()?;
    asns.last().filter(|_| kind == SegmentKind::Sequence)
}

/// The expression with `_` written out, where it stands for itself neither behind a backslash nor in brackets.
fn translated(expression: &str) -> String {
    let mut text = String::with_capacity(expression.len());
    let (mut escaped, mut in_brackets) = (false, false);
    for letter in expression.chars() {
        match letter {
            '_' if !escaped && !in_brackets => text.push_str(BOUNDARY),
            _ => text.push(letter),
        }
        match letter {
            '[' if !escaped => in_brackets = true,
            ']' if !escaped => in_brackets = false,
            _ => {}
        }
        escaped = letter == '\\' && !escaped;
    }
    text
}

fn compile(expressions: impl IntoIterator<Item: AsRef<str>>) -> Result<RegexSet, String> {
    // The text is ASCII: the tables of Unicode are neither needed nor built in.
    let set = RegexSetBuilder::new(expressions).unicode(false).size_limit(COMPILED).build();
    set.map_err(|error| {
        // A syntax error is drawn over several lines, with what is wrong on the last.
        let text = error.to_string();
        let last = text.lines().last().unwrap_or(&text);
        format!("no regular expression: {}", last.trim_start_matches("error: "))
    })
}

impl PartialEq for AsPathSet {
    fn eq(&self, other: &AsPathSet) -> bool {
        self.name == other.name && self.entries == other.entries
    }
}

impl Eq for AsPathSet {}

impl fmt::Debug for AsPathSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AsPathSet({}: {:?})", self.name, self.entries)
    }
}

/// Its name.
impl fmt::Display for AsPathSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(entry: &str, path: &str) -> bool {
        AsPathSet::new("s", &[entry.to_owned()]).unwrap().contains(&path.parse().unwrap())
    }

    #[test]
    fn expressions_and_origins() {
        for (entry, path, expected) in [
            ("^65010( |$)", "65010 1", true),
            ("^65010( |$)", "65010", true),
            ("^65010( |$)", "650101 1", false),
            ("^$", "", true),
            ("^$", "1", false),
            ("_65010_", "1 65010 2", true),
            ("_65010_", "1 650100 2", false),
            ("_65010_", "1 {65009,65010}", true),
            ("_65010$", "65010", true),
            ("^1_2$", "1 2", true),
            ("^[0-9]+$", "77", true),
            (r"^\d+$", "77", true),
            ("^.*$", "1 2 3", true),
            ("origin:65020", "1 65020", true),
            ("origin:65020", "65020 1", false),
            ("origin:65020", "1 {65020}", false),
            ("origin:65020", "", false),
            ("origin:1.10", "1 65546", true),
        ] {
            assert_eq!(matches(entry, path), expected, "{entry} on `{path}`");
        }
    }

    #[test]
    fn faults_name_the_entry() {
        let fault = |entries: &[&str]| {
            let entries: Vec<_> = entries.iter().map(|&entry| entry.to_owned()).collect();
            AsPathSet::new("s", &entries).unwrap_err()
        };
        let (index, text) = fault(&["^1$", "(1"]);
        assert_eq!((index, text.as_str()), (1, "`(1`: no regular expression: unclosed group"));
        assert_eq!(fault(&["origin:x"]).0, 0);
        assert!(fault(&["(((1{1000}){1000}){1000})"]).1.contains("size limit"));
    }

    /// What blows up where expressions are tried one after the other.
    #[test]
    fn time_is_linear() {
        let path = vec!["1"; 2000].join(" ");
        assert!(!matches("^((1 ?)+)+x$", &path));
    }
}
