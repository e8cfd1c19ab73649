//! Hosts that are silent, dead, moved, remembered and made up.

mod model;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use bgp::types::{Mac, Vni};
use evpn::dataplane::Observation;
use fib::{Attached, Belief, IfIndex};

use super::frame::{Said, What};
use super::{CREDIT, KnownHost, Presence, Probe, Settings, Surroundings};

const BRIDGE: IfIndex = IfIndex(1);
const PORT: IfIndex = IfIndex(2);
const OTHER_PORT: IfIndex = IfIndex(3);
const INTERVAL: Duration = Duration::from_secs(120);

fn vni() -> Vni {
    Vni::new(100).unwrap()
}

fn mac(n: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, n])
}

fn ip(n: u8) -> IpAddr {
    Ipv4Addr::new(10, 1, 0, n).into()
}

fn has(host: u8, address: u8) -> Said {
    Said { mac: mac(host), ip: ip(address), what: What::Has { router: None } }
}

/// The kernel and EVPN, as far as presence looks at them.
#[derive(Default)]
struct World {
    ports: HashMap<Mac, IfIndex>,
    down: BTreeSet<IfIndex>,
    elsewhere: BTreeSet<Mac>,
    answered_for: BTreeSet<IpAddr>,
    verifying: BTreeMap<IpAddr, Mac>,
    beliefs: HashMap<IpAddr, Belief>,
    /// Hosts answer when they are asked.
    answers: bool,
}

impl Surroundings for World {
    fn attached(&self, device: IfIndex) -> Option<Attached> {
        match device {
            _ if self.down.contains(&device) => None,
            BRIDGE => Some(Attached::Bridge(vni())),
            PORT | OTHER_PORT => Some(Attached::Port(vni())),
            _ => None,
        }
    }

    fn bridge(&self, _: Vni) -> Option<IfIndex> {
        Some(BRIDGE)
    }

    fn ports(&self, _: Vni) -> Vec<IfIndex> {
        [PORT, OTHER_PORT].into_iter().filter(|port| !self.down.contains(port)).collect()
    }

    fn port(&self, _: Vni, mac: Mac) -> Option<IfIndex> {
        self.ports.get(&mac).copied()
    }

    fn is_elsewhere(&self, _: Vni, mac: Mac) -> bool {
        self.elsewhere.contains(&mac)
    }

    fn is_answered_for(&self, _: Vni, ip: IpAddr) -> bool {
        self.answered_for.contains(&ip)
    }

    fn local_mac(&self, _: Vni, ip: IpAddr) -> Option<Mac> {
        self.verifying.get(&ip).copied()
    }

    fn belief(&self, _: Vni, ip: IpAddr, _: Mac) -> Belief {
        self.beliefs.get(&ip).copied().unwrap_or(Belief::None)
    }
}

/// A presence, its world and its clock.
struct Node {
    presence: Presence,
    world: World,
    now: Instant,
}

impl Node {
    /// A VNI that is up, and hosts are heard.
    fn new(snooping: bool) -> Node {
        let mut node = Node::deaf(snooping);
        for device in if snooping { vec![PORT, OTHER_PORT] } else { vec![BRIDGE] } {
            node.presence.hears_on(node.now, &node.world, device, true);
        }
        node
    }

    fn deaf(snooping: bool) -> Node {
        let (interval, snooping_of) = (Some(INTERVAL), BTreeMap::new());
        let presence = Presence::new(Settings { interval, rate: 100, snooping, snooping_of });
        let mut node = Node { presence, world: World::default(), now: Instant::now() };
        node.open();
        node
    }

    fn open(&mut self) {
        self.observe(Observation::Vni { vni: vni(), local: None, bridge_mac: mac(0xff) });
    }

    /// What EVPN hears of it.
    fn observe(&mut self, observation: Observation) -> Vec<Observation> {
        self.presence.observe(self.now, &self.world, observation);
        self.said()
    }

    fn hear(&mut self, device: IfIndex, said: Said) -> Vec<Observation> {
        self.presence.hear(self.now, &self.world, device, said);
        self.said()
    }

    fn said(&mut self) -> Vec<Observation> {
        std::iter::from_fn(|| self.presence.poll_observation()).collect()
    }

    /// The bridge learns a MAC.
    fn learn(&mut self, n: u8, port: IfIndex) -> Vec<Observation> {
        self.world.ports.insert(mac(n), port);
        self.observe(Observation::LocalMac { vni: vni(), mac: mac(n), sticky: false })
    }

    /// The bridge forgets a MAC.
    fn forget(&mut self, n: u8) -> Vec<Observation> {
        self.world.ports.remove(&mac(n));
        self.observe(Observation::LocalMacGone { vni: vni(), mac: mac(n) })
    }

    /// A host whose MAC is learnt, and whose address the kernel has.
    fn host(&mut self, n: u8) {
        self.learn(n, PORT);
        self.resolve(n);
    }

    fn resolve(&mut self, n: u8) -> Vec<Observation> {
        self.observe(Observation::LocalNeighbor { vni: vni(), ip: ip(n), mac: mac(n), router: false })
    }

    /// Questions asked, and what EVPN heard, until so much time is over.
    fn wait(&mut self, time: Duration) -> (Vec<Probe>, Vec<Observation>) {
        let (end, mut probes, mut said) = (self.now + time, Vec::new(), Vec::new());
        loop {
            while let Some(probe) = self.presence.poll_probe(self.now, &self.world) {
                self.presence.asked(1);
                if self.world.answers {
                    let what = What::Has { router: None };
                    let answer = Said { mac: probe.to, ip: probe.ip, what };
                    self.presence.hear(self.now, &self.world, probe.ports[0], answer);
                }
                probes.push(probe);
            }
            said.extend(self.said());
            match self.presence.poll_timeout().filter(|due| *due <= end) {
                Some(due) => {
                    assert!(due > self.now, "it wants to be woken when it has been");
                    self.now = due;
                }
                None => break,
            }
        }
        self.now = end;
        (probes, said)
    }
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn known(n: u8) -> KnownHost {
    KnownHost { vni: vni(), ip: ip(n), mac: mac(n) }
}

fn gone(n: u8) -> Observation {
    Observation::LocalNeighborGone { vni: vni(), ip: ip(n) }
}

fn mac_gone(n: u8) -> Observation {
    Observation::LocalMacGone { vni: vni(), mac: mac(n) }
}

fn there(n: u8) -> Observation {
    Observation::LocalNeighbor { vni: vni(), ip: ip(n), mac: mac(n), router: false }
}

#[test]
fn a_silent_host_that_answers_stays() {
    let mut node = Node::new(false);
    node.host(1);
    node.world.answers = true;
    let (probes, said) = node.wait(INTERVAL * 5);
    assert_eq!(said, []);
    assert!((5..=6).contains(&probes.len()), "{} in five intervals", probes.len());
    let ports = [PORT].into_iter().collect();
    assert_eq!(probes[0], Probe { ports, bridge: BRIDGE, from: mac(0xff), to: mac(1), ip: ip(1) });
    let counts = node.presence.counts(vni());
    assert_eq!((counts.probed, counts.answered, counts.given_up), (probes.len() as u64, counts.probed, 0));
}

#[test]
fn another_interval_holds_for_who_is_known() {
    let mut node = Node::new(false);
    node.host(1);
    let interval = Some(seconds(10));
    node.presence.configure(Settings { interval, ..node.presence.settings().clone() });
    assert_eq!(node.wait(seconds(10)).0[0].ip, ip(1));
}

#[test]
fn a_dead_host_is_asked_three_times_and_given_up() {
    let mut node = Node::new(false);
    node.host(1);
    let (probes, said) = node.wait(INTERVAL + seconds(4));
    assert_eq!((probes.len(), said), (3, vec![gone(1)]));
    assert_eq!(node.presence.counts(vni()).given_up, 1);
    // The kernel has it still: it is asked now and then, and comes back when it answers.
    let (probes, said) = node.wait(INTERVAL);
    assert_eq!((probes.len(), said), (1, vec![]));
    assert_eq!(node.hear(BRIDGE, has(1, 1)), [there(1)]);
}

#[test]
fn what_the_kernel_lets_go_of_is_asked_before_it_is_withdrawn() {
    let mut node = Node::new(false);
    node.host(1);
    assert_eq!(node.observe(gone(1)), []);
    let (probes, _) = node.wait(seconds(0));
    assert_eq!(probes.len(), 1);
    assert_eq!(node.hear(BRIDGE, has(1, 1)), []);
    assert_eq!(node.wait(INTERVAL / 2), (vec![], vec![]));

    // The bridge forgets the MAC: asked on the port where it was.
    assert_eq!(node.forget(1), []);
    let (probes, said) = node.wait(seconds(1));
    assert_eq!((probes.len(), said), (2, vec![]));
    assert_eq!(probes[0].ports[..], [PORT]);
    node.learn(1, PORT);
    node.hear(BRIDGE, has(1, 1));
    assert_eq!(node.wait(seconds(9)), (vec![], vec![]));

    // And nobody answers any more.
    assert_eq!(node.forget(1), []);
    let (probes, said) = node.wait(seconds(4));
    assert_eq!((probes.len(), said), (3, vec![gone(1), mac_gone(1)]));
}

#[test]
fn a_mac_without_addresses_goes_at_once() {
    let mut node = Node::new(false);
    node.learn(1, PORT);
    assert_eq!(node.forget(1), [mac_gone(1)]);
}

#[test]
fn a_port_that_goes_down_takes_its_hosts_along_at_once() {
    let mut node = Node::new(true);
    node.learn(1, PORT);
    node.hear(PORT, has(1, 1));
    // The bridge forgets its MACs first, and the port's state is told after that.
    assert_eq!(node.forget(1), []);
    node.world.down.insert(PORT);
    node.presence.ports_lost(node.now, vni(), &[PORT]);
    assert_eq!(node.said(), [gone(1), mac_gone(1)]);
    // When it is up again who was there is asked.
    node.world.down.clear();
    node.presence.ports_found(node.now, vni(), &[PORT]);
    let (probes, _) = node.wait(seconds(0));
    assert_eq!(probes.len(), 1);
    node.learn(1, PORT);
    assert_eq!(node.hear(PORT, has(1, 1)), [there(1)]);
}

#[test]
fn who_has_moved_away_goes_at_once() {
    let mut node = Node::new(true);
    node.learn(1, PORT);
    node.hear(PORT, has(1, 1));
    node.world.elsewhere.insert(mac(1));
    assert_eq!(node.forget(1), [gone(1), mac_gone(1)]);
    assert_eq!(node.wait(INTERVAL), (vec![], vec![]));

    // Who has another MAC's address is asked at once, and gone when it does not answer.
    let mut node = Node::new(false);
    node.host(1);
    node.world.answered_for.insert(ip(1));
    assert_eq!(node.observe(gone(1)), []);
    let (probes, said) = node.wait(seconds(4));
    assert_eq!((probes.len(), said), (3, vec![gone(1)]));
    assert_eq!(node.wait(INTERVAL), (vec![], vec![]));
    let mut node = Node::deaf(false);
    node.host(1);
    node.world.answered_for.insert(ip(1));
    assert_eq!(node.observe(gone(1)), [gone(1)], "who cannot be asked is gone at once");
}

fn claimed(n: u8, address: u8) -> Observation {
    Observation::LocalClaim { vni: vni(), ip: ip(address), mac: mac(n), router: false }
}

/// Two hosts with one address, one of them elsewhere: the kernel learns nothing of the one here, but it is heard.
#[test]
fn an_address_that_is_answered_for_is_claimed_and_not_taken_over() {
    let mut node = Node::new(false);
    node.world.answered_for.insert(ip(9));
    assert_eq!(node.hear(BRIDGE, has(1, 9)), [], "the bridge may have heard it through the tunnel");
    let learnt = node.learn(1, PORT);
    assert_eq!(learnt[1..], [claimed(1, 9)], "or not know its MAC yet");
    assert_eq!((node.hear(BRIDGE, has(1, 9)), node.presence.counts(vni()).refused), (vec![], 0));
    node.world.elsewhere.insert(mac(2));
    assert_eq!(node.hear(BRIDGE, has(2, 9)), [], "the other one, from there");
    node.world.answers = true;
    let (probes, said) = node.wait(INTERVAL * 2);
    assert_eq!((probes[0].to, said), (mac(1), vec![]));
    node.world.answers = false;
    assert_eq!(node.wait(INTERVAL * 2).1, [gone(9)]);
}

/// Another claim appears: whoever is here is asked, and may be dead.
#[test]
fn a_host_is_asked_when_another_claims_its_address() {
    let mut node = Node::new(false);
    node.host(1);
    node.presence.ask(node.now, vni(), ip(1));
    let (probes, said) = node.wait(seconds(4));
    assert_eq!((probes.len(), said), (3, vec![gone(1)]));
    node.presence.ask(node.now, vni(), ip(2));
    assert_eq!(node.wait(seconds(4)), (vec![], vec![]), "nobody is known to have it");
}

#[test]
fn what_moved_here_with_its_mac_is_asked_where_the_kernel_could_not() {
    let mut node = Node::new(false);
    node.learn(1, PORT);
    node.world.verifying.insert(ip(1), mac(1));
    assert_eq!(node.observe(gone(1)), []);
    assert_eq!(node.wait(seconds(0)).0.len(), 1);
    node.hear(BRIDGE, has(1, 1));
    assert_eq!(node.wait(seconds(9)), (vec![], vec![]));
}

#[test]
fn what_the_kernel_is_sure_of_or_was_set_is_not_asked_about() {
    let mut node = Node::new(false);
    for belief in [Belief::Sure, Belief::Set] {
        node.host(1);
        node.world.beliefs.insert(ip(1), belief);
        assert_eq!(node.wait(INTERVAL * 5), (vec![], vec![]));
    }
}

#[test]
fn without_ears_the_kernels_word_is_passed_on() {
    let mut node = Node::deaf(false);
    node.host(1);
    assert_eq!(node.wait(INTERVAL * 5), (vec![], vec![]));
    assert_eq!(node.observe(gone(1)), [gone(1)]);
    node.resolve(1);
    assert_eq!(node.forget(1), [mac_gone(1)]);
}

#[test]
fn a_bridge_that_flaps_forgets_nobody() {
    let mut node = Node::new(false);
    node.host(1);
    let down = Observation::VniGone { vni: vni() };
    assert_eq!(node.observe(down), [down]);
    assert_eq!(node.wait(seconds(30)), (vec![], vec![]));
    node.world.ports.clear();
    node.open();
    let (probes, said) = node.wait(seconds(0));
    assert_eq!((probes.len(), said), (1, vec![]));
    assert_eq!(probes[0].ports[..], [PORT], "where it was");
    // The answer is heard before the bridge is seen to have the MAC.
    node.hear(BRIDGE, has(1, 1));
    let said = node.learn(1, PORT);
    assert_eq!(said, [Observation::LocalMac { vni: vni(), mac: mac(1), sticky: false }, there(1)]);
}

#[test]
fn a_host_of_a_former_run_is_asked_on_every_port() {
    let mut node = Node::new(true);
    node.presence.recall(node.now, known(1));
    let (probes, _) = node.wait(seconds(0));
    assert_eq!(probes[0].ports[..], [PORT, OTHER_PORT]);
    node.hear(OTHER_PORT, has(1, 1));
    assert!(node.learn(1, OTHER_PORT).contains(&there(1)));
    assert_eq!(node.presence.known().collect::<Vec<_>>(), [known(1)]);
    // One that does not come back is forgotten, and EVPN never hears of it.
    let mut node = Node::new(true);
    node.presence.recall(node.now, known(2));
    let (probes, said) = node.wait(seconds(601));
    assert_eq!((probes.len(), said), (5, vec![]));
    assert_eq!(node.presence.segments[&vni()].len(), 0);
}

#[test]
fn snooping_learns_hosts_and_moves_addresses_at_once() {
    let mut node = Node::new(true);
    // Heard before the bridge is seen to have its MAC.
    assert_eq!(node.hear(PORT, has(1, 1)), []);
    assert!(node.learn(1, PORT).contains(&there(1)));
    // Another host takes the address.
    node.learn(2, OTHER_PORT);
    let moved = Observation::LocalNeighbor { vni: vni(), ip: ip(1), mac: mac(2), router: false };
    assert_eq!(node.hear(OTHER_PORT, has(2, 1)), [moved]);
    assert_eq!(node.presence.counts(vni()).snooped, 2);
    // Who is heard is not asked.
    for _ in 0..10 {
        node.hear(OTHER_PORT, has(2, 1));
        assert_eq!(node.wait(INTERVAL / 2), (vec![], vec![]));
    }
}

#[test]
fn who_makes_things_up_is_not_believed() {
    let mut node = Node::new(true);
    node.learn(1, PORT);
    assert_eq!(node.hear(OTHER_PORT, has(1, 1)), [], "the MAC is on another port");
    assert_eq!(node.hear(PORT, has(0xff, 1)), [], "the bridge's own");
    assert_eq!(node.presence.counts(vni()).refused, 1);
    for n in 0..2000_u16 {
        let [high, low] = n.to_be_bytes();
        let ip = Ipv4Addr::new(10, 9, high, low).into();
        node.hear(PORT, Said { mac: mac(1), ip, what: What::Has { router: None } });
    }
    assert_eq!(node.presence.counts(vni()).snooped, 256);
    for n in 0..=0xfffe_u16 {
        let [high, low] = n.to_be_bytes();
        let stranger = Mac([2, 9, 9, 9, high, low]);
        node.hear(PORT, Said { mac: stranger, ip: ip(9), what: What::Has { router: None } });
    }
    assert!(node.presence.segments[&vni()].newcomers.len() <= 256);
    // On the bridge everybody is heard, those behind the tunnel too, and nobody is learnt.
    let mut node = Node::new(false);
    node.learn(1, PORT);
    assert_eq!(node.hear(BRIDGE, has(1, 1)), []);
    assert_eq!(node.presence.counts(vni()).refused, 0);
}

#[test]
fn a_host_that_makes_sure_of_its_address_is_let_alone() {
    let mut node = Node::new(false);
    node.host(1);
    node.observe(gone(1));
    node.hear(BRIDGE, Said { what: What::Takes, ..has(1, 1) });
    assert_eq!(node.wait(seconds(9)), (vec![], vec![]));
    assert_eq!(node.wait(seconds(1)).0.len(), 1);
}

#[test]
fn thousands_of_hosts_make_no_storm() {
    let mut node = Node::new(true);
    for n in 0..2000_u16 {
        let [high, low] = n.to_be_bytes();
        let mac = Mac([2, 1, 1, 1, high, low]);
        node.world.ports.insert(mac, PORT);
        node.observe(Observation::LocalMac { vni: vni(), mac, sticky: false });
        let ip = Ipv4Addr::new(10, 9, high, low).into();
        node.hear(PORT, Said { mac, ip, what: What::Has { router: None } });
    }
    // As long as all answer they are asked once, spread out.
    node.world.answers = true;
    let asked: Vec<usize> = (0..125).map(|_| node.wait(seconds(1)).0.len()).collect();
    assert_eq!(asked.iter().sum::<usize>(), 2000, "{asked:?}");
    assert!(asked.iter().all(|asked| *asked <= 111), "{asked:?}");
    // All at once is no faster than the rate.
    node.world.answers = false;
    for n in 0..2000_u16 {
        let [high, low] = n.to_be_bytes();
        let mac = Mac([2, 1, 1, 1, high, low]);
        node.world.ports.remove(&mac);
        node.observe(Observation::LocalMacGone { vni: vni(), mac });
    }
    for second in 0..70 {
        let (probes, _) = node.wait(seconds(1));
        assert!(probes.len() <= 111, "{} in second {second}", probes.len());
    }
    assert_eq!(node.presence.counts(vni()).given_up, 2000);
}

#[test]
fn questions_wait_for_credit() {
    let mut node = Node::new(false);
    node.presence.configure(Settings { rate: 10_000, ..node.presence.settings().clone() });
    for n in 0..=u8::MAX {
        node.host(n);
    }
    for n in 0..=u8::MAX {
        node.observe(gone(n));
    }
    let mut asked = 0;
    for _ in 0..10 {
        node.now += seconds(1);
        asked += std::iter::from_fn(|| node.presence.poll_probe(node.now, &node.world)).count();
    }
    assert_eq!((asked, node.presence.poll_timeout()), (CREDIT, None));
}
