//! The task of one neighbour: drives its [`Driver`] with sockets and a timer, and passes news to the core.
//!
//! It never waits for the core while the peer waits, nor for the peer while it holds news: what the core has
//! no room for yet stays in the driver, reading stops, and TCP tells the peer to slow down. The session's timers
//! go on meanwhile. Before a timer fires, bytes that have come are looked at (what BIRD does as well).

use std::future::pending;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use bgp::export::Batch;
use bgp::session::{Session, Side, StopReason, TransportFault};
use bgp::types::PeerId;
use tokio::io::Ready;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tracing::{debug, warn};

use crate::config::Authentication;
use crate::core::{Event, SessionCommand};
use crate::peer::{Dial, Driver};

use super::socket::{self, Remote, Route};
use super::stream;

/// The ends of a peer task's channels.
pub(super) struct Mailbox {
    /// Routes to be sent, with the number of the session that they are for.
    pub(super) batches: mpsc::Receiver<(u32, Arc<Batch>)>,
    /// What core and operators wish. When the other end is dropped, the task ends.
    pub(super) commands: mpsc::Receiver<SessionCommand>,
    /// Connections from the neighbour.
    pub(super) accepted: mpsc::Receiver<TcpStream>,
    /// How segments are to be signed.
    pub(super) signature: watch::Receiver<Authentication>,
    /// To the core.
    pub(super) core: mpsc::Sender<Event>,
}

/// One neighbour's task.
pub(super) struct Peer<'m> {
    id: PeerId,
    /// What the neighbour is called in the log.
    name: &'m str,
    route: Route,
    /// How segments are signed.
    signature: Authentication,
    driver: Driver<TcpStream>,
    mailbox: &'m mut Mailbox,
    dialling: Dialling,
}

/// An attempt to connect that is under way.
type Dialling = Option<JoinHandle<io::Result<TcpStream>>>;

/// What woke the task.
enum Wake {
    Socket(Side, io::Result<Ready>),
    Dialled(io::Result<TcpStream>),
    Accepted(TcpStream),
    Batch(u32, Arc<Batch>),
    Command(Option<SessionCommand>),
    Told,
    Timer,
    /// The neighbour was found at another address, or is at none any more.
    Moved,
    /// Segments are to be signed otherwise.
    Signature,
}

impl<'m> Peer<'m> {
    pub(super) fn new(
        id: PeerId,
        name: &'m str,
        route: Route,
        session: Session,
        mailbox: &'m mut Mailbox,
    ) -> Peer<'m> {
        let signature = mailbox.signature.borrow_and_update().clone();
        Peer { id, name, route, signature, driver: Driver::new(id, session), mailbox, dialling: None }
    }

    /// Runs until core ends it, or drops its end of the commands because the daemon ends. The session begins at
    /// once, or when it is enabled.
    pub(super) async fn run(mut self, begins: bool) {
        if begins {
            self.driver.start(Instant::now());
        }
        let reason = loop {
            let now = Instant::now();
            self.driver.write(now);
            self.driver.tell(now);
            self.dial();
            match self.wake().await {
                Wake::Command(None) => break StopReason::GoingDown,
                Wake::Command(Some(SessionCommand::End(reason))) => break reason,
                wake => {
                    let has_read = matches!(wake, Wake::Socket(..));
                    self.on(wake);
                    if has_read {
                        // A neighbour that always has more to say must not hold up this thread's timers: the
                        // KEEPALIVEs of the others.
                        tokio::task::yield_now().await;
                    }
                }
            }
        };
        if let Some(dialling) = self.dialling.take() {
            dialling.abort();
        }
        self.driver.stop(Instant::now(), reason);
    }

    /// Waits for whatever comes first. News go first, so that little is held here; then what the operator and
    /// the clock want; then bytes.
    async fn wake(&mut self) -> Wake {
        let Peer { mailbox, driver, dialling, id, route, .. } = self;
        let deadline = driver.poll_timeout().map(tokio::time::Instant::from_std);
        tokio::select! {
            biased;
            permit = mailbox.core.reserve(), if driver.has_news() => {
                // Without a core there is nobody to tell; the commands' end is about to be dropped, too.
                if let Ok(permit) = permit {
                    permit.send(Event::Peer { peer: *id, news: driver.take_news() });
                }
                Wake::Told
            }
            command = mailbox.commands.recv() => Wake::Command(command),
            () = sleep_until(deadline) => Wake::Timer,
            () = moved(&mut route.remote) => Wake::Moved,
            Ok(()) = mailbox.signature.changed() => Wake::Signature,
            Some((session, batch)) = mailbox.batches.recv(), if driver.may_take_batches() => {
                Wake::Batch(session, batch)
            }
            (side, ready) = first_ready(driver) => Wake::Socket(side, ready),
            stream = dialled(dialling) => Wake::Dialled(stream),
            Some(stream) = mailbox.accepted.recv() => Wake::Accepted(stream),
        }
    }

    fn on(&mut self, wake: Wake) {
        let (now, before) = (Instant::now(), self.driver.number());
        match wake {
            Wake::Socket(side, Ok(ready)) if ready.is_readable() || ready.is_read_closed() => {
                self.driver.read(now, side);
            }
            // Room to write is used at the top of the loop.
            Wake::Socket(_, Ok(_)) => {}
            Wake::Socket(side, Err(_)) => self.driver.lost(now, side),
            Wake::Dialled(stream) => self.on_dialled(now, stream),
            Wake::Accepted(stream) => self.on_accepted(now, stream),
            Wake::Batch(session, batch) => self.driver.batch(session, &batch),
            Wake::Command(Some(SessionCommand::ConnectFrom(local))) => self.route.local = local,
            Wake::Command(Some(command)) => self.driver.command(now, command),
            Wake::Timer => self.driver.timeout(now),
            Wake::Moved => self.on_moved(now),
            Wake::Signature => self.on_signature(now),
            Wake::Command(None) | Wake::Told => {}
        }
        if self.driver.number() != before {
            // What was meant for the last session must not fill the channel for this one.
            while self.mailbox.batches.try_recv().is_ok() {}
        }
    }

    fn on_dialled(&mut self, now: Instant, stream: io::Result<TcpStream>) {
        self.dialling = None;
        let outcome = stream.and_then(|stream| stream::prepare(&stream).map(|ends| (stream, ends)));
        self.driver.dialled(now, outcome);
    }

    /// A connection that has ended by now was none, and one to another address of ours was meant for somebody
    /// else.
    fn on_accepted(&mut self, now: Instant, stream: TcpStream) {
        let prepared = socket::prepare_accepted(&stream, &self.route).and_then(|()| stream::prepare(&stream));
        match prepared {
            Ok(ends) => self.driver.accepted(now, (stream, ends)),
            Err(error) => debug!(neighbor = self.name, %error, "connection refused"),
        }
    }

    /// What leads to where the neighbour is no longer has ended, even if TCP would take minutes to notice.
    fn on_moved(&mut self, now: Instant) {
        let Remote::Link(found, _) = &mut self.route.remote else { return };
        let there = found.borrow_and_update().map(|address| IpAddr::from(*address.ip()));
        let fault = if there.is_none() { TransportFault::LinkDown } else { TransportFault::Moved };
        for side in Side::ALL {
            let is_elsewhere = self
                .driver
                .connection(side)
                .is_some_and(|connection| connection.stream().peer_addr().ok().map(|a| a.ip()) != there);
            if is_elsewhere {
                self.driver.lost_to(now, side, fault);
            }
        }
        self.dial_again();
    }

    /// A connection that stands is signed with the new key from here on, and told so to nobody: the neighbour has to
    /// have it before the hold time is over.
    fn on_signature(&mut self, now: Instant) {
        let new = self.mailbox.signature.borrow_and_update().clone();
        let former = std::mem::replace(&mut self.signature, new);
        for side in Side::ALL {
            let Some(connection) = self.driver.connection(side) else { continue };
            if let Err(error) = socket::sign_anew(connection.stream(), &former, &self.signature) {
                warn!(neighbor = self.name, %error, "the connection cannot go on with another key");
                self.driver.lost(now, side);
            }
        }
        self.dial_again();
    }

    /// An attempt that is under way leads to where the neighbour was, or has a key that is no longer its.
    fn dial_again(&mut self) {
        if let Some(former) = self.dialling.take() {
            former.abort();
            self.dialling = Some(self.begin_to_dial());
        }
    }

    fn begin_to_dial(&self) -> JoinHandle<io::Result<TcpStream>> {
        tokio::spawn(socket::connect(self.route.clone(), self.signature.clone()))
    }

    fn dial(&mut self) {
        let Some(dial) = self.driver.poll_dial() else { return };
        if let Some(former) = self.dialling.take() {
            former.abort();
        }
        self.dialling = (dial == Dial::Begin).then(|| self.begin_to_dial());
    }
}

/// Waits until the neighbour on a link is found elsewhere.
async fn moved(remote: &mut Remote) {
    match remote {
        Remote::Link(found, _) => {
            // Who looks for it goes on as long as we want to know.
            let _ = found.changed().await;
        }
        Remote::Address(_) | Remote::OnLink(..) => pending().await,
    }
}

async fn sleep_until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => pending().await,
    }
}

/// The side whose socket is ready first.
async fn first_ready(driver: &Driver<TcpStream>) -> (Side, io::Result<Ready>) {
    tokio::select! {
        ready = ready(driver, Side::Outgoing) => (Side::Outgoing, ready),
        ready = ready(driver, Side::Incoming) => (Side::Incoming, ready),
    }
}

async fn ready(driver: &Driver<TcpStream>, side: Side) -> io::Result<Ready> {
    match driver.connection(side) {
        Some(connection) => stream::ready(connection, driver.may_read(side)).await,
        None => pending().await,
    }
}

async fn dialled(dialling: &mut Dialling) -> io::Result<TcpStream> {
    match dialling {
        Some(task) => task.await.unwrap_or_else(|ended| Err(io::Error::other(ended))),
        None => pending().await,
    }
}
