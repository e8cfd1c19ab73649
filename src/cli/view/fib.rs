//! The kernel's state.

use std::iter::once;

use api::{Word, v1};

use super::kernel;
use crate::cli::output::Row;
use crate::cli::table::Column;

impl Row for v1::FibEntry {
    type Line = Self;
    const NAME: &'static str = "kernel entries";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::text("Kind", |entry| v1::FibKind::word(entry.kind).into_owned().into()),
        Column::number("VNI", |entry| entry.vni.into()),
        Column::text("Key", |entry| (&entry.key).into()),
        Column::text("Wanted", |entry| (&entry.wanted).into()),
        Column::text("Seen", |entry| (&entry.seen).into()),
        Column::text("State", |entry| kernel(entry.state, &entry.reason)),
    ];

    fn lines(self) -> impl Iterator<Item = Self> {
        once(self)
    }
}
