//! All sessions of a speaker: which one a datagram is for, and whose timer is due next.
//!
//! A datagram that names a session by its discriminator is for that one; others are told apart by where they come
//! from (RFC 5880 section 6.3, RFC 5881 section 3). Either way it must come from the session's neighbour, over its
//! kind of port, and with a time to live that says it did not come from farther than the session reaches: that is
//! what keeps strangers out, for there is no authentication here.
//!
//! A datagram costs a look into a table or two, whoever sends it, and nothing is ever kept for a stranger.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Instant;

use super::jitter::Jitter;
use super::packet::{LENGTH, Packet};
use super::session::{self, Change, Config, Info, Session};
use super::words::Discard;

/// What a session is known by to whoever wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u32);

/// Where a session leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The neighbour's address.
    pub remote: IpAddr,
    /// The interface's index, for a link-local address; else 0.
    pub scope: u32,
    /// How far it is.
    pub hops: Hops,
}

/// How far a neighbour may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hops {
    /// On the link (RFC 5881).
    Single,
    /// Behind routers (RFC 5883).
    Multi {
        /// The least time to live that its packets may arrive with: 255 less the hops in between.
        min_ttl: u8,
    },
}

/// The time to live that packets over a single hop leave with and must arrive with (RFC 5881 section 5).
const FROM_THE_LINK: u8 = 255;

/// A datagram as it came.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// It came to the port for several hops.
    pub multihop: bool,
    /// Who sent it.
    pub source: IpAddr,
    /// The index of the interface that it came over.
    pub interface: u32,
    /// Its time to live, or hop limit.
    pub ttl: u8,
    /// Its payload.
    pub octets: &'a [u8],
}

/// News for the sessions.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// There is to be this session; in place of one of the same id, or to the same neighbour.
    Open(SessionId, Endpoint, Config),
    /// It is to be held in another way.
    Configure(SessionId, Config),
    /// It is no longer wanted. The neighbour is told, for a moment.
    Close(SessionId),
    /// A datagram has come.
    Received(Datagram<'a>),
    /// The time that [`Sessions::poll_timeout`] named has come.
    Timeout,
}

/// What is wanted done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send these octets to the session's neighbour.
    Send(SessionId, [u8; LENGTH]),
    /// A session's state has changed.
    Changed(SessionId, Change),
    /// A session that was closed is over: nothing will be sent any more.
    Over(SessionId),
}

/// Datagrams that were for no session, or no packets at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Strays {
    /// How many.
    pub count: u64,
    /// Where the last one came from.
    pub last: Option<IpAddr>,
}

/// What a datagram that names no session is told apart by: the address, and the interface of a link-local one.
type Origin = (IpAddr, u32);

#[derive(Debug)]
struct Entry {
    id: SessionId,
    session: Session,
    endpoint: Endpoint,
    /// The time that it stands for in the queue.
    wake: Option<Instant>,
}

/// All sessions.
#[derive(Debug)]
pub struct Sessions {
    entries: HashMap<SessionId, Entry>,
    by_discriminator: HashMap<u32, SessionId>,
    by_origin: HashMap<Origin, SessionId>,
    wakes: BTreeSet<(Instant, SessionId)>,
    random: Jitter,
    strays: Strays,
    actions: VecDeque<Action>,
}

impl Sessions {
    /// None. The seed should not be guessable: discriminators come of it.
    pub fn new(seed: u64) -> Sessions {
        Sessions {
            entries: HashMap::new(),
            by_discriminator: HashMap::new(),
            by_origin: HashMap::new(),
            wakes: BTreeSet::new(),
            random: Jitter::new(seed),
            strays: Strays::default(),
            actions: VecDeque::new(),
        }
    }

    /// Takes news.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::Open(id, endpoint, config) => self.open(now, id, endpoint, config),
            Input::Configure(id, config) => {
                self.with(id, |session| session.configure(config));
            }
            Input::Close(id) => {
                self.with(id, |session| session.close(now));
            }
            Input::Received(datagram) => self.receive(now, &datagram),
            Input::Timeout => self.timeout(now),
        }
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to say [`Input::Timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.wakes.first().map(|(due, _)| *due)
    }

    /// A picture of a session.
    pub fn info(&self, id: SessionId) -> Option<Info> {
        self.entries.get(&id).map(|entry| entry.session.info())
    }

    /// Whether there is no session.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Datagrams that were for no session.
    pub fn strays(&self) -> Strays {
        self.strays
    }

    fn open(&mut self, now: Instant, id: SessionId, endpoint: Endpoint, config: Config) {
        self.forget(id);
        // One that only lingers to say that it was closed would contradict the new one.
        if let Some(former) = self.by_origin.get(&origin(endpoint.remote, endpoint.scope)).copied() {
            self.forget(former);
            self.actions.push_back(Action::Over(former));
        }
        let discriminator = self.free_discriminator();
        let session = Session::new(now, config, discriminator, self.random.next());
        self.by_discriminator.insert(discriminator, id);
        self.by_origin.insert(origin(endpoint.remote, endpoint.scope), id);
        self.entries.insert(id, Entry { id, session, endpoint, wake: None });
        self.with(id, |_| ());
    }

    fn free_discriminator(&mut self) -> u32 {
        loop {
            let number = (self.random.next() >> 32) as u32;
            if number != 0 && !self.by_discriminator.contains_key(&number) {
                return number;
            }
        }
    }

    fn forget(&mut self, id: SessionId) {
        let Some(entry) = self.entries.remove(&id) else { return };
        self.by_discriminator.remove(&entry.session.discriminator());
        let origin = origin(entry.endpoint.remote, entry.endpoint.scope);
        if self.by_origin.get(&origin) == Some(&id) {
            self.by_origin.remove(&origin);
        }
        if let Some(wake) = entry.wake {
            self.wakes.remove(&(wake, id));
        }
    }

    fn receive(&mut self, now: Instant, datagram: &Datagram<'_>) {
        let Some((entry, packet)) = self.find(datagram) else {
            self.strays.count += 1;
            self.strays.last = Some(datagram.source);
            return;
        };
        let id = entry.id;
        match entry.admits(datagram, &packet) {
            Ok(()) => drop(self.with(id, |session| session.receive(now, &packet))),
            Err(reason) => entry.session.discard(reason),
        }
    }

    /// Which session a datagram is for, if it is a packet at all.
    fn find(&mut self, datagram: &Datagram<'_>) -> Option<(&mut Entry, Packet)> {
        let packet = Packet::parse(datagram.octets).ok()?;
        let id = match packet.your_discriminator {
            0 => self.by_origin.get(&origin(datagram.source, datagram.interface)),
            discriminator => self.by_discriminator.get(&discriminator),
        };
        Some((self.entries.get_mut(id?)?, packet))
    }

    fn timeout(&mut self, now: Instant) {
        while let Some((due, id)) = self.wakes.first().copied().filter(|(due, _)| *due <= now) {
            self.wakes.remove(&(due, id));
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.wake = None;
            }
            let is_over = self.with(id, |session| {
                session.timeout(now);
                session.is_over(now)
            });
            if is_over == Some(true) {
                self.forget(id);
                self.actions.push_back(Action::Over(id));
            }
        }
    }

    /// Lets something happen to a session: what it wants done is taken from it, and when it is to be woken noted. A
    /// session that is to be woken later than before is woken as before, for nothing: cheaper than moving it in
    /// the queue for each packet.
    fn with<T>(&mut self, id: SessionId, act: impl FnOnce(&mut Session) -> T) -> Option<T> {
        let entry = self.entries.get_mut(&id)?;
        let result = act(&mut entry.session);
        while let Some(action) = entry.session.poll_action() {
            self.actions.push_back(match action {
                session::Action::Send(octets) => Action::Send(id, octets),
                session::Action::Changed(change) => Action::Changed(id, change),
            });
        }
        let due = entry.session.poll_timeout();
        if let Some(due) = due.filter(|due| entry.wake.is_none_or(|wake| *due < wake)) {
            if let Some(wake) = entry.wake.replace(due) {
                self.wakes.remove(&(wake, id));
            }
            self.wakes.insert((due, id));
        }
        Some(result)
    }
}

impl Entry {
    /// Whether a packet for the session may be its neighbour's.
    fn admits(&self, datagram: &Datagram<'_>, packet: &Packet) -> Result<(), Discard> {
        let Endpoint { remote, scope, hops } = self.endpoint;
        let least = match hops {
            Hops::Single => FROM_THE_LINK,
            Hops::Multi { min_ttl } => min_ttl,
        };
        if origin(datagram.source, datagram.interface) != origin(remote, scope) {
            Err(Discard::Source)
        } else if datagram.multihop != (hops != Hops::Single) {
            Err(Discard::Hops)
        } else if datagram.ttl < least {
            Err(Discard::Ttl)
        } else if packet.authenticated {
            Err(Discard::Authentication)
        } else {
            Ok(())
        }
    }
}

/// Only a link-local address means something else on another interface.
fn origin(address: IpAddr, interface: u32) -> Origin {
    match address {
        IpAddr::V6(v6) if v6.is_unicast_link_local() => (address, interface),
        _ => (address, 0),
    }
}
