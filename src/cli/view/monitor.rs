//! Changes, one a line.

use std::io::{self, Write};

use api::{Word, v1};
use v1::change::Row;

use super::neighbor::state_word;
use crate::cli::table::Tone;
use crate::cli::text::printable;

/// `12:00:01.250 + mac       100 02:00:00:00:00:50 remote 10.0.0.2 programmed (announced by 10.0.0.2)`: `+` is there,
/// `-` is gone; why, in parentheses.
pub(crate) fn show_change(change: &v1::Change, colour: bool, out: &mut dyn Write) -> io::Result<()> {
    if change.row.is_none() {
        return Ok(());
    }
    let (sign, tone) = match change.kind() {
        v1::ChangeKind::Delete => ("-", Tone::Bad),
        v1::ChangeKind::Put | v1::ChangeKind::Unspecified => ("+", Tone::Good),
    };
    let (topic, text) = describe_change(change);
    writeln!(
        out,
        "{} {} {topic:<9} {}",
        time_of_day(&change.time),
        tone.paint(sign, colour),
        printable(&text)
    )
}

/// What a change is about, and what there is to say of it.
pub(crate) fn describe_change(change: &v1::Change) -> (&'static str, String) {
    let Some(row) = &change.row else { return ("", String::new()) };
    let (topic, mut words) = describe(row, &change.reason);
    if !change.reason.is_empty() {
        words.push(format!("({})", change.reason));
    }
    let words: Vec<&str> = words.iter().map(String::as_str).filter(|word| !word.is_empty()).collect();
    (topic, words.join(" "))
}

/// The time to the second: `2026-03-01T12:00:00.250Z` is `12:00:00`.
pub(crate) fn second_of_day(time: &str) -> &str {
    let time = time_of_day(time);
    time.split_once('.').map_or(time, |(time, _)| time)
}

/// The time alone: `2026-03-01T12:00:00.250Z` is `12:00:00.250`.
fn time_of_day(time: &str) -> &str {
    time.split_once('T').map_or(time, |(_, time)| time.trim_end_matches('Z'))
}

/// A row in words, but for what `reason` says.
fn describe(row: &Row, reason: &str) -> (&'static str, Vec<String>) {
    match row {
        Row::Path(path) => ("path", of_path(path)),
        Row::Neighbor(neighbor) => ("neighbor", of_neighbor(neighbor, reason)),
        Row::Vni(vni) => {
            ("vni", vec![vni.vni.to_string(), word::<v1::VniState>(vni.state), vni.reason.clone()])
        }
        Row::Mac(mac) => ("mac", of_mac(mac)),
        Row::Arp(arp) => ("arp", of_arp(arp)),
        Row::Vtep(vtep) => ("vtep", vec![vtep.vni.to_string(), vtep.vtep.clone(), kernel(vtep.kernel)]),
        Row::FibEntry(entry) => ("fib", of_fib(entry, reason)),
    }
}

fn of_path(path: &v1::Path) -> Vec<String> {
    let via = if path.next_hop.is_empty() { String::new() } else { format!("via {}", path.next_hop) };
    let from = if path.neighbor.is_empty() { String::new() } else { format!("from {}", path.neighbor) };
    vec![path.family.clone(), path.nlri.clone(), via, from]
}

fn of_neighbor(neighbor: &v1::Neighbor, reason: &str) -> Vec<String> {
    let error = match neighbor.state() {
        _ if !reason.is_empty() => String::new(),
        v1::NeighborState::Established => String::new(),
        _ => neighbor.last_error.clone(),
    };
    let bfd = neighbor.bfd.as_ref().map(|session| word::<v1::BfdState>(session.state));
    let bfd = bfd.filter(|state| !state.is_empty()).map(|state| format!("bfd {state}")).unwrap_or_default();
    vec![neighbor.address.clone(), state_word(neighbor).into_owned(), bfd, error]
}

fn of_mac(mac: &v1::Mac) -> Vec<String> {
    let place = format!("{}{}", mac.port, mac.vtep);
    let sequence = mac.local_sequence.max(mac.remote_sequence).filter(|&sequence| sequence > 0);
    let sequence = sequence.map(|sequence| format!("seq {sequence}")).unwrap_or_default();
    let host = word::<v1::HostType>(mac.r#type);
    vec![mac.vni.to_string(), mac.mac.clone(), host, place, sequence, kernel(mac.kernel)]
}

fn of_arp(arp: &v1::Arp) -> Vec<String> {
    let host = word::<v1::HostType>(arp.r#type);
    vec![arp.vni.to_string(), arp.ip.clone(), arp.mac.clone(), host, arp.vtep.clone(), kernel(arp.kernel)]
}

fn of_fib(entry: &v1::FibEntry, reason: &str) -> Vec<String> {
    let vni = entry.vni.map(|vni| vni.to_string()).unwrap_or_default();
    let kind = word::<v1::FibKind>(entry.kind);
    let why = if reason.is_empty() { entry.reason.clone() } else { String::new() };
    vec![kind, vni, entry.key.clone(), entry.wanted.clone(), kernel(entry.state), why]
}

fn kernel(number: i32) -> String {
    word::<v1::KernelState>(number)
}

fn word<W: Word>(number: i32) -> String {
    W::word(number).into_owned()
}
