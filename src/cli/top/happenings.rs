//! What has happened lately: of everything that changes, what an operator wants to be told.

use std::collections::VecDeque;

use api::v1;
use v1::change::Row;

use crate::cli::table::Tone;
use crate::cli::view;

/// How many are kept.
const KEPT: usize = 200;

/// Among so many of the latest the same is shown once: a neighbor that fails again and again must not push all else
/// away.
const LATEST: usize = 20;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Happening {
    /// The time of day, as linnetd's clock has it.
    pub(super) time: String,
    /// What it is about, such as `move` or `neighbor`.
    pub(super) topic: &'static str,
    /// What happened, and why.
    pub(super) text: String,
    pub(super) tone: Tone,
    /// What it is about, and why it happened. The same again takes the place of the one before.
    about: String,
}

/// The last ones, the newest first.
#[derive(Debug, Default)]
pub(super) struct Happenings {
    list: VecDeque<Happening>,
}

impl Happenings {
    /// Takes note of a change, if it is worth it.
    pub(super) fn take(&mut self, change: &v1::Change) {
        let Some((topic, tone)) = class(change) else { return };
        let (_, text) = view::describe_change(change);
        let time = view::second_of_day(&change.time).to_owned();
        let about = format!("{topic} {} {}", name(change), change.reason);
        let before = self.list.iter().take(LATEST).position(|happening| happening.about == about);
        before.map(|place| self.list.remove(place));
        self.list.push_front(Happening { time, topic, text, tone, about });
        self.list.truncate(KEPT);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Happening> {
        self.list.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }
}

/// What a change is shown as; `None` for the daily business of hosts and routes.
fn class(change: &v1::Change) -> Option<(&'static str, Tone)> {
    let is_gone = change.kind() == v1::ChangeKind::Delete;
    Some(match change.row.as_ref()? {
        Row::Neighbor(_) if is_gone => ("neighbor", Tone::Bad),
        Row::Neighbor(neighbor) => match neighbor.state() {
            v1::NeighborState::Established => ("neighbor", Tone::Good),
            _ => ("neighbor", Tone::Bad),
        },
        Row::Mac(mac) if mac.duplicate => ("duplicate", Tone::Bad),
        Row::Mac(_) if !change.moved_from.is_empty() => ("move", Tone::Waiting),
        Row::Vni(_) if is_gone => ("vni", Tone::Bad),
        Row::Vni(vni) => match vni.state() {
            v1::VniState::Up => ("vni", Tone::Good),
            _ => ("vni", Tone::Bad),
        },
        Row::FibEntry(entry) if !is_gone => match entry.state() {
            v1::KernelState::Failed => ("kernel", Tone::Bad),
            v1::KernelState::Conflict | v1::KernelState::Unreachable => ("kernel", Tone::Waiting),
            _ => return None,
        },
        _ => return None,
    })
}

/// What identifies the row.
fn name(change: &v1::Change) -> String {
    match &change.row {
        Some(Row::Neighbor(neighbor)) => neighbor.address.clone(),
        Some(Row::Mac(mac)) => format!("{} {}", mac.vni, mac.mac),
        Some(Row::Vni(vni)) => vni.vni.to_string(),
        Some(Row::FibEntry(entry)) => format!("{} {} {}", entry.kind, entry.vni(), entry.key),
        _ => String::new(),
    }
}
