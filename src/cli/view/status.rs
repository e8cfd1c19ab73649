//! The daemon at a glance.

use std::io;

use api::v1;

use super::{field, refused};
use crate::cli::output::Output;
use crate::cli::table::{Column, Table, Tone};
use crate::cli::text::{bytes, duration};

const TABLES: &[Column<v1::TableStatus>] = &[
    Column::text("Table", |table| (&table.family).into()),
    Column::number("Destinations", |table| table.destinations.into()),
    Column::number("Paths", |table| table.paths.into()),
    Column::number("Version", |table| table.version.into()),
];

/// The status.
pub(crate) fn show_status(output: &mut Output<'_>, status: &v1::Status) -> io::Result<()> {
    let out = &mut *output.out;
    writeln!(out, "{}", Tone::Strong.paint(&format!("linnetd {}", status.version), output.colour))?;
    field(out, "Process", &process(status))?;
    field(out, "BGP", &bgp(status))?;
    field(
        out,
        "Neighbors",
        &format!("{} of {} established", status.neighbors_established, status.neighbors),
    )?;
    status.dynamic_ranges.iter().try_for_each(|range| field(out, "", &dynamic(range)))?;
    if let Some(configuration) = &status.configuration {
        field(out, "Configuration", &standing(configuration))?;
    }
    field(out, "EVPN", &evpn(status))?;
    if let Some(status) = &status.hosts {
        field(out, "Hosts", &hosts(status))?;
        field(out, "", &questions(status))?;
    }
    if let Some(fib) = &status.fib {
        field(out, "Kernel", &kernel(fib))?;
        field(out, "", &work(fib))?;
        field(out, "", &looks((fib.resyncs, fib.resync_age_seconds), (fib.audits, fib.audit_age_seconds)))?;
    }
    if let Some(routes) = &status.routes {
        field(out, "Routes", &in_kernel(routes))?;
        field(out, "", &of_routes(routes))?;
        let (resyncs, audits) = (routes.resyncs, routes.audits);
        field(out, "", &looks((resyncs, routes.resync_age_seconds), (audits, routes.audit_age_seconds)))?;
    }
    status.host_warnings.iter().try_for_each(|warning| field(out, "Warning", warning))?;
    if status.tables.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    Table::new(TABLES, true, output.colour).indented("  ").all(&status.tables, out)
}

fn process(status: &v1::Status) -> String {
    let v1::Status {
        pid, longest_turn_microseconds: longest, longest_turn_of_late_microseconds: late, ..
    } = status;
    let [longest, late] = [longest, late].map(|turn| format!("{:.1} ms", *turn as f64 / 1000.0));
    let (up, memory) = (duration(status.uptime_seconds), bytes(status.memory_bytes));
    format!("pid {pid}, up {up}, {memory}, longest turn {longest}, of late {late}")
}

fn bgp(status: &v1::Status) -> String {
    let cluster = match status.cluster_id.as_str() {
        "" => String::new(),
        id if id == status.router_id => String::new(),
        id => format!(", cluster {id}"),
    };
    format!("AS {}, router ID {}{cluster}", status.asn, status.router_id)
}

fn dynamic(range: &v1::DynamicRange) -> String {
    let v1::DynamicRange { range, limit, neighbors, refused } = range;
    let refused = if *refused == 0 { String::new() } else { format!(", {refused} refused") };
    format!("{neighbors} of at most {limit} from {range}{refused}")
}

/// How the running configuration stands to the file; empty where there is nothing to say.
fn standing(configuration: &v1::ConfigurationStatus) -> String {
    let changed = configuration.origin() == v1::ConfigurationOrigin::Api;
    let changed = changed.then(|| "changed since the file was read".to_owned());
    let waits = configuration.confirm_within_seconds;
    let waits = waits.map(|seconds| format!("taken back in {seconds} s unless confirmed"));
    let restart = Some(configuration.needs_restart.join(", ")).filter(|keys| !keys.is_empty());
    let restart = restart.map(|keys| format!("in force after the next start only: {keys}"));
    changed.into_iter().chain(waits).chain(restart).collect::<Vec<_>>().join("; ")
}

fn evpn(status: &v1::Status) -> String {
    let v1::Status { vnis, macs, arps, vteps, .. } = status;
    format!("{vnis} VNIs, {macs} MACs, {arps} ARP and ND bindings, {vteps} remote VTEPs")
}

/// Who is attached here.
fn hosts(hosts: &v1::HostStatus) -> String {
    let v1::HostStatus { known, asked, missed, devices, deaf_devices, .. } = hosts;
    let deaf = match deaf_devices {
        0 => String::new(),
        deaf => format!("; not heard, and not asked, on {deaf} of {devices} devices (CAP_NET_RAW?)"),
    };
    format!("{known} addresses known here, {asked} being asked, {missed} waited for{deaf}")
}

fn questions(hosts: &v1::HostStatus) -> String {
    let v1::HostStatus { probed, answered, given_up, questions_per_second: rate, .. } = hosts;
    format!("questions {probed}, answered {answered}, given up {given_up}; {rate} a second")
}

fn kernel(fib: &v1::FibStatus) -> String {
    let counts = [(fib.pending, "pending"), (fib.failed, "failed"), (fib.conflicts, "in conflict")];
    programmed(fib.programmed, fib.wanted, "entries", &counts, fib.synced)
}

fn in_kernel(routes: &v1::RouteStatus) -> String {
    let counts = [
        (routes.pending, "pending"),
        (routes.failed, "failed"),
        (routes.conflicts, "in conflict"),
        (routes.unreachable, "unreachable"),
        (routes.refused, "refused"),
    ];
    let why =
        if routes.refusals.is_empty() { String::new() } else { format!(" ({})", refused(&routes.refusals)) };
    programmed(routes.programmed, routes.wanted, "routes", &counts, routes.synced) + &why
}

/// `3 of 5 entries programmed, 1 pending`: what of much there is.
fn programmed(done: u64, wanted: u64, things: &str, counts: &[(u64, &str)], synced: bool) -> String {
    let mut text = format!("{done} of {wanted} {things} programmed");
    for (count, word) in counts.iter().filter(|(count, _)| *count > 0) {
        text.push_str(&format!(", {count} {word}"));
    }
    text + if synced { "" } else { ", not read in full yet" }
}

fn work(fib: &v1::FibStatus) -> String {
    let v1::FibStatus { operations, errors, overruns, repairs, drifts, .. } = fib;
    format!(
        "operations {operations}, errors {errors}, overruns {overruns}, repairs {repairs}, drifts {drifts}"
    )
}

fn of_routes(routes: &v1::RouteStatus) -> String {
    let v1::RouteStatus { operations, errors, overruns, repairs, drifts, .. } = routes;
    format!(
        "operations {operations}, errors {errors}, overruns {overruns}, repairs {repairs}, drifts {drifts}"
    )
}

/// How often the kernel was read at once and looked at without a cause, and how long ago.
fn looks(resyncs: (u64, Option<u64>), audits: (u64, Option<u64>)) -> String {
    let look = |what: &str, (times, age): (u64, Option<u64>)| match age {
        Some(age) => format!("{what} {times}, the last {} ago", duration(age)),
        None => format!("{what} {times}"),
    };
    format!("{}; {}", look("full reads", resyncs), look("audits", audits))
}
