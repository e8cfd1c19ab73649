//! How the services stand.

use std::iter::once;

use api::client::{Health, Serving};

use crate::cli::output::Row;
use crate::cli::table::{Cell, Column, Tone};

impl Row for Health {
    type Line = Self;
    const NAME: &'static str = "services";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::text("Service", |row| (&row.service).into()),
        Column::text("State", |row| state(row.state)),
    ];

    fn lines(self) -> impl Iterator<Item = Self> {
        once(self)
    }
}

fn state(state: Serving) -> Cell<'static> {
    let (word, tone) = match state {
        Serving::Serving => ("serving", Tone::Good),
        Serving::NotServing => ("not serving", Tone::Bad),
        Serving::Unknown => ("not known", Tone::Waiting),
    };
    Cell::from(word).tone(tone)
}
