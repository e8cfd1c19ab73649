//! How many routes a peer may send (RFC 4271 section 6.7, RFC 4486 section 4).
//!
//! What counts is what the peer has in the tables: its routes that were accepted. Those that were refused take
//! no memory, so a limit that protects it leaves them out, as FRR's does by default. A path of ADD-PATH counts
//! like any other; one that is kept from an earlier session does not.

use bgp::session::PrefixLimit;
use bgp::types::{Family, FamilySet, PeerId};

use crate::config::LimitAction;

use super::{Action, Core, LogLine, SessionCommand};

/// How a peer stands to its limits. The log hears of each of them once a session.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LimitState {
    near: FamilySet,
    over: FamilySet,
    /// The family for which the session was ended; until it is up again, or an operator wants it to be.
    stopped: Option<Family>,
}

/// How many routes there are against how many there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Below,
    Near,
    Over,
}

impl LimitState {
    /// The session has been ended, and what still comes of it is of no use.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.is_some()
    }

    /// A session is up.
    pub(super) fn begin(&mut self) {
        *self = LimitState::default();
    }
}

impl Core {
    /// A peer's limit in a family, and how it stands to it; `None` without a limit.
    pub(super) fn standing(&self, id: PeerId, family: Family) -> Option<(u32, Standing)> {
        let peer = self.peers.get(id)?;
        let limits = peer.config.max_prefix?;
        let limit = limits.limit(family)?;
        let routes = self.current_routes(id, family);
        let standing = match routes {
            _ if peer.limits.stopped == Some(family) => Standing::Over,
            _ if routes > limit as usize => Standing::Over,
            _ if routes >= limits.warning(limit) => Standing::Near,
            _ => Standing::Below,
        };
        Some((limit, standing))
    }

    /// Looks at a peer's limits after it has sent routes.
    pub(super) fn check_limits(&mut self, id: PeerId) {
        let Some(limits) = self.peers.get(id).and_then(|peer| peer.config.max_prefix) else { return };
        for family in Family::ALL {
            match self.standing(id, family) {
                Some((limit, Standing::Near)) => self.near_limit(id, family, limit),
                Some((limit, Standing::Over)) => self.over_limit(id, family, limit, limits.action),
                Some((_, Standing::Below)) | None => {}
            }
        }
    }

    /// A peer's limits are others now: it may come again, or has too many routes already.
    pub(super) fn limits_changed(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        let comes_again = peer.limits.is_stopped() && !peer.shut_down;
        peer.limits.begin();
        if comes_again {
            self.actions.push_back(Action::Session { peer: id, command: SessionCommand::Enable });
        }
        self.check_limits(id);
    }

    fn near_limit(&mut self, id: PeerId, family: Family, limit: u32) {
        let routes = self.current_routes(id, family);
        let Some(peer) = self.peers.get_mut(id) else { return };
        if !peer.limits.near.contains(family) {
            peer.limits.near.insert(family);
            self.log(LogLine::NearLimit { peer: id, family, routes, limit });
            self.watches.neighbor_changed(id);
        }
    }

    fn over_limit(&mut self, id: PeerId, family: Family, limit: u32, action: LimitAction) {
        let routes = self.current_routes(id, family);
        let Some(peer) = self.peers.get_mut(id) else { return };
        if peer.limits.over.contains(family) {
            return;
        }
        peer.limits.over.insert(family);
        if let LimitAction::Teardown(restart_after) = action {
            peer.limits.stopped = Some(family);
            let command = SessionCommand::TooManyPrefixes(PrefixLimit { family, limit, restart_after });
            self.actions.push_back(Action::Session { peer: id, command });
        }
        self.log(LogLine::NearLimit { peer: id, family, routes, limit });
        self.watches.neighbor_changed(id);
    }

    fn current_routes(&self, id: PeerId, family: Family) -> usize {
        let counts = self.rib.counts(id, family);
        counts.paths - counts.stale
    }
}
