//! Whatever comes: no panic, a defined state, and the invariants of a session.

use proptest::prelude::*;

use super::*;

/// Something a peer may write: noise, a right message, or one with a wrong octet.
fn peer_octets() -> impl Strategy<Value = Vec<u8>> {
    let right = prop_oneof![
        Just(open_b()),
        Just(message::keepalive().to_vec()),
        (1..9u8, 0..12u8).prop_map(|(code, sub)| octets(|out| Notification::new(code, sub).emit(out))),
        (0..6u8, prop::collection::vec(any::<u8>(), 0..80)).prop_map(|(kind, body)| framed(kind, &body)),
    ];
    prop_oneof![
        2 => prop::collection::vec(any::<u8>(), 0..200),
        4 => right.clone(),
        1 => (right, any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut octets, at, value)| {
            let at = at.index(octets.len());
            octets[at] = value;
            octets
        }),
    ]
}

fn framed(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = (HEADER_LEN + body.len()) as u16;
    [&[0xff; 16], &length.to_be_bytes()[..], &[kind], body].concat()
}

#[derive(Clone, Debug)]
enum Happening {
    Input(Input),
    Octets(Side, Vec<u8>),
    NextTimeout,
    Pass(u64),
}

fn happening() -> impl Strategy<Value = Happening> {
    let side = || prop::sample::select(Side::ALL.to_vec());
    let stop = prop::sample::select(vec![
        StopReason::Shutdown(Some("text".into())),
        StopReason::Reset(None),
        StopReason::Deconfigured,
        StopReason::GoingDown,
    ]);
    let ends = (end(1), end(2));
    prop_oneof![
        2 => Just(Happening::Input(Input::Start)),
        1 => stop.prop_map(|reason| Happening::Input(Input::Stop(reason))),
        4 => Just(Happening::Input(Input::Connected { local: ends.0, remote: ends.1 })),
        1 => Just(Happening::Input(Input::ConnectFailed(std::io::ErrorKind::TimedOut))),
        4 => Just(Happening::Input(Input::Accepted { local: ends.0, remote: ends.1 })),
        1 => side().prop_map(|side| Happening::Input(Input::Closed(side))),
        1 => side().prop_map(|side| Happening::Input(Input::Received(side))),
        1 => side().prop_map(|side| Happening::Input(Input::Sent { side, updates: 2, refreshes: 1 })),
        1 => side().prop_map(|side| Happening::Input(Input::SendBlocked(side))),
        1 => side().prop_map(|side| Happening::Input(Input::SendProgress(side))),
        16 => (side(), peer_octets()).prop_map(|(side, octets)| Happening::Octets(side, octets)),
        3 => Just(Happening::NextTimeout),
        2 => (0..100u64).prop_map(Happening::Pass),
    ]
}

fn happen(alone: &mut Alone, happening: Happening) -> Vec<Action> {
    match happening {
        Happening::Input(input) => alone.input(input),
        Happening::Octets(side, octets) => match alone.session.buffer(side) {
            Some(_) => alone.receive(side, &octets),
            None => vec![],
        },
        Happening::NextTimeout if alone.session.poll_timeout().is_some() => alone.next_timeout(),
        Happening::NextTimeout => vec![],
        Happening::Pass(seconds) => alone.pass(secs(seconds)),
    }
}

/// What must hold after any input.
fn check(alone: &mut Alone, input: &Happening, actions: &[Action], is_up: &mut bool, waited: bool) {
    for action in actions {
        match action {
            Action::Up(_) => assert!(!std::mem::replace(is_up, true), "up twice"),
            Action::Down(_) => assert!(std::mem::replace(is_up, false), "down without up"),
            Action::Update(_)
            | Action::EndOfRib(_)
            | Action::Refresh(_)
            | Action::RefreshBegins(_)
            | Action::RefreshEnds(_) => assert!(*is_up),
            _ => {}
        }
    }
    let session = &mut alone.session;
    assert_eq!(*is_up, session.state() == StateName::Established);
    let answers = |a: &&Action| matches!(a, Action::Accept | Action::Refuse(_));
    let asked = matches!(input, Happening::Input(Input::Accepted { .. }));
    let answered = actions.iter().filter(answers).count();
    assert_eq!(answered + usize::from(session.newcomer.is_some()), usize::from(asked || waited));
    assert!(!(session.outgoing.is_connected() && session.incoming.is_connected() && *is_up), "two are kept");
    assert!(session.stopped || session.poll_timeout().is_some() || can_wait(session), "stranded");
    assert!(session.info().faults.len() <= 16);
    assert!(session.poll_timeout().is_none_or(|due| due >= alone.now), "a timeout was left behind");
}

/// Without a timer it may only wait for the peer's dial, or hold a session without a hold time.
fn can_wait(session: &Session) -> bool {
    session.config.passive || session.established().is_some_and(|e| e.hold_time.is_zero())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_history_keeps_the_invariants(
        happenings in prop::collection::vec(happening(), 1..60),
        passive: bool,
        hold_time in prop::sample::select(vec![0u16, 3, 90]),
    ) {
        let mut alone = Alone::new(SessionConfig { passive, hold_time, ..config_a() });
        let mut is_up = false;
        for happening in happenings {
            let waited = alone.session.newcomer.is_some();
            let actions = happen(&mut alone, happening.clone());
            check(&mut alone, &happening, &actions, &mut is_up, waited);
        }
    }

    /// Noise on one connection, in each of its states, ends that connection and leaves the other alone.
    #[test]
    fn noise_on_one_connection_leaves_the_other(
        noise in prop::collection::vec(prop::collection::vec(0..255u8, 19..60), 1..5),
        opened: bool,
        other_opened: bool,
    ) {
        let mut alone = Alone::started(config_a());
        alone.connected();
        alone.accepted();
        // The incoming one wins a collision, so the outgoing one may go first.
        if opened && !other_opened {
            alone.receive(Side::Incoming, &open_b());
        }
        if other_opened {
            alone.receive(Side::Outgoing, &open_b());
        }
        let other = alone.session.outgoing.name();
        for octets in noise {
            if alone.session.buffer(Side::Incoming).is_some() {
                alone.receive(Side::Incoming, &octets);
            }
        }
        prop_assert_eq!(alone.session.incoming.name(), StateName::Idle);
        prop_assert_eq!(alone.session.outgoing.name(), other);
        alone.receive(Side::Outgoing, &if other_opened { vec![] } else { open_b() });
        alone.receive(Side::Outgoing, message::keepalive());
        prop_assert_eq!(alone.session.state(), StateName::Established);
    }

    /// However a stream is cut into pieces, it means the same.
    #[test]
    fn pieces_do_not_matter(
        messages in prop::collection::vec(peer_octets(), 1..12),
        cuts in prop::collection::vec(1..40usize, 1..40),
    ) {
        let stream: Vec<u8> = messages.concat();
        let mut whole = Alone::established(config_a());
        let mut pieces = Alone::established(config_a());
        let mut expected = whole.receive(Side::Outgoing, &stream);
        while whole.session.has_buffered(Side::Outgoing) {
            expected.extend(whole.input(Input::Received(Side::Outgoing)));
        }
        let mut actions = Vec::new();
        let (mut rest, mut cuts) = (&stream[..], cuts.into_iter().cycle());
        while !rest.is_empty() && pieces.session.buffer(Side::Outgoing).is_some() {
            let (piece, more) = rest.split_at(cuts.next().unwrap().min(rest.len()));
            actions.extend(pieces.receive(Side::Outgoing, piece));
            rest = more;
        }
        prop_assert_eq!(actions, expected);
    }
}
