//! Connection collision (RFC 4271 section 6.8): of two connections with one peer, which is kept.

use super::config::SessionConfig;
use super::established::Established;
use super::words::Side;

/// The side that is kept: the one dialled by the speaker with the higher identifier, and where the identifiers
/// are equal, which only speakers of different ASes may have, by the one in the higher AS (RFC 6286
/// section 2.3). Both ends come to the same connection, whichever OPEN they read first.
pub(super) fn winner(config: &SessionConfig, agreed: &Established) -> Side {
    let local = (config.router_id, config.local_asn);
    let remote = (agreed.remote_router_id, agreed.remote_asn);
    if local > remote { Side::Outgoing } else { Side::Incoming }
}
