//! Two sessions against each other.

use proptest::prelude::*;

use super::net::{Delays, Net, Who};
use super::*;

fn net(a: SessionConfig, b: SessionConfig) -> Net {
    Net::new(a, b, Delays::all(10), 1)
}

fn is_up(net: &Net) -> bool {
    [&net.a, &net.b].into_iter().all(|end| end.session.state() == StateName::Established)
}

#[test]
fn one_dials_the_other_waits() {
    let mut net = net(config_a(), SessionConfig { passive: true, ..config_b() });
    net.start();
    net.run(secs(1));
    assert!(is_up(&net));
    let (a, b) = (net.a.session.established().unwrap(), net.b.session.established().unwrap());
    assert_eq!((a.side, b.side), (Side::Outgoing, Side::Incoming));
    assert_eq!((a.remote_asn, b.remote_asn), (AS_B, AS_A));
    assert_eq!(a.capabilities_sent, b.capabilities_received);
    assert_eq!(a.send, b.receive);
}

#[test]
fn an_idle_session_lives_on_keepalives() {
    let mut net = net(config_a(), config_b());
    net.start();
    net.run(secs(3600));
    assert!(is_up(&net) && net.a.downs().is_empty() && net.b.downs().is_empty());
    let sent = net.a.session.info().sent.keepalive;
    assert!((120..=160).contains(&sent), "one in 22.5 to 30 s: {sent}");
}

#[test]
fn a_cut_is_noticed_by_both_and_healed() {
    let mut net = net(config_a(), config_b());
    net.start();
    net.run(secs(60));
    net.is_cut = true;
    net.run(secs(91));
    for end in [&net.a, &net.b] {
        assert_eq!(end.downs(), [&Down::Local(Reason::HoldTimer)]);
    }
    net.run(secs(600));
    net.is_cut = false;
    net.run(secs(30));
    assert!(is_up(&net) && net.common_link().is_some());
}

#[test]
fn a_shutdown_reaches_the_other_end_with_its_text() {
    let mut net = net(config_a(), config_b());
    net.start();
    net.run(secs(5));
    net.input(Who::A, Input::Stop(StopReason::Shutdown(Some("back at noon".into()))));
    net.run(secs(300));
    assert_eq!(net.b.downs(), [&Down::Remote(Notification::shutdown("back at noon"))]);
    assert_eq!(net.b.session.info().times_established, 1);
    net.input(Who::A, Input::Start);
    net.run(secs(30));
    assert!(is_up(&net));
}

#[test]
fn a_reset_is_over_in_seconds() {
    let mut net = net(config_a(), config_b());
    net.start();
    net.run(secs(5));
    net.input(Who::A, Input::Stop(StopReason::Reset(None)));
    net.run(secs(15));
    assert!(is_up(&net));
    assert_eq!((net.a.ups(), net.b.ups()), (2, 2));
}

#[test]
fn wrong_ases_do_not_storm() {
    let wrong = SessionConfig { remote_as: RemoteAs::Number(Asn(7)), ..config_a() };
    let mut net = net(wrong, config_b());
    net.start();
    net.run(secs(3600));
    assert_eq!((net.a.ups(), net.b.ups()), (0, 0));
    let attempts = net.a.failures().len() + net.b.failures().len();
    assert!(attempts < 2 * 3600 / 10, "{attempts} attempts in an hour");
    assert!(net.b.failures().iter().any(|d| **d == Down::Remote(Notification::BAD_PEER_AS)));
}

#[test]
fn both_find_each_other_whoever_starts_later() {
    for wait in [0, 3, 8, 60, 500] {
        let mut net = net(config_a(), config_b());
        net.input(Who::A, Input::Start);
        net.run(secs(wait));
        net.input(Who::B, Input::Start);
        net.run(secs(30));
        assert!(is_up(&net), "after {wait} s");
    }
}

/// Which of two colliding connections lives is said by identifier and AS alone.
#[test]
fn the_higher_identifier_keeps_its_dial() {
    let same_id = |asn: u32, remote: u32| SessionConfig {
        local_asn: Asn(asn),
        remote_as: RemoteAs::Number(Asn(remote)),
        ..config_a()
    };
    let swapped_a = SessionConfig { router_id: ID_B, ..config_a() };
    let swapped_b = SessionConfig { router_id: ID_A, ..config_b() };
    let cases = [
        (config_a(), config_b(), Side::Incoming),
        (swapped_a, swapped_b, Side::Outgoing),
        (same_id(1, 2), same_id(2, 1), Side::Incoming),
        (same_id(2, 1), same_id(1, 2), Side::Outgoing),
    ];
    for (a, b, expected) in cases {
        let mut net = net(a, b);
        net.start();
        net.run(secs(5));
        assert_eq!(net.a.session.established().unwrap().side, expected);
        assert_eq!(net.b.session.established().unwrap().side, expected.other());
        assert_eq!((net.a.ups(), net.b.ups(), net.links_held()), (1, 1, 1));
    }
}

/// Both dial at the same moment, two hundred times, each time over other delays.
#[test]
fn dials_at_the_same_moment_end_in_one_session() {
    for seed in 0..200 {
        let mut jitter = Jitter::new(seed);
        let mut delay = || (jitter.spread(secs(4)) - secs(3)).as_millis() as u64 / 4;
        let delays = Delays { of_a: [delay(), delay()], of_b: [delay(), delay()] };
        let mut net = Net::new(config_a(), config_b(), delays, seed);
        net.start();
        net.run(secs(10));
        assert!(net.common_link().is_some(), "seed {seed}, {delays:?}");
        assert_eq!((net.a.ups(), net.b.ups(), net.links_held()), (1, 1, 1), "seed {seed}, {delays:?}");
    }
}

/// One end loses its state while the network is cut: what it knew of the connection is gone.
#[test]
fn who_was_started_anew_gets_in_at_once() {
    let mut net = net(SessionConfig { passive: true, ..config_a() }, config_b());
    net.start();
    net.run(secs(5));
    net.start_anew(Who::B, config_b());
    net.run(secs(2));
    assert!(is_up(&net) && net.common_link().is_some());
    assert_eq!(net.a.downs(), [&Down::Transport(TransportFault::Closed)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// However the octets of colliding connections interleave, both ends keep the same one, at once and
    /// without ever having called the other one established.
    #[test]
    fn of_colliding_connections_one_survives(
        of_a in [0..400u64, 0..400u64],
        of_b in [0..400u64, 0..400u64],
        head_start in 0..1000u64,
        a_first: bool,
        seed: u64,
    ) {
        let mut net = Net::new(config_a(), config_b(), Delays { of_a, of_b }, seed);
        let first = if a_first { Who::A } else { Who::B };
        net.input(first, Input::Start);
        net.run(Duration::from_millis(head_start));
        net.input(first.other(), Input::Start);
        net.run(secs(30));
        prop_assert!(net.common_link().is_some());
        prop_assert_eq!(net.links_held(), 1);
        prop_assert_eq!((net.a.ups(), net.b.ups()), (1, 1));
    }

    /// Cuts at any time, of any length: in the end both are up on one link, and ups and downs alternate.
    #[test]
    fn cuts_heal(
        cuts in prop::collection::vec((0..40_000u64, 0..200_000u64), 0..6),
        of_a in [0..400u64, 0..400u64],
        of_b in [0..400u64, 0..400u64],
        seed: u64,
    ) {
        let mut net = Net::new(config_a(), config_b(), Delays { of_a, of_b }, seed);
        net.start();
        for (good, bad) in cuts {
            net.run(Duration::from_millis(good));
            net.is_cut = true;
            net.run(Duration::from_millis(bad));
            net.is_cut = false;
        }
        net.run(secs(600));
        prop_assert!(net.common_link().is_some());
        prop_assert_eq!(net.links_held(), 1);
        for end in [&net.a, &net.b] {
            prop_assert_eq!(end.ups(), end.downs().len() + 1);
        }
    }
}
