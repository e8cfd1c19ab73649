//! The lists: neighbors, networks, what has happened.

use api::{Word, v1};
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};

use super::Look;
use super::list::{Column, FRAME, List, rate};
use crate::cli::table::Tone;
use crate::cli::text::duration;
use crate::cli::top::happenings::Happening;
use crate::cli::top::model::{Model, NeighborRates, Pane, accepted, advertised};
use crate::cli::view;

/// Below this height only the list that has the focus is drawn.
const LEAST_FOR_ALL: u16 = 12;

/// Rows that happenings have at least.
const HAPPENINGS: u16 = 3;

/// A neighbor and its rates.
type Neighbor<'a> = (&'a v1::Neighbor, Option<NeighborRates>);

/// Draws those lists that there is room for.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, look: Look) {
    let panes: &[Pane] = match model.has_vnis() {
        true => &[Pane::Neighbors, Pane::Vnis, Pane::Happenings],
        false => &[Pane::Neighbors, Pane::Happenings],
    };
    if area.height < LEAST_FOR_ALL {
        return pane(frame, area, model, model.focus, look);
    }
    let heights = panes.iter().map(|pane| height(*pane, area.height, model));
    let areas = Layout::vertical(heights).split(area);
    for (drawn, area) in panes.iter().zip(areas.iter()) {
        pane(frame, *area, model, *drawn, look);
    }
}

/// As much as a list has rows, but no more than its share; what has happened has the rest.
fn height(pane: Pane, total: u16, model: &Model) -> Constraint {
    let shared = total.saturating_sub(HAPPENINGS + FRAME);
    let rows = |count: usize| u16::try_from(count.max(1)).unwrap_or(u16::MAX).saturating_add(FRAME);
    let (neighbors, vnis) = (rows(model.facts.neighbors.len()), rows(model.facts.vnis.len()));
    let vnis =
        if model.has_vnis() { vnis.min((shared * 2 / 5).max(shared.saturating_sub(neighbors))) } else { 0 };
    match pane {
        Pane::Neighbors => Constraint::Length(neighbors.min(shared.saturating_sub(vnis))),
        Pane::Vnis => Constraint::Length(vnis),
        Pane::Happenings => Constraint::Fill(1),
    }
}

fn pane(frame: &mut Frame<'_>, area: Rect, model: &Model, pane: Pane, look: Look) {
    let focused = model.focus == pane;
    match pane {
        Pane::Neighbors => {
            let sorted = model.sorted_neighbors();
            let selected = model.place(pane, sorted.iter().map(|row| row.address.as_str()));
            let with_rates = |row: &'_ v1::Neighbor| model.neighbor_rates(&row.address);
            let rows: Vec<Neighbor<'_>> = sorted.into_iter().map(|row| (row, with_rates(row))).collect();
            let title = titled("Neighbors", rows.len(), model.facts.status.neighbors);
            List { title, columns: &neighbor_columns(), rows: &rows, selected, focused }
                .draw(frame, area, look);
        }
        Pane::Vnis => {
            let rows = model.sorted_vnis();
            let keys: Vec<String> = rows.iter().map(|row| row.vni.to_string()).collect();
            let selected = model.place(pane, keys.iter().map(String::as_str));
            let title = titled("Networks", rows.len(), model.facts.status.vnis);
            List { title, columns: &vni_columns(), rows: &rows, selected, focused }.draw(frame, area, look);
        }
        Pane::Happenings => {
            let rows: Vec<&Happening> = model.happenings.iter().collect();
            let keys: Vec<String> = (0..rows.len()).map(|place| place.to_string()).collect();
            let selected = model.place(pane, keys.iter().map(String::as_str));
            let title = "Events".to_owned();
            List { title, columns: &happening_columns(), rows: &rows, selected, focused }
                .draw(frame, area, look);
        }
    }
}

/// `Neighbors`, or `Neighbors, 500 of 1200` where not all were asked for.
fn titled(name: &str, shown: usize, all: u64) -> String {
    if (shown as u64) < all { format!("{name}, {shown} of {all} ") } else { format!("{name} ") }
}

fn neighbor_columns<'a>() -> [Column<Neighbor<'a>>; 12] {
    [
        text("Neighbor", 16, |(row, _)| plain(row.address.clone())),
        text("State", 11, |(row, _)| session(row)),
        number("For", 8, |(row, _)| plain(row.since_seconds.map_or("never".to_owned(), duration))),
        number("Acc", 6, |(row, _)| plain(accepted(row).to_string())),
        number("Adv", 6, |(row, _)| plain(advertised(row).to_string())),
        number("Rt/s in", 7, |(_, rates)| plain(one_of(*rates, |[.., routes, _]| routes))),
        number("out", 5, |(_, rates)| plain(one_of(*rates, |[.., routes]| routes))),
        number("Msg/s in", 8, |(_, rates)| plain(one_of(*rates, |[messages, ..]| messages))),
        number("out", 5, |(_, rates)| plain(one_of(*rates, |[_, messages, ..]| messages))),
        number("AS", 10, |(row, _)| plain(row.remote_as.to_string())),
        number("Flaps", 5, |(row, _)| plain(row.flaps.to_string())),
        text("Description", 20, |(row, _)| plain(row.description.clone())),
    ]
}

fn vni_columns<'a>() -> [Column<&'a v1::Vni>; 8] {
    [
        number("VNI", 8, |row| plain(row.vni.to_string())),
        text("State", 5, |row| {
            let tone = if row.state() == v1::VniState::Up { Tone::Good } else { Tone::Bad };
            (v1::VniState::word(row.state).into_owned(), tone)
        }),
        number("Local", 7, |row| plain(row.local_macs.to_string())),
        number("Remote", 7, |row| plain(row.remote_macs.to_string())),
        number("VTEPs", 5, |row| plain(row.remote_vteps.to_string())),
        number("ARP/ND", 7, |row| plain((row.local_neighbors + row.remote_neighbors).to_string())),
        text("Device", 15, |row| plain(row.vxlan.clone())),
        text("Why", 12, |row| plain(row.reason.clone())),
    ]
}

fn happening_columns<'a>() -> [Column<&'a Happening>; 3] {
    [
        text("Time", 8, |row| plain(row.time.clone())),
        text("What", 9, |row| (row.topic.to_owned(), row.tone)),
        text("", 40, |row| plain(row.text.clone())),
    ]
}

const fn text<R>(title: &'static str, width: u16, fill: fn(&R) -> (String, Tone)) -> Column<R> {
    Column { title, width, alignment: Alignment::Left, fill }
}

const fn number<R>(title: &'static str, width: u16, fill: fn(&R) -> (String, Tone)) -> Column<R> {
    Column { title, width, alignment: Alignment::Right, fill }
}

fn session(row: &v1::Neighbor) -> (String, Tone) {
    let (word, tone) = view::session_in_a_word(row);
    (word.to_owned(), tone)
}

fn plain(text: String) -> (String, Tone) {
    (text, Tone::Plain)
}

fn one_of(rates: Option<NeighborRates>, which: fn(NeighborRates) -> f64) -> String {
    rates.map_or("-".to_owned(), |rates| rate(which(rates)))
}
