//! What a watcher is told of why.

use api::Query;
use api::query::{Answer, ChangesRequest};
use bgp::types::PeerId;
use bgp::wire::Attrs;

use super::*;
use crate::core::testing::*;

/// Who follows some topics, from now on.
struct Follower {
    node: Node,
    watch: v1::WatchRequest,
}

impl Follower {
    fn new(mut node: Node, topics: &[v1::Topic]) -> Follower {
        node.run();
        let topics = topics.iter().map(|topic| (*topic).into()).collect();
        let watch = v1::WatchRequest { topics, changes_only: true, ..Default::default() };
        let mut follower = Follower { node, watch };
        follower.changes();
        follower
    }

    /// What has changed since it looked last.
    fn changes(&mut self) -> Vec<v1::Change> {
        let mut all = Vec::new();
        loop {
            let request = ChangesRequest { watch: self.watch.clone(), max: 100 };
            let mut asked = self.node.request(Query::Changes(request));
            self.node.run();
            match asked.try_recv() {
                Ok(Ok(Answer::Changes(response))) => {
                    self.watch.resume_token = response.resume_token;
                    all.extend(response.changes);
                }
                Ok(answer) => panic!("{answer:?}"),
                Err(_) => return all,
            }
        }
    }

    /// The reasons, those that say nothing left out.
    fn reasons(&mut self) -> Vec<String> {
        let changes = self.changes().into_iter();
        changes.map(|change| change.reason).filter(|reason| !reason.is_empty()).collect()
    }
}

/// With a session of each of two reflectors.
fn node() -> Node {
    let mut node = Node::new();
    node.up(0);
    node.up(1);
    node
}

#[test]
fn a_best_path_says_what_led_to_it_and_by_what_it_won() {
    let mut follower = Follower::new(node(), &[v1::Topic::Rib]);
    let (vni, key) = (vni(100), mac_ip(vni(100), 2, mac(1), None));
    let reflected = |passed: usize| {
        let cluster_list = vec![vtep(200); passed].into();
        Attrs { cluster_list, originator_id: Some(bgp::types::RouterId(vtep(2))), ..attrs(vni, 2, 0) }
    };
    follower.node.tell(0, key, Some(reflected(2)));
    assert_eq!(follower.reasons(), ["only path"]);
    follower.node.tell(1, key, Some(reflected(1)));
    let [zero, one] = [0, 1].map(|peer| follower.node.core.peers.address(PeerId(peer)).unwrap().to_string());
    assert_eq!(follower.reasons(), [format!("shorter cluster list, next best is from {zero}")]);
    follower.node.tell(1, key, Some(reflected(3)));
    let expected = format!("{one} announced another path; shorter cluster list, next best is from {one}");
    assert_eq!(follower.reasons(), [expected]);
    follower.node.tell(0, key, None);
    assert_eq!(follower.reasons(), [format!("withdrawn by {zero}; only path")]);
    follower.node.down(1);
    assert_eq!(follower.reasons(), [format!("the session with {one} ended")]);
    follower.node.tell(0, key, Some(reflected(1)));
    follower.node.tell(0, key, None);
    assert_eq!(follower.reasons(), [format!("withdrawn by {zero}")]);
}

#[test]
fn a_mac_says_where_it_was() {
    let mut follower = Follower::new(node(), &[v1::Topic::Evpn]);
    let (vni, host) = (vni(100), mac(1));
    let told = |follower: &mut Follower| {
        let macs = follower.changes().into_iter().filter(|change| matches!(change.row, Some(Row::Mac(_))));
        let said = macs.filter(|change| !change.reason.is_empty());
        let mut said: Vec<_> = said.map(|change| (change.reason, change.moved_from)).collect();
        // Once, and once more when the kernel has it.
        said.dedup();
        said
    };
    let said = |reason: &str, from: &str| vec![(reason.to_owned(), from.to_owned())];
    let tell = |follower: &mut Follower, from: u8, sequence: Option<u32>| {
        let attrs = sequence.map(|sequence| attrs(vni, from, sequence));
        follower.node.tell(0, mac_ip(vni, from, host, None), attrs);
    };
    tell(&mut follower, 2, Some(0));
    assert_eq!(told(&mut follower), said("announced by 10.0.0.2", ""));
    tell(&mut follower, 3, Some(1));
    assert_eq!(told(&mut follower), said("moved from 10.0.0.2 to 10.0.0.3, with sequence 1", "10.0.0.2"));
    follower.node.local_mac(vni, host, 0, true);
    assert_eq!(told(&mut follower), said("moved here from 10.0.0.3, with sequence 2", "10.0.0.3"));
    tell(&mut follower, 3, Some(3));
    assert_eq!(told(&mut follower), said("moved from here to 10.0.0.3, with sequence 3", "local"));
    tell(&mut follower, 2, None);
    tell(&mut follower, 3, None);
    assert!(told(&mut follower).contains(&("withdrawn by 10.0.0.3".to_owned(), String::new())));
}

#[test]
fn a_neighbor_says_what_became_of_it() {
    let mut follower = Follower::new(Node::new(), &[v1::Topic::Neighbor]);
    follower.node.up(0);
    assert!(
        follower.reasons().iter().any(|reason| reason.starts_with("session up with AS 65000, router ID"))
    );
    follower.node.down(0);
    let reasons = follower.reasons();
    assert!(reasons.iter().any(|reason| reason.starts_with("session ended: ")), "{reasons:?}");
}

#[test]
fn a_fault_of_the_kernels_is_the_reason() {
    let mut follower = Follower::new(node(), &[v1::Topic::Fib]);
    follower.node.refuse(100);
    follower.node.tell(0, mac_ip(vni(100), 2, mac(1), None), Some(attrs(vni(100), 2, 0)));
    let failed = |change: &v1::Change| match &change.row {
        Some(Row::FibEntry(entry)) => entry.state() == v1::KernelState::Failed,
        _ => false,
    };
    let changes = follower.changes();
    let change = changes.iter().find(|change| failed(change)).unwrap_or_else(|| panic!("{changes:?}"));
    assert!(!change.reason.is_empty());
}
