//! What a configuration changes.

use api::v1;

use crate::cli::output::Row;
use crate::cli::table::{Cell, Column, Tone};

impl Row for v1::ConfigurationChange {
    type Line = v1::ConfigurationChange;
    const NAME: &'static str = "changes";
    const COLUMNS: &'static [Column<v1::ConfigurationChange>] = &[
        Column::text("Subject", |change| (&change.subject).into()),
        Column::text("Effect", effect),
        Column::text("Session", |change| {
            if change.ends_session { Cell::from("ends").tone(Tone::Bad) } else { "".into() }
        }),
        Column::text("Keys", |change| change.keys.join(", ").into()),
        Column::text("Note", |change| (&change.note).into()),
    ];

    fn lines(self) -> impl Iterator<Item = v1::ConfigurationChange> {
        std::iter::once(self)
    }
}

fn effect(change: &v1::ConfigurationChange) -> Cell<'static> {
    let (word, tone) = match change.effect() {
        v1::ConfigurationEffect::Unspecified => ("", Tone::Waiting),
        v1::ConfigurationEffect::Added => ("added", Tone::Good),
        v1::ConfigurationEffect::Removed => ("removed", Tone::Waiting),
        v1::ConfigurationEffect::Changed => ("changed", Tone::Good),
        v1::ConfigurationEffect::Reset => ("reset", Tone::Bad),
        v1::ConfigurationEffect::NeedsRestart => ("needs restart", Tone::Bad),
    };
    Cell::from(word).tone(tone)
}
