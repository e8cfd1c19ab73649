//! What core keeps of each neighbour.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Instant;

use bgp::session::{Down, Established, Info, StateName};
use bgp::types::{Family, FamilySet, PeerId};
use bgp::wire::update::PeerKind;

use crate::config::NeighborConfig;

use super::fault_log::FaultLog;
use super::limits::LimitState;

/// A neighbour and its session, as core sees it.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) id: PeerId,
    pub(super) config: NeighborConfig,
    pub(super) session: Option<LiveSession>,
    /// The session task's newest picture.
    pub(super) info: Option<Box<Info>>,
    /// An operator shut it down.
    pub(super) shut_down: bool,
    /// When an established session last ended.
    pub(super) down_since: Option<Instant>,
    /// Why a session or an attempt last ended.
    pub(super) last_down: Option<Down>,
    /// How often an established session ended.
    pub(super) flaps: u64,
    /// How it stands to the number of routes that it may send.
    pub(super) limits: LimitState,
    /// What the log has said of its malformed UPDATEs.
    pub(super) faults_logged: FaultLog,
    /// Routes refused because it is external and no policy says what may be taken (RFC 8212).
    pub(super) refused_for_policy: u64,
}

/// A session that is established.
#[derive(Debug)]
pub(super) struct LiveSession {
    /// Tells it from earlier ones.
    pub(super) number: u32,
    pub(super) agreed: Box<Established>,
    pub(super) since: Instant,
    /// Families in which the peer has sent all that it had.
    pub(super) end_of_rib: FamilySet,
}

impl Peer {
    pub(super) fn state(&self) -> StateName {
        match (&self.session, &self.info) {
            (Some(_), _) => StateName::Established,
            (None, Some(info)) => info.state,
            (None, None) => StateName::Idle,
        }
    }

    /// Whether its routes may be used at all: over eBGP only where a policy says which (RFC 8212).
    pub(super) fn imports(&self) -> bool {
        let external = self.session.as_ref().is_some_and(|s| s.agreed.kind == PeerKind::Ebgp);
        !external || self.config.ebgp_accept || self.config.import_policy.is_some()
    }

    /// Whether it has sent all that it had in `family`, in this session.
    pub(super) fn has_sent_all(&self, family: Family) -> bool {
        self.session.as_ref().is_some_and(|session| session.end_of_rib.contains(family))
    }
}

/// All neighbours.
#[derive(Debug, Default)]
pub(super) struct Peers {
    list: Vec<Peer>,
    by_address: HashMap<IpAddr, PeerId>,
}

impl Peers {
    pub(super) fn new(configs: &[NeighborConfig]) -> Peers {
        let mut peers = Peers::default();
        configs.iter().for_each(|config| peers.add(config.clone()));
        peers
    }

    fn add(&mut self, config: NeighborConfig) {
        let id = PeerId(self.list.len() as u32);
        self.by_address.insert(config.address, id);
        self.list.push(Peer {
            id,
            config,
            session: None,
            info: None,
            shut_down: false,
            down_since: None,
            last_down: None,
            flaps: 0,
            limits: LimitState::default(),
            faults_logged: FaultLog::default(),
            refused_for_policy: 0,
        });
    }

    pub(super) fn get(&self, id: PeerId) -> Option<&Peer> {
        self.list.get(id.0 as usize)
    }

    pub(super) fn get_mut(&mut self, id: PeerId) -> Option<&mut Peer> {
        self.list.get_mut(id.0 as usize)
    }

    pub(super) fn by_address(&self, address: IpAddr) -> Option<&Peer> {
        self.by_address.get(&address).and_then(|id| self.get(*id))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.list.iter()
    }
}
