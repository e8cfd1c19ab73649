//! The machine as a table: every state, every event, compared with `fsm_table.txt`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p linnet-bgp fsm_table` writes the file anew; its diff is to be reviewed.

use std::fmt::Write;

use super::super::fsm::State;
use super::*;
use crate::wire::{RouteRefresh, WireError};

const STATES: [StateName; 6] = [
    StateName::Idle,
    StateName::Connect,
    StateName::Active,
    StateName::OpenSent,
    StateName::OpenConfirm,
    StateName::Established,
];

#[test]
fn fsm_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/session/fsm_table.txt");
    let table = table();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &table).unwrap();
    }
    assert_eq!(table, include_str!("../fsm_table.txt"));
}

fn table() -> String {
    let mut table = String::from(HEAD);
    for side in Side::ALL {
        for state in STATES.into_iter().filter(|s| side == Side::Outgoing || *s == StateName::Idle) {
            writeln!(table, "\n{} ({})", state.name(), side.name()).unwrap();
            table += &rows(side, state);
        }
    }
    table
}

const HEAD: &str = "\
What one connection does: state, event -> next state, what is done, which timers run then.
Written by the test `fsm_table`. The incoming side differs from the outgoing one where Idle is left.
";

fn rows(side: Side, state: StateName) -> String {
    let (mut rows, mut ignored) = (String::new(), Vec::new());
    for (name, event) in events() {
        match row(side, state, &event) {
            Some((next, done)) => writeln!(rows, "  {name:<24} -> {next:<12} {done}").unwrap(),
            None => ignored.push(name),
        }
    }
    if !ignored.is_empty() {
        writeln!(rows, "  nothing: {}", ignored.join(", ")).unwrap();
    }
    rows
}

/// What an event does in a state; `None` if nothing.
fn row(side: Side, state: StateName, event: &Event<'_>) -> Option<(&'static str, String)> {
    let mut bench = Bench::new(side);
    bench.enter(state);
    let (timers, actions) = (bench.timers.clone(), bench.next(event.clone()));
    let next = bench.state.name();
    let unchanged = format!("{timers:?}") == format!("{:?}", bench.timers);
    if next == state && actions.is_empty() && unchanged {
        return None;
    }
    let running: Vec<_> = bench.timers.running().map(|(timer, _)| timer.name()).collect();
    Some((next.name(), format!("{} [{}]", actions.join(", "), running.join(", "))))
}

fn events() -> Vec<(&'static str, Event<'static>)> {
    let timers = [Timer::ConnectRetry, Timer::OpenWait, Timer::Hold, Timer::Keepalive, Timer::SendHold];
    let mut events = vec![
        ("Start", Event::Start),
        ("Stop", Event::Stop(Reason::Stopped(StopReason::Shutdown(None)))),
        ("Stop, collision", Event::Stop(Reason::Collision)),
        ("Pause", Event::Pause),
        ("Connected", Event::Connected(end(1), end(2))),
        ("ConnectFailed", Event::ConnectFailed(std::io::ErrorKind::ConnectionRefused)),
        ("Closed", Event::Closed),
        ("Blocked", Event::Blocked),
        ("Progress", Event::Progress),
        ("Sent", Event::Sent(1)),
    ];
    events.extend(timers.map(|timer| (timer.name(), Event::Expired(timer))));
    events.extend(messages());
    events.push(("no message", Event::Malformed(WireError::new(1, 1, 0, "marker"))));
    events
}

fn messages() -> Vec<(&'static str, Event<'static>)> {
    let wrong_as = SessionConfig { local_asn: Asn(1), ..config_b() };
    let end_of_rib = [0, 0, 0, 0];
    let overrun = [255, 255, 0, 0];
    let refresh = RouteRefresh { afi: crate::types::Afi::L2VPN, safi: crate::types::Safi::EVPN, subtype: 0 };
    [
        ("OPEN", open_b()),
        ("OPEN, wrong AS", octets(|out| negotiate::open(&wrong_as, Offer::Full).emit(out))),
        ("KEEPALIVE", message::keepalive().to_vec()),
        ("UPDATE", update(&end_of_rib)),
        ("UPDATE, malformed", update(&overrun)),
        ("ROUTE-REFRESH", octets(|out| refresh.emit(out))),
        ("NOTIFICATION 2/7", notification(2, 7)),
        ("NOTIFICATION 6/5", notification(6, 5)),
    ]
    .map(|(name, octets)| {
        let octets: &'static [u8] = octets.leak();
        let (kind, body) = only_message(octets);
        (name, Event::Message(kind, body))
    })
    .into()
}

fn update(body: &[u8]) -> Vec<u8> {
    let length = (HEADER_LEN + body.len()) as u16;
    [&[0xff; 16], &length.to_be_bytes()[..], &[MessageType::Update as u8], body].concat()
}

fn notification(code: u8, subcode: u8) -> Vec<u8> {
    octets(|out| Notification::new(code, subcode).emit(out))
}

/// One connection's machine and what it works on.
struct Bench {
    side: Side,
    config: SessionConfig,
    state: State,
    timers: Timers,
    jitter: Jitter,
    out: Output,
    now: Instant,
}

impl Bench {
    fn new(side: Side) -> Bench {
        Bench {
            side,
            config: config_a(),
            state: State::Idle,
            timers: Timers::default(),
            jitter: Jitter::new(1),
            out: Output::default(),
            now: Instant::now(),
        }
    }

    /// Goes to `state` the way a connection does.
    fn enter(&mut self, state: StateName) {
        let open = open_b();
        let failed = Event::ConnectFailed(std::io::ErrorKind::TimedOut);
        let connected = Event::Connected(end(1), end(2));
        let opened = Event::Message(MessageType::Open, only_message(&open).1);
        let confirmed = Event::Message(MessageType::Keepalive, &[]);
        let path = match state {
            StateName::Idle => vec![],
            StateName::Connect => vec![Event::Start],
            StateName::Active => vec![Event::Start, failed],
            StateName::OpenSent => vec![Event::Start, connected],
            StateName::OpenConfirm => vec![Event::Start, connected, opened],
            StateName::Established => vec![Event::Start, connected, opened, confirmed],
        };
        path.into_iter().for_each(|event| drop(self.next(event)));
        assert_eq!(self.state.name(), state);
        self.now += secs(1);
    }

    fn next(&mut self, event: Event<'_>) -> Vec<String> {
        let mut cx = Context {
            side: self.side,
            now: self.now,
            config: &self.config,
            offer: Offer::Full,
            rival: StateName::Idle,
            timers: &mut self.timers,
            jitter: &mut self.jitter,
            out: &mut self.out,
            ended: None,
        };
        self.state = std::mem::take(&mut self.state).next(event, &mut cx);
        self.out.actions.drain(..).map(|action| name(&action)).collect()
    }
}

fn name(action: &Action) -> String {
    match action {
        Action::Connect => "dial".into(),
        Action::Send(_, octets) => match only_message(octets) {
            (MessageType::Notification, body) => format!("send NOTIFICATION {}/{}", body[0], body[1]),
            (kind, _) => format!("send {}", format!("{kind:?}").to_uppercase()),
        },
        Action::Close(_) => "close".into(),
        Action::Accept => "accept".into(),
        Action::Refuse(_) => "refuse".into(),
        Action::Up(_) => "up".into(),
        Action::Update(_) => "routes".into(),
        Action::EndOfRib(family) => format!("end of {family}"),
        Action::Refresh(family) => format!("refresh {family}"),
        Action::Down(_) => "down".into(),
        Action::Failed(..) => "failed".into(),
    }
}
