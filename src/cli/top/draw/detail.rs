//! One neighbor, and one network: what `linnet neighbor` and `linnet evpn` say of it, as it changes.

use std::io;

use api::{Word, v1};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Block, Borders, Paragraph, Wrap};

use super::Look;
use super::list::rate;
use crate::cli::output::{Output, Row};
use crate::cli::table::{Table, Tone};
use crate::cli::top::model::{Hosts, Model};
use crate::cli::view;

/// Draws a neighbor.
pub(super) fn neighbor(frame: &mut Frame<'_>, area: Rect, model: &Model, address: &str, look: Look) {
    let found = model.facts.neighbors.iter().find(|row| row.address == address);
    let lines = match found {
        Some(row) => neighbor_lines(model, row),
        None => vec!["linnetd has no neighbor of this address.".to_owned()],
    };
    text(frame, area, &format!("Neighbor {address} "), &lines, model.scroll, look);
}

/// Draws a network.
pub(super) fn vni(frame: &mut Frame<'_>, area: Rect, model: &Model, vni: u32, look: Look) {
    let found = model.facts.vnis.iter().find(|row| row.vni == vni);
    let hosts = model.facts.hosts.as_ref().filter(|hosts| hosts.vni == vni);
    let lines = match found {
        Some(row) => vni_lines(row, hosts),
        None => vec!["linnetd has no network of this number.".to_owned()],
    };
    text(frame, area, &format!("Network {vni} "), &lines, model.scroll, look);
}

fn neighbor_lines(model: &Model, row: &v1::Neighbor) -> Vec<String> {
    let rates =
        model.neighbor_rates(&row.address).map(|[messages_in, messages_out, routes_in, routes_out]| {
            format!(
                "in {} msg/s, {} routes/s; out {} msg/s, {} routes/s",
                rate(messages_in),
                rate(routes_in),
                rate(messages_out),
                rate(routes_out)
            )
        });
    let shown = lines_of(|out| view::show_neighbor(&mut Output { out, colour: false }, row));
    let rates = rates.map(|rates| format!("  Rates         {rates}"));
    // Behind the name and the state.
    let (first, rest) = shown.split_at(shown.len().min(2));
    first.iter().cloned().chain(rates).chain(rest.iter().cloned()).collect()
}

fn vni_lines(row: &v1::Vni, hosts: Option<&Hosts>) -> Vec<String> {
    let state = v1::VniState::word(row.state);
    let why = if row.reason.is_empty() { String::new() } else { format!(": {}", row.reason) };
    let v1::Vni { local_macs, remote_macs, local_neighbors, remote_neighbors, remote_vteps, .. } = row;
    let mut lines = vec![
        format!("  State         {state}{why}"),
        format!("  Devices       {} on {}, tunnel address {}", row.vxlan, row.bridge, row.local_vtep),
        format!("  RD            {}", row.rd),
        format!("  Targets       in {}; out {}", row.import_rts.join(" "), row.export_rts.join(" ")),
        format!("  MACs          {local_macs} local, {remote_macs} remote"),
        format!("  ARP and ND    {local_neighbors} local, {remote_neighbors} remote"),
        String::new(),
    ];
    let Some(Hosts { macs, vteps, .. }) = hosts else { return lines };
    lines.push(counted("VTEPs", vteps.len(), *remote_vteps));
    lines.extend(table(vteps));
    lines.push(String::new());
    lines.push(counted("MACs", macs.len(), local_macs + remote_macs));
    lines.extend(table(macs));
    lines
}

fn counted(name: &str, shown: usize, all: u64) -> String {
    if (shown as u64) < all { format!("{name}, {shown} of {all}") } else { format!("{name}, {all}") }
}

/// The table that the command for such rows prints.
fn table<R: Row<Line = R> + 'static>(rows: &[R]) -> Vec<String> {
    lines_of(|out| Table::new(R::COLUMNS, false, false).indented("  ").all(rows, out))
}

fn lines_of(write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> Vec<String> {
    let mut text = Vec::new();
    // Writing into memory does not fail.
    let _ = write(&mut text);
    String::from_utf8_lossy(&text).lines().map(ToOwned::to_owned).collect()
}

fn text(frame: &mut Frame<'_>, area: Rect, title: &str, lines: &[String], scroll: usize, look: Look) {
    let title = Line::styled(crate::cli::text::printable(title).into_owned(), look.style(Tone::Strong));
    let block = Block::new().borders(Borders::TOP).title(title);
    let first = scroll.min(lines.len().saturating_sub(1));
    let shown: Vec<Line<'_>> = lines.iter().skip(first).map(|line| Line::from(line.as_str())).collect();
    frame.render_widget(Paragraph::new(shown).wrap(Wrap { trim: false }).block(block), area);
}
