//! Policies: a line for each statement.

use api::v1;

use crate::cli::output::Row;
use crate::cli::table::{Cell, Column, Tone};

/// A statement and the policy that it is of.
#[derive(Debug)]
pub(crate) struct Line {
    policy: v1::Policy,
    statement: v1::PolicyStatement,
}

impl Row for v1::Policy {
    type Line = Line;
    const NAME: &'static str = "policies";
    const COLUMNS: &'static [Column<Line>] = &[
        Column::text("Policy", |line| (&line.policy.name).into()),
        Column::text("Statement", |line| (&line.statement.name).into()),
        Column::text("Match", |line| (&line.statement.conditions).into()),
        Column::text("Set", |line| (&line.statement.changes).into()),
        Column::text("Action", |line| action(&line.statement.action)),
        Column::number("Import", |line| line.statement.import_routes.into()),
        Column::number("Export", |line| line.statement.export_routes.into()),
        Column::wide_text("Imported-From", |line| line.policy.import_neighbors.join(" ").into()),
        Column::wide_text("Exported-To", |line| line.policy.export_neighbors.join(" ").into()),
    ];

    fn lines(mut self) -> impl Iterator<Item = Line> {
        let statements = std::mem::take(&mut self.statements);
        statements.into_iter().map(move |statement| Line { policy: self.clone(), statement })
    }
}

fn action(action: &str) -> Cell<'_> {
    Cell::from(action).tone(match action {
        "accept" => Tone::Good,
        "reject" => Tone::Bad,
        _ => Tone::Plain,
    })
}
