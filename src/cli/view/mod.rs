//! How rows look to people: columns here mean what FRR's and GoBGP's users expect of them.

mod bfd;
mod config;
mod evpn;
mod explain;
mod fib;
mod health;
mod monitor;
mod native;
mod neighbor;
mod path;
mod policy;
mod route;
mod status;
mod topology;

pub(crate) use bfd::show_bfd_session;
pub(crate) use explain::show_explanation;
pub(crate) use monitor::{describe_change, second_of_day, show_change};
pub(crate) use neighbor::{session_in_a_word, show_neighbor};
pub(crate) use path::show_path;
pub(crate) use status::show_status;
pub(crate) use topology::show_topology;

use std::borrow::Cow;
use std::io::{self, Write};

use api::{Word, v1};

use super::table::{Cell, Tone};
use super::text::printable;

/// How the kernel stands to a row, and why: `failed: no such device`.
fn kernel(number: i32, reason: &str) -> Cell<'static> {
    Cell::from(because(v1::KernelState::word(number), reason)).tone(match v1::KernelState::try_from(number) {
        Ok(v1::KernelState::Programmed) => Tone::Good,
        Ok(v1::KernelState::Pending | v1::KernelState::Refused) => Tone::Waiting,
        Ok(v1::KernelState::Failed | v1::KernelState::Conflict | v1::KernelState::Unreachable) => Tone::Bad,
        _ => Tone::Plain,
    })
}

/// A word and, if there is one, the reason for it.
fn because(word: Cow<'_, str>, reason: &str) -> String {
    if reason.is_empty() { word.into_owned() } else { format!("{word}: {reason}") }
}

/// A labelled line, such as `  Router ID     10.0.0.1`; none if there is nothing to say.
fn field(out: &mut dyn Write, label: &str, text: &str) -> io::Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    writeln!(out, "  {label:<14}{}", printable(text))
}

/// What was refused, in one line: `3 as-loop, 1 policy`.
fn refused(counts: &[v1::RejectedRoutes]) -> String {
    counts.iter().map(|row| format!("{} {}", row.routes, row.reason)).collect::<Vec<_>>().join(", ")
}

/// The words that apply, with commas between them.
fn marks<const N: usize>(marks: [(bool, &'static str); N]) -> String {
    marks.into_iter().filter_map(|(applies, word)| applies.then_some(word)).collect::<Vec<_>>().join(",")
}
