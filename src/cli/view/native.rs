//! What this node announces of its own, and the fallback tunnel.

use std::iter::once;

use api::{Word, v1};

use super::{because, kernel};
use crate::cli::output::Row;
use crate::cli::table::{Cell, Column, Tone};

impl Row for v1::Advertised {
    type Line = Self;
    const NAME: &'static str = "announced prefixes";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::text("Prefix", |row| (&row.prefix).into()),
        Column::text("Kind", |row| v1::PrefixKind::word(row.kind).into_owned().into()),
        Column::text("State", state),
        Column::text("Sources", |row| row.sources.join(", ").into()),
        Column::number("LocPrf", |row| row.local_pref.into()),
        Column::number("MED", |row| row.med.into()),
        Column::text("Communities", |row| row.communities.join(" ").into()),
    ];

    fn lines(self) -> impl Iterator<Item = Self> {
        once(self)
    }
}

fn state(row: &v1::Advertised) -> Cell<'_> {
    let by = if row.withheld_by.is_empty() { String::new() } else { format!("by {}", row.withheld_by) };
    Cell::from([&*v1::AdvertisedState::word(row.state), &by].join(" ").trim_end().to_owned()).tone(match row
        .state()
    {
        v1::AdvertisedState::Advertised => Tone::Good,
        _ => Tone::Waiting,
    })
}

impl Row for v1::PrefixSource {
    type Line = Self;
    const NAME: &'static str = "sources";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::text("Source", |row| (&row.name).into()),
        Column::number("Prefixes", |row| row.prefixes.into()),
        Column::text("State", |row| {
            let (word, tone) = match (row.heard, row.fault.is_empty()) {
                (false, _) => ("waiting", Tone::Waiting),
                (true, true) => ("ok", Tone::Good),
                (true, false) => ("fault", Tone::Bad),
            };
            Cell::from(because(word.into(), &row.fault)).tone(tone)
        }),
    ];

    fn lines(self) -> impl Iterator<Item = Self> {
        once(self)
    }
}

impl Row for v1::TunnelEnd {
    type Line = Self;
    const NAME: &'static str = "tunnel ends";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::text("Node", |row| if row.local { "this node".into() } else { (&row.address).into() }),
        Column::text("MAC", |row| (&row.mac).into()),
        Column::text("Device", |row| (&row.device).into()),
        Column::number("VNI", |row| row.vni.into()),
        Column::wide_number("Port", |row| row.port.into()),
        Column::text("Kernel", |row| kernel(row.state, &end_reason(row))),
    ];

    fn lines(self) -> impl Iterator<Item = Self> {
        once(self)
    }
}

fn end_reason(row: &v1::TunnelEnd) -> String {
    let disputed = if row.disputed { "announced with another MAC, too" } else { "" };
    let reasons: Vec<&str> =
        [&*row.reason, disputed].into_iter().filter(|reason| !reason.is_empty()).collect();
    reasons.join("; ")
}
