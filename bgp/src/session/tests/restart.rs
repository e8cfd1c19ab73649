//! Sessions with graceful restart: how they end, and how the next one begins.

use super::net::{Delays, Net};
use super::*;
use crate::session::RestartConfig;

fn with_restart(config: SessionConfig) -> SessionConfig {
    let restart = RestartConfig { restart_time: 120, notification: true, long_lived: None };
    SessionConfig { restart: Some(restart), ..config }
}

/// Established with a peer that restarts gracefully, over the connection that A dialled.
fn established(config: SessionConfig) -> Alone {
    let mut a = Alone::started(config);
    a.connected();
    a.receive(Side::Outgoing, &open_of(&with_restart(config_b())));
    a.receive(Side::Outgoing, message::keepalive());
    assert_eq!(a.session.state(), StateName::Established);
    a
}

fn downs(actions: &[Action]) -> Vec<&Down> {
    actions.iter().filter_map(|a| if let Action::Down(down) = a { Some(down) } else { None }).collect()
}

#[test]
fn a_new_connection_takes_the_place_of_the_lost_one() {
    let mut a = established(with_restart(config_a()));
    a.pass(secs(10));
    let actions = a.accepted();
    assert_eq!(downs(&actions), [&Down::Local(Reason::Restarted)]);
    assert!(actions.contains(&Action::Close(Side::Outgoing)) && actions.contains(&Action::Accept));
    assert_eq!(sent(&actions), [(Side::Incoming, MessageType::Open)], "no NOTIFICATION for nobody");
    a.receive(Side::Incoming, &open_b());
    a.receive(Side::Incoming, message::keepalive());
    assert_eq!(a.session.state(), StateName::Established);
    assert_eq!(a.session.info().times_established, 2);
}

#[test]
fn the_other_one_of_a_collision_is_no_restart() {
    let mut a = established(with_restart(config_a()));
    a.pass(secs(1));
    a.accepted();
    let actions = a.pass(secs(2));
    assert_eq!((downs(&actions), notifications(&actions)), (vec![], vec![(6, 7)]));
    let mut net = Net::new(with_restart(config_a()), with_restart(config_b()), Delays::all(300), 1);
    net.start();
    net.run(secs(60));
    assert_eq!((net.a.ups(), net.b.ups(), net.a.downs().len()), (1, 1, 0));
}

#[test]
fn without_the_capability_the_established_connection_stays() {
    let mut a = Alone::established(with_restart(config_a()));
    a.pass(secs(10));
    a.accepted();
    let actions = a.pass(secs(2));
    assert_eq!((downs(&actions), notifications(&actions)), (vec![], vec![(6, 7)]));
}

#[test]
fn what_is_said_at_the_end() {
    let said = |mut a: Alone, reason| notifications(&a.input(Input::Stop(reason)));
    let helped = || established(with_restart(config_a()));
    let going_down = Down::Local(Reason::Stopped(StopReason::GoingDown));
    let done = helped().input(Input::Stop(StopReason::GoingDown));
    assert_eq!(done, [Action::Close(Side::Outgoing), Action::Down(going_down)], "not a word");
    assert_eq!(said(Alone::established(with_restart(config_a())), StopReason::GoingDown), [(6, 2)]);
    assert_eq!(said(Alone::established(config_a()), StopReason::GoingDown), [(6, 2)]);
    assert_eq!(
        said(helped(), StopReason::Shutdown(None)),
        [(6, 9)],
        "a hard reset: it is not to be survived"
    );
    assert_eq!(said(Alone::established(config_a()), StopReason::Shutdown(None)), [(6, 2)]);
}
