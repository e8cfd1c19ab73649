//! What a check found out.

use std::fmt::Display;

use serde::Serialize;

/// How grave it is. The graver one is the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// As it should be.
    Ok,
    /// It could not be looked at.
    Skipped,
    /// It works, or may: somebody should look at it.
    Warn,
    /// It does not work.
    Fail,
}

impl Verdict {
    /// As it stands in the output.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Skipped => "skipped",
            Verdict::Warn => "warn",
            Verdict::Fail => "fail",
        }
    }
}

/// What was found of one subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was looked at: a VTEP, a device, a neighbour.
    pub(crate) subject: String,
    /// How grave it is.
    pub(crate) verdict: Verdict,
    /// What was seen; of what was skipped, why.
    pub(crate) found: String,
    /// What follows from it for the packets.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) meaning: String,
    /// The command to try next.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) next: String,
}

impl Finding {
    fn new(verdict: Verdict, subject: &(impl Display + ?Sized), found: impl Into<String>) -> Finding {
        let (subject, found) = (subject.to_string(), found.into());
        Finding { subject, verdict, found, meaning: String::new(), next: String::new() }
    }

    /// As it should be.
    pub(super) fn ok(subject: &(impl Display + ?Sized), found: impl Into<String>) -> Finding {
        Finding::new(Verdict::Ok, subject, found)
    }

    /// Not looked at, and why.
    pub(super) fn skipped(subject: &(impl Display + ?Sized), why: impl Into<String>) -> Finding {
        Finding::new(Verdict::Skipped, subject, why)
    }

    /// Somebody should look at it.
    pub(super) fn warn(subject: &(impl Display + ?Sized), found: impl Into<String>) -> Finding {
        Finding::new(Verdict::Warn, subject, found)
    }

    /// It does not work.
    pub(super) fn fail(subject: &(impl Display + ?Sized), found: impl Into<String>) -> Finding {
        Finding::new(Verdict::Fail, subject, found)
    }

    /// What follows from it.
    pub(super) fn means(self, meaning: impl Into<String>) -> Finding {
        Finding { meaning: meaning.into(), ..self }
    }

    /// The command to try next.
    pub(super) fn next(self, command: impl Into<String>) -> Finding {
        Finding { next: command.into(), ..self }
    }
}

/// What a check says: its findings, or, where it cannot be made at all, the one that says why.
pub(super) type Judged = Result<Vec<Finding>, Finding>;
