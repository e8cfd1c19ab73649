//! What core asks of BFD and of BGP, in words.

use std::time::{Duration, Instant};

use api::query::Answer;
use api::{Query, Request, v1};
use bfd::{Config as SessionConfig, Info, Session};
use bgp::session::{Down, TransportFault};
use tokio::sync::oneshot;

use super::*;
use crate::config::Config;
use crate::core::testing::agreed;
use crate::core::{Event, PeerNews};

const PEER: PeerId = PeerId(0);

/// Core with one neighbour, 10.0.1.1, that is watched so.
struct Watched {
    core: Core,
    now: Instant,
    sessions: u32,
}

fn config(bfd: &str) -> Config {
    let text = format!(
        "bgp:\n  asn: 65000\n  router_id: 10.0.0.1\n  neighbors: [{{ address: 10.0.1.1, remote_as: 65000, bfd: {bfd} }}]\n"
    );
    Config::parse("t.yaml", &text).unwrap_or_else(|faults| panic!("{faults}"))
}

impl Watched {
    fn new(bfd: &str) -> Watched {
        let now = Instant::now();
        Watched { core: Core::new(now, config(bfd), 1), now, sessions: 0 }
    }

    fn tell(&mut self, event: Event) -> Vec<String> {
        self.core.handle(self.now, event);
        self.done()
    }

    /// The BGP session comes up, or ends.
    fn bgp(&mut self, up: bool) -> Vec<String> {
        self.sessions += u32::from(up);
        let news = match up {
            true => PeerNews::Up { number: self.sessions, agreed: Box::new(agreed(0)) },
            false => PeerNews::Down(Down::Transport(TransportFault::Closed)),
        };
        self.tell(Event::Peer { peer: PEER, news: vec![news] })
    }

    /// The BFD session is in this state now, and may have been lost before.
    fn bfd(&mut self, state: State, lost: Option<Diagnostic>) -> Vec<String> {
        let second = Duration::from_secs(1);
        let config = SessionConfig { min_tx: second, min_rx: second, multiplier: 3, passive: false };
        let info = Info { state, ..Session::new(self.now, config, 7, 7).info() };
        let picture = BfdPicture { info: Some(info), local: None, multihop: false, error: None };
        self.tell(Event::Bfd(vec![BfdNews { peer: PEER, lost, picture }]))
    }

    fn operator(&mut self, admin_state: v1::AdminState) -> Vec<String> {
        let (address, admin_state) = ("10.0.1.1".to_owned(), admin_state.into());
        self.ask(Query::SetNeighborAdmin(v1::SetNeighborAdminRequest {
            address,
            admin_state,
            ..Default::default()
        }));
        self.done()
    }

    fn reload(&mut self, bfd: &str) -> Vec<String> {
        self.tell(Event::Reconfigure { config: Box::new(config(bfd)), request: None })
    }

    fn ask(&mut self, query: Query) -> Answer {
        let (reply, mut answer) = oneshot::channel();
        self.core.handle(self.now, Event::Request(Request { query, reply }));
        answer.try_recv().unwrap().unwrap()
    }

    /// What is wanted of BFD and of the session, in words.
    fn done(&mut self) -> Vec<String> {
        let actions = std::iter::from_fn(|| self.core.poll_action());
        actions.filter_map(in_words).collect()
    }
}

fn in_words(action: Action) -> Option<String> {
    Some(match action {
        Action::Bfd { command: BfdCommand::End, .. } => "bfd ends".to_owned(),
        Action::Bfd { command: BfdCommand::Run(target), .. } => {
            let local = target.local.map(|local| format!(" from {local}")).unwrap_or_default();
            let interval = target.config.transmit_interval.as_millis();
            format!("bfd to {}{local} every {interval} ms", target.remote.ip())
        }
        Action::Session { command: SessionCommand::Configure(_), .. } => return None,
        Action::Session { command, .. } => format!("{command:?}"),
        Action::Log(LogLine::Bfd(_, line)) => format!("log: {line:?}"),
        _ => return None,
    })
}

const NOTHING: [&str; 0] = [];
const EXPIRED: Option<Diagnostic> = Some(Diagnostic::DETECTION_TIME_EXPIRED);

#[test]
fn bfd_begins_with_bgp_and_outlives_it() {
    let mut watched = Watched::new("true");
    assert_eq!(watched.done(), NOTHING);
    assert_eq!(watched.bgp(true), ["bfd to 10.0.1.1 from 10.0.0.1 every 300 ms"]);
    assert_eq!(watched.bgp(false), NOTHING);
    assert_eq!(watched.bgp(true), NOTHING);
    assert_eq!(watched.operator(v1::AdminState::Shutdown), ["bfd ends", "Shutdown(None)"]);
    assert_eq!(watched.operator(v1::AdminState::Enabled), ["Enable"]);
}

#[test]
fn a_loss_ends_bgp_and_an_operator_does_not() {
    let mut watched = Watched::new("true");
    watched.bgp(true);
    assert_eq!(watched.bfd(State::Init, None), NOTHING);
    assert_eq!(watched.bfd(State::Up, None), ["log: Up"]);
    assert_eq!(watched.bfd(State::Down, None), ["log: TakenDown"]);
    assert_eq!(watched.bfd(State::Up, None), ["log: Up"]);
    assert_eq!(watched.bfd(State::Down, EXPIRED), ["log: Lost(Diagnostic(1))", "BfdDown { hold: false }"]);
    watched.bgp(false);
    // BGP may come back without it, and then nothing is lost.
    assert_eq!(watched.bgp(true), NOTHING);
    assert_eq!(watched.bfd(State::Down, None), NOTHING);
    // A loss counts even if it is over by the time that it is told.
    watched.bfd(State::Up, None);
    assert_eq!(
        watched.bfd(State::Up, EXPIRED),
        ["log: Lost(Diagnostic(1))", "log: Up", "BfdDown { hold: false }"]
    );
    // With BGP down there is nothing to end.
    watched.bgp(false);
    assert_eq!(watched.bfd(State::Down, EXPIRED), ["log: Lost(Diagnostic(1))"]);
}

#[test]
fn where_bfd_is_strict_bgp_waits_for_it() {
    let mut watched = Watched::new("{ strict: true, transmit_interval_ms: 50 }");
    assert_eq!(watched.done(), ["bfd to 10.0.1.1 every 50 ms"]);
    assert_eq!(watched.operator(v1::AdminState::Enabled), NOTHING);
    assert_eq!(watched.bfd(State::Up, None), ["log: Up", "Enable"]);
    assert_eq!(watched.bgp(true), NOTHING);
    assert_eq!(watched.bfd(State::Down, EXPIRED), ["log: Lost(Diagnostic(1))", "BfdDown { hold: true }"]);
    watched.bgp(false);
    assert_eq!(watched.bfd(State::Up, None), ["log: Up", "Enable"]);
    // A task that begins anew does not know that BFD is up.
    assert_eq!(watched.tell(Event::PeerDied { peer: PEER }), ["Enable"]);
    // An operator's word is stronger.
    assert_eq!(watched.operator(v1::AdminState::Shutdown), ["bfd ends", "Shutdown(None)"]);
    assert_eq!(watched.bfd(State::Up, None), NOTHING, "late news of a session that has ended");
    assert_eq!(watched.operator(v1::AdminState::Enabled), ["bfd to 10.0.1.1 every 50 ms"]);
}

#[test]
fn a_reload_changes_it_and_bgp_goes_on() {
    let mut watched = Watched::new("false");
    watched.bgp(true);
    assert_eq!(watched.reload("true"), ["bfd to 10.0.1.1 from 10.0.0.1 every 300 ms"]);
    assert_eq!(watched.reload("{ transmit_interval_ms: 50 }"), ["bfd to 10.0.1.1 from 10.0.0.1 every 50 ms"]);
    assert_eq!(watched.reload("false"), ["bfd ends"]);
    assert_eq!(watched.bgp(false), NOTHING);
    assert_eq!(watched.reload("{ strict: true }"), ["bfd to 10.0.1.1 every 300 ms"]);
}

#[test]
fn a_session_is_shown_before_it_runs() {
    let mut watched = Watched::new("{ multihop: true, multiplier: 5 }");
    let list = Query::ListBfdSessions(v1::ListBfdSessionsRequest::default());
    let Answer::ListBfdSessions(answer) = watched.ask(list.clone()) else { panic!("another answer") };
    let [row] = &answer.bfd_sessions[..] else { panic!("{answer:?}") };
    assert_eq!((row.state(), row.multiplier, row.multihop), (v1::BfdState::Unspecified, 5, true));
    watched.bgp(true);
    watched.bfd(State::Init, None);
    let Answer::ListBfdSessions(answer) = watched.ask(list) else { panic!("another answer") };
    assert_eq!(answer.bfd_sessions[0].state(), v1::BfdState::Init);
}
