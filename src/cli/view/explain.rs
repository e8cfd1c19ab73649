//! Why a destination stands as it does.

use std::io;

use api::v1;

use super::path::status;
use crate::cli::output::{Output, Row};
use crate::cli::table::{Column, Table, Tone};
use crate::cli::text::printable;

const INDENT: &str = "  ";

const PATHS: &[Column<v1::Path>] = &[
    Column::text("St", status),
    Column::text("Next-Hop", |path| (&path.next_hop).into()),
    Column::text("From", |path| (&path.neighbor).into()),
    Column::rare_number("PathId", |path| path.path_id.into()),
    Column::text("Reason", |path| (&path.reason).into()),
    Column::rare_text("Decided-By", |path| (&path.policy_statement).into()),
];

const TELLINGS: &[Column<v1::Telling>] = &[
    Column::text("Neighbor", |telling| (&telling.neighbor).into()),
    Column::text("Told", |telling| if telling.told { "yes" } else { "no" }.into()),
    Column::rare_text("Decided-By", |telling| (&telling.policy_statement).into()),
    Column::rare_text("Why-Not", |telling| (&telling.reason).into()),
];

/// One destination: its paths with their reasons, what became of the best one, and the kernel's side.
pub(crate) fn show_explanation(output: &mut Output<'_>, explanation: &v1::Explanation) -> io::Result<()> {
    let v1::Explanation { family, nlri, paths, outcome, fib, rejected, tellings } = explanation;
    let head = format!("{} ({})", printable(nlri), printable(family));
    writeln!(output.out, "{}", Tone::Strong.paint(&head, output.colour))?;
    let all: Vec<v1::Path> = paths.iter().chain(rejected).cloned().collect();
    Table::new(PATHS, true, output.colour).indented(INDENT).all(&all, output.out)?;
    if !outcome.is_empty() {
        writeln!(output.out, "{INDENT}{}", printable(outcome))?;
    }
    Table::new(v1::FibEntry::COLUMNS, true, output.colour).indented(INDENT).all(fib, output.out)?;
    Table::new(TELLINGS, true, output.colour).indented(INDENT).all(tellings, output.out)?;
    writeln!(output.out)
}
