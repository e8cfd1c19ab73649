//! One speaker and a neighbour that says what a test has it say.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use bfd::{
    Action, Datagram, Diagnostic, Discard, Endpoint, Hops, Info, Input, Packet, SessionId, Sessions, State,
};

use crate::link::{ID, config};

const THEIRS: u32 = 77;

/// A speaker, with a neighbour at 10.0.0.2.
pub(crate) struct Single {
    pub(crate) now: Instant,
    pub(crate) sessions: Sessions,
    pub(crate) sent: Vec<Packet>,
}

fn neighbor() -> IpAddr {
    IpAddr::from([10, 0, 0, 2])
}

pub(crate) fn packet(state: State, yours: u32) -> Packet {
    Packet {
        diagnostic: Diagnostic::NONE,
        state,
        poll: false,
        is_final: false,
        independent: false,
        authenticated: false,
        demand: false,
        multiplier: 3,
        my_discriminator: THEIRS,
        your_discriminator: yours,
        desired_min_tx: 50_000,
        required_min_rx: 50_000,
        required_min_echo_rx: 0,
    }
}

impl Single {
    pub(crate) fn new(hops: Hops) -> Single {
        let mut single = Single { now: Instant::now(), sessions: Sessions::new(5), sent: Vec::new() };
        let endpoint = Endpoint { remote: neighbor(), scope: 0, hops };
        single.tell(Input::Open(ID, endpoint, config(50, 50, 3)));
        single
    }

    pub(crate) fn up() -> Single {
        let mut single = Single::new(Hops::Single);
        single.hear(&packet(State::Down, 0));
        single.hear(&packet(State::Init, single.info().discriminator));
        assert_eq!(single.info().state, State::Up);
        single
    }

    pub(crate) fn info(&self) -> Info {
        self.sessions.info(ID).unwrap()
    }

    pub(crate) fn tell(&mut self, input: Input<'_>) {
        self.sessions.handle(self.now, input);
        while let Some(action) = self.sessions.poll_action() {
            if let Action::Send(_, octets) = action {
                self.sent.push(Packet::parse(&octets).unwrap());
            }
        }
    }

    pub(crate) fn hear(&mut self, packet: &Packet) {
        self.hear_as(packet, |_| ());
    }

    /// The same, with something different about the datagram.
    fn hear_as(&mut self, packet: &Packet, change: impl FnOnce(&mut Datagram<'_>)) {
        let octets = packet.emit();
        let mut datagram =
            Datagram { multihop: false, source: neighbor(), interface: 2, ttl: 255, octets: &octets };
        change(&mut datagram);
        self.tell(Input::Received(datagram));
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.sessions.poll_timeout().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            self.tell(Input::Timeout);
        }
        self.now = end;
    }
}

/// The table of RFC 5880 section 6.8.6: what each state makes of what is heard.
#[test]
fn the_state_machine() {
    use State::{AdminDown, Down, Init, Up};
    for (from, heard) in [
        (Down, [(AdminDown, Down), (Down, Init), (Init, Up), (Up, Down)]),
        (Init, [(AdminDown, Down), (Down, Init), (Init, Up), (Up, Up)]),
        (Up, [(AdminDown, Down), (Down, Down), (Init, Up), (Up, Up)]),
        (AdminDown, [(AdminDown, AdminDown), (Down, AdminDown), (Init, AdminDown), (Up, AdminDown)]),
    ] {
        for (state, to) in heard {
            let mut single = Single::new(Hops::Single);
            let ours = single.info().discriminator;
            match from {
                Down => {}
                Init => single.hear(&packet(Down, ours)),
                Up => single.hear(&packet(Init, ours)),
                AdminDown => single.tell(Input::Close(ID)),
            }
            assert_eq!(single.info().state, from);
            single.hear(&packet(state, ours));
            assert_eq!(single.info().state, to, "{from} that hears {state}");
        }
    }
}

#[test]
fn a_change_is_told_at_once_with_both_discriminators() {
    let mut single = Single::new(Hops::Single);
    single.pass(Duration::ZERO);
    assert_eq!(single.sent.len(), 1);
    single.hear(&packet(State::Down, 0));
    let told = *single.sent.last().unwrap();
    let ours = single.info().discriminator;
    assert_eq!((told.state, told.my_discriminator, told.your_discriminator), (State::Init, ours, THEIRS));
    assert_eq!(told.desired_min_tx, 1_000_000, "no faster than this before it is up");
    single.hear(&packet(State::Init, ours));
    let told = *single.sent.last().unwrap();
    assert_eq!((told.state, told.poll, told.desired_min_tx), (State::Up, true, 50_000));
}

#[test]
fn a_poll_is_answered_at_once_and_does_not_put_off_what_is_due() {
    let mut single = Single::up();
    let ours = single.info().discriminator;
    let poll = Packet { poll: true, ..packet(State::Up, ours) };
    let before = single.sent.len();
    for _ in 0..20 {
        single.hear(&poll);
        single.pass(Duration::from_millis(10));
    }
    let sent = &single.sent[before..];
    assert_eq!(sent.iter().filter(|packet| packet.is_final && !packet.poll).count(), 20);
    let periodic = sent.iter().filter(|packet| !packet.is_final).count();
    assert!((4..=6).contains(&periodic), "{periodic} in 200 ms");
}

#[test]
fn a_neighbor_that_wants_no_packets_gets_none_but_answers() {
    let mut single = Single::up();
    let ours = single.info().discriminator;
    for quiet in [
        Packet { required_min_rx: 0, ..packet(State::Up, ours) },
        Packet { demand: true, is_final: true, ..packet(State::Up, ours) },
    ] {
        single.hear(&quiet);
        let before = single.sent.len();
        single.pass(Duration::from_millis(140));
        assert_eq!(single.sent.len(), before, "{quiet:?}");
        single.hear(&Packet { poll: true, is_final: false, ..quiet });
        assert_eq!(single.sent.len(), before + 1);
        single.hear(&packet(State::Up, ours));
        single.pass(Duration::from_millis(60));
        assert!(single.sent.len() > before + 1, "packets again");
    }
}

#[test]
fn packets_of_others_are_counted_and_change_nothing() {
    let mut single = Single::up();
    let ours = single.info().discriminator;
    let down = packet(State::Down, ours);
    let elsewhere = IpAddr::from([10, 0, 0, 3]);
    single.hear_as(&down, |datagram| datagram.ttl = 254);
    assert_eq!(single.info().last_discard, Some(Discard::Ttl));
    single.hear_as(&down, |datagram| datagram.source = elsewhere);
    assert_eq!(single.info().last_discard, Some(Discard::Source));
    single.hear_as(&down, |datagram| datagram.multihop = true);
    assert_eq!(single.info().last_discard, Some(Discard::Hops));
    let authenticated = [&down.emit()[..], &[1, 2, 3, 4]].concat();
    let mut authenticated: Vec<u8> = authenticated;
    (authenticated[1], authenticated[3]) = (authenticated[1] | 4, 28);
    let source = neighbor();
    let datagram = Datagram { multihop: false, source, interface: 2, ttl: 255, octets: &authenticated };
    single.tell(Input::Received(datagram));
    assert_eq!(single.info().last_discard, Some(Discard::Authentication));
    assert_eq!((single.info().discarded, single.info().state), (4, State::Up));

    single.hear(&packet(State::Down, ours ^ 1));
    single.hear_as(&packet(State::Down, 0), |datagram| datagram.source = elsewhere);
    let strays = single.sessions.strays();
    assert_eq!((strays.count, strays.last, single.info().state), (2, Some(elsewhere), State::Up));
    single.hear(&down);
    assert_eq!(single.info().state, State::Down);
}

#[test]
fn several_hops_have_a_limit_of_their_own() {
    let mut single = Single::new(Hops::Multi { min_ttl: 250 });
    let down = packet(State::Down, 0);
    let routed = |ttl| move |datagram: &mut Datagram<'_>| (datagram.multihop, datagram.ttl) = (true, ttl);
    single.hear_as(&down, routed(249));
    assert_eq!(single.info().state, State::Down);
    single.hear(&down);
    assert_eq!((single.info().state, single.info().discarded), (State::Down, 2));
    single.hear_as(&down, routed(250));
    assert_eq!(single.info().state, State::Init);
}

/// What a closed session still says to its neighbour ends when there is a new one.
#[test]
fn a_new_session_silences_one_that_was_closed() {
    let mut single = Single::up();
    single.tell(Input::Close(ID));
    single.pass(Duration::from_millis(100));
    let endpoint = Endpoint { remote: neighbor(), scope: 0, hops: Hops::Single };
    let before = single.sent.len();
    single.tell(Input::Open(SessionId(9), endpoint, config(50, 50, 3)));
    single.pass(Duration::from_secs(5));
    assert_eq!(single.sessions.info(ID), None);
    assert!(single.sent[before..].iter().all(|packet| packet.state == State::Down));
    single.hear(&packet(State::Down, 0));
    assert_eq!(single.sessions.info(SessionId(9)).unwrap().state, State::Init);
}

/// The same link-local address on two links is two neighbours.
#[test]
fn link_local_neighbors_are_told_apart_by_their_link() {
    let mut sessions = Sessions::new(1);
    let (now, remote) = (Instant::now(), "fe80::1".parse().unwrap());
    for scope in [2, 3] {
        let endpoint = Endpoint { remote, scope, hops: Hops::Single };
        sessions.handle(now, Input::Open(SessionId(scope), endpoint, config(50, 50, 3)));
    }
    let octets = packet(State::Down, 0).emit();
    let datagram = Datagram { multihop: false, source: remote, interface: 3, ttl: 255, octets: &octets };
    sessions.handle(now, Input::Received(datagram));
    let state = |scope| sessions.info(SessionId(scope)).unwrap().state;
    assert_eq!((state(2), state(3)), (State::Down, State::Init));
}
