//! What core has to say, as lines of the log.

use bgp::types::PeerId;
use tracing::{debug, info, warn};

use crate::config::diff::Effect;
use crate::core::{BfdLine, Leftover, LogLine, ReleaseReason};

/// Writes a line; `name` tells a neighbour's address.
pub(super) fn write<'n>(line: LogLine, name: impl Fn(PeerId) -> &'n str) {
    match line {
        LogLine::Up(peer, agreed) => info!(
            neighbor = name(peer),
            asn = agreed.remote_asn.0,
            router_id = %agreed.remote_router_id,
            families = ?agreed.families,
            hold_time = agreed.hold_time.as_secs(),
            "session established"
        ),
        LogLine::Down(peer, down) => warn!(neighbor = name(peer), reason = %down, "session ended"),
        LogLine::Failed(peer, down) => debug!(neighbor = name(peer), reason = %down, "no session"),
        LogLine::Faults { peer, new, latest } => warn!(
            neighbor = name(peer),
            discarded = new.discarded,
            withdrawn = new.withdrawn,
            latest = %latest,
            "malformed UPDATEs (RFC 7606)"
        ),
        LogLine::NearLimit { peer, family, routes, limit } => {
            let what = if routes > limit as usize { "too many routes" } else { "nearly too many routes" };
            warn!(neighbor = name(peer), %family, routes, limit, "{what}");
        }
        LogLine::RefreshOverdue(peer, family) => warn!(
            neighbor = name(peer),
            %family,
            "it began to send everything again and did not say that it is done: what it has not sent again goes"
        ),
        LogLine::Reconfigured(changes) if changes.is_empty() => {
            info!("the configuration was read again and says nothing new");
        }
        LogLine::Reconfigured(changes) => changes.iter().for_each(|change| match change.effect {
            Effect::NeedsRestart => warn!("configuration: {change}"),
            _ => info!("configuration: {change}"),
        }),
        LogLine::Confirmed => info!("the change of the configuration is confirmed"),
        LogLine::RolledBack { in_time: true } => info!("the change of the configuration is taken back"),
        LogLine::RolledBack { in_time: false } => {
            warn!("nobody has confirmed the change of the configuration in time: it is taken back");
        }
        LogLine::Bfd(peer, line) => bfd(name(peer), line),
        LogLine::HandsOver(peer) => info!(
            neighbor = name(peer),
            "no longer configured: the session stays until the neighbors that come have been heard"
        ),
        LogLine::Evpn(notice) => warn!("{notice}"),
        LogLine::KeptNoLonger(peer, family, true) => warn!(
            neighbor = name(peer),
            %family,
            "the neighbor is not back in time: its routes are kept for long, as a last resort"
        ),
        LogLine::KeptNoLonger(peer, family, false) => {
            warn!(neighbor = name(peer), %family, "what the neighbor has not announced again goes");
        }
        LogLine::StaleReleased(leftover, reason) => stale_released(leftover, reason),
    }
}

fn stale_released(leftover: Leftover, reason: ReleaseReason) {
    let (neighbors, what) = match leftover {
        Leftover::Rows => ("EVPN neighbour", "entries"),
        Leftover::Routes => ("neighbour of unicast routes", "routes"),
    };
    match reason {
        ReleaseReason::EndOfRib => {
            info!("every {neighbors} has sent all it has: {what} of a former run may go");
        }
        ReleaseReason::Deadline => {
            warn!(
                "not every {neighbors} has sent all it has, and it has been long: {what} of a former run may go"
            );
        }
    }
}

fn bfd(neighbor: &str, line: BfdLine) {
    match line {
        BfdLine::Up => info!(neighbor, "BFD session up"),
        BfdLine::Lost(diagnostic) => warn!(neighbor, reason = %diagnostic, "BFD session down"),
        BfdLine::TakenDown => info!(neighbor, "BFD session taken down by the neighbor's operator"),
        BfdLine::Failed(error) => warn!(neighbor, error, "BFD does not work"),
    }
}
