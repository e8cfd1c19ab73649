//! BFD sessions.

use std::io;

use api::v1;

use super::field;
use crate::cli::output::{Output, Row};
use crate::cli::table::{Cell, Column, Tone};
use crate::cli::text::duration;

impl Row for v1::BfdSession {
    type Line = v1::BfdSession;
    const NAME: &'static str = "BFD sessions";
    const COLUMNS: &'static [Column<v1::BfdSession>] = &[
        Column::text("Neighbor", |session| (&session.neighbor).into()),
        Column::text("State", state),
        Column::number("Since", |session| session.since_seconds.map_or("never".into(), duration).into()),
        Column::text("Hops", |session| (if session.multihop { "multi" } else { "single" }).into()),
        Column::number("TxMs", |session| session.transmit_interval_ms.into()),
        Column::number("RxMs", |session| session.receive_interval_ms.into()),
        Column::number("DetectMs", |session| session.detection_time_ms.into()),
        Column::wide_number("Mult", |session| session.multiplier.into()),
        Column::wide_number("TheirMult", |session| session.remote_multiplier.into()),
        Column::wide_text("Their-State", |session| state_name(session.remote_state()).into()),
        Column::wide_number("Ups", |session| session.ups.into()),
        Column::number("Downs", |session| session.downs.into()),
        Column::wide_number("Sent", |session| session.packets_sent.into()),
        Column::wide_number("Rcvd", |session| session.packets_received.into()),
        Column::wide_number("Discarded", |session| session.packets_discarded.into()),
        Column::text("Reason", |session| reason(session).into()),
    ];

    fn lines(self) -> impl Iterator<Item = v1::BfdSession> {
        std::iter::once(self)
    }
}

fn state(session: &v1::BfdSession) -> Cell<'_> {
    let tone = match session.state() {
        v1::BfdState::Up => Tone::Good,
        v1::BfdState::Admindown | v1::BfdState::Unspecified => Tone::Waiting,
        v1::BfdState::Down | v1::BfdState::Init => Tone::Bad,
    };
    Cell::from(state_name(session.state())).tone(tone)
}

/// As RFC 5880 writes them.
fn state_name(state: v1::BfdState) -> &'static str {
    match state {
        v1::BfdState::Unspecified => "",
        v1::BfdState::Admindown => "AdminDown",
        v1::BfdState::Down => "Down",
        v1::BfdState::Init => "Init",
        v1::BfdState::Up => "Up",
    }
}

/// Why it is as it is: what keeps it from working, or what ended it.
fn reason(session: &v1::BfdSession) -> &str {
    if session.error.is_empty() { &session.diagnostic } else { &session.error }
}

/// One session in a line, for its neighbour's page: `Up for 00:01:00, detects a loss in 900 ms`.
pub(super) fn in_one_line(session: &v1::BfdSession) -> String {
    let waits = if session.strict { ", BGP waits for it" } else { "" };
    match session.state() {
        _ if !session.error.is_empty() => format!("{}{waits}", session.error),
        v1::BfdState::Unspecified if session.strict => format!("not running{waits}"),
        v1::BfdState::Unspecified => "begins with the session".to_owned(),
        v1::BfdState::Up => {
            format!("{}, detects a loss in {} ms", standing(session), session.detection_time_ms)
        }
        _ => format!("{}{}{waits}", standing(session), because(&session.diagnostic)),
    }
}

fn standing(session: &v1::BfdSession) -> String {
    let since =
        session.since_seconds.map(|seconds| format!(" for {}", duration(seconds))).unwrap_or_default();
    format!("{}{since}", state_name(session.state()))
}

fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}

/// One session in detail.
pub(crate) fn show_bfd_session(output: &mut Output<'_>, session: &v1::BfdSession) -> io::Result<()> {
    let out = &mut *output.out;
    writeln!(out, "{}", Tone::Strong.paint(&session.neighbor, output.colour))?;
    let ours = match session.state() {
        v1::BfdState::Unspecified => String::new(),
        _ => format!("{}{}", standing(session), because(&session.diagnostic)),
    };
    field(out, "State", &ours)?;
    field(out, "Error", &session.error)?;
    if session.remote_discriminator != 0 {
        let theirs = format!("{}{}", state_name(session.remote_state()), because(&session.remote_diagnostic));
        field(out, "Their state", &theirs)?;
    }
    field(out, "Local address", &session.local_address)?;
    field(out, "Hops", if session.multihop { "several (RFC 5883)" } else { "one (RFC 5881)" })?;
    field(out, "BGP", if session.strict { "waits for this session" } else { "ends with this session" })?;
    if session.state() == v1::BfdState::Unspecified {
        return Ok(());
    }
    field(out, "Intervals", &intervals(session))?;
    field(out, "Multipliers", &format!("ours {}, theirs {}", session.multiplier, session.remote_multiplier))?;
    let v1::BfdSession { local_discriminator: ours, remote_discriminator: theirs, .. } = session;
    field(out, "Discriminator", &format!("ours {ours}, theirs {theirs}"))?;
    field(out, "Transitions", &format!("up {}, down {}", session.ups, session.downs))?;
    field(out, "Packets", &packets(session))
}

fn intervals(session: &v1::BfdSession) -> String {
    let of = |interval: Option<u32>| interval.map_or("never".to_owned(), |ms| format!("every {ms} ms"));
    let detection = match session.detection_time_ms {
        0 => String::new(),
        ms => format!(", lost after {ms} ms of silence"),
    };
    let (sent, received) = (of(session.transmit_interval_ms), of(session.receive_interval_ms));
    format!("sent {sent}, received {received}{detection}")
}

fn packets(session: &v1::BfdSession) -> String {
    let v1::BfdSession { packets_sent, packets_received, packets_discarded, .. } = session;
    let discarded = match packets_discarded {
        0 => String::new(),
        count => format!(", discarded {count} (the last one {})", session.discard_reason),
    };
    format!("sent {packets_sent}, received {packets_received}{discarded}")
}
