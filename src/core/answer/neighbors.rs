//! Neighbours: their sessions, and what operators do to these.

use std::time::Instant;

use api::query::{ApiError, page_size};
use api::v1;
use bgp::rib::Rejected;
use bgp::session::{Down, MessageCounts, PeerRestart, RemoteAs, StateName};
use bgp::types::{Family, FamilySet};
use bgp::wire::{Fault, Verdict};

use crate::config::NeighborAddress;
use crate::core::limits::Standing;
use crate::core::peer::Peer;
use crate::core::restart::Phase;
use crate::core::{Core, SessionCommand};

use super::row::{hex, rejected, seconds, seconds_since, text, texts};
use super::{Answered, bfd, parse, parse_token, token};

/// The longest text that goes into a NOTIFICATION (RFC 9003 section 2).
const MESSAGE_OCTETS: usize = 255;

/// Why routes of an eBGP neighbour are refused where nothing says what may be taken (RFC 8212).
const NO_POLICY: &str = "no-policy";

impl Core {
    /// The neighbour with this address.
    pub(super) fn neighbor(&self, address: &str) -> Answered<&Peer> {
        let parsed: NeighborAddress = parse("address", address)?;
        let missing = || ApiError::NotFound(format!("no neighbour is called {address}"));
        self.peers.by_address(parsed).ok_or_else(missing)
    }

    pub(super) fn list_neighbors(
        &self,
        now: Instant,
        query: &v1::ListNeighborsRequest,
    ) -> Answered<v1::ListNeighborsResponse> {
        let [from] = parse_token(&query.page_token)?;
        let wanted =
            |peer: &&Peer| query.states.is_empty() || query.states.contains(&state(peer.state()).into());
        let mut sorted: Vec<&Peer> = self.peers.iter().filter(wanted).collect();
        sorted.sort_by_key(|peer| peer.config.address);
        let size = page_size(query.page_size);
        let rows =
            sorted.iter().skip(from as usize).take(size).map(|peer| self.neighbor_row(now, peer)).collect();
        let next = from as usize + size;
        let next_page_token = if next < sorted.len() { token([next as u32]) } else { String::new() };
        Ok(v1::ListNeighborsResponse { neighbors: rows, next_page_token })
    }

    pub(super) fn get_neighbor(
        &self,
        now: Instant,
        query: &v1::GetNeighborRequest,
    ) -> Answered<v1::Neighbor> {
        Ok(self.neighbor_row(now, self.neighbor(&query.address)?))
    }

    pub(super) fn reset_neighbor(
        &mut self,
        query: &v1::ResetNeighborRequest,
    ) -> Answered<v1::ResetNeighborResponse> {
        use v1::ResetKind;
        let text = message(&query.message)?;
        let peer = self.neighbor(&query.address)?;
        let id = peer.id;
        let kind = ResetKind::try_from(query.kind).unwrap_or_default();
        if matches!(kind, ResetKind::Hard | ResetKind::Unspecified) {
            // A session that was ended for too many routes is let up again.
            let stopped = peer.limits.is_stopped();
            self.command(id, if stopped { SessionCommand::Enable } else { SessionCommand::Reset(text) });
            return Ok(v1::ResetNeighborResponse {});
        }
        let families = match &peer.session {
            Some(session) => session.agreed.families,
            None => {
                let error = format!("the session with {} is not established", query.address);
                return Err(ApiError::FailedPrecondition(error));
            }
        };
        if matches!(kind, ResetKind::Soft | ResetKind::SoftIn) {
            families.iter().for_each(|family| self.command(id, SessionCommand::RequestRefresh(family)));
        }
        if matches!(kind, ResetKind::Soft | ResetKind::SoftOut) {
            families.iter().for_each(|family| self.send_again(id, family));
        }
        Ok(v1::ResetNeighborResponse {})
    }

    pub(super) fn set_neighbor_admin(
        &mut self,
        query: &v1::SetNeighborAdminRequest,
    ) -> Answered<v1::SetNeighborAdminResponse> {
        use v1::AdminState;
        let text = message(&query.message)?;
        let id = self.neighbor(&query.address)?.id;
        let command = match AdminState::try_from(query.admin_state).unwrap_or_default() {
            AdminState::Shutdown => SessionCommand::Shutdown(text),
            AdminState::Enabled => SessionCommand::Enable,
            AdminState::Unspecified => {
                return Err(ApiError::InvalidArgument(
                    "admin_state: expected shutdown or enabled".to_owned(),
                ));
            }
        };
        if let Some(peer) = self.peers.get_mut(id) {
            peer.shut_down = matches!(command, SessionCommand::Shutdown(_));
        }
        if matches!(command, SessionCommand::Shutdown(_)) {
            self.forget_kept(id);
        }
        self.administer(id, command);
        Ok(v1::SetNeighborAdminResponse {})
    }

    /// A neighbour's row.
    pub(in crate::core) fn neighbor_row(&self, now: Instant, peer: &Peer) -> v1::Neighbor {
        let mut row = v1::Neighbor {
            address: peer.config.address.to_string(),
            remote_as: match &peer.config.remote_as {
                RemoteAs::Number(asn) => asn.0,
                RemoteAs::Internal => self.config.bgp.asn.0,
                RemoteAs::OneOf(_) | RemoteAs::External | RemoteAs::Any => 0,
            },
            local_as: peer.config.local_as.map_or(self.config.bgp.asn, |local| local.asn).0,
            description: peer.config.description.clone(),
            peer_group: peer.config.peer_group.clone(),
            dynamic: peer.config.range.is_some(),
            state: state(peer.state()).into(),
            admin_state: admin_state(peer).into(),
            since_seconds: peer.down_since.map(|since| seconds_since(now, since)),
            remote_port: peer.config.port.into(),
            families: self.family_rows(now, peer),
            flaps: peer.flaps,
            route_reflector_client: peer.config.route_reflector_client,
            role: text(peer.config.role.map(|role| role.ours)),
            interface: peer.config.address.interface().map(|name| name.to_string()).unwrap_or_default(),
            authentication: peer.config.authentication.name().to_owned(),
            ttl_security_hops: peer.config.hops.limit().unwrap_or_default().into(),
            bfd: bfd::row(now, peer),
            leaves_within_seconds: self.handover.leaves(peer.id).map(|until| seconds_since(until, now)),
            ..v1::Neighbor::default()
        };
        row.rejected = self.rejected_rows(peer);
        row.next_hop = peer.config.next_hop_mode.name().to_owned();
        row.oversized = self.export.oversized(peer.id);
        (row.routes_received, row.routes_sent) = (peer.routes_received, self.export.routes_sent(peer.id));
        row.send_hold_time_seconds = peer.config.send_hold_time.unwrap_or(0);
        self.fill_in_policies(peer, &mut row);
        fill_in_session(now, peer, &mut row);
        fill_in_info(now, peer, &mut row);
        if let Some(down) = &peer.last_down {
            row.last_error = down.to_string();
            row.last_error_by = ended_by(down).into();
        }
        row
    }

    fn rejected_rows(&self, peer: &Peer) -> Vec<v1::RejectedRoutes> {
        let counts = self.rib.rejected(peer.id);
        let refused = Rejected::ALL.into_iter().map(|reason| (reason.name(), counts.get(reason)));
        rejected(refused.chain([(NO_POLICY, peer.refused_for_policy)]).filter(|(_, routes)| *routes > 0))
    }

    fn family_rows(&self, now: Instant, peer: &Peer) -> Vec<v1::NeighborFamily> {
        let negotiated = peer.session.as_ref().map(|session| session.agreed.families).unwrap_or_default();
        let families = Family::ALL.into_iter().filter(|f| peer.config.families.contains(*f));
        families.map(|family| self.family_row(now, peer, family, negotiated.contains(family))).collect()
    }

    fn family_row(&self, now: Instant, peer: &Peer, family: Family, negotiated: bool) -> v1::NeighborFamily {
        let status = self.export.status(&self.rib, peer.id, family);
        let counts = self.rib.counts(peer.id, family);
        let kept = self.restarts.get(peer.id, family);
        let limit = self.standing(peer.id, family);
        v1::NeighborFamily {
            family: family.name().to_owned(),
            negotiated,
            accepted: counts.paths as u64,
            advertised: status.map_or(0, |status| status.advertised as u64),
            in_sync: status.is_some_and(|status| status.in_sync),
            version: status.map_or(0, |status| status.cursor.0),
            end_of_rib_received: peer.has_sent_all(family),
            end_of_rib_sent: status.is_some_and(|status| status.in_sync),
            stale: counts.stale as u64,
            stale_phase: kept.map(|kept| stale_phase(kept.phase)).unwrap_or_default().into(),
            stale_seconds_left: kept.map(|kept| seconds_since(kept.until, now)),
            max_prefix: limit.map(|(limit, _)| limit.into()),
            max_prefix_state: limit.map(|(_, standing)| limit_state(standing).into()).unwrap_or_default(),
        }
    }
}

fn stale_phase(phase: Phase) -> v1::StalePhase {
    match phase {
        Phase::Away => v1::StalePhase::Away,
        Phase::LongLived => v1::StalePhase::LongLived,
        Phase::Returned => v1::StalePhase::Returned,
    }
}

/// What an established session agreed on.
fn fill_in_session(now: Instant, peer: &Peer, row: &mut v1::Neighbor) {
    let Some(session) = &peer.session else { return };
    let agreed = &session.agreed;
    row.remote_as = agreed.remote_asn.0;
    row.since_seconds = Some(seconds_since(now, session.since));
    row.router_id = agreed.remote_router_id.to_string();
    row.local_address = agreed.local.ip().to_string();
    row.remote_address = agreed.remote.ip().to_string();
    row.local_port = agreed.local.port().into();
    row.remote_port = agreed.remote.port().into();
    row.hold_time_seconds = seconds(agreed.hold_time);
    row.keepalive_seconds = seconds(agreed.keepalive);
    row.capabilities_received = texts(&agreed.capabilities_received);
    row.capabilities_sent = texts(&agreed.capabilities_sent);
    row.capabilities_agreed = agreed.in_use();
    row.host_name = agreed.remote_fqdn().map(host_name).unwrap_or_default();
    row.software_version = agreed.remote_software().unwrap_or_default().to_owned();
    row.remote_role = text(agreed.remote_role());
    row.graceful_restart = agreed.restart.as_ref().map(restart_row);
}

fn restart_row(restart: &PeerRestart) -> v1::GracefulRestart {
    let names = |families: FamilySet| families.iter().map(|family| family.name().to_owned()).collect();
    v1::GracefulRestart {
        restart_time_seconds: seconds(restart.restart_time),
        restarted: restart.restarting,
        notification: restart.notification,
        families: names(restart.families),
        preserved: names(restart.preserved),
        long_lived: names(restart.long_lived.iter().flatten().map(|offer| offer.family).collect()),
    }
}

fn host_name((host, domain): (&str, &str)) -> String {
    if domain.is_empty() { host.to_owned() } else { format!("{host}.{domain}") }
}

/// What the session's task counts.
fn fill_in_info(now: Instant, peer: &Peer, row: &mut v1::Neighbor) {
    let Some(info) = &peer.info else { return };
    row.messages_received = Some(counts(&info.received));
    row.messages_sent = Some(counts(&info.sent));
    row.faults_total = info.fault_counts.total();
    row.faults_discarded = info.fault_counts.discarded;
    row.faults_withdrawn = info.fault_counts.withdrawn;
    row.faults = info.faults.iter().rev().map(|(at, fault)| fault_row(now, *at, fault)).collect();
}

fn fault_row(now: Instant, at: Instant, fault: &Fault) -> v1::Fault {
    let verdict = match fault.verdict {
        Verdict::Discard => "attribute-discard",
        Verdict::TreatAsWithdraw => "treat-as-withdraw",
    };
    v1::Fault {
        verdict: verdict.to_owned(),
        attribute: fault.attribute_name(),
        text: fault.what.to_owned(),
        section: fault.section.to_owned(),
        hex: hex(&fault.octets),
        age_seconds: seconds_since(now, at),
    }
}

fn counts(counts: &MessageCounts) -> v1::MessageCounts {
    v1::MessageCounts {
        open: counts.open,
        update: counts.update,
        notification: counts.notification,
        keepalive: counts.keepalive,
        route_refresh: counts.refresh,
    }
}

fn state(state: StateName) -> v1::NeighborState {
    match state {
        StateName::Idle => v1::NeighborState::Idle,
        StateName::Connect => v1::NeighborState::Connect,
        StateName::Active => v1::NeighborState::Active,
        StateName::OpenSent => v1::NeighborState::Opensent,
        StateName::OpenConfirm => v1::NeighborState::Openconfirm,
        StateName::Established => v1::NeighborState::Established,
    }
}

fn limit_state(standing: Standing) -> v1::LimitState {
    match standing {
        Standing::Below => v1::LimitState::Below,
        Standing::Near => v1::LimitState::Warning,
        Standing::Over => v1::LimitState::Exceeded,
    }
}

fn admin_state(peer: &Peer) -> v1::AdminState {
    if peer.shut_down { v1::AdminState::Shutdown } else { v1::AdminState::Enabled }
}

fn ended_by(down: &Down) -> v1::EndedBy {
    match down {
        Down::Local(_) => v1::EndedBy::Local,
        Down::Remote(_) => v1::EndedBy::Remote,
        Down::Transport(_) => v1::EndedBy::Network,
    }
}

fn message(text: &str) -> Answered<Option<String>> {
    if text.len() > MESSAGE_OCTETS {
        let error = format!("message: {} octets; at most {MESSAGE_OCTETS} (RFC 9003)", text.len());
        return Err(ApiError::InvalidArgument(error));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}
