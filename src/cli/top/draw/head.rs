//! The lines on top: the daemon as a whole.

use std::time::Instant;

use api::v1;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use super::Look;
use super::list::rate;
use crate::cli::table::Tone;
use crate::cli::text::{bytes, duration, printable};
use crate::cli::top::model::{Link, Model};

/// The lines, the most important first.
pub(super) fn lines(model: &Model, now: Instant, look: Look) -> Vec<Line<'static>> {
    let mut lines = vec![link(model, now, look)];
    if model.facts.status.version.is_empty() {
        return lines;
    }
    let status = &model.facts.status;
    let [ipv4, ipv6, evpn, entries, routes] = model.daemon_rates().unwrap_or_default();
    lines.push(sessions(model));
    lines.push(tables(status, [ipv4, ipv6, evpn]));
    lines.extend(status.fib.as_ref().map(|fib| kernel(fib, entries, look)));
    lines.extend(status.routes.as_ref().map(|row| native(row, routes, look)));
    if !model.unwatched.is_empty() {
        let text = format!("No changes are told: {}", printable(&model.unwatched));
        lines.push(Line::styled(text, look.style(Tone::Waiting)));
    }
    lines
}

/// Who it is, or that it is away.
fn link(model: &Model, now: Instant, look: Look) -> Line<'static> {
    let endpoint = printable(&model.endpoint);
    match &model.link {
        Link::Connecting => Line::from(format!("connecting to {endpoint} ...")),
        Link::Lost(since, why) => {
            let seconds = now.saturating_duration_since(*since).as_secs();
            let text = format!("linnetd is away for {seconds} s: {}; trying again", printable(why));
            Line::styled(text, look.style(Tone::Bad).add_modifier(Modifier::REVERSED))
        }
        Link::Up => {
            let v1::Status { version, asn, router_id, uptime_seconds, memory_bytes, .. } =
                &model.facts.status;
            let rest = format!(
                "   AS {asn}   {router_id}   up {}   {}",
                duration(*uptime_seconds),
                bytes(*memory_bytes)
            );
            let name = format!("linnetd {version}");
            Line::from(vec![
                Span::styled(name, look.style(Tone::Strong)),
                Span::raw(printable(&rest).into_owned()),
            ])
        }
    }
}

fn sessions(model: &Model) -> Line<'static> {
    let v1::Status { neighbors, neighbors_established, .. } = model.facts.status;
    let all = model.facts.neighbors.iter().filter_map(|row| model.neighbor_rates(&row.address));
    let [messages_in, messages_out, routes_in, routes_out] = all.fold([0.0; 4], |sum, rates| {
        let [a, b, c, d] = sum;
        let [w, x, y, z] = rates;
        [a + w, b + x, c + y, d + z]
    });
    Line::from(format!(
        "Sessions  {neighbors_established} of {neighbors} up; in {} msg/s, {} routes/s; out {} msg/s, {} routes/s",
        rate(messages_in),
        rate(routes_in),
        rate(messages_out),
        rate(routes_out)
    ))
}

/// Destinations and paths, and how many best paths change a second.
fn tables(status: &v1::Status, [ipv4, ipv6, evpn]: [f64; 3]) -> Line<'static> {
    let shown = status.tables.iter().filter(|table| table.paths > 0 || table.version > 0);
    let texts = shown.map(|table| {
        let v1::TableStatus { family, destinations, paths, .. } = table;
        let changes = match family.as_str() {
            "ipv4-unicast" => ipv4,
            "ipv6-unicast" => ipv6,
            _ => evpn,
        };
        format!("{family} {destinations}/{paths} {}/s", rate(changes))
    });
    let texts: Vec<String> = texts.collect();
    let text = if texts.is_empty() { "empty".to_owned() } else { texts.join("; ") };
    Line::from(format!("Tables    {text}"))
}

fn kernel(fib: &v1::FibStatus, operations: f64, look: Look) -> Line<'static> {
    let v1::FibStatus { wanted, programmed, pending, failed, conflicts, errors, overruns, synced, .. } = *fib;
    let counts = [(pending, "pending"), (failed, "failed"), (conflicts, "in conflict")];
    let lost = [(errors, "errors"), (overruns, "overruns")];
    in_kernel("Kernel", [programmed, wanted], "entries", &counts, operations, &lost, synced, look)
}

fn native(routes: &v1::RouteStatus, operations: f64, look: Look) -> Line<'static> {
    let v1::RouteStatus { wanted, programmed, pending, failed, conflicts, unreachable, .. } = *routes;
    let v1::RouteStatus { errors, overruns, synced, .. } = *routes;
    let counts =
        [(pending, "pending"), (failed, "failed"), (conflicts, "in conflict"), (unreachable, "unreachable")];
    let lost = [(errors, "errors"), (overruns, "overruns")];
    in_kernel("Routes", [programmed, wanted], "routes", &counts, operations, &lost, synced, look)
}

#[expect(clippy::too_many_arguments, reason = "one line of a picture, from two kinds of messages")]
fn in_kernel(
    name: &str,
    [programmed, wanted]: [u64; 2],
    things: &str,
    counts: &[(u64, &str)],
    operations: f64,
    lost: &[(u64, &str)],
    synced: bool,
    look: Look,
) -> Line<'static> {
    let mut spans = vec![Span::raw(format!("{name:<10}{programmed} of {wanted} {things}"))];
    let count = |tone: Tone| {
        move |(count, word): &(u64, &str)| {
            let tone = if *count == 0 { Tone::Plain } else { tone };
            Span::styled(format!(", {count} {word}"), look.style(tone))
        }
    };
    // What is on its way is no fault.
    spans.extend(counts.iter().take(1).map(count(Tone::Waiting)));
    spans.extend(counts.iter().skip(1).filter(|(count, _)| *count > 0).map(count(Tone::Bad)));
    spans.push(Span::raw(format!("; {} ops/s", rate(operations))));
    spans.extend(lost.iter().map(count(Tone::Waiting)));
    if !synced {
        spans.push(Span::styled("; not read in full yet", look.style(Tone::Waiting)));
    }
    Line::from(spans)
}
