//! What is done for one neighbour, but for the waiting: its [`Session`], the connections there are, and what
//! the core has not been told yet.
//!
//! A [`Driver`] knows neither tasks nor sockets nor a clock: a task of the daemon's drives it with TCP, and the
//! simulation with connections of its own. Whoever drives it lets it [write](Driver::write) and
//! [tell](Driver::tell) after all that happened, hands what [`Driver::take_news`] gives to the core, and has
//! the neighbour dialled as [`Driver::poll_dial`] says. The rules that keep everything bounded are the driver's
//! to state and its task's to follow:
//! - while news waits for the core, nothing is read ([`Driver::may_read`]) that could add to it;
//! - while a connection is blocked, no batch is taken ([`Driver::may_take_batches`]): its credit stays out.

mod connection;

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bgp::export::Batch;
use bgp::session::{self, AddPathOffer, Input, Session, SessionConfig, Side, StopReason, TransportFault};
use bgp::types::PeerId;
use bgp::wire::NextHop;
use bytes::Bytes;

use crate::config::{BgpConfig, NeighborConfig, RestartSettings};
use crate::core::{PeerNews, SessionCommand};

use connection::Written;
pub use connection::{Connection, Stream};

/// How far the core's picture of a session may be behind: what counters and faults show.
const PICTURE_AGE: Duration = Duration::from_secs(1);

/// A connection just made, with its two ends: ours, the neighbour's.
pub type Arrival<S> = (S, (SocketAddr, SocketAddr));

/// What is to be done about dialling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dial {
    /// Begin, and give up an attempt that is under way.
    Begin,
    /// Give up the attempt that is under way.
    Abandon,
}

/// One neighbour.
#[derive(Debug)]
pub struct Driver<S> {
    id: PeerId,
    session: Session,
    outgoing: Option<Connection<S>>,
    incoming: Option<Connection<S>>,
    /// A connection just accepted, until the session says whether it wants it.
    newcomer: Option<Connection<S>>,
    dial: Option<Dial>,
    /// What the core has not been told yet.
    news: Vec<PeerNews>,
    /// The session's state as last told, and when.
    told: Option<(session::StateName, Instant)>,
    /// Something has happened since.
    stirred: bool,
    /// The number of the established session, or of the last.
    number: u32,
    established: Option<Side>,
}

impl<S: Stream> Driver<S> {
    /// A neighbour whose session waits for [`Input::Start`].
    pub fn new(id: PeerId, session: Session) -> Driver<S> {
        Driver {
            id,
            session,
            outgoing: None,
            incoming: None,
            newcomer: None,
            dial: None,
            news: Vec::new(),
            told: None,
            stirred: true,
            number: 0,
            established: None,
        }
    }

    /// The connection of a side, if there is one.
    pub fn connection(&self, side: Side) -> Option<&Connection<S>> {
        match side {
            Side::Outgoing => self.outgoing.as_ref(),
            Side::Incoming => self.incoming.as_ref(),
        }
    }

    /// The session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The number of the established session, or of the last.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Whether the core is to be told something.
    pub fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    /// Whether a connection is to be read.
    pub fn may_read(&self, side: Side) -> bool {
        self.news.is_empty() && self.session.may_read(side)
    }

    /// Whether the next batch may be taken.
    pub fn may_take_batches(&self) -> bool {
        !self.outgoing.iter().chain(&self.incoming).any(Connection::is_blocked)
    }

    /// When to call [`Driver::timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.session.poll_timeout(), self.picture_due()].into_iter().flatten().min()
    }

    /// What is to be done about dialling, once.
    pub fn poll_dial(&mut self) -> Option<Dial> {
        self.dial.take()
    }

    /// What the core is to be told, all of it.
    pub fn take_news(&mut self) -> Vec<PeerNews> {
        std::mem::take(&mut self.news)
    }

    /// Begins.
    pub fn start(&mut self, now: Instant) {
        self.handle(now, Input::Start);
    }

    /// Says goodbye.
    pub fn stop(&mut self, now: Instant, reason: StopReason) {
        self.handle(now, Input::Stop(reason));
    }

    /// Does what core wants.
    pub fn command(&mut self, now: Instant, command: SessionCommand) {
        let input = match command {
            // Who makes the connections sees to it.
            SessionCommand::ConnectFrom(_) => return,
            SessionCommand::Reset(text) => Input::Stop(StopReason::Reset(text)),
            SessionCommand::Shutdown(text) => Input::Stop(StopReason::Shutdown(text)),
            SessionCommand::TooManyPrefixes(limit) => Input::Stop(StopReason::TooManyPrefixes(limit)),
            SessionCommand::Enable => Input::Start,
            SessionCommand::Configure(config) => Input::Configure(config),
            SessionCommand::End(reason) => Input::Stop(reason),
            SessionCommand::RequestRefresh(family) => Input::RequestRefresh(family),
            SessionCommand::BfdDown { hold } => Input::Stop(StopReason::BfdDown { hold }),
        };
        self.handle(now, input);
    }

    /// Takes the outcome of dialling.
    pub fn dialled(&mut self, now: Instant, outcome: io::Result<Arrival<S>>) {
        match outcome {
            Ok((stream, (local, remote))) => {
                self.outgoing = Some(Connection::new(stream));
                self.handle(now, Input::Connected { local, remote });
            }
            Err(error) => self.handle(now, Input::ConnectFailed(error.kind())),
        }
    }

    /// Takes a connection that the neighbour made.
    pub fn accepted(&mut self, now: Instant, (stream, (local, remote)): Arrival<S>) {
        self.newcomer = Some(Connection::new(stream));
        self.handle(now, Input::Accepted { local, remote });
    }

    /// Takes routes to be sent on the session of this number; with another, they are dropped.
    pub fn batch(&mut self, session: u32, batch: &Batch) {
        let (id, side) = (self.id, self.established.filter(|_| session == self.number));
        let Some(connection) = side.and_then(|side| self.slot(side).as_mut()) else { return };
        connection.send_batch(batch.segments_for(id));
    }

    /// Reads a connection, once.
    pub fn read(&mut self, now: Instant, side: Side) {
        let connection = match side {
            Side::Outgoing => &mut self.outgoing,
            Side::Incoming => &mut self.incoming,
        };
        let (Some(connection), Some(buffer)) = (connection, self.session.buffer(side)) else { return };
        match connection.read(buffer) {
            Ok(Some(0)) | Err(_) => self.lost(now, side),
            Ok(Some(_)) => self.received(now, side),
            Ok(None) => {}
        }
    }

    /// A connection has ended by itself.
    pub fn lost(&mut self, now: Instant, side: Side) {
        self.lost_to(now, side, TransportFault::Closed);
    }

    /// A connection has ended by itself, and it is known why.
    pub fn lost_to(&mut self, now: Instant, side: Side, fault: TransportFault) {
        *self.slot(side) = None;
        self.handle(now, Input::Lost(side, fault));
    }

    /// The time that [`Driver::poll_timeout`] named has come. What has been received meanwhile is looked at
    /// first: a neighbour that spoke in time is not to be blamed for our being late.
    pub fn timeout(&mut self, now: Instant) {
        if self.session.poll_timeout().is_none_or(|due| due > now) {
            return;
        }
        if self.news.is_empty() {
            Side::ALL.into_iter().for_each(|side| self.read(now, side));
        }
        self.handle(now, Input::Timeout);
    }

    /// Writes what the connections take.
    pub fn write(&mut self, now: Instant) {
        for side in Side::ALL {
            let Some(connection) = self.slot(side).as_mut() else { continue };
            let was_blocked = connection.is_blocked();
            match connection.write() {
                Ok(written) => {
                    let is_blocked = connection.is_blocked();
                    self.wrote(now, side, &written, was_blocked, is_blocked);
                }
                Err(_) => self.lost(now, side),
            }
        }
    }

    /// Notes for the core how the session looks: at once when its state has changed, and else in time.
    pub fn tell(&mut self, now: Instant) {
        let state = self.session.state();
        let is_new = self.told.is_none_or(|(told, _)| told != state);
        if is_new || self.picture_due().is_some_and(|due| due <= now) {
            self.told = Some((state, now));
            self.stirred = false;
            self.news.push(PeerNews::Info(Box::new(self.session.info())));
        }
    }

    fn picture_due(&self) -> Option<Instant> {
        self.told.filter(|_| self.stirred).map(|(_, at)| at + PICTURE_AGE)
    }

    fn slot(&mut self, side: Side) -> &mut Option<Connection<S>> {
        match side {
            Side::Outgoing => &mut self.outgoing,
            Side::Incoming => &mut self.incoming,
        }
    }

    /// Lets the session look at what has come, all of it: a turn of its own for each bounded piece.
    fn received(&mut self, now: Instant, side: Side) {
        self.handle(now, Input::Received(side));
        while self.session.has_buffered(side) {
            self.handle(now, Input::Received(side));
        }
    }

    fn wrote(&mut self, now: Instant, side: Side, written: &Written, was_blocked: bool, is_blocked: bool) {
        if written.octets > 0 && was_blocked {
            self.handle(now, Input::SendProgress(side));
        }
        if is_blocked && (written.octets > 0 || !was_blocked) {
            self.handle(now, Input::SendBlocked(side));
        }
        let Written { updates, refreshes, .. } = *written;
        if updates + refreshes > 0 {
            self.handle(now, Input::Sent { side, updates, refreshes });
        }
        if written.batches > 0 {
            self.news.push(PeerNews::Credit(written.batches));
        }
    }

    fn handle(&mut self, now: Instant, input: Input) {
        self.stirred = true;
        self.session.handle(now, input);
        while let Some(action) = self.session.poll_action() {
            match action {
                session::Action::Connect => self.dial = Some(Dial::Begin),
                session::Action::Send(side, bytes) => self.send(side, bytes),
                session::Action::Close(side) => self.close(side),
                session::Action::Accept => self.incoming = self.newcomer.take(),
                session::Action::Refuse(bytes) => self.refuse(bytes),
                session::Action::Up(agreed) => self.up(agreed),
                session::Action::Down(down) => self.down(down),
                session::Action::Update(routes) => self.news.push(PeerNews::Routes(routes)),
                session::Action::EndOfRib(family) => self.news.push(PeerNews::EndOfRib(family)),
                session::Action::Refresh(family) => self.news.push(PeerNews::Refresh(family)),
                session::Action::RefreshBegins(family) => self.news.push(PeerNews::RefreshBegins(family)),
                session::Action::RefreshEnds(family) => self.news.push(PeerNews::RefreshEnds(family)),
                session::Action::Failed(_, down) => self.news.push(PeerNews::Failed(down)),
            }
        }
    }

    fn send(&mut self, side: Side, bytes: Bytes) {
        if let Some(connection) = self.slot(side).as_mut() {
            connection.send(bytes);
        }
    }

    fn refuse(&mut self, bytes: Bytes) {
        if let Some(mut connection) = self.newcomer.take() {
            connection.send(bytes);
            connection.close();
        }
    }

    fn close(&mut self, side: Side) {
        if side == Side::Outgoing {
            self.dial = Some(Dial::Abandon);
        }
        if let Some(connection) = self.slot(side).take() {
            connection.close();
        }
    }

    fn up(&mut self, mut agreed: Box<session::Established>) {
        let global = self.connection(agreed.side).and_then(|connection| connection.stream().global_address());
        if let (Some(global), NextHop::Ipv6(local)) = (global, agreed.next_hop) {
            agreed.next_hop = NextHop::Ipv6LinkLocal(global, local);
        }
        self.number += 1;
        self.established = Some(agreed.side);
        self.news.push(PeerNews::Up { number: self.number, agreed });
    }

    fn down(&mut self, down: session::Down) {
        self.established = None;
        self.news.push(PeerNews::Down(down));
    }
}

/// What we tell neighbours that we run.
const SOFTWARE: &str = concat!("linnet/", env!("CARGO_PKG_VERSION"));

/// What a neighbour's session is to be like. What this node is called is no configuration: that is the caller's.
pub fn session_config(bgp: &BgpConfig, neighbor: &NeighborConfig) -> SessionConfig {
    let local_asn = neighbor.local_as.map_or(bgp.asn, |local| local.asn);
    SessionConfig {
        hold_time: neighbor.hold_time,
        keepalive: neighbor.keepalive,
        connect_retry: Duration::from_secs(neighbor.connect_retry.into()),
        passive: neighbor.passive,
        send_hold: neighbor.send_hold_time.map(|seconds| Duration::from_secs(seconds.into())),
        min_hold_time: neighbor.min_hold_time,
        extended_next_hop: neighbor.extended_next_hop,
        role: neighbor.role,
        add_path: AddPathOffer { receive: neighbor.add_path.receive, send: neighbor.add_path.send.is_some() },
        software_version: neighbor.software_version.then(|| SOFTWARE.to_owned()),
        restart: neighbor.graceful_restart.as_ref().map(RestartSettings::offer),
        ..SessionConfig::new(local_asn, bgp.router_id, neighbor.remote_as.clone(), neighbor.families)
    }
}
