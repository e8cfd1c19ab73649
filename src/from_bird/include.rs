//! Files in files, and names that stand for values: what is done before a statement is read.
//!
//! BIRD reads an included file as if its text stood in place of the `include`, wherever that is. A `define` gives a
//! name to a value; here its tokens take the name's place.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::lex::{self, Kind, Token};
use super::place::{Fault, Names, Place};

/// How deep BIRD lets files be in files.
const DEPTH: usize = 8;

/// More files than this are files that include each other in turns.
const MAX_FILES: usize = 256;

/// More tokens than this come of names that stand for names; a full mesh of 5000 nodes has some 100,000.
const MAX_TOKENS: usize = 2_000_000;

/// Where included files are. Tests have some that are on no disk.
pub trait Files {
    /// The files that `pattern` means in the file `from`, sorted by name, each with its text. A pattern with `*`, `?`
    /// or `[` in its last part may mean none.
    ///
    /// # Errors
    /// Why there is no such file, or why it cannot be read.
    fn find(&self, from: &Path, pattern: &str) -> Result<Vec<(PathBuf, String)>, String>;
}

/// All tokens, in the order in which BIRD would meet them.
pub(super) struct Gathered {
    pub(super) tokens: Vec<Token>,
    pub(super) names: Names,
    /// Names that a `define` gave, and whether somebody asked for them.
    pub(super) defined: HashMap<String, bool>,
}

/// Reads a file and all that it includes.
pub(super) fn gather(name: &Path, text: &str, files: &dyn Files) -> Result<Gathered, (Names, Fault)> {
    let mut gatherer =
        Gatherer { files, names: Names::default(), tokens: Vec::new(), values: HashMap::new() };
    match gatherer.file(name, text, DEPTH) {
        Ok(()) => {
            let defined = gatherer.values.into_iter().map(|(name, value)| (name, value.used)).collect();
            Ok(Gathered { tokens: gatherer.tokens, names: gatherer.names, defined })
        }
        Err(fault) => Err((gatherer.names, fault)),
    }
}

struct Gatherer<'f> {
    files: &'f dyn Files,
    names: Names,
    tokens: Vec<Token>,
    values: HashMap<String, Value>,
}

/// What a `define` gave a name.
struct Value {
    tokens: Vec<Token>,
    used: bool,
}

impl Gatherer<'_> {
    fn file(&mut self, name: &Path, text: &str, depth: usize) -> Result<(), Fault> {
        let file = self.names.0.len();
        let shown = name
            .file_name()
            .map_or_else(|| name.display().to_string(), |name| name.to_string_lossy().into_owned());
        self.names.0.push(shown.chars().filter(|letter| !letter.is_control()).collect());
        let tokens = lex::tokens(file, text)?;
        let mut rest = tokens.as_slice();
        let mut begins = true;
        while let Some((first, behind)) = rest.split_first() {
            if begins && let Some((pattern, behind)) = include(rest) {
                self.tokens.extend(rest.iter().take(3).cloned());
                self.include(name, pattern, first.place, depth)?;
                rest = behind;
                continue;
            }
            if begins && let Some((word, value, behind)) = define(rest) {
                self.define(word, value, first)?;
                rest = behind;
                continue;
            }
            begins = [";", "{", "}"].iter().any(|sign| first.is_sign(sign));
            self.push(first)?;
            rest = behind;
        }
        Ok(())
    }

    fn include(&mut self, from: &Path, pattern: &str, place: Place, depth: usize) -> Result<(), Fault> {
        let depth = depth.checked_sub(1).ok_or_else(|| {
            Fault::new(place, format!("files are included {DEPTH} deep here, which is as deep as BIRD goes"))
        })?;
        let found = self.files.find(from, pattern).map_err(|message| Fault::new(place, message))?;
        for (path, text) in found {
            if self.names.0.len() >= MAX_FILES {
                return Err(Fault::new(
                    place,
                    format!("more than {MAX_FILES} files: does one include itself?"),
                ));
            }
            self.file(&path, &text, depth)?;
        }
        Ok(())
    }

    /// Keeps the value, and the statement for the account.
    fn define(&mut self, word: &str, value: &[Token], first: &Token) -> Result<(), Fault> {
        self.tokens.push(first.clone());
        self.tokens.push(Token { kind: Kind::Word(word.to_owned()), place: first.place });
        self.tokens.push(Token { kind: Kind::Sign("="), place: first.place });
        let begin = self.tokens.len();
        value.iter().try_for_each(|token| self.push(token))?;
        let tokens = self.tokens.get(begin..).unwrap_or_default().to_vec();
        self.tokens.push(Token { kind: Kind::Sign(";"), place: first.place });
        self.values.insert(word.to_owned(), Value { tokens, used: false });
        Ok(())
    }

    /// Adds a token, or what it stands for.
    fn push(&mut self, token: &Token) -> Result<(), Fault> {
        let value = match &token.kind {
            Kind::Word(word) => self.values.get_mut(word),
            _ => None,
        };
        match value {
            Some(value) => {
                value.used = true;
                let at_use = |kind: &Kind| Token { kind: kind.clone(), place: token.place };
                self.tokens.extend(value.tokens.iter().map(|token| at_use(&token.kind)));
            }
            None => self.tokens.push(token.clone()),
        }
        if self.tokens.len() > MAX_TOKENS {
            return Err(Fault::new(token.place, "what the defined names stand for is too long"));
        }
        Ok(())
    }
}

/// `include "pattern" ;` and what follows.
fn include(tokens: &[Token]) -> Option<(&str, &[Token])> {
    match tokens {
        [word, Token { kind: Kind::Text(pattern), .. }, end, rest @ ..]
            if word.is_word("include") && end.is_sign(";") =>
        {
            Some((pattern, rest))
        }
        _ => None,
    }
}

/// `define NAME = value ;` and what follows.
fn define(tokens: &[Token]) -> Option<(&str, &[Token], &[Token])> {
    match tokens {
        [word, Token { kind: Kind::Word(name), .. }, equals, rest @ ..]
            if word.is_word("define") && equals.is_sign("=") =>
        {
            let end = rest.iter().position(|token| token.is_sign(";"))?;
            Some((name, rest.get(..end)?, rest.get(end + 1..)?))
        }
        _ => None,
    }
}

/// The files of a disk.
pub struct Disk;

impl Files for Disk {
    fn find(&self, from: &Path, pattern: &str) -> Result<Vec<(PathBuf, String)>, String> {
        let whole = from.parent().unwrap_or(Path::new("")).join(pattern);
        let last = whole.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if !last.contains(['*', '?', '[']) {
            return Ok(vec![read(whole)?]);
        }
        let folder = whole.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        let entries = std::fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(folder, &error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let hidden = name.starts_with('.') && !last.starts_with('.');
            if !hidden && matches(&last, &name) && entry.path().is_file() {
                found.push(entry.path());
            }
        }
        found.sort();
        found.into_iter().map(read).collect()
    }
}

fn read(path: PathBuf) -> Result<(PathBuf, String), String> {
    let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
    Ok((path, text))
}

fn unreadable(path: &Path, error: &std::io::Error) -> String {
    format!("cannot read {}: {error}", path.display())
}

/// Whether a name is meant by a pattern of `*` (any letters), `?` (any letter) and `[...]` (one of these).
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    // After each letter of the pattern: up to which letters of the name it can have come.
    let mut reached = vec![false; name.len() + 1];
    if let Some(start) = reached.first_mut() {
        *start = true;
    }
    let mut rest = pattern.as_slice();
    while let Some((&letter, mut behind)) = rest.split_first() {
        let mut next = vec![false; name.len() + 1];
        let class = (letter == '[').then(|| behind.iter().position(|&end| end == ']')).flatten();
        let members = class.and_then(|end| behind.get(..end));
        if let Some(end) = class {
            behind = behind.get(end + 1..).unwrap_or_default();
        }
        let fits = |candidate: char| match members {
            Some(members) => in_class(members, candidate),
            None => letter == '?' || letter == candidate,
        };
        let mut any = false;
        for (index, &was) in reached.iter().enumerate() {
            any |= was;
            if letter == '*' {
                set(&mut next, index, any);
            } else if was && name.get(index).copied().is_some_and(fits) {
                set(&mut next, index + 1, true);
            }
        }
        (reached, rest) = (next, behind);
    }
    reached.last().copied().unwrap_or(false)
}

fn set(list: &mut [bool], index: usize, value: bool) {
    if let Some(place) = list.get_mut(index) {
        *place = value;
    }
}

/// Whether a letter is in `[a-z_]`, or in no part of `[!a-z_]`.
fn in_class(members: &[char], letter: char) -> bool {
    let (negated, mut members) = match members {
        ['!' | '^', rest @ ..] => (true, rest),
        all => (false, all),
    };
    let mut found = false;
    while let Some((&first, rest)) = members.split_first() {
        match rest {
            ['-', last, behind @ ..] => {
                found |= (first..=*last).contains(&letter);
                members = behind;
            }
            _ => {
                found |= first == letter;
                members = rest;
            }
        }
    }
    found != negated
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files that are on no disk, and all that begins with their names.
    struct Shelf(Vec<(&'static str, &'static str)>);

    impl Files for Shelf {
        fn find(&self, _: &Path, pattern: &str) -> Result<Vec<(PathBuf, String)>, String> {
            let of = |(name, text): &(&str, &str)| (PathBuf::from(name), (*text).to_owned());
            Ok(self.0.iter().filter(|(name, _)| matches(pattern, name)).map(of).collect())
        }
    }

    fn texts(text: &str, files: &Shelf) -> Result<String, String> {
        match gather(Path::new("bird.cfg"), text, files) {
            Ok(gathered) => Ok(gathered.tokens.iter().map(Token::text).collect::<Vec<_>>().join(" ")),
            Err((names, fault)) => Err(fault.named(&names).to_string()),
        }
    }

    #[test]
    fn patterns_mean_names() {
        for (pattern, name, expected) in [
            ("*.cfg", "a.cfg", true),
            ("*.cfg", "a.cfgs", false),
            ("bird_[a-i]*.cfg", "bird_ipam.cfg", true),
            ("bird_[!a-h]*.cfg", "bird_aggr.cfg", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_file_stands_where_it_is_included() {
        let files = Shelf(vec![("b", "x 1; include \"c\";"), ("c", "y 2;")]);
        let text = "a; p { include \"b\"; } include \"no*\";";
        let expected = "a ; p { include \"b\" ; x 1 ; include \"c\" ; y 2 ; } include \"no*\" ;";
        assert_eq!(texts(text, &files).unwrap(), expected);
    }

    #[test]
    fn a_file_that_includes_itself_is_left() {
        let files = Shelf(vec![("b", "x;\n include \"b\";")]);
        let fault = texts("include \"b\";", &files).unwrap_err();
        assert!(fault.starts_with("b:2:2: files are included 8 deep"), "{fault}");
        let twice = Shelf(vec![("b", "include \"b\"; include \"b\";"), ("bird.cfg", "")]);
        assert!(texts("include \"*\"; include \"b\";", &twice).is_err());
    }

    #[test]
    fn a_name_stands_for_its_value() {
        let text = "define A = 64512; define S = [ 10.0.0.0/8, 1.0.0.0/8 ]; local as A; x S;";
        let shown = texts(text, &Shelf(vec![])).unwrap();
        assert!(shown.ends_with("local as 64512 ; x [ 10.0.0.0/8 , 1.0.0.0/8 ] ;"), "{shown}");
        let mut bomb = "define A0 = 1 1;".to_owned();
        for i in 1..64 {
            bomb += &format!("define A{i} = A{} A{};", i - 1, i - 1);
        }
        assert!(texts(&bomb, &Shelf(vec![])).unwrap_err().contains("too long"));
    }
}
