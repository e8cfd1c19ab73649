//! Neighbours: a table with a line for each family, and one neighbour in detail.

use std::borrow::Cow;
use std::io::{self, Write};

use api::{Word, v1};

use super::bfd::in_one_line;
use super::{field, marks, refused};
use crate::cli::output::{Output, Row};
use crate::cli::table::{Cell, Column, Table, Tone};
use crate::cli::text::{duration, printable};

/// A neighbour and one of its families.
#[derive(Debug)]
pub(crate) struct Line {
    neighbor: v1::Neighbor,
    family: v1::NeighborFamily,
}

impl Row for v1::Neighbor {
    type Line = Line;
    const NAME: &'static str = "neighbors";
    const COLUMNS: &'static [Column<Line>] = &[
        Column::text("Neighbor", |line| (&line.neighbor.address).into()),
        Column::number("AS", |line| Some(line.neighbor.remote_as).filter(|&asn| asn != 0).into()),
        Column::wide_text("Router-ID", |line| (&line.neighbor.router_id).into()),
        Column::number("Up/Down", |line| since(&line.neighbor).into()),
        Column::text("State", state),
        Column::text("Family", |line| (&line.family.family).into()),
        Column::number("Acc", |line| line.family.accepted.into()),
        Column::number("Adv", |line| line.family.advertised.into()),
        Column::wide_text("InSync", |line| (if line.family.in_sync { "yes" } else { "no" }).into()),
        Column::wide_number("TblVer", |line| line.family.version.into()),
        Column::wide_number("MsgRcvd", |line| total(line.neighbor.messages_received.as_ref()).into()),
        Column::wide_number("MsgSent", |line| total(line.neighbor.messages_sent.as_ref()).into()),
        Column::wide_number("Flaps", |line| line.neighbor.flaps.into()),
        Column::text("Description", |line| (&line.neighbor.description).into()),
    ];

    fn lines(mut self) -> impl Iterator<Item = Line> {
        let mut families = std::mem::take(&mut self.families);
        if families.is_empty() {
            families.push(v1::NeighborFamily::default());
        }
        families.into_iter().map(move |family| Line { neighbor: self.clone(), family })
    }
}

fn since(neighbor: &v1::Neighbor) -> String {
    neighbor.since_seconds.map_or("never".into(), duration)
}

fn state(line: &Line) -> Cell<'_> {
    let (name, tone) = session_word(&line.neighbor, std::slice::from_ref(&line.family));
    Cell::from(name).tone(tone)
}

/// A neighbour's session in a word.
pub(crate) fn session_in_a_word(neighbor: &v1::Neighbor) -> (&'static str, Tone) {
    session_word(neighbor, &neighbor.families)
}

fn session_word(neighbor: &v1::Neighbor, families: &[v1::NeighborFamily]) -> (&'static str, Tone) {
    let exceeded = families.iter().any(|family| family.max_prefix_state() == v1::LimitState::Exceeded);
    match neighbor.state() {
        _ if neighbor.admin_state() == v1::AdminState::Shutdown => ("Shutdown", Tone::Waiting),
        v1::NeighborState::Established if neighbor.leaves_within_seconds.is_some() => {
            ("Established (leaves)", Tone::Waiting)
        }
        v1::NeighborState::Idle if exceeded => ("Idle (PfxLimit)", Tone::Bad),
        v1::NeighborState::Established => ("Established", Tone::Good),
        state => (state_name(state), Tone::Bad),
    }
}

/// As RFC 4271 writes them.
fn state_name(state: v1::NeighborState) -> &'static str {
    match state {
        v1::NeighborState::Unspecified => "",
        v1::NeighborState::Idle => "Idle",
        v1::NeighborState::Connect => "Connect",
        v1::NeighborState::Active => "Active",
        v1::NeighborState::Opensent => "OpenSent",
        v1::NeighborState::Openconfirm => "OpenConfirm",
        v1::NeighborState::Established => "Established",
    }
}

fn total(counts: Option<&v1::MessageCounts>) -> u64 {
    counts.map_or(0, |c| c.open + c.update + c.notification + c.keepalive + c.route_refresh)
}

/// One neighbour in detail.
pub(crate) fn show_neighbor(output: &mut Output<'_>, neighbor: &v1::Neighbor) -> io::Result<()> {
    let out = &mut *output.out;
    let head = [neighbor.address.as_str(), neighbor.description.as_str()].join(" ");
    writeln!(out, "{}", Tone::Strong.paint(printable(&head).trim_end(), output.colour))?;
    field(out, "State", &session_state(neighbor))?;
    field(out, "AS", &systems(neighbor))?;
    field(out, "Router ID", &neighbor.router_id)?;
    field(out, "Host name", &neighbor.host_name)?;
    field(out, "Software", &neighbor.software_version)?;
    field(out, "Role", &role(neighbor))?;
    field(out, "Connection", &connection(neighbor))?;
    field(out, "Timers", &timers(neighbor))?;
    field(out, "Protection", &protection(neighbor))?;
    field(out, "BFD", &neighbor.bfd.as_ref().map(in_one_line).unwrap_or_default())?;
    field(out, "Peer group", &neighbor.peer_group)?;
    field(out, "Kind", &kind(neighbor))?;
    field(out, "Next hop", &neighbor.next_hop)?;
    field(out, "We announced", &neighbor.capabilities_sent.join(", "))?;
    field(out, "It announced", &neighbor.capabilities_received.join(", "))?;
    field(out, "In use", &neighbor.capabilities_agreed.join(", "))?;
    field(out, "Restart", &neighbor.graceful_restart.as_ref().map(restart).unwrap_or_default())?;
    neighbor.families.iter().try_for_each(|family| field(out, "Stale routes", &stale(family)))?;
    field(out, "Session lost", &times(neighbor.flaps))?;
    field(out, "Last error", &last_error(neighbor))?;
    field(out, "Refused", &refused(&neighbor.rejected))?;
    field(out, "Too large", &oversized(neighbor.oversized))?;
    field(out, "Import policy", &neighbor.import_policies.join(", then "))?;
    field(out, "Export policy", &neighbor.export_policies.join(", then "))?;
    field(out, "Bad UPDATEs", &faults(neighbor))?;
    neighbor.faults.iter().try_for_each(|fault| field(out, "", &fault_line(fault)))?;
    section(out, FAMILIES, &neighbor.families, output.colour)?;
    section(out, IMPORT_HITS, &neighbor.import_hits, output.colour)?;
    section(out, EXPORT_HITS, &neighbor.export_hits, output.colour)?;
    section(out, MESSAGES, &messages(neighbor), output.colour)
}

fn section<R>(
    out: &mut dyn Write,
    columns: &'static [Column<R>],
    rows: &[R],
    colour: bool,
) -> io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    Table::new(columns, true, colour).indented("  ").all(rows, out)
}

/// What the neighbour does about graceful restart, such as `back within 120 s: l2vpn-evpn; notification`.
fn restart(restart: &v1::GracefulRestart) -> String {
    let families = match restart.families.is_empty() {
        true => "helps, does not restart gracefully itself".to_owned(),
        false => format!("back within {} s: {}", restart.restart_time_seconds, restart.families.join(", ")),
    };
    let long_lived = match restart.long_lived.is_empty() {
        true => String::new(),
        false => format!("kept for long: {}", restart.long_lived.join(", ")),
    };
    let notification = if restart.notification { "outlives notifications" } else { "" };
    let restarted = if restart.restarted { "has restarted" } else { "" };
    let parts = [families.as_str(), &long_lived, notification, restarted];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
}

/// The routes of a family that have outlived a session, such as `l2vpn-evpn: 12, the neighbor is away, 95 s left`.
fn stale(family: &v1::NeighborFamily) -> String {
    let phase = match family.stale_phase() {
        v1::StalePhase::Unspecified => return String::new(),
        v1::StalePhase::Away => "the neighbor is away",
        v1::StalePhase::LongLived => "the neighbor is away for long",
        v1::StalePhase::Returned => "the neighbor is back",
    };
    let left = family.stale_seconds_left.map(|seconds| format!(", {seconds} s left")).unwrap_or_default();
    format!("{}: {}, {phase}{left}", family.family, family.stale)
}

fn session_state(neighbor: &v1::Neighbor) -> String {
    let name = state_name(neighbor.state());
    let admin =
        if neighbor.admin_state() == v1::AdminState::Shutdown { ", shut down by the operator" } else { "" };
    let leaves = neighbor.leaves_within_seconds;
    let leaves = leaves.map(|seconds| format!(", leaves once others have been heard, within {seconds} s"));
    let admin = leaves.unwrap_or(admin.to_owned());
    match (neighbor.state(), neighbor.since_seconds) {
        (_, None) => format!("{name}, never established{admin}"),
        (v1::NeighborState::Established, Some(seconds)) => format!("{name} for {}{admin}", duration(seconds)),
        (_, Some(seconds)) => format!("{name}, down for {}{admin}", duration(seconds)),
    }
}

fn systems(neighbor: &v1::Neighbor) -> String {
    let (remote, local) = (neighbor.remote_as, neighbor.local_as);
    let relation = if remote == local { "internal" } else { "external" };
    match remote {
        0 => format!("any, local {local}"),
        _ => format!("{remote}, local {local}, {relation}"),
    }
}

/// `provider, it is customer`: what this node is to the neighbour, and what that says it is itself.
fn role(neighbor: &v1::Neighbor) -> String {
    match (neighbor.role.as_str(), neighbor.remote_role.as_str()) {
        ("", "") => String::new(),
        ("", theirs) => format!("none here, it says it is {theirs}"),
        (ours, "") => format!("{ours} to it"),
        (ours, theirs) => format!("{ours} to it, it says it is {theirs}"),
    }
}

fn connection(neighbor: &v1::Neighbor) -> String {
    if neighbor.local_address.is_empty() {
        return String::new();
    }
    let local = socket_address(&neighbor.local_address, neighbor.local_port);
    let remote =
        if neighbor.remote_address.is_empty() { &neighbor.address } else { &neighbor.remote_address };
    let link =
        if neighbor.interface.is_empty() { String::new() } else { format!(" on {}", neighbor.interface) };
    format!("{local} to {}{link}", socket_address(remote, neighbor.remote_port))
}

fn socket_address(address: &str, port: u32) -> String {
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}

fn timers(neighbor: &v1::Neighbor) -> String {
    match (neighbor.hold_time_seconds, neighbor.keepalive_seconds) {
        (0, 0) => String::new(),
        (hold, keepalive) => format!("hold {hold} s, keepalive {keepalive} s"),
    }
}

/// How segments are signed, and from how far away they may come.
fn protection(neighbor: &v1::Neighbor) -> String {
    let signature = neighbor.authentication.to_uppercase();
    let hops = match neighbor.ttl_security_hops {
        0 => String::new(),
        1 => "on the link only (GTSM)".into(),
        hops => format!("at most {hops} hops away (GTSM)"),
    };
    let both = [signature, hops];
    both.iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn kind(neighbor: &v1::Neighbor) -> String {
    let client = (neighbor.route_reflector_client, "route reflector client");
    let kept = (neighbor.keeps_received, "what it sends is kept as it comes");
    marks([client, (neighbor.dynamic, "dynamic"), kept]).replace(',', ", ")
}

fn oversized(routes: u64) -> String {
    match routes {
        0 => String::new(),
        _ => format!("{routes} routes not sent: their attributes fit into no message"),
    }
}

fn faults(neighbor: &v1::Neighbor) -> String {
    let (discarded, withdrawn) = (neighbor.faults_discarded, neighbor.faults_withdrawn);
    match neighbor.faults_total {
        0 => String::new(),
        total => format!("{}: {withdrawn} treated as withdrawn, {discarded} discarded", times(total)),
    }
}

fn times(count: u64) -> String {
    match count {
        0 => String::new(),
        1 => "once".into(),
        _ => format!("{count} times"),
    }
}

fn last_error(neighbor: &v1::Neighbor) -> String {
    match neighbor.last_error_by() {
        _ if neighbor.last_error.is_empty() => String::new(),
        v1::EndedBy::Local => format!("{} (ended by us)", neighbor.last_error),
        v1::EndedBy::Remote => format!("{} (ended by the neighbor)", neighbor.last_error),
        v1::EndedBy::Network => format!("{} (ended by the network)", neighbor.last_error),
        v1::EndedBy::Unspecified => neighbor.last_error.clone(),
    }
}

fn fault_line(fault: &v1::Fault) -> String {
    let v1::Fault { verdict, attribute, text, hex, age_seconds, section } = fault;
    let section = if section.is_empty() { Cow::Borrowed("") } else { format!(" ({section})").into() };
    let hex = if hex.is_empty() { Cow::Borrowed("") } else { format!(" [{hex}]").into() };
    format!("{} ago: {attribute}: {text}: {verdict}{section}{hex}", duration(*age_seconds))
}

const FAMILIES: &[Column<v1::NeighborFamily>] = &[
    Column::text("Family", |family| (&family.family).into()),
    Column::text("Negotiated", |family| yes_or_no(family.negotiated)),
    Column::number("Accepted", |family| family.accepted.into()),
    Column::number("Stale", |family| family.stale.into()),
    Column::text("Limit", |family| limit(family).into()),
    Column::number("Advertised", |family| family.advertised.into()),
    Column::text("In-Sync", |family| yes_or_no(family.in_sync)),
    Column::number("Version", |family| family.version.into()),
    Column::text("End-of-RIB", |family| {
        marks([(family.end_of_rib_received, "received"), (family.end_of_rib_sent, "sent")]).into()
    }),
];

const IMPORT_HITS: &[Column<v1::PolicyHits>] =
    &[Column::text("Import policy", |row| (&row.policy).into()), STATEMENT, ACTION, ROUTES];

const EXPORT_HITS: &[Column<v1::PolicyHits>] =
    &[Column::text("Export policy", |row| (&row.policy).into()), STATEMENT, ACTION, ROUTES];

const STATEMENT: Column<v1::PolicyHits> = Column::text("Statement", |row| (&row.statement).into());
const ACTION: Column<v1::PolicyHits> = Column::text("Action", |row| (&row.action).into());
const ROUTES: Column<v1::PolicyHits> = Column::number("Routes", |row| row.routes.into());

fn limit(family: &v1::NeighborFamily) -> String {
    let Some(limit) = family.max_prefix else { return String::new() };
    match family.max_prefix_state() {
        v1::LimitState::Warning => format!("{limit} (near)"),
        v1::LimitState::Exceeded => format!("{limit} (exceeded)"),
        v1::LimitState::Below | v1::LimitState::Unspecified => limit.to_string(),
    }
}

fn yes_or_no(value: bool) -> Cell<'static> {
    (if value { "yes" } else { "no" }).into()
}

/// The messages of one direction.
#[derive(Debug)]
struct Messages {
    direction: &'static str,
    counts: v1::MessageCounts,
}

fn messages(neighbor: &v1::Neighbor) -> Vec<Messages> {
    let directions = [("received", neighbor.messages_received), ("sent", neighbor.messages_sent)];
    directions
        .into_iter()
        .filter_map(|(direction, counts)| Some(Messages { direction, counts: counts? }))
        .collect()
}

const MESSAGES: &[Column<Messages>] = &[
    Column::text("Messages", |messages| messages.direction.into()),
    Column::number("Open", |messages| messages.counts.open.into()),
    Column::number("Update", |messages| messages.counts.update.into()),
    Column::number("Notification", |messages| messages.counts.notification.into()),
    Column::number("Keepalive", |messages| messages.counts.keepalive.into()),
    Column::number("Refresh", |messages| messages.counts.route_refresh.into()),
];

/// The state's word in a monitor line.
pub(super) fn state_word(neighbor: &v1::Neighbor) -> Cow<'static, str> {
    v1::NeighborState::word(neighbor.state)
}
