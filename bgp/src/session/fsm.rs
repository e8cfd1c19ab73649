//! The finite state machine of one connection (RFC 4271 section 8.2.2).
//!
//! [`State::next`] is the whole of it: one match from state and event to state, each arm a line that names what
//! is done. The test below prints it as a table, `fsm_table.txt`, to be read beside the RFC. Where this
//! machine departs from the letter of the RFC:
//!
//! - There are two of them in a session, one for each side that may dial. The incoming one begins in Active
//!   and never dials; the outgoing one begins in Connect.
//! - The pause of an Idle state after an error is the session's, see `Session`.
//! - A peer that turns a new connection away, by closing it or with a Cease that says so, has not failed: the
//!   next attempt is made after the connect retry time, and meanwhile its own dial is welcome.
//! - Of the optional attributes of section 8.1, those of collision, damping and passive opening are here, as the
//!   rest of the module says; delaying the OPEN and tracking the state of TCP are not.
//! - Malformed UPDATEs are handled as RFC 7606 says, so most are not events of this machine.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::collision;
use super::context::Context;
use super::down::{Down, Reason, TransportFault};
use super::established::Established;
use super::event::Action;
use super::farewell::farewell;
use super::negotiate::OpenSent;
use super::timers::Timer;
use super::words::{Side, StateName};
use crate::otc;
use crate::types::Family;
use crate::wire::message::MessageType;
use crate::wire::update::{Reach, UpdateContext};
use crate::wire::{Notification, Open, RouteRefresh, Update, WireError};

/// A connection's state. Each holds what exists only then.
#[derive(Debug, Default)]
pub(super) enum State {
    /// No connection, and none is wanted.
    #[default]
    Idle,
    /// Dialling.
    Connect,
    /// Waiting for the peer, or for the time to dial again.
    Active,
    /// Our OPEN is under way.
    OpenSent(OpenSent),
    /// Both OPENs are known; what they agree on holds once the peer has confirmed it.
    OpenConfirm(Box<Established>),
    /// Confirmed.
    Established(Box<Established>),
}

/// What happens to a connection.
#[derive(Clone, Debug)]
pub(super) enum Event<'a> {
    Start,
    Stop(Reason),
    /// The session pauses: nothing new is to be tried.
    Pause,
    /// A connection was made or accepted, with its two ends: ours, the peer's.
    Connected(SocketAddr, SocketAddr),
    ConnectFailed(io::ErrorKind),
    Closed(TransportFault),
    /// The socket takes no more.
    Blocked,
    /// It does again.
    Progress,
    /// So many messages were written that are not the session's own.
    Sent {
        updates: u32,
        refreshes: u32,
    },
    Expired(Timer),
    /// A message with its body.
    Message(MessageType, &'a [u8]),
    /// Octets that are no message.
    Malformed(WireError),
}

/// How long to wait for an OPEN (RFC 4271 section 8.2.2 suggests four minutes).
const OPEN_WAIT: Duration = Duration::from_secs(240);

/// The least that RFC 9687 recommends for the send hold time.
const MIN_SEND_HOLD: Duration = Duration::from_secs(8 * 60);

impl State {
    /// What comes after `event`.
    pub(super) fn next(self, event: Event<'_>, cx: &mut Context<'_>) -> State {
        use Event as E;
        use MessageType as M;
        use State as S;
        match (self, event) {
            (S::Idle, E::Start) => start(cx),
            (S::Idle, E::Connected(..)) => hang_up(cx),
            (S::Idle, _) => S::Idle,

            (S::Connect | S::Active, E::Connected(local, remote)) => greet(local, remote, cx),
            (S::Connect, E::Stop(_) | E::Pause) => hang_up(cx),
            (S::Active, E::Stop(_) | E::Pause) => rest(cx),
            (S::Connect, E::ConnectFailed(kind)) => retry(TransportFault::Connect(kind).into(), cx),
            (S::Connect, E::Expired(Timer::ConnectRetry)) => {
                retry(TransportFault::ConnectTimeout.into(), cx);
                dial(cx)
            }
            (S::Active, E::Expired(Timer::ConnectRetry)) => dial_unless_rivalled(cx),
            (state @ (S::Connect | S::Active), _) => state,

            (S::OpenSent(sent), E::Message(M::Open, body)) => answered(sent, body, cx),
            (S::OpenSent(_), E::Closed(fault)) => retry(fault.into(), cx),

            (S::OpenConfirm(agreed), E::Message(M::Keepalive, _)) => confirmed(agreed, cx),

            (S::Established(agreed), E::Message(M::Keepalive, _)) => heard(agreed, cx),
            (S::Established(agreed), E::Message(M::Update, body)) => update(agreed, body, cx),
            (S::Established(agreed), E::Message(M::RouteRefresh, body)) => refresh(agreed, body, cx),

            (state, E::Message(M::Notification, body)) => state.notified(body, cx),
            (state, E::Message(kind, _)) => {
                let unexpected = Reason::Unexpected(kind, state.name());
                state.end(unexpected.into(), cx)
            }
            (state, E::Malformed(error)) => state.end(Reason::Malformed(error).into(), cx),
            (state, E::Closed(fault)) => state.end(fault.into(), cx),
            (state, E::Stop(reason)) => state.end(reason.into(), cx),
            (state, E::Expired(Timer::OpenWait)) => state.end(Reason::OpenTimer.into(), cx),
            (state, E::Expired(Timer::Hold)) => state.end(Reason::HoldTimer.into(), cx),
            (state, E::Expired(Timer::SendHold)) => state.end(Reason::SendHoldTimer.into(), cx),
            (state @ (S::OpenConfirm(_) | S::Established(_)), E::Expired(Timer::Keepalive)) => {
                state.keepalive_due(cx)
            }
            (state, E::Sent { updates, refreshes }) => state.sent(updates, refreshes, cx),
            (state, E::Blocked) => state.blocked(cx),
            (state, E::Progress) => state.progressed(cx),
            (state, E::Start | E::Pause | E::Connected(..) | E::ConnectFailed(_) | E::Expired(_)) => state,
        }
    }

    /// Its name.
    pub(super) fn name(&self) -> StateName {
        match self {
            State::Idle => StateName::Idle,
            State::Connect => StateName::Connect,
            State::Active => StateName::Active,
            State::OpenSent(_) => StateName::OpenSent,
            State::OpenConfirm(_) => StateName::OpenConfirm,
            State::Established(_) => StateName::Established,
        }
    }

    /// Whether there is a connection.
    pub(super) fn is_connected(&self) -> bool {
        self.name() >= StateName::OpenSent
    }

    /// What the OPENs agree on, once both are known.
    pub(super) fn agreed(&self) -> Option<&Established> {
        match self {
            State::OpenConfirm(agreed) | State::Established(agreed) => Some(agreed),
            _ => None,
        }
    }
}

// Before there is a connection.

fn start(cx: &mut Context<'_>) -> State {
    match cx.side {
        Side::Incoming => State::Active,
        Side::Outgoing if cx.config.passive => State::Idle,
        Side::Outgoing => dial(cx),
    }
}

fn dial(cx: &mut Context<'_>) -> State {
    cx.act(Action::Connect);
    cx.set_jittered(Timer::ConnectRetry, cx.config.connect_retry);
    State::Connect
}

/// While the peer's own connection makes progress a second one would only collide with it.
fn dial_unless_rivalled(cx: &mut Context<'_>) -> State {
    if cx.rival >= StateName::OpenSent { wait(cx) } else { dial(cx) }
}

fn wait(cx: &mut Context<'_>) -> State {
    if cx.side == Side::Outgoing {
        cx.set_jittered(Timer::ConnectRetry, cx.config.connect_retry);
    }
    State::Active
}

fn hang_up(cx: &mut Context<'_>) -> State {
    cx.act(Action::Close(cx.side));
    rest(cx)
}

fn rest(cx: &mut Context<'_>) -> State {
    cx.timers.clear_all();
    State::Idle
}

/// Gives an attempt up that may well succeed at another time.
fn retry(down: Down, cx: &mut Context<'_>) -> State {
    close(down.clone(), None, cx);
    cx.act(Action::Failed(cx.side, down));
    wait(cx)
}

// With a connection.

fn greet(local: SocketAddr, remote: SocketAddr, cx: &mut Context<'_>) -> State {
    let open = cx.offer.open(cx.config, local.ip(), cx.own_restart);
    cx.out.send_open(cx.side, &open);
    cx.timers.clear_all();
    cx.set(Timer::OpenWait, OPEN_WAIT);
    State::OpenSent(OpenSent { side: cx.side, local, remote, open })
}

fn answered(sent: OpenSent, body: &[u8], cx: &mut Context<'_>) -> State {
    let agreed = Open::parse(body).map_err(Reason::Malformed).and_then(|theirs| agree(&sent, theirs, cx));
    match agreed {
        Ok(agreed) => accept(agreed, cx),
        Err(reason) => State::OpenSent(sent).end(reason.into(), cx),
    }
}

fn agree(sent: &OpenSent, theirs: Open, cx: &Context<'_>) -> Result<Box<Established>, Reason> {
    let agreed = sent.answered(theirs, cx.config).map_err(Reason::Refused)?;
    match cx.rival {
        StateName::Established => Err(Reason::Collision),
        StateName::OpenConfirm if collision::winner(cx.config, &agreed) != cx.side => Err(Reason::Collision),
        _ => Ok(Box::new(agreed)),
    }
}

/// `OpenWait` goes on: with a hold time of zero nothing else would notice that no KEEPALIVE comes.
fn accept(agreed: Box<Established>, cx: &mut Context<'_>) -> State {
    cx.out.send_keepalive(cx.side);
    cx.restart_keepalive(&agreed);
    cx.restart_hold(&agreed);
    State::OpenConfirm(agreed)
}

fn confirmed(agreed: Box<Established>, cx: &mut Context<'_>) -> State {
    cx.timers.clear(Timer::OpenWait);
    cx.act(Action::Up(agreed.clone()));
    heard(agreed, cx)
}

fn heard(agreed: Box<Established>, cx: &mut Context<'_>) -> State {
    cx.restart_hold(&agreed);
    State::Established(agreed)
}

fn update(agreed: Box<Established>, body: &[u8], cx: &mut Context<'_>) -> State {
    let context = UpdateContext { encoding: agreed.receive, kind: agreed.kind, families: agreed.families };
    match Update::parse(body, &context) {
        Ok(mut update) => {
            mark(&mut update.reach, &agreed);
            cx.out.deliver(cx.now, update);
            heard(agreed, cx)
        }
        Err(error) => State::Established(agreed).end(Reason::Malformed(error).into(), cx),
    }
}

/// What comes from above or from the side is marked (RFC 9234 section 5), before equal attributes become one.
fn mark(reach: &mut [Reach], agreed: &Established) {
    let Some(mark) = agreed.role.and_then(|ours| otc::mark_received(ours, agreed.remote_asn)) else { return };
    for reach in reach.iter_mut().filter(|reach| otc::applies(reach.nlri.family())) {
        reach.attrs.only_to_customer.get_or_insert(mark);
    }
}

/// A family that is not spoken is ignored (RFC 2918 section 4), and so are marks that were not agreed upon and
/// subtypes that there are not (RFC 7313 section 5).
fn refresh(agreed: Box<Established>, body: &[u8], cx: &mut Context<'_>) -> State {
    match RouteRefresh::parse(body) {
        Ok(message) => {
            let family = Family::new(message.afi, message.safi).filter(|f| agreed.families.contains(*f));
            let action = family.and_then(|family| match message.subtype {
                RouteRefresh::REQUEST => Some(Action::Refresh(family)),
                RouteRefresh::BEGIN if agreed.enhanced_refresh => Some(Action::RefreshBegins(family)),
                RouteRefresh::END if agreed.enhanced_refresh => Some(Action::RefreshEnds(family)),
                _ => None,
            });
            action.into_iter().for_each(|action| cx.act(action));
            heard(agreed, cx)
        }
        Err(error) => State::Established(agreed).end(Reason::Malformed(error).into(), cx),
    }
}

impl State {
    fn notified(self, body: &[u8], cx: &mut Context<'_>) -> State {
        match (self, Notification::parse(body)) {
            (State::OpenSent(_), Ok(notification)) if turns_away(&notification) => {
                retry(Down::Remote(notification), cx)
            }
            (state, Ok(notification)) => state.end(Down::Remote(notification), cx),
            (state, Err(error)) => state.end(Reason::Malformed(error).into(), cx),
        }
    }

    /// While the peer does not read, another KEEPALIVE behind what it has not read says nothing.
    fn keepalive_due(self, cx: &mut Context<'_>) -> State {
        if cx.timers.get(Timer::SendHold).is_none() {
            cx.out.send_keepalive(cx.side);
        }
        self.written(cx)
    }

    fn sent(self, updates: u32, refreshes: u32, cx: &mut Context<'_>) -> State {
        *cx.out.sent.of(MessageType::Update) += u64::from(updates);
        *cx.out.sent.of(MessageType::RouteRefresh) += u64::from(refreshes);
        self.written(cx)
    }

    /// Something that is a sign of life to the peer was written.
    fn written(self, cx: &mut Context<'_>) -> State {
        if let Some(agreed) = self.agreed() {
            cx.restart_keepalive(agreed);
        }
        self
    }

    /// Runs from the first block to the next progress, so further blocks change nothing.
    fn blocked(self, cx: &mut Context<'_>) -> State {
        let hold_time = self.agreed().map(|agreed| agreed.hold_time).unwrap_or_default();
        let send_hold = cx.config.send_hold.unwrap_or(MIN_SEND_HOLD.max(hold_time * 2));
        if cx.timers.get(Timer::SendHold).is_none() {
            cx.set(Timer::SendHold, send_hold);
        }
        self
    }

    fn progressed(self, cx: &mut Context<'_>) -> State {
        cx.timers.clear(Timer::SendHold);
        self
    }

    /// Ends the connection for good.
    fn end(self, down: Down, cx: &mut Context<'_>) -> State {
        close(down.clone(), self.agreed(), cx);
        match self {
            State::Established(_) => cx.out.down(down),
            _ => cx.act(Action::Failed(cx.side, down)),
        }
        State::Idle
    }
}

fn close(down: Down, agreed: Option<&Established>, cx: &mut Context<'_>) {
    if let Some(notification) = farewell(&down, cx.config, agreed) {
        cx.out.send_notification(cx.side, &notification);
    }
    cx.act(Action::Close(cx.side));
    cx.timers.clear_all();
    cx.ended = Some(down);
}

/// Cease: connection rejected, or collision resolution (RFC 4486): the peer has no use for this connection now.
fn turns_away(notification: &Notification) -> bool {
    matches!((notification.code, notification.subcode), (6, 5 | 7))
}
