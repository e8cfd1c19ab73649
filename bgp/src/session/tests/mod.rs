//! Tests of a whole session: the table of its machine, one session against a scripted peer, two against each
//! other over a simulated network, and properties under arbitrary input.

mod alone;
mod arbitrary;
mod connections;
mod net;
mod pair;
mod restart;
mod table;
mod traffic;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use super::restart::OwnRestart;
use super::*;
use crate::types::{Asn, Family, FamilySet, RouterId};
use crate::wire::message::{self, HEADER_LEN, MAX_EXTENDED_MESSAGE, MessageType};
use crate::wire::{Capability, Notification, Open};

const AS_A: Asn = Asn(65001);
const AS_B: Asn = Asn(65002);
const ID_A: RouterId = RouterId(std::net::Ipv4Addr::new(10, 0, 0, 1));
const ID_B: RouterId = RouterId(std::net::Ipv4Addr::new(10, 0, 0, 2));

fn families() -> FamilySet {
    [Family::Ipv4Unicast, Family::L2vpnEvpn].into_iter().collect()
}

fn config_a() -> SessionConfig {
    SessionConfig::new(AS_A, ID_A, RemoteAs::Number(AS_B), families())
}

fn config_b() -> SessionConfig {
    SessionConfig::new(AS_B, ID_B, RemoteAs::Number(AS_A), families())
}

fn end(host: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, host], 179))
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn cease(subcode: u8) -> Notification {
    Notification::new(6, subcode)
}

fn octets(emit: impl FnOnce(&mut BytesMut)) -> Vec<u8> {
    let mut out = BytesMut::new();
    emit(&mut out);
    out.to_vec()
}

/// B's OPEN with everything that a session of ours offers.
fn open_b() -> Vec<u8> {
    open_of(&config_b())
}

fn open_of(config: &SessionConfig) -> Vec<u8> {
    octets(|out| Offer::default().open(config, end(2).ip(), OwnRestart::default()).emit(out))
}

/// The type and the body of the one message in `octets`.
fn only_message(octets: &[u8]) -> (MessageType, &[u8]) {
    let (kind, length) = message::frame(octets, MAX_EXTENDED_MESSAGE).unwrap().unwrap();
    assert_eq!(length, octets.len());
    (kind, &octets[HEADER_LEN..])
}

/// One session and a clock; the peer is whatever the test says.
struct Alone {
    session: Session,
    start: Instant,
    now: Instant,
}

impl Alone {
    fn new(config: SessionConfig) -> Alone {
        let start = Instant::now();
        Alone { session: Session::new(config, 1), start, now: start }
    }

    /// Started, and dialling unless passive.
    fn started(config: SessionConfig) -> Alone {
        let mut alone = Alone::new(config);
        alone.input(Input::Start);
        alone
    }

    /// Established with B over the connection that A dialled.
    fn established(config: SessionConfig) -> Alone {
        let mut alone = Alone::started(config);
        alone.connected();
        alone.receive(Side::Outgoing, &open_b());
        alone.receive(Side::Outgoing, message::keepalive());
        assert_eq!(alone.session.state(), StateName::Established);
        alone
    }

    fn input(&mut self, input: Input) -> Vec<Action> {
        self.session.handle(self.now, input);
        std::iter::from_fn(|| self.session.poll_action()).collect()
    }

    fn connected(&mut self) -> Vec<Action> {
        self.input(Input::Connected { local: end(1), remote: end(2) })
    }

    fn accepted(&mut self) -> Vec<Action> {
        self.input(Input::Accepted { local: end(1), remote: end(2) })
    }

    fn receive(&mut self, side: Side, octets: &[u8]) -> Vec<Action> {
        self.session.buffer(side).expect("a connection").extend_from_slice(octets);
        self.input(Input::Received(side))
    }

    /// Lets time pass to the next timeout and handles it.
    fn next_timeout(&mut self) -> Vec<Action> {
        self.now = self.session.poll_timeout().expect("a timer");
        self.input(Input::Timeout)
    }

    /// Lets `time` pass; returns what was done meanwhile.
    fn pass(&mut self, time: Duration) -> Vec<Action> {
        let until = self.now + time;
        let mut actions = Vec::new();
        while self.session.poll_timeout().is_some_and(|due| due <= until) {
            actions.extend(self.next_timeout());
        }
        self.now = until;
        actions
    }
}

/// What was sent, as messages by type and the NOTIFICATIONs among them.
fn sent(actions: &[Action]) -> Vec<(Side, MessageType)> {
    let message = |action: &Action| match action {
        Action::Send(side, octets) => Some((*side, only_message(octets).0)),
        _ => None,
    };
    actions.iter().filter_map(message).collect()
}

fn notifications(actions: &[Action]) -> Vec<(u8, u8)> {
    let codes = |octets: &Bytes| match only_message(octets) {
        (MessageType::Notification, body) => Some((body[0], body[1])),
        _ => None,
    };
    let sent = |action: &Action| match action {
        Action::Send(_, octets) | Action::Refuse(octets) => codes(octets),
        _ => None,
    };
    actions.iter().filter_map(sent).collect()
}

fn downs(actions: &[Action]) -> Vec<&Down> {
    actions.iter().filter_map(|a| if let Action::Down(down) = a { Some(down) } else { None }).collect()
}

fn notification(code: u8, subcode: u8) -> Vec<u8> {
    octets(|out| Notification::new(code, subcode).emit(out))
}
