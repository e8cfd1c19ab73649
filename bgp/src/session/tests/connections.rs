//! One session, and two connections with its peer: which of them stays.

use super::*;

/// A with the lower identifier: of two connections the incoming one is to win.
fn yielding() -> Alone {
    let mut a = Alone::started(config_a());
    a.connected();
    a.accepted();
    a.receive(Side::Outgoing, &open_b());
    assert_eq!(a.receive(Side::Outgoing, message::keepalive()), []);
    assert_eq!(a.session.state(), StateName::OpenConfirm);
    assert!(a.session.buffer(Side::Outgoing).is_none(), "nor is more to be read");
    a
}

#[test]
fn the_second_open_decides_a_collision() {
    let mut a = yielding();
    let actions = a.receive(Side::Incoming, &open_b());
    assert!(sent(&actions).contains(&(Side::Outgoing, MessageType::Notification)));
    assert_eq!(notifications(&actions), [(6, 7)]);
    let actions = a.receive(Side::Incoming, message::keepalive());
    assert!(matches!(&actions[..], [Action::Up(agreed)] if agreed.side == Side::Incoming));
}

#[test]
fn a_connection_stops_yielding_when_the_other_is_gone() {
    let mut a = yielding();
    let actions = a.input(Input::Closed(Side::Incoming));
    assert!(matches!(actions.last(), Some(Action::Up(agreed)) if agreed.side == Side::Outgoing));
}

#[test]
fn a_connection_yields_for_seconds_only() {
    let mut a = yielding();
    assert_eq!(a.pass(Duration::from_millis(4900)), []);
    let actions = a.pass(Duration::from_millis(100));
    assert_eq!(sent(&actions), [(Side::Incoming, MessageType::Notification)]);
    assert!(matches!(actions.last(), Some(Action::Up(agreed)) if agreed.side == Side::Outgoing));
}

#[test]
fn a_dial_is_given_up_when_the_other_side_is_established() {
    let mut a = Alone::started(config_a());
    a.accepted();
    let actions = a.receive(Side::Incoming, &[&open_b()[..], message::keepalive()].concat());
    assert_eq!(actions.last(), Some(&Action::Close(Side::Outgoing)));
    assert_eq!(a.session.state(), StateName::Established);
}

#[test]
fn a_second_connection_of_the_peer_replaces_the_first() {
    let mut a = Alone::started(SessionConfig { passive: true, ..config_a() });
    a.accepted();
    a.receive(Side::Incoming, &open_b());
    let actions = a.accepted();
    let close = actions.iter().position(|a| *a == Action::Close(Side::Incoming)).unwrap();
    let accept = actions.iter().position(|a| *a == Action::Accept).unwrap();
    assert!(close < accept);
    assert_eq!(notifications(&actions), [(6, 7)]);
    assert_eq!(a.session.state(), StateName::OpenSent);
}

#[test]
fn an_established_session_is_kept_and_its_connection_probed() {
    let mut a = Alone::established(config_a());
    assert_eq!(sent(&a.accepted()), [(Side::Outgoing, MessageType::Keepalive)]);
    assert_eq!(a.accepted(), [], "one probe for all who come meanwhile");
    assert_eq!(notifications(&a.pass(secs(1))), [(6, 7)]);
    assert_eq!(a.session.state(), StateName::Established);
    assert_eq!(a.pass(secs(20)), []);
}

#[test]
fn a_newcomer_takes_the_place_of_a_connection_that_turns_out_dead() {
    for passive in [false, true] {
        let mut a = Alone::started(SessionConfig { passive, ..config_a() });
        let open = [&open_b()[..], message::keepalive()].concat();
        a.accepted();
        a.receive(Side::Incoming, &open);
        a.accepted();
        let actions = a.input(Input::Closed(Side::Incoming));
        let [Action::Close(Side::Incoming), Action::Down(_), Action::Accept, Action::Send(Side::Incoming, _)] =
            &actions[..]
        else {
            panic!("{actions:?}")
        };
        a.receive(Side::Incoming, &open);
        assert_eq!(a.session.state(), StateName::Established);
        assert_eq!(a.session.info().times_established, 2);
    }
}

#[test]
fn a_session_that_is_stopped_refuses_who_waits() {
    let mut a = Alone::established(config_a());
    a.accepted();
    let actions = a.input(Input::Stop(StopReason::Shutdown(None)));
    assert_eq!(notifications(&actions), [(6, 2), (6, 5)]);
    assert_eq!(a.session.poll_timeout(), None);
}
