//! What core keeps of each neighbour.

use std::collections::HashMap;
use std::time::Instant;

use bgp::session::{Down, Established, Info, StateName};
use bgp::types::{Family, FamilySet, PeerId};
use bgp::wire::update::PeerKind;
use fib::IfIndex;

use super::bfd::Bfd;
use crate::config::{NeighborAddress, NeighborConfig};

use super::fault_log::FaultLog;
use super::limits::LimitState;

/// A neighbour and its session, as core sees it.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) id: PeerId,
    pub(super) config: NeighborConfig,
    /// Its task was begun; until then a former one of the same neighbour is waited for.
    pub(super) begun: bool,
    pub(super) session: Option<LiveSession>,
    /// The link that it was reached on by a link-local address, this time or last time.
    pub(super) link: Option<IfIndex>,
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
    /// Routes that it announced or withdrew.
    pub(super) routes_received: u64,
    /// What BFD says of it.
    pub(super) bfd: Bfd,
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

impl LiveSession {
    /// Whether routes may be used with this configuration.
    pub(super) fn imported(&self, config: &NeighborConfig) -> bool {
        self.agreed.kind == PeerKind::Ibgp || config.ebgp_accept || config.import_policy.is_some()
    }
}

impl Peer {
    fn new(id: PeerId, config: NeighborConfig) -> Peer {
        Peer {
            id,
            shut_down: config.shutdown.is_some(),
            config,
            begun: false,
            session: None,
            link: None,
            info: None,
            down_since: None,
            last_down: None,
            flaps: 0,
            limits: LimitState::default(),
            faults_logged: FaultLog::default(),
            refused_for_policy: 0,
            routes_received: 0,
            bfd: Bfd::default(),
        }
    }

    pub(super) fn state(&self) -> StateName {
        match (&self.session, &self.info) {
            (Some(_), _) => StateName::Established,
            (None, Some(info)) => info.state,
            (None, None) => StateName::Idle,
        }
    }

    /// Whether its routes may be used at all: over eBGP only where a policy says which (RFC 8212).
    pub(super) fn imports(&self) -> bool {
        self.session.as_ref().is_none_or(|session| session.imported(&self.config))
    }

    /// Whether what it sends is to be kept as it comes: where that is wanted, and where a new policy could not be
    /// applied otherwise.
    pub(super) fn keeps_received(&self) -> bool {
        let mute = self.session.as_ref().is_some_and(|session| !session.agreed.route_refresh);
        self.config.keep_adj_in || mute && self.config.import_policy.is_some()
    }

    /// Whether it has sent all that it had in `family`, in this session.
    pub(super) fn has_sent_all(&self, family: Family) -> bool {
        self.session.as_ref().is_some_and(|session| session.end_of_rib.contains(family))
    }
}

/// All neighbours, by the ids that are theirs.
///
/// An id is a place here. It is taken while the neighbour is configured, and after that as long as its task still
/// runs or a path of it is still in a table; then it goes to the next newcomer, so that ids stay few and small.
#[derive(Debug, Default)]
pub(super) struct Peers {
    places: Vec<Place>,
    by_address: HashMap<NeighborAddress, PeerId>,
    free: Vec<PeerId>,
    /// How many are leaving.
    leaving: usize,
}

#[derive(Debug)]
enum Place {
    Free,
    Taken(Box<Peer>),
    Leaving(Leaving),
    /// It is no neighbour's, but of a source of routes that is called so.
    Lent(Box<str>),
    /// It was lent, and goes when nothing is left of its source.
    Returned,
}

/// A neighbour that is no longer configured.
#[derive(Debug)]
struct Leaving {
    address: NeighborAddress,
    /// Its task has ended.
    ended: bool,
    /// Who takes its place, once its task has ended.
    successor: Option<PeerId>,
}

impl Peers {
    /// Takes a neighbour in, in place of one of the same address.
    pub(super) fn add(&mut self, config: NeighborConfig) -> PeerId {
        let id = self.free_place();
        self.by_address.insert(config.address, id);
        self.set(id, Place::Taken(Box::new(Peer::new(id, config))));
        id
    }

    /// Lends an id to a source of routes of this name.
    pub(super) fn lend(&mut self, name: &str) -> PeerId {
        let id = self.free_place();
        self.set(id, Place::Lent(name.into()));
        id
    }

    /// Takes back what was lent. The id is kept until [`Peers::reclaim`].
    pub(super) fn give_back(&mut self, id: PeerId) {
        if let Some(Place::Lent(_)) = self.places.get(id.0 as usize) {
            self.leaving += 1;
            self.set(id, Place::Returned);
        }
    }

    /// Whether an id is a neighbour's, or lent.
    pub(super) fn has(&self, id: PeerId) -> bool {
        matches!(self.places.get(id.0 as usize), Some(Place::Taken(_) | Place::Lent(_)))
    }

    /// What the source is called that an id is lent to.
    pub(super) fn lent_to(&self, id: PeerId) -> Option<&str> {
        match self.places.get(id.0 as usize) {
            Some(Place::Lent(name)) => Some(name),
            _ => None,
        }
    }

    fn free_place(&mut self) -> PeerId {
        self.free.pop().unwrap_or_else(|| {
            self.places.push(Place::Free);
            PeerId(self.places.len() as u32 - 1)
        })
    }

    /// Lets a neighbour go. Its id is kept until [`Peers::reclaim`].
    pub(super) fn retire(&mut self, id: PeerId) -> Option<Box<Peer>> {
        let address = self.get(id)?.config.address;
        self.by_address.remove(&address);
        self.leaving += 1;
        match self.set(id, Place::Leaving(Leaving { address, ended: false, successor: None })) {
            Some(Place::Taken(peer)) => Some(peer),
            _ => None,
        }
    }

    /// `successor` is to begin when the task of `id`, which leaves, has ended.
    pub(super) fn succeed(&mut self, id: PeerId, successor: PeerId) {
        if let Some(Place::Leaving(leaving)) = self.places.get_mut(id.0 as usize) {
            leaving.successor = Some(successor);
        }
    }

    /// The task of a neighbour that leaves has ended: who is to begin now.
    pub(super) fn ended(&mut self, id: PeerId) -> Option<PeerId> {
        let Some(Place::Leaving(leaving)) = self.places.get_mut(id.0 as usize) else { return None };
        leaving.ended = true;
        leaving.successor.take()
    }

    /// Frees the ids of neighbours that have left and of which nothing `is_left`; returns them.
    pub(super) fn reclaim(&mut self, is_left: impl Fn(PeerId) -> bool) -> Vec<PeerId> {
        if self.leaving == 0 {
            return Vec::new();
        }
        let has_left = |(index, place): (usize, &Place)| {
            let id = PeerId(index as u32);
            let over = matches!(place, Place::Leaving(Leaving { ended: true, .. }) | Place::Returned);
            (over && !is_left(id)).then_some(id)
        };
        let gone: Vec<PeerId> = self.places.iter().enumerate().filter_map(has_left).collect();
        gone.iter().for_each(|id| drop(self.set(*id, Place::Free)));
        self.leaving -= gone.len();
        self.free.extend(&gone);
        gone
    }

    pub(super) fn get(&self, id: PeerId) -> Option<&Peer> {
        match self.places.get(id.0 as usize) {
            Some(Place::Taken(peer)) => Some(peer),
            _ => None,
        }
    }

    pub(super) fn get_mut(&mut self, id: PeerId) -> Option<&mut Peer> {
        match self.places.get_mut(id.0 as usize) {
            Some(Place::Taken(peer)) => Some(peer),
            _ => None,
        }
    }

    /// The address of a neighbour, be it one that leaves.
    pub(super) fn address(&self, id: PeerId) -> Option<NeighborAddress> {
        match self.places.get(id.0 as usize)? {
            Place::Free | Place::Lent(_) | Place::Returned => None,
            Place::Taken(peer) => Some(peer.config.address),
            Place::Leaving(leaving) => Some(leaving.address),
        }
    }

    pub(super) fn by_address(&self, address: NeighborAddress) -> Option<&Peer> {
        self.by_address.get(&address).and_then(|id| self.get(*id))
    }

    /// Those who are here, in the order of their ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.places.iter().filter_map(|place| match place {
            Place::Taken(peer) => Some(&**peer),
            _ => None,
        })
    }

    fn set(&mut self, id: PeerId, place: Place) -> Option<Place> {
        self.places.get_mut(id.0 as usize).map(|slot| std::mem::replace(slot, place))
    }
}
