//! The task of one neighbour: drives its [`Session`] with a socket or two and a timer, and passes news to the
//! core.
//!
//! It never waits for the core while the peer waits, nor for the peer while it holds news: what the core has
//! no room for yet stays here, reading stops, and TCP tells the peer to slow down. The session's timers go on
//! meanwhile. Before a timer fires, bytes that have come are looked at: a peer that spoke in time is not to
//! be blamed for our being late (what BIRD does as well).

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bgp::export::Batch;
use bgp::session::{self, Input, Session, Side, StopReason};
use bgp::types::PeerId;
use bytes::Bytes;
use tokio::io::Ready;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::core::{Event, PeerNews, SessionCommand};

use super::connection::{Connection, Written};
use super::socket::{self, Route};

/// The ends of a peer task's channels.
pub(super) struct Mailbox {
    /// Routes to be sent, with the number of the session that they are for.
    pub(super) batches: mpsc::Receiver<(u32, Arc<Batch>)>,
    /// The operator's wishes. When the other end is dropped, the task ends.
    pub(super) commands: mpsc::Receiver<SessionCommand>,
    /// Connections from the neighbour.
    pub(super) accepted: mpsc::Receiver<TcpStream>,
    /// To the core.
    pub(super) core: mpsc::Sender<Event>,
}

/// One neighbour's task.
pub(super) struct Peer {
    id: PeerId,
    route: Route,
    session: Session,
    mailbox: Mailbox,
    connections: Connections,
    /// A connection just accepted, until the session says whether it wants it.
    newcomer: Option<Connection>,
    dial: Dial,
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

/// The connections there are, at most one of each side.
#[derive(Default)]
struct Connections {
    outgoing: Option<Connection>,
    incoming: Option<Connection>,
}

impl Connections {
    fn slot(&mut self, side: Side) -> &mut Option<Connection> {
        match side {
            Side::Outgoing => &mut self.outgoing,
            Side::Incoming => &mut self.incoming,
        }
    }

    fn any_blocked(&self) -> bool {
        self.outgoing.iter().chain(&self.incoming).any(Connection::is_blocked)
    }

    /// The side whose socket is ready first.
    async fn ready(&self, read: bool) -> (Side, io::Result<Ready>) {
        tokio::select! {
            ready = ready(self.outgoing.as_ref(), read) => (Side::Outgoing, ready),
            ready = ready(self.incoming.as_ref(), read) => (Side::Incoming, ready),
        }
    }
}

/// How far the core's picture of a session may be behind: what counters and faults show.
const PICTURE_AGE: Duration = Duration::from_secs(1);

/// An attempt to connect that is under way.
type Dial = Option<JoinHandle<io::Result<TcpStream>>>;

/// What woke the task.
enum Wake {
    Socket(Side, io::Result<Ready>),
    Dialled(io::Result<TcpStream>),
    Accepted(TcpStream),
    Batch(u32, Arc<Batch>),
    Command(Option<SessionCommand>),
    Told,
    Timer,
    PictureDue,
}

impl Peer {
    pub(super) fn new(id: PeerId, route: Route, session: Session, mailbox: Mailbox) -> Peer {
        Peer {
            id,
            route,
            session,
            mailbox,
            connections: Connections::default(),
            newcomer: None,
            dial: None,
            news: Vec::new(),
            told: None,
            stirred: true,
            number: 0,
            established: None,
        }
    }

    /// Runs until the core drops its end of the commands.
    pub(super) async fn run(mut self) {
        self.handle(Input::Start);
        loop {
            self.write();
            self.tell_info();
            match self.wake().await {
                Wake::Command(None) => break,
                Wake::Told | Wake::PictureDue => {}
                wake => {
                    self.stirred = true;
                    self.on(wake);
                }
            }
        }
        self.handle(Input::Stop(StopReason::GoingDown));
    }

    /// Waits for whatever comes first. News go first, so that little is held here; then what the operator and
    /// the clock want; then bytes.
    async fn wake(&mut self) -> Wake {
        let deadline = self.session.poll_timeout();
        let picture_due = self.told.filter(|_| self.stirred).map(|(_, at)| at + PICTURE_AGE);
        // While news wait for the core, nothing is read that could add to them.
        let read = self.news.is_empty();
        let takes_batches = !self.connections.any_blocked();
        let Peer { mailbox, connections, dial, news, id, .. } = self;
        tokio::select! {
            biased;
            permit = mailbox.core.reserve(), if !news.is_empty() => {
                // Without a core there is nobody to tell; the commands' end is about to be dropped, too.
                if let Ok(permit) = permit {
                    permit.send(Event::Peer { peer: *id, news: std::mem::take(news) });
                }
                Wake::Told
            }
            command = mailbox.commands.recv() => Wake::Command(command),
            () = sleep_until(deadline) => Wake::Timer,
            Some((session, batch)) = mailbox.batches.recv(), if takes_batches => Wake::Batch(session, batch),
            (side, ready) = connections.ready(read) => Wake::Socket(side, ready),
            stream = dialled(dial) => Wake::Dialled(stream),
            Some(stream) = mailbox.accepted.recv() => Wake::Accepted(stream),
            () = sleep_until(picture_due) => Wake::PictureDue,
        }
    }

    fn on(&mut self, wake: Wake) {
        match wake {
            Wake::Socket(side, ready) => self.on_socket(side, ready),
            Wake::Dialled(stream) => self.on_dialled(stream),
            Wake::Accepted(stream) => self.on_accepted(stream),
            Wake::Batch(session, batch) => self.on_batch(session, &batch),
            Wake::Command(Some(command)) => self.on_command(command),
            Wake::Timer => self.on_timer(),
            Wake::Command(None) | Wake::Told | Wake::PictureDue => {}
        }
    }

    fn on_socket(&mut self, side: Side, ready: io::Result<Ready>) {
        match ready {
            // Room to write is used at the top of the loop.
            Ok(ready) if ready.is_readable() || ready.is_read_closed() => self.read(side),
            Ok(_) => {}
            Err(_) => self.lost(side),
        }
    }

    fn read(&mut self, side: Side) {
        let (Some(connection), Some(buffer)) =
            (self.connections.slot(side).as_mut(), self.session.buffer(side))
        else {
            return;
        };
        match connection.read(buffer) {
            Ok(Some(0)) | Err(_) => self.lost(side),
            Ok(Some(_)) => self.received(side),
            Ok(None) => {}
        }
    }

    /// Lets the session look at what has come, all of it: a turn of its own for each bounded piece.
    fn received(&mut self, side: Side) {
        self.handle(Input::Received(side));
        while self.session.has_buffered(side) {
            self.handle(Input::Received(side));
        }
    }

    fn lost(&mut self, side: Side) {
        *self.connections.slot(side) = None;
        self.handle(Input::Closed(side));
    }

    fn on_dialled(&mut self, stream: io::Result<TcpStream>) {
        self.dial = None;
        match stream.and_then(Connection::new).and_then(|c| Ok((c.addresses()?, c))) {
            Ok(((local, remote), connection)) => {
                self.connections.outgoing = Some(connection);
                self.handle(Input::Connected { local, remote });
            }
            Err(error) => self.handle(Input::ConnectFailed(error.kind())),
        }
    }

    fn on_accepted(&mut self, stream: TcpStream) {
        let prepared = socket::prepare_accepted(&stream, &self.route).and_then(|()| Connection::new(stream));
        let Ok((connection, (local, remote))) = prepared.and_then(|c| c.addresses().map(|a| (c, a))) else {
            return;
        };
        self.newcomer = Some(connection);
        self.handle(Input::Accepted { local, remote });
    }

    fn on_batch(&mut self, session: u32, batch: &Batch) {
        let side = self.established.filter(|_| session == self.number);
        let Some(connection) = side.and_then(|side| self.connections.slot(side).as_mut()) else { return };
        connection.send_batch(batch.segments_for(self.id).map(|s| (s.bytes.clone(), s.messages)));
    }

    fn on_command(&mut self, command: SessionCommand) {
        self.handle(match command {
            SessionCommand::Reset(text) => Input::Stop(StopReason::Reset(text)),
            SessionCommand::Shutdown(text) => Input::Stop(StopReason::Shutdown(text)),
            SessionCommand::Enable => Input::Start,
            SessionCommand::RequestRefresh(family) => Input::RequestRefresh(family),
        });
    }

    fn on_timer(&mut self) {
        if self.news.is_empty() {
            Side::ALL.into_iter().for_each(|side| self.read(side));
        }
        self.handle(Input::Timeout);
    }

    fn handle(&mut self, input: Input) {
        self.session.handle(Instant::now(), input);
        while let Some(action) = self.session.poll_action() {
            match action {
                session::Action::Connect => {
                    self.dial = Some(tokio::spawn(socket::connect(self.route.clone())))
                }
                session::Action::Send(side, bytes) => self.send(side, bytes),
                session::Action::Close(side) => self.close(side),
                session::Action::Accept => self.connections.incoming = self.newcomer.take(),
                session::Action::Refuse(bytes) => self.refuse(bytes),
                session::Action::Up(agreed) => self.up(agreed),
                session::Action::Down(down) => self.down(down),
                session::Action::Update(routes) => self.news.push(PeerNews::Routes(routes)),
                session::Action::EndOfRib(family) => self.news.push(PeerNews::EndOfRib(family)),
                session::Action::Refresh(family) => self.news.push(PeerNews::Refresh(family)),
                session::Action::Failed(_, down) => self.news.push(PeerNews::Failed(down)),
            }
        }
    }

    fn send(&mut self, side: Side, bytes: Bytes) {
        if let Some(connection) = self.connections.slot(side).as_mut() {
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
        if side == Side::Outgoing
            && let Some(dial) = self.dial.take()
        {
            dial.abort();
        }
        if let Some(connection) = self.connections.slot(side).take() {
            connection.close();
        }
    }

    fn up(&mut self, agreed: Box<session::Established>) {
        self.number += 1;
        self.established = Some(agreed.side);
        // What was meant for the last session must not fill the channel for this one.
        while self.mailbox.batches.try_recv().is_ok() {}
        self.news.push(PeerNews::Up { number: self.number, agreed });
    }

    fn down(&mut self, down: session::Down) {
        self.established = None;
        self.news.push(PeerNews::Down(down));
    }

    /// Writes what the sockets take.
    fn write(&mut self) {
        for side in Side::ALL {
            let Some(connection) = self.connections.slot(side).as_mut() else { continue };
            let was_blocked = connection.is_blocked();
            match connection.write() {
                Ok(written) => {
                    let is_blocked = connection.is_blocked();
                    self.wrote(side, &written, was_blocked, is_blocked);
                }
                Err(_) => self.lost(side),
            }
        }
    }

    fn wrote(&mut self, side: Side, written: &Written, was_blocked: bool, is_blocked: bool) {
        if written.octets > 0 && was_blocked {
            self.handle(Input::SendProgress(side));
        }
        if is_blocked && (written.octets > 0 || !was_blocked) {
            self.handle(Input::SendBlocked(side));
        }
        if written.updates > 0 {
            self.handle(Input::Sent { side, messages: written.updates });
        }
        if written.batches > 0 {
            self.news.push(PeerNews::Credit(written.batches));
        }
    }

    /// Tells the core how the session looks: at once when its state has changed, and else in time.
    fn tell_info(&mut self) {
        let (now, state) = (Instant::now(), self.session.state());
        let fresh = self.told.is_some_and(|(told, at)| told == state && now.duration_since(at) < PICTURE_AGE);
        if self.stirred && !fresh {
            self.told = Some((state, now));
            self.stirred = false;
            self.news.push(PeerNews::Info(Box::new(self.session.info())));
        }
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => pending().await,
    }
}

async fn ready(connection: Option<&Connection>, read: bool) -> io::Result<Ready> {
    match connection {
        Some(connection) => connection.ready(read).await,
        None => pending().await,
    }
}

async fn dialled(dial: &mut Dial) -> io::Result<TcpStream> {
    match dial {
        Some(task) => task.await.unwrap_or_else(|ended| Err(io::Error::other(ended))),
        None => pending().await,
    }
}
