//! What is wrong with a configuration, where, and what would be right.

use std::fmt;

/// One fault, at its place in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The key, such as `bgp.neighbors[0].address`.
    pub path: Path,
    /// Line and column, from 1, where the place is known.
    pub position: Option<Position>,
    /// What is wrong and what would be right.
    pub message: String,
}

/// A fault of meaning, at a key; its place in the text is found later.
#[derive(PartialEq)]
pub(super) struct Finding {
    pub(super) path: Path,
    pub(super) message: String,
}

/// A place in the text, both numbers from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Column, in characters.
    pub column: usize,
}

/// The way from the top of the file to a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Path(pub Vec<Step>);

/// One step of the way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Into a mapping.
    Key(String),
    /// Into a list, from 0.
    Index(usize),
}

impl Path {
    /// One step further, by key.
    #[must_use]
    pub fn key(&self, key: &str) -> Path {
        self.with(Step::Key(key.to_owned()))
    }

    /// One step further, by index.
    #[must_use]
    pub fn index(&self, index: usize) -> Path {
        self.with(Step::Index(index))
    }

    /// One step back.
    #[must_use]
    pub fn parent(&self) -> Path {
        Path(self.0.split_last().map(|(_, parent)| parent.to_vec()).unwrap_or_default())
    }

    fn with(&self, step: Step) -> Path {
        let mut steps = self.0.clone();
        steps.push(step);
        Path(steps)
    }
}

impl From<&str> for Path {
    fn from(key: &str) -> Path {
        Path::default().key(key)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if i == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// All faults of a file, with its name and text to show them in.
#[derive(Debug)]
pub struct Faults {
    /// The file's name.
    pub file: String,
    /// Its text, secrets covered.
    pub text: String,
    /// The faults, in the order of their places.
    pub list: Vec<Fault>,
}

/// A few lines a fault:
/// ```text
/// linnet.yaml:4:14: bgp.neighbors[0].address: invalid IP address syntax
///     4 |   - address: 10.0.0
///       |              ^
/// ```
impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, fault) in self.list.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            self.show(fault, f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

impl Faults {
    fn show(&self, fault: &Fault, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(Position { line, column }) = fault.position {
            write!(f, ":{line}:{column}")?;
        }
        if !fault.path.0.is_empty() {
            write!(f, ": {}", fault.path)?;
        }
        write!(f, ": {}", fault.message)?;
        let Some(Position { line, column }) = fault.position else { return Ok(()) };
        let Some(text) = self.text.lines().nth(line - 1) else { return Ok(()) };
        write!(f, "\n{line:>5} | {text}\n      | {:>column$}", "^")
    }
}
