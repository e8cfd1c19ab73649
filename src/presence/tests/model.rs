//! Whatever happens in whatever order: EVPN is told a story without contradictions, and when all is over it counts on
//! nobody who is not there.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const HOSTS: u8 = 4;

#[derive(Clone, Copy, Debug)]
enum Deed {
    Learn(u8, IfIndex),
    Forget(u8),
    Resolve(u8),
    Unresolve(u8),
    Hear(IfIndex, u8, u8),
    Answer(bool),
    Wait(u64),
    Port(IfIndex, bool),
    Bridge(bool),
    Elsewhere(u8, bool),
    Recall(u8),
}

fn deed() -> impl Strategy<Value = Deed> {
    let host = 0..HOSTS;
    let port = prop_oneof![Just(PORT), Just(OTHER_PORT)];
    prop_oneof![
        4 => (host.clone(), port.clone()).prop_map(|(n, port)| Deed::Learn(n, port)),
        2 => host.clone().prop_map(Deed::Forget),
        3 => host.clone().prop_map(Deed::Resolve),
        2 => host.clone().prop_map(Deed::Unresolve),
        4 => (port.clone(), host.clone(), host.clone()).prop_map(|(port, n, ip)| Deed::Hear(port, n, ip)),
        1 => any::<bool>().prop_map(Deed::Answer),
        4 => prop_oneof![0..5_u64, 0..400_u64].prop_map(Deed::Wait),
        1 => (port, any::<bool>()).prop_map(|(port, up)| Deed::Port(port, up)),
        1 => any::<bool>().prop_map(Deed::Bridge),
        1 => (host.clone(), any::<bool>()).prop_map(|(n, there)| Deed::Elsewhere(n, there)),
        1 => host.prop_map(Deed::Recall),
    ]
}

/// What EVPN has been told, and what the dataplane says itself.
#[derive(Default)]
struct Story {
    macs: BTreeSet<Mac>,
    neighbors: BTreeMap<IpAddr, Mac>,
    resolved: BTreeSet<u8>,
    bridge: bool,
}

impl Story {
    fn hear(&mut self, said: Vec<Observation>) {
        for observation in said {
            match observation {
                Observation::Vni { .. } => {}
                Observation::VniGone { .. } => {
                    self.macs.clear();
                    self.neighbors.clear();
                }
                Observation::LocalMac { mac, .. } => _ = self.macs.insert(mac),
                Observation::LocalMacGone { mac, .. } => _ = self.macs.remove(&mac),
                Observation::LocalNeighbor { ip, mac, .. } | Observation::LocalClaim { ip, mac, .. } => {
                    self.neighbors.insert(ip, mac);
                }
                Observation::LocalNeighborGone { ip, .. } => _ = self.neighbors.remove(&ip),
                Observation::Synced => {}
            }
        }
    }

    /// Does one deed, as the kernel would report it.
    fn does(&mut self, node: &mut Node, deed: Deed) {
        let known = |node: &Node, n| node.world.ports.contains_key(&mac(n));
        let said = match deed {
            Deed::Wait(time) => node.wait(seconds(time)).1,
            Deed::Answer(answers) => {
                node.world.answers = answers;
                Vec::new()
            }
            Deed::Elsewhere(n, true) => {
                node.world.elsewhere.insert(mac(n));
                if known(node, n) { node.forget(n) } else { Vec::new() }
            }
            Deed::Elsewhere(n, false) => {
                node.world.elsewhere.remove(&mac(n));
                Vec::new()
            }
            Deed::Recall(n) => {
                node.presence.recall(node.now, super::known(n));
                node.said()
            }
            Deed::Port(port, up) => {
                let changed = if up { node.world.down.remove(&port) } else { node.world.down.insert(port) };
                match (changed, up) {
                    (false, _) => {}
                    (true, true) => node.presence.ports_found(node.now, vni(), &[port]),
                    (true, false) => {
                        let gone: Vec<u8> =
                            (0..HOSTS).filter(|n| node.world.ports.get(&mac(*n)) == Some(&port)).collect();
                        gone.into_iter().for_each(|n| {
                            let said = node.forget(n);
                            self.hear(said);
                        });
                        node.presence.ports_lost(node.now, vni(), &[port]);
                    }
                }
                node.said()
            }
            Deed::Bridge(up) if up != self.bridge => {
                self.bridge = up;
                node.world.ports.clear();
                self.resolved.clear();
                if up {
                    node.open();
                    Vec::new()
                } else {
                    node.observe(Observation::VniGone { vni: vni() })
                }
            }
            _ if !self.bridge => Vec::new(),
            Deed::Learn(n, port) if !node.world.down.contains(&port) => {
                node.world.elsewhere.remove(&mac(n));
                if known(node, n) {
                    node.world.ports.insert(mac(n), port);
                    Vec::new()
                } else {
                    node.learn(n, port)
                }
            }
            Deed::Forget(n) if known(node, n) => node.forget(n),
            Deed::Resolve(n) if self.resolved.insert(n) => node.resolve(n),
            Deed::Unresolve(n) if self.resolved.remove(&n) => node.observe(gone(n)),
            Deed::Hear(port, n, address) => node.hear(port, has(n, address)),
            _ => Vec::new(),
        };
        self.hear(said);
    }
}

proptest! {
    #[test]
    fn nobody_is_counted_on_who_is_not_there(
        snooping: bool,
        hears: bool,
        deeds in prop::collection::vec(deed(), 1..60),
    ) {
        let mut node = if hears { Node::new(snooping) } else { Node::deaf(snooping) };
        let mut story = Story { bridge: true, ..Story::default() };
        deeds.into_iter().for_each(|deed| story.does(&mut node, deed));

        // The kernel lets go of everybody, and nobody answers any more.
        let end = [Deed::Answer(false), Deed::Port(PORT, true), Deed::Port(OTHER_PORT, true)];
        end.into_iter().for_each(|deed| story.does(&mut node, deed));
        for n in 0..HOSTS {
            story.does(&mut node, Deed::Unresolve(n));
            story.does(&mut node, Deed::Forget(n));
        }
        // Without ears it is not woken in between.
        story.does(&mut node, Deed::Wait(1000));
        story.does(&mut node, Deed::Wait(0));
        prop_assert!(story.neighbors.is_empty(), "{:?}", story.neighbors);
        prop_assert!(story.macs.is_empty(), "{:?}", story.macs);
        let left = &node.presence.segments[&vni()];
        prop_assert_eq!((left.len(), left.held.len(), left.newcomers.len() < 256), (0, 0, true));
        prop_assert_eq!(node.presence.poll_timeout(), None);
    }

    /// Whoever the kernel still has, and who answers, is counted on.
    #[test]
    fn who_is_there_and_answers_is_counted_on(
        snooping: bool,
        deeds in prop::collection::vec(deed(), 1..60),
    ) {
        let mut node = Node::new(snooping);
        let mut story = Story { bridge: true, ..Story::default() };
        deeds.into_iter().for_each(|deed| story.does(&mut node, deed));
        for deed in [Deed::Answer(true), Deed::Bridge(true), Deed::Port(PORT, true)] {
            story.does(&mut node, deed);
        }
        (0..HOSTS).for_each(|n| story.does(&mut node, Deed::Learn(n, PORT)));
        // Whoever claimed the address of another has spoken by then; the last word counts.
        story.does(&mut node, Deed::Wait(3));
        for n in 0..HOSTS {
            story.does(&mut node, Deed::Unresolve(n));
            story.does(&mut node, Deed::Resolve(n));
        }
        story.does(&mut node, Deed::Wait(1000));
        for n in 0..HOSTS {
            prop_assert!(story.macs.contains(&mac(n)), "MAC {n} of {:?}", story.macs);
            prop_assert_eq!(story.neighbors.get(&ip(n)), Some(&mac(n)));
        }
    }
}
