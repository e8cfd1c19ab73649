//! One session against a scripted peer.

use super::*;

/// The OPEN among what was sent.
fn open_sent(actions: &[Action]) -> Open {
    let open = |action: &Action| match action {
        Action::Send(_, octets) => match only_message(octets) {
            (MessageType::Open, body) => Some(Open::parse(body).unwrap()),
            _ => None,
        },
        _ => None,
    };
    actions.iter().find_map(open).expect("an OPEN")
}

fn failures(actions: &[Action]) -> Vec<&Down> {
    actions.iter().filter_map(|a| if let Action::Failed(_, down) = a { Some(down) } else { None }).collect()
}

#[test]
fn the_way_up() {
    let mut a = Alone::new(config_a());
    assert_eq!(a.input(Input::Start), [Action::Connect]);
    assert_eq!(sent(&a.connected()), [(Side::Outgoing, MessageType::Open)]);
    assert_eq!(sent(&a.receive(Side::Outgoing, &open_b())), [(Side::Outgoing, MessageType::Keepalive)]);
    let actions = a.receive(Side::Outgoing, message::keepalive());
    let [Action::Up(agreed)] = &actions[..] else { panic!("{actions:?}") };
    assert_eq!((agreed.remote_asn, agreed.remote_router_id), (AS_B, ID_B));
    assert_eq!((agreed.local, agreed.remote, agreed.families), (end(1), end(2), families()));
    assert_eq!((agreed.hold_time, agreed.keepalive), (secs(90), secs(30)));
    let info = a.session.info();
    assert_eq!((info.sent.total(), info.received.total(), info.times_established), (2, 2, 1));
    assert_eq!(info.established.as_ref(), Some(agreed));
}

#[test]
fn octets_may_come_one_at_a_time() {
    let mut a = Alone::started(config_a());
    a.connected();
    for octet in [&open_b()[..], message::keepalive()].concat() {
        a.receive(Side::Outgoing, &[octet]);
    }
    assert_eq!(a.session.state(), StateName::Established);
}

#[test]
fn a_passive_session_never_dials() {
    let mut a = Alone::started(SessionConfig { passive: true, ..config_a() });
    assert_eq!((a.session.state(), a.session.poll_timeout()), (StateName::Active, None));
    let actions = a.accepted();
    assert_eq!(actions[0], Action::Accept);
    assert_eq!(sent(&actions), [(Side::Incoming, MessageType::Open)]);
    let actions = a.receive(Side::Incoming, &notification(2, 2));
    assert_eq!(failures(&actions).len(), 1);
    assert!(!a.pass(secs(60)).contains(&Action::Connect));
    assert_eq!(a.session.state(), StateName::Active, "it waits again after the pause");
}

#[test]
fn a_dial_that_fails_is_made_again_after_the_retry_time() {
    let mut a = Alone::started(config_a());
    let actions = a.input(Input::ConnectFailed(std::io::ErrorKind::ConnectionRefused));
    assert_eq!(failures(&actions).len(), 1);
    assert_eq!(a.session.state(), StateName::Active);
    assert_eq!(a.next_timeout(), [Action::Connect]);
    let waited = a.now - a.start;
    assert!((secs(7)..=secs(10)).contains(&waited), "{waited:?}");
}

#[test]
fn a_dial_without_an_answer_is_made_anew() {
    let mut a = Alone::started(config_a());
    let actions = a.next_timeout();
    assert_eq!(actions.first(), Some(&Action::Close(Side::Outgoing)));
    assert_eq!(actions.last(), Some(&Action::Connect));
}

#[test]
fn a_peer_in_the_wrong_as_is_told_so() {
    let mut a = Alone::started(SessionConfig { remote_as: RemoteAs::Internal, ..config_a() });
    a.connected();
    let actions = a.receive(Side::Outgoing, &open_b());
    assert_eq!(notifications(&actions), [(2, 2)]);
    let line = failures(&actions)[0].to_string();
    assert_eq!(line, "closed by us: the peer is in AS 65002, configured is internal");
    assert!(a.session.info().last_failure.is_some());
}

#[test]
fn a_peer_without_a_family_in_common_is_told_which_were_wanted() {
    let evpn = [Family::L2vpnEvpn].into_iter().collect();
    let mut a = Alone::started(SessionConfig { families: evpn, ..config_a() });
    a.connected();
    let ipv4 = SessionConfig { families: [Family::Ipv4Unicast].into_iter().collect(), ..config_b() };
    assert_eq!(notifications(&a.receive(Side::Outgoing, &open_of(&ipv4))), [(2, 7)]);
}

#[test]
fn errors_make_the_pauses_grow() {
    let mut a = Alone::started(config_a());
    let mut pauses = Vec::new();
    for _ in 0..9 {
        a.connected();
        a.receive(Side::Outgoing, &notification(2, 2));
        assert_eq!(a.session.state(), StateName::Idle);
        let before = a.now;
        assert_eq!(a.next_timeout(), [Action::Connect]);
        pauses.push(a.now - before);
    }
    for (pause, most) in pauses.into_iter().zip([1, 2, 4, 8, 16, 32, 60, 60, 60]) {
        assert!(pause <= secs(most) && pause >= secs(most) * 3 / 4, "{pause:?} of {most} s");
    }
}

#[test]
fn a_long_life_makes_the_next_pause_short() {
    let mut a = Alone::established(config_a());
    a.receive(Side::Outgoing, &notification(6, 4));
    a.next_timeout();
    a.connected();
    a.receive(Side::Outgoing, &[&open_b()[..], message::keepalive()].concat());
    for _ in 0..20 {
        a.pass(secs(15));
        a.receive(Side::Outgoing, message::keepalive());
    }
    let before = a.now;
    a.receive(Side::Outgoing, &notification(6, 4));
    assert!(a.session.poll_timeout().unwrap() - before <= secs(1));
}

#[test]
fn a_pause_refuses_the_peer_and_start_ends_it() {
    let mut a = Alone::started(config_a());
    a.connected();
    a.receive(Side::Outgoing, &notification(2, 2));
    let actions = a.accepted();
    assert!(matches!(actions[..], [Action::Refuse(_)]));
    assert_eq!(notifications(&actions), [(6, 5)]);
    assert_eq!(a.input(Input::Start), [Action::Connect]);
    assert_eq!(a.input(Input::Start), [], "it runs already");
}

#[test]
fn being_turned_away_is_no_error() {
    for how in [Some(notification(6, 5)), Some(notification(6, 7)), None] {
        let mut a = Alone::started(config_a());
        a.connected();
        match &how {
            Some(octets) => a.receive(Side::Outgoing, octets),
            None => a.input(Input::Closed(Side::Outgoing)),
        };
        assert_eq!(a.session.state(), StateName::Active, "{how:?}");
        assert_eq!(a.accepted().first(), Some(&Action::Accept));
    }
}

#[test]
fn refused_capabilities_are_left_out() {
    let mut a = Alone::started(config_a());
    let mut offers = Vec::new();
    for _ in 0..4 {
        offers.push(open_sent(&a.connected()).capabilities);
        a.receive(Side::Outgoing, &notification(2, 7));
        assert_eq!(a.session.state(), StateName::Idle);
        a.next_timeout();
    }
    let multiprotocol = |c: &Capability| matches!(c, Capability::Multiprotocol(..));
    assert!(offers[0].contains(&Capability::RouteRefresh));
    assert!(!offers[1].contains(&Capability::RouteRefresh) && offers[1].iter().any(multiprotocol));
    assert_eq!(offers[2], []);
    assert_eq!(offers[3], offers[0], "and all of them again");
}

#[test]
fn silence_ends_the_session() {
    let mut a = Alone::established(config_a());
    let actions = a.pass(secs(90));
    assert_eq!(downs(&actions), [&Down::Local(Reason::HoldTimer)]);
    assert_eq!(notifications(&actions), [(4, 0)]);
    assert!(sent(&actions).contains(&(Side::Outgoing, MessageType::Keepalive)));
}

#[test]
fn unhandled_messages_are_no_silence() {
    let mut a = Alone::established(config_a());
    a.session.buffer(Side::Outgoing).unwrap().extend_from_slice(message::keepalive());
    assert_eq!(downs(&a.pass(secs(90))), Vec::<&Down>::new());
    a.input(Input::Received(Side::Outgoing));
    assert_eq!(downs(&a.pass(secs(90))).len(), 1);
}

#[test]
fn a_hold_time_of_zero_means_no_keepalives() {
    let mut a = Alone::established(SessionConfig { hold_time: 0, ..config_a() });
    assert_eq!(a.session.poll_timeout(), None);
    assert_eq!(a.pass(secs(86_400)), []);
}

#[test]
fn with_a_hold_time_of_zero_the_handshake_still_ends() {
    let mut a = Alone::started(SessionConfig { hold_time: 0, ..config_a() });
    a.connected();
    a.receive(Side::Outgoing, &open_b());
    assert_eq!(failures(&a.pass(secs(240))), [&Down::Local(Reason::OpenTimer)]);
}

#[test]
fn updates_sent_stand_for_keepalives() {
    let mut a = Alone::established(config_a());
    for _ in 0..20 {
        assert!(sent(&a.pass(secs(20))).is_empty());
        a.input(Input::Sent { side: Side::Outgoing, updates: 3, refreshes: 0 });
        a.receive(Side::Outgoing, message::keepalive());
    }
    assert_eq!(a.session.info().sent.update, 60);
}

#[test]
fn a_peer_that_does_not_read_is_left() {
    let mut a = Alone::established(config_a());
    let keep_up = |a: &mut Alone, seconds: u64| -> Vec<Action> {
        (0..seconds / 30)
            .flat_map(|_| {
                let mut actions = a.pass(secs(30));
                if a.session.state() == StateName::Established {
                    actions.extend(a.receive(Side::Outgoing, message::keepalive()));
                    actions.extend(a.input(Input::SendBlocked(Side::Outgoing)));
                }
                actions
            })
            .collect()
    };
    a.input(Input::SendBlocked(Side::Outgoing));
    assert!(downs(&keep_up(&mut a, 450)).is_empty());
    a.input(Input::SendProgress(Side::Outgoing));
    a.input(Input::SendBlocked(Side::Outgoing));
    let actions = keep_up(&mut a, 480);
    assert_eq!(downs(&actions), [&Down::Local(Reason::SendHoldTimer)]);
    assert!(sent(&actions).is_empty(), "neither KEEPALIVEs nor a NOTIFICATION can get through");
}

#[test]
fn one_turn_is_bounded() {
    let mut a = Alone::established(config_a());
    let before = a.session.info().received.keepalive;
    a.receive(Side::Outgoing, &message::keepalive().repeat(1000));
    assert_eq!(a.session.info().received.keepalive - before, 256);
    let mut turns = 1;
    while a.session.has_buffered(Side::Outgoing) {
        a.input(Input::Received(Side::Outgoing));
        turns += 1;
    }
    assert_eq!((turns, a.session.info().received.keepalive - before), (4, 1000));
}

#[test]
fn messages_out_of_place_are_answered_with_their_state() {
    let cases = [(0, message::keepalive().to_vec(), (5, 1)), (1, open_b(), (5, 2)), (2, open_b(), (5, 3))];
    for (steps, octets, expected) in cases {
        let mut a = Alone::started(config_a());
        a.connected();
        for step in [&open_b()[..], message::keepalive()].into_iter().take(steps) {
            a.receive(Side::Outgoing, step);
        }
        assert_eq!(notifications(&a.receive(Side::Outgoing, &octets)), [expected]);
        assert_eq!(a.session.state(), StateName::Idle);
    }
}

#[test]
fn stop_says_why_and_stays() {
    let mut a = Alone::established(config_a());
    let actions = a.input(Input::Stop(StopReason::Shutdown(Some("maintenance".into()))));
    assert_eq!(notifications(&actions), [(6, 2)]);
    assert_eq!(downs(&actions).len(), 1);
    assert!(a.session.info().stopped);
    assert_eq!((a.session.poll_timeout(), a.session.state()), (None, StateName::Idle));
    assert!(matches!(a.accepted()[..], [Action::Refuse(_)]));
    assert_eq!(a.input(Input::Stop(StopReason::Reset(None))), [], "a reset does not start it");
    assert_eq!(a.input(Input::Start), [Action::Connect]);
}

#[test]
fn reset_comes_back_by_itself() {
    let mut a = Alone::established(config_a());
    assert_eq!(notifications(&a.input(Input::Stop(StopReason::Reset(None)))), [(6, 4)]);
    assert_eq!(a.next_timeout(), [Action::Connect]);
    assert!(a.now - a.start <= secs(1));
}

#[test]
fn too_many_routes_keep_the_session_down() {
    let limit = PrefixLimit { family: Family::L2vpnEvpn, limit: 7, restart_after: Some(secs(600)) };
    let mut a = Alone::established(config_a());
    let actions = a.input(Input::Stop(StopReason::TooManyPrefixes(limit)));
    let told = actions.iter().find_map(|a| if let Action::Send(_, octets) = a { Some(octets) } else { None });
    assert_eq!(only_message(told.unwrap()).1, [6, 1, 0, 25, 70, 0, 0, 0, 7], "RFC 4486 section 4");
    assert_eq!(downs(&actions)[0].to_string(), "closed by us: more than 7 routes of l2vpn-evpn");
    assert!(matches!(a.accepted()[..], [Action::Refuse(_)]));
    assert_eq!(a.pass(secs(599)), []);
    assert_eq!(a.pass(secs(1)), [Action::Connect]);

    let mut a = Alone::established(config_a());
    a.input(Input::Stop(StopReason::TooManyPrefixes(PrefixLimit { restart_after: None, ..limit })));
    assert_eq!((a.session.poll_timeout(), a.pass(secs(9999))), (None, vec![]));
    assert_eq!(a.input(Input::Start), [Action::Connect]);
}
