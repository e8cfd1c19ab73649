//! Only those who claim a MAC now have a part in who has it: whatever was announced and withdrawn before, in whatever
//! order, the winner is the best of those who are left, and the next sequence is one above theirs.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use evpn::{Config, DuplicateAction, DuplicateRules, Place};
use proptest::prelude::*;

use crate::network::cases;
use crate::node::Node;
use crate::words::*;

/// What a contender does: claims host 7 with a sequence, perhaps as sticky, or lets go of it.
#[derive(Clone, Copy, Debug)]
struct Step {
    contender: u8,
    claim: Option<(bool, u32)>,
}

/// The claims that stand, by who made them.
type Live = BTreeMap<u8, (bool, u32)>;

fn step() -> impl Strategy<Value = Step> {
    let claim = (prop::bool::weighted(0.1), 0..1000_u32);
    (2..7_u8, prop::option::weighted(0.6, claim)).prop_map(|(contender, claim)| Step { contender, claim })
}

fn said(contender: u8, (sticky, seq): (bool, u32)) -> Said {
    let mut community = sequence(seq);
    community.0[2] |= u8::from(sticky);
    Said::mac(contender, 7).with(community)
}

fn place(node: &Node) -> Option<Place> {
    node.mac(7).map(|row| row.place)
}

/// The node, and the claims that are left.
fn after(steps: &[Step], config: Config) -> (Node, Live) {
    let (mut node, mut live) = (Node::with(config), Live::new());
    node.see(device(100));
    steps.iter().for_each(|step| apply(&mut node, &mut live, step));
    (node, live)
}

fn apply(node: &mut Node, live: &mut Live, Step { contender, claim }: &Step) {
    match claim {
        Some(claim) => {
            node.hear(&said(*contender, *claim));
            live.insert(*contender, *claim);
        }
        None => {
            node.hear_route(&mac_key(rd(*contender), mac(7)), None);
            live.remove(contender);
        }
    }
}

/// RFC 7432 section 15: sticky, the higher sequence, the lower address.
fn best(live: &Live) -> Option<(u8, (bool, u32))> {
    let claims = live.iter().map(|(contender, claim)| (*contender, *claim));
    claims.max_by_key(|(contender, claim)| (*claim, Reverse(*contender)))
}

proptest! {
    #![proptest_config(cases(11))]

    #[test]
    fn the_best_of_the_living_has_it(steps in prop::collection::vec(step(), 1..60)) {
        let (node, live) = after(&steps, config(1));
        let winner = best(&live).map(|(contender, _)| Place::Remote(vtep(contender)));
        prop_assert_eq!(place(&node), winner);
    }

    #[test]
    fn who_takes_it_over_counts_from_the_living(steps in prop::collection::vec(step(), 1..60)) {
        let (mut node, live) = after(&steps, config(1));
        node.see(local_mac(7));
        let said = node.said(&mac_key(rd(1), mac(7)));
        match best(&live) {
            None => prop_assert_eq!(said, Some(vec![RT_100, VXLAN])),
            Some((_, (true, _))) => prop_assert_eq!(said, None),
            Some((_, (false, seq))) => prop_assert_eq!(said, Some(vec![RT_100, VXLAN, sequence(seq + 1)])),
        }
    }

    /// A claim of this node's own is one of them, with the sequence that it last came with.
    #[test]
    fn ours_stands_among_them(before in prop::collection::vec(step(), 0..20), later in prop::collection::vec(step(), 0..40)) {
        let (mut node, mut live) = after(&before, config(1));
        node.see(local_mac(7));
        for step in &later {
            // A claim that comes anew, not one that changes.
            apply(&mut node, &mut live, &Step { claim: None, ..*step });
            apply(&mut node, &mut live, step);
        }
        let ours = node.mac(7).and_then(|row| row.local_seq);
        live.insert(1, (false, ours.unwrap()));
        let winner = match best(&live) {
            Some((1, _)) => Place::Local,
            other => Place::Remote(vtep(other.unwrap().0)),
        };
        prop_assert_eq!(place(&node), Some(winner));
    }

    /// However often it was frozen on the way, when that is over the living decide.
    #[test]
    fn what_was_frozen_thaws_to_the_same(
        steps in prop::collection::vec((step(), any::<bool>()), 1..60),
        by_hand: bool,
    ) {
        let duplicates = DuplicateRules { moves: 2, action: DuplicateAction::Freeze, ..DuplicateRules::default() };
        let mut node = Node::with(Config { duplicates, ..config(1) });
        node.see(device(100));
        let mut live = Live::new();
        for (step, seen) in &steps {
            node.wait(Duration::from_secs(1));
            apply(&mut node, &mut live, step);
            node.see(if *seen { local_mac(7) } else { local_mac_gone(7) });
        }
        if by_hand {
            node.clear();
        } else {
            (0..steps.len()).for_each(|_| _ = node.wait_for_timeout());
        }
        prop_assert!(!node.mac(7).is_some_and(|row| row.frozen || row.duplicate));
        if let Some(ours) = node.mac(7).and_then(|row| row.local_seq) {
            live.insert(1, (false, ours));
        }
        let winner = best(&live).map(|(contender, _)| match contender {
            1 => Place::Local,
            _ => Place::Remote(vtep(contender)),
        });
        prop_assert_eq!(place(&node), winner);
    }
}
