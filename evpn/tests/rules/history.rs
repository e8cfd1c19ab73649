//! Of remote routes only the last word counts: however they came, changed and went, what follows from them is
//! what follows from the final ones handed to a node that never heard the others.

use std::collections::BTreeMap;

use bgp::types::EthernetTag;
use bgp::wire::{EvpnKey, ExtCommunity, NextHop};
use evpn::{Config, MacRow, NeighborRow, RowId, VtepRow};
use proptest::prelude::*;

use crate::network::cases;
use crate::node::Node;
use crate::words::*;

const VNIS: [u32; 2] = [100, 200];

/// A route, or its end where there is no said.
#[derive(Clone, Debug)]
struct Step {
    key: EvpnKey,
    said: Option<Contents>,
}

#[derive(Clone, Copy, Debug)]
struct Contents {
    vni: u32,
    /// The VNI of a second route target.
    also: Option<u32>,
    vtep: u8,
    seq: u32,
    mark: Option<ExtCommunity>,
}

fn key() -> impl Strategy<Value = EvpnKey> {
    let (source, tag) = (2..5_u8, prop::sample::select(vec![0, 0, 0, 5]).prop_map(EthernetTag));
    let address = prop::option::of((1..4_u8).prop_map(crate::network::address));
    prop_oneof![
        8 => (source.clone(), tag.clone(), 1..4_u8, address)
            .prop_map(|(n, tag, host, ip)| EvpnKey::MacIp { rd: rd(n), tag, mac: mac(host), ip }),
        1 => (source, tag, 1..5_u8)
            .prop_map(|(n, tag, at)| EvpnKey::Imet { rd: rd(n), tag, originator: vtep(at) }),
    ]
}

fn contents() -> impl Strategy<Value = Contents> {
    let vni = prop::sample::select(VNIS.to_vec());
    let mark = prop::sample::select(vec![MPLS, GATEWAY, ROUTER, STICKY]);
    let parts = (vni.clone(), prop::option::weighted(0.2, vni), 1..6_u8, 0..4_u32);
    (parts, prop::option::weighted(0.3, mark)).prop_map(|((vni, also, vtep, seq), mark)| Contents {
        vni,
        also,
        vtep,
        seq,
        mark,
    })
}

fn step() -> impl Strategy<Value = Step> {
    (key(), prop::option::weighted(0.7, contents())).prop_map(|(key, said)| Step { key, said })
}

fn said(key: EvpnKey, contents: Contents) -> Said {
    let target = |number: u32| {
        let [a, b, c, d] = number.to_be_bytes();
        ExtCommunity([0, 2, 0, 1, a, b, c, d])
    };
    let mut said = Said::imet(contents.vtep);
    said.key = key;
    said.body.label = vni(contents.vni);
    said.attrs.next_hop = NextHop::Ipv4([10, 0, 0, contents.vtep].into());
    if let Some(pmsi) = &mut said.attrs.pmsi {
        pmsi.vni = vni(contents.vni);
    }
    let communities = [target(contents.vni), VXLAN].into_iter().chain(contents.also.map(target));
    let communities = communities.chain((contents.seq > 0).then(|| sequence(contents.seq)));
    said.attrs.ext_communities = communities.chain(contents.mark).collect();
    // A sticky mark carries a sequence of its own; two MAC mobility communities would be an odd route.
    if contents.mark == Some(STICKY) {
        said.attrs.ext_communities = [target(contents.vni), STICKY].into();
    }
    said
}

fn fresh() -> Node {
    let mut node = Node::with(Config { advertise_all_vni: true, ..config(1) });
    VNIS.iter().for_each(|number| _ = node.see(device(*number)));
    node
}

fn hear(node: &mut Node, step: &Step) {
    match step.said {
        Some(contents) => node.hear(&said(step.key, contents)),
        None => node.hear_route(&step.key, None),
    };
}

type Rows = (Vec<MacRow>, Vec<NeighborRow>, Vec<VtepRow>);

/// All rows, in order of what they are about, without their positions and the memory of moves.
fn rows(node: &Node) -> Rows {
    let clear_mac = |row: MacRow| MacRow { id: RowId(0), duplicate: false, frozen: false, ..row };
    let clear_neighbor = |row: NeighborRow| NeighborRow { id: RowId(0), duplicate: false, ..row };
    let vnis = || VNIS.iter().map(|number| vni(*number));
    let mut macs: Vec<_> = vnis().flat_map(|vni| node.evpn.macs(vni, RowId(0))).map(clear_mac).collect();
    let neighbors = vnis().flat_map(|vni| node.evpn.neighbors(vni, RowId(0)));
    // Of an address that is not in use it does not matter which of its MACs is shown.
    let mut neighbors: Vec<_> = neighbors.filter(|row| row.seq.is_some()).map(clear_neighbor).collect();
    macs.sort_by_key(|row| (row.vni, row.mac));
    neighbors.sort_by_key(|row| (row.vni, row.ip));
    (macs, neighbors, vnis().flat_map(|vni| node.evpn.vteps(vni, None)).collect())
}

proptest! {
    #![proptest_config(cases(3))]

    #[test]
    fn only_the_last_word_counts(steps in prop::collection::vec(step(), 1..100), again: bool) {
        let mut node = fresh();
        steps.iter().for_each(|step| hear(&mut node, step));
        let last: BTreeMap<_, _> = steps.iter().map(|step| (step.key, step.clone())).collect();
        if again {
            node.done();
            last.values().for_each(|step| hear(&mut node, step));
            prop_assert_eq!(node.done(), [], "what has not changed does nothing");
        }
        let mut other = fresh();
        last.values().rev().for_each(|step| hear(&mut other, step));
        prop_assert_eq!(&node.wanted, &other.wanted);
        prop_assert_eq!(rows(&node), rows(&other));

        last.keys().for_each(|key| _ = node.hear_route(key, None));
        prop_assert!(node.wanted.is_empty());
        prop_assert_eq!(rows(&node), (vec![], vec![], vec![]));
    }
}
