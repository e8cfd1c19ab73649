//! Where something stands in BIRD's files, and what is wrong there.

use std::fmt;

/// A place in one of the files, line and column from 1; columns are counted in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    /// Index into [`Names`].
    pub(super) file: usize,
    pub(super) line: u32,
    pub(super) column: u32,
}

/// The files' names, in the order in which they were read.
#[derive(Debug, Default)]
pub(super) struct Names(pub(super) Vec<String>);

impl Names {
    /// As compilers write it: `bird.cfg:3:5`.
    pub(super) fn place(&self, place: Place) -> String {
        format!("{}:{}", self.line(place), place.column)
    }

    /// The same without the column: `bird.cfg:3`.
    pub(super) fn line(&self, place: Place) -> String {
        format!("{}:{}", self.0.get(place.file).map_or("?", String::as_str), place.line)
    }
}

/// The text is none that BIRD would take: what stands there, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) place: Place,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn new(place: Place, message: impl Into<String>) -> Fault {
        Fault { place, message: message.into() }
    }

    /// For those outside, who know files by their names.
    pub(super) fn named(self, names: &Names) -> Error {
        Error { place: names.place(self.place), message: self.message }
    }
}

/// Why a file could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// File, line and column.
    pub place: String,
    /// What stands there, and what was expected.
    pub message: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

impl std::error::Error for Error {}
