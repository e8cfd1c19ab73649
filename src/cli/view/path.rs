//! Paths, and counts of them.

use std::io::{self, Write};
use std::iter::once;

use api::{Word, v1};

use super::field;
use crate::cli::output::Row;
use crate::cli::table::{Cell, Column, Tone};
use crate::cli::text::{duration, printable};

impl Row for v1::Path {
    type Line = Self;
    const NAME: &'static str = "paths";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::text("St", status),
        Column::text("Network", |path| (&path.nlri).into()),
        Column::text("Next-Hop", |path| (&path.next_hop).into()),
        Column::number("VNI", |path| path.vni.into()),
        Column::wide_number("MED", |path| path.med.into()),
        Column::number("LocPrf", |path| path.local_pref.into()),
        Column::text("Path", |path| as_path(path).into()),
        Column::number("Age", |path| duration(path.age_seconds).into()),
        Column::text("From", |path| (&path.neighbor).into()),
        Column::rare_text("Decided-By", |path| (&path.policy_statement).into()),
        Column::rare_number("PathId", |path| path.path_id.into()),
        Column::wide_text("Communities", |path| communities(path).into()),
        Column::wide_text("Originator", |path| (&path.originator_id).into()),
        Column::wide_number("TblVer", |path| path.version.into()),
    ];

    fn lines(self) -> impl Iterator<Item = Self> {
        once(self)
    }
}

impl Row for v1::RibSummary {
    type Line = Self;
    const NAME: &'static str = "families";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::text("Family", |row| (&row.family).into()),
        Column::number("Destinations", |row| row.destinations.into()),
        Column::number("Paths", |row| row.paths.into()),
    ];

    fn lines(self) -> impl Iterator<Item = Self> {
        once(self)
    }
}

/// As FRR marks them: `*` valid, `>` best, `=` used beside the best, `S` stale. A path that may not be chosen has a `-`.
pub(super) fn status(path: &v1::Path) -> Cell<'static> {
    Cell::from(marks(path)).tone(match (path.best || path.multipath, path.valid) {
        (true, _) => Tone::Good,
        (_, false) => Tone::Bad,
        _ => Tone::Plain,
    })
}

fn marks(path: &v1::Path) -> String {
    let valid = if path.valid { "*" } else { "-" };
    let best = match (path.best, path.multipath) {
        (true, _) => ">",
        (false, true) => "=",
        (false, false) => "",
    };
    let stale = if path.stale { "S" } else { "" };
    [valid, best, stale].concat()
}

/// The AS path and the letter of the origin, such as `65001 65002 i`.
fn as_path(path: &v1::Path) -> String {
    let origin = match path.origin() {
        v1::Origin::Igp => "i",
        v1::Origin::Egp => "e",
        v1::Origin::Incomplete => "?",
        v1::Origin::Unspecified => "",
    };
    format!("{} {origin}", path.as_path()).trim().to_owned()
}

fn communities(path: &v1::Path) -> String {
    let all = path.ext_communities.iter().chain(&path.communities).chain(&path.large_communities);
    all.map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// Every attribute of a path, a labelled line each.
pub(crate) fn show_path(path: &v1::Path, colour: bool, out: &mut dyn Write) -> io::Result<()> {
    let best = if path.best { Tone::Good } else { Tone::Plain };
    let head = format!("{} {}", marks(path), printable(&path.nlri));
    writeln!(out, "{}", best.paint(&head, colour))?;
    field(out, "From", &source(path))?;
    field(out, "Reason", &path.reason)?;
    field(out, "Decided by", &path.policy_statement)?;
    field(out, "Next hop", &path.next_hop)?;
    field(out, "AS path", path.as_path())?;
    field(out, "Preference", &preference(path))?;
    field(out, "VNI", &vnis(path))?;
    field(out, "ESI", &path.esi)?;
    field(out, "Gateway", &path.gateway)?;
    field(out, "Ext. comm.", &path.ext_communities.join(" "))?;
    field(out, "Communities", &path.communities.join(" "))?;
    field(out, "Large comm.", &path.large_communities.join(" "))?;
    field(
        out,
        "Only to cust.",
        &path.only_to_customer.map(|asn| format!("marked by {asn}")).unwrap_or_default(),
    )?;
    field(out, "PMSI tunnel", &path.pmsi.as_ref().map(pmsi).unwrap_or_default())?;
    field(out, "Originator", &path.originator_id)?;
    field(out, "Cluster list", &path.cluster_list.join(" "))?;
    path.unknown_attributes.iter().try_for_each(|unknown| {
        field(
            out,
            &format!("Attribute {}", unknown.code),
            &format!("flags {:#04x} {}", unknown.flags, unknown.hex),
        )
    })?;
    writeln!(out)
}

fn source(path: &v1::Path) -> String {
    let id = path.path_id.map(|id| format!(", path id {id}")).unwrap_or_default();
    let stale = if path.stale { ", stale" } else { "" };
    let invalid = if path.valid { "" } else { ", not valid" };
    let (age, version) = (duration(path.age_seconds), path.version);
    format!("{}, {age} ago, table version {version}{id}{stale}{invalid}", path.neighbor)
}

fn preference(path: &v1::Path) -> String {
    let local = path.local_pref.map(|value| format!("local {value}"));
    let med = path.med.map(|value| format!("MED {value}"));
    let origin = Some(v1::Origin::word(path.origin)).filter(|word| !word.is_empty());
    let origin = origin.map(|word| format!("origin {word}"));
    [local, med, origin].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn vnis(path: &v1::Path) -> String {
    let l3 = path.l3vni.map(|vni| format!(", L3 {vni}")).unwrap_or_default();
    path.vni.map(|vni| format!("{vni}{l3}")).unwrap_or_default()
}

fn pmsi(tunnel: &v1::Pmsi) -> String {
    format!("{} VNI {} {}", tunnel.r#type, tunnel.vni, tunnel.endpoint).trim_end().to_owned()
}
