//! BFD sessions in the API's words.

use std::time::{Duration, Instant};

use api::query::page_size;
use api::v1;
use bfd::{Diagnostic, Info, State};

use crate::core::Core;
use crate::core::peer::Peer;

use super::row::{seconds_since, text};
use super::{Answered, parse_token, token};

impl Core {
    pub(super) fn list_bfd_sessions(
        &self,
        now: Instant,
        query: &v1::ListBfdSessionsRequest,
    ) -> Answered<v1::ListBfdSessionsResponse> {
        let [from] = parse_token(&query.page_token)?;
        let mut watched: Vec<&Peer> = match query.neighbor.as_str() {
            "" => self.peers.iter().collect(),
            address => vec![self.neighbor(address)?],
        };
        watched.retain(|peer| peer.config.bfd.is_some());
        watched.sort_by_key(|peer| peer.config.address);
        let size = page_size(query.page_size);
        let rows = watched.iter().skip(from as usize).take(size).filter_map(|peer| row(now, peer)).collect();
        let next = from as usize + size;
        let next_page_token = if next < watched.len() { token([next as u32]) } else { String::new() };
        Ok(v1::ListBfdSessionsResponse { bfd_sessions: rows, next_page_token })
    }
}

/// A neighbour's session, if there is to be one.
pub(super) fn row(now: Instant, peer: &Peer) -> Option<v1::BfdSession> {
    let config = peer.config.bfd?;
    let mut row = v1::BfdSession {
        neighbor: peer.config.address.to_string(),
        multihop: config.multihop.unwrap_or(false),
        multiplier: config.multiplier.into(),
        strict: config.strict,
        ..v1::BfdSession::default()
    };
    if let Some(picture) = &peer.bfd.picture {
        row.local_address = text(picture.local);
        row.multihop = picture.multihop;
        row.error = picture.error.clone().unwrap_or_default();
        if let Some(info) = &picture.info {
            fill_in(now, info, &mut row);
        }
    }
    Some(row)
}

fn fill_in(now: Instant, info: &Info, row: &mut v1::BfdSession) {
    row.state = state(info.state).into();
    row.since_seconds = Some(seconds_since(now, info.since));
    row.diagnostic = diagnostic(info.diagnostic);
    row.remote_state = state(info.remote_state).into();
    row.remote_diagnostic = diagnostic(info.remote_diagnostic);
    row.local_discriminator = info.discriminator;
    row.remote_discriminator = info.remote_discriminator;
    row.transmit_interval_ms = info.transmit_interval.map(millis);
    row.receive_interval_ms = Some(millis(info.receive_interval));
    row.remote_multiplier = info.remote_multiplier.into();
    row.detection_time_ms = millis(info.detection_time);
    (row.ups, row.downs) = (info.ups, info.downs);
    (row.packets_sent, row.packets_received) = (info.sent, info.received);
    row.packets_discarded = info.discarded;
    row.discard_reason = text(info.last_discard);
    row.remote_independent = info.remote_independent;
}

fn state(state: State) -> v1::BfdState {
    match state {
        State::AdminDown => v1::BfdState::Admindown,
        State::Down => v1::BfdState::Down,
        State::Init => v1::BfdState::Init,
        State::Up => v1::BfdState::Up,
    }
}

fn diagnostic(diagnostic: Diagnostic) -> String {
    if diagnostic == Diagnostic::NONE { String::new() } else { diagnostic.to_string() }
}

fn millis(time: Duration) -> u32 {
    time.as_millis().try_into().unwrap_or(u32::MAX)
}
