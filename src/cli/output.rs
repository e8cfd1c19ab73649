//! Bringing rows out in the format that was asked for.
//!
//! Rows are taken from a [`Source`] a page at a time and forgotten once written, in every format.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use anyhow::Result;
use api::client::{List, Pages};
use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};
use tonic::Status;

use super::args::Format;
use super::table::{Column, Table};

/// How long rows are held back to be aligned with those that follow: what has been found by then is worth more to its
/// reader than its being in line.
const PATIENCE: Duration = Duration::from_millis(500);

/// Where everything is written to, and whether in colour.
pub(crate) struct Output<'a> {
    pub(crate) out: &'a mut dyn Write,
    pub(crate) colour: bool,
}

/// A row of a list: an object in JSON, and one or more lines of a table.
pub(crate) trait Row: Serialize + Sized {
    /// What a line of the table is made from; most often the row.
    type Line: 'static;

    /// What the rows are, for saying that there are none.
    const NAME: &'static str;

    /// The table's columns.
    const COLUMNS: &'static [Column<Self::Line>];

    /// The lines of a row.
    fn lines(self) -> impl Iterator<Item = Self::Line>;
}

/// Something that yields rows by the page.
pub(crate) trait Source {
    type Row;

    /// The next page, or `None` at the end.
    async fn next(&mut self) -> Result<Option<Vec<Self::Row>>, Status>;
}

impl<L: List> Source for Pages<L> {
    type Row = L::Row;

    async fn next(&mut self) -> Result<Option<Vec<L::Row>>, Status> {
        Pages::next(self).await
    }
}

/// Rows that are here already.
pub(crate) struct Ready<R>(pub(crate) Option<Vec<R>>);

impl<R> Source for Ready<R> {
    type Row = R;

    async fn next(&mut self) -> Result<Option<Vec<R>>, Status> {
        Ok(self.0.take())
    }
}

/// Says that a list is empty where the format is for people: beside the output, not in it.
pub(crate) fn say_none_found<R: Row>() {
    anstream::eprintln!("No {} found.", R::NAME);
}

impl Output<'_> {
    /// Writes all rows.
    pub(crate) async fn rows<S: Source<Row: Row>>(&mut self, source: S, format: Format) -> Result<()> {
        match format {
            Format::Table => self.table(source, false).await,
            Format::Wide => self.table(source, true).await,
            Format::Json | Format::Jsonl | Format::Yaml => self.objects(source, format).await,
        }
    }

    /// Writes all rows in one of the formats for programs.
    pub(crate) async fn objects<S: Source<Row: Serialize>>(
        &mut self,
        source: S,
        format: Format,
    ) -> Result<()> {
        match format {
            Format::Jsonl => self.json_lines(source).await,
            Format::Yaml => self.yaml(source).await,
            Format::Table | Format::Wide | Format::Json => self.json(source).await,
        }
    }

    /// Writes one object, or what `show` writes instead where the format is for people.
    pub(crate) fn one<T: Serialize>(
        &mut self,
        value: &T,
        format: Format,
        show: impl FnOnce(&mut Self, &T) -> io::Result<()>,
    ) -> Result<()> {
        match format {
            Format::Table | Format::Wide => show(self, value)?,
            Format::Json => {
                serde_json::to_writer_pretty(&mut *self.out, value)?;
                writeln!(self.out)?;
            }
            Format::Jsonl => self.json_line(value)?,
            Format::Yaml => self.out.write_all(serde_yaml::to_string(value)?.as_bytes())?,
        }
        Ok(())
    }

    /// Writes one object on one line.
    pub(crate) fn json_line<T: Serialize>(&mut self, value: &T) -> Result<()> {
        serde_json::to_writer(&mut *self.out, value)?;
        Ok(writeln!(self.out)?)
    }

    async fn table<S: Source<Row: Row>>(&mut self, mut source: S, wide: bool) -> Result<()> {
        let (mut table, begun) = (Table::new(S::Row::COLUMNS, wide, self.colour), Instant::now());
        while let Some(rows) = source.next().await? {
            table.page(rows.into_iter().flat_map(Row::lines).collect(), self.out)?;
            if begun.elapsed() > PATIENCE {
                table.release(self.out)?;
            }
            self.out.flush()?;
        }
        if !table.finish(self.out)? {
            say_none_found::<S::Row>();
        }
        Ok(())
    }

    async fn json<S: Source<Row: Serialize>>(&mut self, mut source: S) -> Result<()> {
        let mut serializer = serde_json::Serializer::pretty(&mut *self.out);
        let mut array = serializer.serialize_seq(None)?;
        while let Some(rows) = source.next().await? {
            rows.iter().try_for_each(|row| array.serialize_element(row))?;
        }
        array.end()?;
        Ok(writeln!(self.out)?)
    }

    async fn json_lines<S: Source<Row: Serialize>>(&mut self, mut source: S) -> Result<()> {
        while let Some(rows) = source.next().await? {
            rows.iter().try_for_each(|row| self.json_line(row))?;
            self.out.flush()?;
        }
        Ok(())
    }

    /// A sequence of several pages is the sequences of the pages, one behind the other.
    async fn yaml<S: Source<Row: Serialize>>(&mut self, mut source: S) -> Result<()> {
        let mut empty = true;
        while let Some(rows) = source.next().await? {
            if !rows.is_empty() {
                self.out.write_all(serde_yaml::to_string(&rows)?.as_bytes())?;
                empty = false;
            }
        }
        if empty {
            writeln!(self.out, "[]")?;
        }
        Ok(())
    }
}
