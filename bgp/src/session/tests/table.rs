//! The machine as a table: every state, every event, compared with `fsm_table.txt`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p linnet-bgp fsm_table` writes the file anew; its diff is to be reviewed.

use std::fmt::Write;

use super::super::context::Context;
use super::super::fsm::{Event, State};
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

const HEAD: &str = "\
What one connection does. Each line: event -> next state, what is done [timers that run then]; a + marks a
timer that was started or restarted. Events not listed change nothing; timers are listed where they can run.
First the connection that this speaker dials, while there is no other one; then what is different where the
peer dials, and while there is another one. Written by the test `fsm_table`.
";

fn table() -> String {
    let mut table = String::from(HEAD);
    for state in STATES {
        let title = format!("{} (outgoing)", state.name());
        put_section(&mut table, &title, &rows(Side::Outgoing, state, StateName::Idle));
    }
    let differing = [
        (Side::Incoming, StateName::Idle, StateName::Idle, ""),
        (Side::Incoming, StateName::Active, StateName::Idle, ""),
        (Side::Incoming, StateName::OpenSent, StateName::Idle, ""),
        (Side::Outgoing, StateName::Active, StateName::OpenSent, ", the other is in OpenSent"),
        (
            Side::Outgoing,
            StateName::OpenSent,
            StateName::OpenConfirm,
            ", the other is in OpenConfirm and wins",
        ),
        (
            Side::Incoming,
            StateName::OpenSent,
            StateName::OpenConfirm,
            ", the other is in OpenConfirm and loses",
        ),
    ];
    for (side, state, rival, note) in differing {
        let usual_side = if rival == StateName::Idle { Side::Outgoing } else { side };
        let usual = rows(usual_side, state, StateName::Idle);
        let different: Vec<_> = rows(side, state, rival).into_iter().filter(|r| !usual.contains(r)).collect();
        put_section(&mut table, &format!("{} ({}{note})", state.name(), side.name()), &different);
    }
    table
}

fn put_section(table: &mut String, title: &str, rows: &[String]) {
    writeln!(table, "\n{title}").unwrap();
    rows.iter().for_each(|row| writeln!(table, "  {row}").unwrap());
}

fn rows(side: Side, state: StateName, rival: StateName) -> Vec<String> {
    let row = |(name, event)| Some(format!("{name:<19} -> {}", row(side, state, rival, event)?));
    events().into_iter().filter_map(row).collect()
}

/// What an event does in a state; `None` if nothing.
fn row(side: Side, state: StateName, rival: StateName, event: Event<'_>) -> Option<String> {
    let mut bench = Bench::new(side);
    bench.enter(state);
    bench.rival = rival;
    if matches!(event, Event::Expired(timer) if !bench.can_run(timer)) {
        return None;
    }
    let before: Vec<_> = bench.timers.running().collect();
    let mut done = bench.next(event).join(", ");
    let after: Vec<_> = bench.timers.running().collect();
    if bench.state.name() == state && done.is_empty() && before == after {
        return None;
    }
    let mark = |timer| if before.contains(timer) { "" } else { "+" };
    let timers: Vec<_> = after.iter().map(|timer| format!("{}{}", mark(timer), timer.0.name())).collect();
    if !timers.is_empty() {
        write!(done, "{}[{}]", if done.is_empty() { "" } else { " " }, timers.join(" ")).unwrap();
    }
    Some(format!("{:<12} {done}", bench.state.name().name()).trim_end().to_owned())
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
        ("Closed", Event::Closed(TransportFault::Closed)),
        ("Blocked", Event::Blocked),
        ("Progress", Event::Progress),
        ("Sent", Event::Sent { updates: 1, refreshes: 0 }),
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
    let refresh = |subtype| octets(|out| RouteRefresh::new(Family::L2vpnEvpn, subtype).emit(out));
    [
        ("OPEN", open_b()),
        ("OPEN, wrong AS", open_of(&wrong_as)),
        ("KEEPALIVE", message::keepalive().to_vec()),
        ("UPDATE", update(&end_of_rib)),
        ("UPDATE, malformed", update(&overrun)),
        ("ROUTE-REFRESH", refresh(RouteRefresh::REQUEST)),
        ("REFRESH begins", refresh(RouteRefresh::BEGIN)),
        ("REFRESH ends", refresh(RouteRefresh::END)),
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
    rival: StateName,
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
            rival: StateName::Idle,
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
            StateName::Active if self.side == Side::Incoming => vec![Event::Start],
            StateName::Active => vec![Event::Start, failed],
            StateName::OpenSent => vec![Event::Start, connected],
            StateName::OpenConfirm => vec![Event::Start, connected, opened],
            StateName::Established => vec![Event::Start, connected, opened, confirmed],
        };
        path.into_iter().for_each(|event| drop(self.next(event)));
        assert_eq!(self.state.name(), state);
        self.now += secs(1);
    }

    /// `SendHold` may run wherever there is a connection; the others were started on the way.
    fn can_run(&self, timer: Timer) -> bool {
        self.timers.get(timer).is_some() || timer == Timer::SendHold && self.state.is_connected()
    }

    fn next(&mut self, event: Event<'_>) -> Vec<String> {
        let mut cx = Context {
            side: self.side,
            now: self.now,
            config: &self.config,
            offer: &Offer::default(),
            own_restart: OwnRestart::default(),
            rival: self.rival,
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
        Action::RefreshBegins(family) => format!("refresh of {family} begins"),
        Action::RefreshEnds(family) => format!("refresh of {family} ends"),
        Action::Down(_) => "down".into(),
        Action::Failed(..) => "failed".into(),
    }
}
