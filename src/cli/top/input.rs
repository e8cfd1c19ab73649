//! What comes to the model, and what it leads to.

use api::v1;

use super::model::Facts;

/// What comes to the model.
#[derive(Debug)]
pub(super) enum Input {
    Key(Key),
    /// linnetd has answered.
    Facts(Box<Facts>),
    /// These rows have changed.
    Changes(Vec<v1::Change>),
    /// linnetd does not answer, for this reason.
    Lost(String),
    /// linnetd answers, but does not tell of changes, for this reason.
    Unwatched(String),
    /// Time has passed, or the terminal has another size.
    Clock,
}

/// A key, or what stands for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Enter,
    Escape,
    Tab,
    BackTab,
    Char(char),
    Interrupt,
}

/// What an input led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Continue,
    Quit,
}
