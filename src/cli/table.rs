//! Tables of aligned columns, written page by page.
//!
//! The first rows are held back and measured before they are written, the others page by page: a table of up
//! to [`HELD`] rows is aligned throughout, and a longer one needs no more memory than that. Widths only grow.

use std::borrow::Cow;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::text::printable;

/// How many rows are measured before the first is written: some megabytes, and a moment's wait.
const HELD: usize = 5000;

/// What stands between two columns.
const GAP: &str = "  ";

/// What stands for nothing, so that the words of a line can be counted.
const NOTHING: &str = "-";

/// What a text is to the reader; the one place where that is a colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    #[default]
    Plain,
    /// As it should be.
    Good,
    /// On its way, or not wanted.
    Waiting,
    /// Wrong.
    Bad,
    /// What the eye looks for.
    Strong,
}

impl Tone {
    /// `text` in its colour, if there are colours.
    pub(crate) fn paint(self, text: &str, colour: bool) -> String {
        let style = self.style();
        if colour && style != Style::new() { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    fn style(self) -> Style {
        match self {
            Tone::Plain => Style::new(),
            Tone::Good => AnsiColor::Green.on_default(),
            Tone::Waiting => AnsiColor::Yellow.on_default(),
            Tone::Bad => AnsiColor::Red.on_default(),
            Tone::Strong => Style::new().bold(),
        }
    }
}

/// What one row has in one column.
#[derive(Debug)]
pub(crate) struct Cell<'a> {
    text: Cow<'a, str>,
    tone: Tone,
}

impl Cell<'_> {
    /// The same in a tone.
    pub(crate) fn tone(self, tone: Tone) -> Self {
        Cell { tone, ..self }
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        let text = if text.is_empty() { Cow::Borrowed(NOTHING) } else { printable(text) };
        Cell { text, tone: Tone::Plain }
    }
}

impl<'a> From<&'a String> for Cell<'a> {
    fn from(text: &'a String) -> Self {
        text.as_str().into()
    }
}

impl From<String> for Cell<'_> {
    fn from(text: String) -> Self {
        let text = if text.is_empty() { NOTHING.into() } else { printable(&text).into_owned() };
        Cell { text: Cow::Owned(text), tone: Tone::Plain }
    }
}

impl From<u64> for Cell<'_> {
    fn from(number: u64) -> Self {
        number.to_string().into()
    }
}

impl From<u32> for Cell<'_> {
    fn from(number: u32) -> Self {
        u64::from(number).into()
    }
}

impl From<Option<u32>> for Cell<'_> {
    fn from(number: Option<u32>) -> Self {
        number.map_or(NOTHING.into(), Into::into)
    }
}

/// How a column gets its cell from a row.
type Fill<R> = for<'a> fn(&'a R) -> Cell<'a>;

/// One column of a table of `R`.
#[derive(Debug)]
pub(crate) struct Column<R: 'static> {
    header: &'static str,
    fill: Fill<R>,
    right: bool,
    shown: Shown,
}

/// When a column is part of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Always,
    /// In the wide form.
    Wide,
    /// If a row that was held back has something in it.
    WhereFilled,
}

impl<R> Column<R> {
    /// A column of texts.
    pub(crate) const fn text(header: &'static str, fill: Fill<R>) -> Self {
        Column { header, fill, right: false, shown: Shown::Always }
    }

    /// A column of numbers.
    pub(crate) const fn number(header: &'static str, fill: Fill<R>) -> Self {
        Column { header, fill, right: true, shown: Shown::Always }
    }

    /// A column of texts that only the wide form has.
    pub(crate) const fn wide_text(header: &'static str, fill: Fill<R>) -> Self {
        Column { shown: Shown::Wide, ..Self::text(header, fill) }
    }

    /// A column of numbers that only the wide form has.
    pub(crate) const fn wide_number(header: &'static str, fill: Fill<R>) -> Self {
        Column { shown: Shown::Wide, ..Self::number(header, fill) }
    }

    /// A column of texts that most tables have nothing for, and that is left out of those.
    pub(crate) const fn rare_text(header: &'static str, fill: Fill<R>) -> Self {
        Column { shown: Shown::WhereFilled, ..Self::text(header, fill) }
    }

    /// A column of numbers that most tables have nothing for, and that is left out of those.
    pub(crate) const fn rare_number(header: &'static str, fill: Fill<R>) -> Self {
        Column { shown: Shown::WhereFilled, ..Self::number(header, fill) }
    }
}

/// A table under way.
#[derive(Debug)]
pub(crate) struct Table<R: 'static> {
    columns: Vec<&'static Column<R>>,
    widths: Vec<usize>,
    indent: &'static str,
    colour: bool,
    held: Vec<R>,
    headed: bool,
}

impl<R> Table<R> {
    /// A table of these columns, or those of them that are for the narrow form.
    pub(crate) fn new(columns: &'static [Column<R>], wide: bool, colour: bool) -> Self {
        let columns: Vec<_> = columns.iter().filter(|column| wide || column.shown != Shown::Wide).collect();
        let widths = columns.iter().map(|column| column.header.len()).collect();
        Table { columns, widths, indent: "", colour, held: Vec::new(), headed: false }
    }

    /// The same, each line moved in.
    pub(crate) fn indented(self, indent: &'static str) -> Self {
        Table { indent, ..self }
    }

    /// Takes a page of rows, and writes what need not be held back.
    pub(crate) fn page(&mut self, rows: Vec<R>, out: &mut dyn Write) -> io::Result<()> {
        if self.headed {
            return self.write(&rows, out);
        }
        self.held.extend(rows);
        if self.held.len() < HELD { Ok(()) } else { self.release(out) }
    }

    /// Writes what was held back. Says whether the table has any row.
    pub(crate) fn finish(mut self, out: &mut dyn Write) -> io::Result<bool> {
        self.release(out)?;
        Ok(self.headed)
    }

    /// Writes a whole table.
    pub(crate) fn all(mut self, rows: &[R], out: &mut dyn Write) -> io::Result<()> {
        self.write(rows, out)
    }

    /// Writes what was held back so far.
    pub(crate) fn release(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let held = std::mem::take(&mut self.held);
        self.write(&held, out)
    }

    fn write(&mut self, rows: &[R], out: &mut dyn Write) -> io::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        if !self.headed {
            self.leave_out_columns(rows);
        }
        let lines: Vec<_> = rows.iter().map(|row| self.measured(row)).collect();
        if !std::mem::replace(&mut self.headed, true) {
            self.line(self.columns.iter().map(|column| column.header.into()), Tone::Strong, out)?;
        }
        lines.into_iter().try_for_each(|cells| self.line(cells.into_iter(), Tone::Plain, out))
    }

    fn leave_out_columns(&mut self, rows: &[R]) {
        let is_filled = |column: &Column<R>| rows.iter().any(|row| (column.fill)(row).text != NOTHING);
        self.columns.retain(|column| column.shown != Shown::WhereFilled || is_filled(column));
        self.widths = self.columns.iter().map(|column| column.header.len()).collect();
    }

    fn measured<'r>(&mut self, row: &'r R) -> Vec<Cell<'r>> {
        let cells: Vec<_> = self.columns.iter().map(|column| (column.fill)(row)).collect();
        for (width, cell) in self.widths.iter_mut().zip(&cells) {
            *width = (*width).max(cell.text.chars().count());
        }
        cells
    }

    fn line<'c>(
        &self,
        cells: impl Iterator<Item = Cell<'c>>,
        tone: Tone,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let (mut gap, mut padding) = (self.indent, 0);
        for ((column, &width), cell) in self.columns.iter().zip(&self.widths).zip(cells) {
            let tone = if cell.tone == Tone::Plain { tone } else { cell.tone };
            let free = width.saturating_sub(cell.text.chars().count());
            let before = if column.right { padding + free } else { padding };
            // Padding behind a cell waits for the next one: no line ends in blanks.
            padding = if column.right { 0 } else { free };
            write!(out, "{:before$}{gap}", "")?;
            self.cell(&cell.text, tone, out)?;
            gap = GAP;
        }
        writeln!(out)
    }

    fn cell(&self, text: &str, tone: Tone, out: &mut dyn Write) -> io::Result<()> {
        match (self.colour, tone) {
            (false, _) | (_, Tone::Plain) => out.write_all(text.as_bytes()),
            _ => out.write_all(tone.paint(text, true).as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pair = (&'static str, u64);

    const COLUMNS: &[Column<Pair>] = &[
        Column::text("Name", |pair| pair.0.into()),
        Column::number("Count", |pair| pair.1.into()),
        Column::wide_text("Again", |pair| pair.0.into()),
    ];

    fn written(wide: bool, pages: &[&[Pair]]) -> String {
        let (mut out, mut table) = (Vec::new(), Table::new(COLUMNS, wide, false));
        for rows in pages {
            table.page(rows.to_vec(), &mut out).unwrap();
        }
        assert_eq!(table.finish(&mut out).unwrap(), !out.is_empty());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_are_aligned_and_no_line_ends_in_blanks() {
        let narrow = "Name    Count\na           1\nlonger     22\n";
        assert_eq!(written(false, &[&[("a", 1), ("longer", 22)]]), narrow);
        assert_eq!(
            written(true, &[&[("é", 1), ("", 2)]]),
            "Name  Count  Again\né         1  é\n-         2  -\n"
        );
    }

    #[test]
    fn a_rare_column_is_there_for_what_it_has() {
        const COLUMNS: &[Column<(u32, Option<u32>)>] =
            &[Column::number("A", |row| row.0.into()), Column::rare_number("B", |row| row.1.into())];
        let written = |rows: &[(u32, Option<u32>)]| {
            let mut out = Vec::new();
            Table::new(COLUMNS, false, false).all(rows, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(written(&[(1, None), (2, None)]), "A\n1\n2\n");
        assert_eq!(written(&[(1, None), (2, Some(3))]), "A  B\n1  -\n2  3\n");
    }

    #[test]
    fn pages_are_one_table() {
        let expected = "Name    Count\na           1\nlonger      2\n";
        assert_eq!(written(false, &[&[("a", 1)], &[], &[("longer", 2)]]), expected);
    }

    #[test]
    fn what_comes_late_only_widens() {
        let text = written(false, &[&vec![("a", 1); HELD], &[("longer", 2)], &[("b", 3)]]);
        let (mut lines, ends) = (text.lines(), ["a         1", "longer      2", "b           3"]);
        assert_eq!(lines.next(), Some("Name  Count"));
        assert_eq!(lines.skip(HELD - 1).collect::<Vec<_>>(), ends);
    }

    #[test]
    fn nothing_has_no_header() {
        assert_eq!(written(false, &[&[]]), "");
    }
}
