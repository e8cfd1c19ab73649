//! Two speakers: coming up, staying up, noticing a loss, changing their minds.

use std::time::Duration;

use bfd::{Diagnostic, Input, Packet, SessionId, State};
use proptest::prelude::*;

use crate::link::{ID, Pair, config};

const UP: [State; 2] = [State::Up; 2];

fn up(configs: [bfd::Config; 2]) -> Pair {
    let mut pair = Pair::new(configs, 0x5eed);
    pair.run_until("up", |pair| pair.states() == UP);
    pair.run(Duration::from_secs(2));
    pair
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The longest and the shortest time between periodic packets that were sent since `after`.
fn gaps(pair: &Pair, speaker: usize, after: Duration) -> (Duration, Duration) {
    let since = pair.now - after;
    let periodic = pair.sent[speaker].iter().filter(|(at, packet)| *at >= since && !packet.is_final);
    let times: Vec<_> = periodic.map(|(at, _)| *at).collect();
    let gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    (gaps.iter().copied().min().unwrap(), gaps.iter().copied().max().unwrap())
}

#[test]
fn it_begins_slowly_and_runs_at_the_slower_sides_pace() {
    let mut pair = Pair::new([config(50, 100, 3), config(20, 70, 5)], 9);
    pair.loss = [100, 100];
    pair.run(Duration::from_secs(10));
    let (least, most) = gaps(&pair, 0, Duration::from_secs(10));
    assert!(least >= ms(750) && most <= ms(1000), "{least:?} to {most:?}");

    pair.loss = [0, 0];
    pair.run_until("up", |pair| pair.states() == UP);
    pair.run(Duration::from_secs(5));
    for (speaker, interval, detection) in [(0, 70, 100 * 5), (1, 100, 70 * 3)] {
        let info = pair.info(speaker);
        assert_eq!(info.transmit_interval, Some(ms(interval)), "{info:#?}");
        assert_eq!(info.detection_time, ms(detection), "{info:#?}");
        let (least, most) = gaps(&pair, speaker, Duration::from_secs(4));
        assert!(least >= ms(interval * 3 / 4) && most <= ms(interval), "{least:?} to {most:?}");
    }
    assert!(pair.changes.iter().flatten().all(|(_, change)| !change.is_loss()));
}

#[test]
fn a_cut_is_noticed_within_the_detection_time() {
    let mut pair = up([config(50, 50, 3), config(50, 50, 3)]);
    pair.loss = [100, 100];
    let took = pair.run_until("down", |pair| pair.states() == [State::Down; 2]);
    assert!(took > ms(100) && took <= ms(152), "{took:?}");
    for n in [0, 1] {
        assert_eq!(pair.info(n).diagnostic, Diagnostic::DETECTION_TIME_EXPIRED);
        assert!(pair.changes[n].last().unwrap().1.is_loss());
    }
    pair.loss = [0, 0];
    pair.run_until("up again", |pair| pair.states() == UP);
    assert_eq!(pair.info(0).diagnostic, Diagnostic::NONE);
    assert_eq!((pair.info(0).ups, pair.info(0).downs), (2, 1));
}

/// Who hears is told by who does not: both sides know of a path that is broken one way only.
#[test]
fn a_cut_in_one_direction_is_noticed_by_both() {
    let mut pair = up([config(50, 50, 3), config(50, 50, 3)]);
    pair.loss = [100, 0];
    let took = pair.run_until("down", |pair| pair.states()[1] == State::Down);
    assert!(took <= ms(154), "{took:?}");
    assert_eq!(pair.info(1).diagnostic, Diagnostic::NEIGHBOR_SIGNALED_DOWN);
    assert!(pair.changes[1].last().unwrap().1.is_loss());
    pair.run(Duration::from_secs(5));
    assert!(pair.states().iter().all(|state| *state != State::Up), "{:?}", pair.states());
}

#[test]
fn what_an_operator_takes_down_is_no_loss() {
    let mut pair = up([config(50, 50, 3), config(50, 50, 3)]);
    pair.tell(0, Input::Close(ID));
    pair.run(ms(10));
    assert_eq!(pair.states(), [State::AdminDown, State::Down]);
    let (_, change) = pair.changes[1].last().unwrap();
    assert!(!change.is_loss() && change.by_operator, "{change:?}");
    assert_eq!(pair.info(1).remote_diagnostic, Diagnostic::ADMINISTRATIVELY_DOWN);
    // The neighbour is told for a while, and then the session is gone.
    pair.run_until("over", |pair| pair.speakers[0].is_empty());
    let told = pair.sent[0].iter().filter(|(_, packet)| packet.state == State::AdminDown).count();
    assert!((3..=5).contains(&told), "{told}");
    pair.run(Duration::from_secs(5));
    assert_eq!(pair.info(1).state, State::Down);
}

/// A Poll Sequence: the side that asks to send more rarely goes on as before until it is answered.
#[test]
fn intervals_change_while_up_and_nobody_is_lost() {
    let mut pair = up([config(50, 50, 3), config(50, 50, 3)]);
    for (tx, rx) in [(400, 50), (50, 400), (20, 20), (1000, 1000), (50, 50)] {
        let before = pair.sent[0].len();
        pair.tell(0, Input::Configure(ID, config(tx, rx, 3)));
        let announced = |packet: &Packet| packet.poll && packet.desired_min_tx == tx as u32 * 1000;
        pair.run(Duration::from_secs(4));
        assert!(pair.sent[0][before..].iter().any(|(_, packet)| announced(packet)), "{tx} {rx}");
        assert!(pair.sent[1].iter().any(|(_, packet)| packet.is_final && !packet.poll));
        assert_eq!(pair.info(0).transmit_interval, Some(ms(tx.max(50))), "{tx} {rx}");
        assert_eq!(pair.info(1).detection_time, ms(tx.max(50)) * 3, "{tx} {rx}");
        assert_eq!(pair.info(1).transmit_interval, Some(ms(rx.max(50))), "{tx} {rx}");
        assert!(!pair.sent[0].last().unwrap().1.poll, "the sequence has ended");
    }
    assert_eq!(pair.states(), UP);
    assert_eq!((pair.info(0).downs, pair.info(1).downs), (0, 0));
}

#[test]
fn a_passive_side_waits_to_be_spoken_to() {
    let passive = bfd::Config { passive: true, ..config(50, 50, 3) };
    let mut pair = Pair::new([passive, passive], 3);
    pair.run(Duration::from_secs(10));
    assert!(pair.sent.iter().all(Vec::is_empty));
    let mut pair = Pair::new([passive, config(50, 50, 3)], 3);
    pair.run_until("up", |pair| pair.states() == UP);
}

#[test]
fn a_session_that_is_opened_anew_replaces_the_old_one() {
    let mut pair = up([config(50, 50, 3), config(50, 50, 3)]);
    let before = pair.info(0).discriminator;
    let endpoint = bfd::Endpoint { remote: crate::link::address(1), scope: 0, hops: bfd::Hops::Single };
    pair.tell(0, Input::Open(ID, endpoint, config(50, 50, 3)));
    assert_ne!(pair.info(0).discriminator, before);
    pair.run_until("up", |pair| pair.states() == UP);
    assert_eq!(pair.speakers[0].info(SessionId(9)), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever is lost and however late the rest comes: once the link is good again both are Up within a few
    /// slow intervals, and stay it.
    #[test]
    fn no_history_leaves_them_stuck(
        seed in 1u64..,
        intervals in prop::array::uniform4(10u64..400),
        multipliers in prop::array::uniform2(1u8..6),
        phases in prop::collection::vec((0u64..=100, 0u64..=100, 0u64..500, 1u64..3000), 1..8),
        changes in prop::collection::vec((0usize..2, 10u64..2000, 10u64..2000), 0..8),
    ) {
        let [a, b, c, d] = intervals;
        let mut pair = Pair::new([config(a, b, multipliers[0]), config(c, d, multipliers[1])], seed);
        let mut changes = changes.into_iter();
        for (to_first, to_second, delay, time) in phases {
            pair.loss = [to_first, to_second];
            pair.delay = Duration::from_millis(delay);
            if let Some((speaker, tx, rx)) = changes.next() {
                pair.tell(speaker, Input::Configure(ID, config(tx, rx, multipliers[speaker])));
            }
            pair.run(Duration::from_millis(time));
        }
        (pair.loss, pair.delay) = ([0, 0], Duration::from_micros(500));
        pair.run(Duration::from_secs(20));
        prop_assert_eq!(pair.states(), UP);
        let downs = [0, 1].map(|n| pair.info(n).downs);
        pair.run(Duration::from_secs(20));
        prop_assert_eq!([0, 1].map(|n| pair.info(n).downs), downs);
        for n in [0, 1] {
            prop_assert!(!pair.sent[n].last().unwrap().1.poll, "a Poll Sequence that never ends");
            prop_assert!(pair.sent[n].iter().all(|(_, packet)| !(packet.poll && packet.is_final)));
        }
    }
}
