//! A list with columns: as many of them as fit, and as many rows as fit around the selected one.

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Rect};
use ratatui::style::Modifier;
use ratatui::text::Line;
use ratatui::widgets::{Block, Borders, Cell, Row, Table};

use super::Look;
use crate::cli::table::Tone;
use crate::cli::text::printable;

/// One column of a list of `R`.
pub(super) struct Column<R> {
    pub(super) title: &'static str,
    pub(super) width: u16,
    pub(super) alignment: Alignment,
    pub(super) fill: fn(&R) -> (String, Tone),
}

/// A list.
pub(super) struct List<'a, R> {
    pub(super) title: String,
    /// The most important first: the last ones are left out where there is no room. What is the last then takes
    /// the room that is left.
    pub(super) columns: &'a [Column<R>],
    pub(super) rows: &'a [R],
    pub(super) selected: usize,
    pub(super) focused: bool,
}

/// Lines of a list that are not rows: the title and the columns' names.
pub(super) const FRAME: u16 = 2;

const GAP: u16 = 1;

impl<R> List<'_, R> {
    /// Draws it.
    pub(super) fn draw(&self, frame: &mut Frame<'_>, area: Rect, look: Look) {
        let columns = self.columns_within(area.width);
        let room = usize::from(area.height.saturating_sub(FRAME));
        let first = first_shown(self.selected, self.rows.len(), room);
        let shown = self.rows.iter().enumerate().skip(first).take(room);
        let rows =
            shown.map(|(place, row)| self.row(columns, row, self.focused && place == self.selected, look));
        let widths = columns.iter().enumerate().map(|(place, column)| match place + 1 == columns.len() {
            true => Constraint::Fill(1),
            false => Constraint::Length(column.width),
        });
        let header = Row::new(columns.iter().map(|column| cell(column.title.to_owned(), column.alignment)));
        let title = if self.focused { look.style(Tone::Strong) } else { look.style(Tone::Plain) };
        let block = Block::new().borders(Borders::TOP).title(Line::styled(self.title.clone(), title));
        let table = Table::new(rows, widths).column_spacing(GAP).block(block);
        frame.render_widget(table.header(header.style(look.style(Tone::Strong))), area);
    }

    fn columns_within(&self, width: u16) -> &[Column<R>] {
        let mut taken = 0;
        let fits = |column: &&Column<R>| {
            taken += column.width + GAP;
            taken <= width + GAP
        };
        let count = self.columns.iter().take_while(fits).count().max(1);
        self.columns.get(..count).unwrap_or(self.columns)
    }

    fn row(&self, columns: &[Column<R>], row: &R, selected: bool, look: Look) -> Row<'static> {
        let cells = columns.iter().map(|column| {
            let (text, tone) = (column.fill)(row);
            cell(printable(&text).into_owned(), column.alignment).style(look.style(tone))
        });
        let row = Row::new(cells);
        if selected { row.style(Modifier::REVERSED) } else { row }
    }
}

fn cell(text: String, alignment: Alignment) -> Cell<'static> {
    Cell::from(Line::from(text).alignment(alignment))
}

/// The first row that is shown, so that the selected one is.
fn first_shown(selected: usize, rows: usize, room: usize) -> usize {
    let last_first = rows.saturating_sub(room);
    selected.saturating_sub(room / 2).min(last_first)
}

/// How many a second, in five characters.
pub(super) fn rate(rate: f64) -> String {
    match rate {
        rate if rate < 0.05 => "0".to_owned(),
        rate if rate < 9.95 => format!("{rate:.1}"),
        rate if rate < 9_999.5 => format!("{rate:.0}"),
        rate if rate < 999_500.0 => format!("{:.0}k", rate / 1e3),
        rate => format!("{:.1}M", rate / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_short() {
        for (number, text) in [
            (0.0, "0"),
            (0.2, "0.2"),
            (9.94, "9.9"),
            (9.96, "10"),
            (9999.0, "9999"),
            (12_345.0, "12k"),
            (999_600.0, "1.0M"),
            (12_300_000.0, "12.3M"),
        ] {
            assert_eq!(rate(number), text);
        }
    }

    #[test]
    fn the_selected_row_is_shown() {
        assert_eq!(first_shown(0, 100, 10), 0);
        assert_eq!(first_shown(50, 100, 10), 45);
        assert_eq!(first_shown(99, 100, 10), 90);
        assert_eq!(first_shown(3, 4, 10), 0);
        assert_eq!(first_shown(3, 4, 0), 3);
    }
}
