//! What files are taken, what they mean, and which faults are told where.

mod neighbors;

use bgp::export::PathsSent;
use bgp::types::Family;

use super::*;

fn faults(text: &str) -> String {
    match Config::parse("t.yaml", text) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(faults) => faults.to_string(),
    }
}

fn config(text: &str) -> Config {
    Config::parse("t.yaml", text).unwrap_or_else(|faults| panic!("{faults}"))
}

#[test]
fn a_whole_file() {
    let config = config(
        r#"
bgp:
  asn: "65000.10"
  router_id: 10.0.0.1
  listen: { addresses: ["0.0.0.0", "::"] }
  peer_groups:
    - { name: reflectors, remote_as: internal, families: [l2vpn-evpn], hold_time: 9, keepalive: 3 }
  neighbors:
    - { address: 10.0.1.1, peer_group: reflectors, description: spine1, hold_time: 30 }
    - { address: fd00::2, remote_as: 65001, passive: true, families: [ipv4-unicast, ipv6-unicast] }
evpn:
  vtep: 10.0.0.1
  vnis:
    - { vni: 100, create: true, import_rt: ["*:100", "65000:7"], export_rt: auto, rd: "10.0.0.1:9", mtu: 1450 }
    - { vni: 200, vxlan: vx, bridge: br }
api: { socket: /tmp/l.sock, listen: "127.0.0.1:50151" }
"#,
    );
    assert_eq!(config.bgp.asn, Asn(65000 << 16 | 10));
    assert_eq!(config.bgp.cluster_id, config.bgp.router_id.0);
    assert_eq!(config.bgp.listen.len(), 2);
    let [spine, other] = &config.bgp.neighbors[..] else { panic!() };
    assert_eq!(
        (spine.hold_time, spine.keepalive, spine.remote_as.clone()),
        (30, Some(3), RemoteAs::Internal)
    );
    assert_eq!((other.hold_time, other.passive, other.families.iter().count()), (90, true, 2));
    let evpn = config.evpn.unwrap();
    assert_eq!(evpn.vnis[0].vxlan.as_deref(), Some("vxlan100"));
    assert_eq!((evpn.vnis[0].mtu, evpn.vnis[1].create), (Some(1450), false));
    assert_eq!(evpn.vnis[0].import_rt.as_ref().map(Vec::len), Some(2));
}

#[test]
fn what_paths_are_preferred_by() {
    let config = config(
        "bgp:
  asn: 65000
  router_id: 10.0.0.1
  default_local_pref: 200
  decision: { always_compare_med: true, med_missing_as_worst: true }
  multipath: { ebgp: 4, as_path_relax: true }
  neighbors:
    - { address: 10.0.1.1, remote_as: 65001, weight: 7, add_path: { receive: true, send: all } }
    - { address: 10.0.1.2, remote_as: 65001, local_pref: 300, add_path: { send: { best: 2 } } }
",
    );
    let rules = &config.bgp.decision;
    assert!(rules.always_compare_med && rules.med_missing_as_worst && !rules.ignore_as_path_length);
    assert_eq!((rules.multipath.ebgp, rules.multipath.ibgp, rules.multipath.as_path_relax), (4, 1, true));
    let of = |n: &NeighborConfig| (n.weight, n.local_pref, n.add_path.receive, n.add_path.send);
    let [all, best] = [PathsSent::All, PathsSent::Best(2)].map(|paths| Some(SendPaths(paths)));
    let neighbors: Vec<_> = config.bgp.neighbors.iter().map(of).collect();
    assert_eq!(neighbors, [(7, 200, true, all), (0, 300, false, best)]);
}

#[test]
fn next_hops_are_tracked_only_where_that_is_said() {
    let tracking = |keys: &str| {
        let text = format!("bgp:\n  asn: 65000\n  router_id: 10.0.0.1\n{keys}");
        let parsed = Config::parse("t.yaml", &text);
        parsed.map(|config| config.bgp.next_hop_tracking.map(|tracking| tracking.via_default))
    };
    for (keys, expected) in [
        ("", None),
        ("  next_hop_tracking: true\n", Some(true)),
        ("  next_hop_tracking: true\n  next_hop_via_default: false\n", Some(false)),
    ] {
        assert_eq!(tracking(keys).unwrap(), expected, "{keys}");
    }
    let faults = tracking("  next_hop_via_default: false\n").unwrap_err().to_string();
    assert!(
        faults.starts_with(
            "t.yaml:4:25: bgp.next_hop_via_default: says nothing without `next_hop_tracking: true`"
        ),
        "{faults}"
    );
}

#[test]
fn what_is_wrong_with_numbers_of_paths() {
    let text = "bgp:
  asn: 65000
  router_id: 10.0.0.1
  multipath: { ibgp: 0 }
  neighbors:
    - { address: 10.0.1.1, remote_as: 65001, add_path: { send: { best: 0 } } }
";
    let expected = "t.yaml:4:22: bgp.multipath.ibgp: at least 1, which is the best path alone
    4 |   multipath: { ibgp: 0 }
      |                      ^
t.yaml:6:64: bgp.neighbors[0].add_path.send: expected all, or { best: N } with a number from 1 to 65535
    6 |     - { address: 10.0.1.1, remote_as: 65001, add_path: { send: { best: 0 } } }
      |                                                                ^";
    assert_eq!(faults(text), expected);
}

#[test]
fn every_fault_at_once_each_at_its_place() {
    let text = r#"bgp:
  asn: 65000.10
  router_id: 10.0.0
  neighbours: []
  neighbors:
    - address: 10.0.1.1
      remote_as: 65000
      hold_time: 2
    - remote_as: elsewhere
    - 7
    - { address: 10.0.1.1, peer_group: nobody }
evpn:
  vtep: 10.0.0.1
"#;
    let expected = r#"t.yaml:2:8: bgp.asn: an AS number in dotted notation needs quotes: "65000.1"
    2 |   asn: 65000.10
      |        ^
t.yaml:3:14: bgp.router_id: invalid IPv4 address syntax
    3 |   router_id: 10.0.0
      |              ^
t.yaml:4:3: bgp.neighbours: unknown key; expected one of `asn`, `router_id`, `listen`, `cluster_id`, `client_to_client_reflection`, `default_local_pref`, `next_hop_tracking`, `next_hop_via_default`, `decision`, `multipath`, `ebgp_default`, `graceful_restart`, `handover_time`, `bfd`, `peer_groups`, `neighbors`, `mesh`, `dynamic_neighbors`
    4 |   neighbours: []
      |   ^
t.yaml:8:18: bgp.neighbors[0].hold_time: 0 (never), or at least 3 seconds (RFC 4271 section 4.2)
    8 |       hold_time: 2
      |                  ^
t.yaml:9:7: bgp.neighbors[1].address: the key `address` is missing, or `interface` in its place
    9 |     - remote_as: elsewhere
      |       ^
t.yaml:9:18: bgp.neighbors[1].remote_as: expected an AS number, a list of them, or internal, external or any
    9 |     - remote_as: elsewhere
      |                  ^
t.yaml:10:7: bgp.neighbors[2]: invalid type: integer `7`, expected struct Neighbor
   10 |     - 7
      |       ^
t.yaml:11:7: bgp.neighbors[3].remote_as: is given neither here nor in a group
   11 |     - { address: 10.0.1.1, peer_group: nobody }
      |       ^
t.yaml:11:18: bgp.neighbors[3].address: 10.0.1.1 is configured already
   11 |     - { address: 10.0.1.1, peer_group: nobody }
      |                  ^
t.yaml:11:40: bgp.neighbors[3].peer_group: there is no group `nobody` in bgp.peer_groups
   11 |     - { address: 10.0.1.1, peer_group: nobody }
      |                                        ^
t.yaml:13:3: evpn: takes no VNI: set advertise_all_vni: true, or list them in vnis
   13 |   vtep: 10.0.0.1
      |   ^"#;
    assert_eq!(faults(text), expected);
}

#[test]
fn no_yaml_is_one_fault() {
    assert!(faults("bgp: [").starts_with("t.yaml:2:1: "), "{}", faults("bgp: ["));
    assert_eq!(
        faults("bgp:\n  asn: 1\n  asn: 2\n"),
        "t.yaml:3:3: this key stands here twice\n    3 |   asn: 2\n      |   ^"
    );
}

#[test]
fn an_empty_file_says_what_is_missing() {
    assert!(faults("").contains("the key `bgp` is missing"), "{}", faults(""));
}

#[test]
fn a_list_in_place_of_a_mapping_ends() {
    assert!(faults("- 1\n- 2\n").contains("t.yaml"), "{}", faults("- 1\n"));
}

#[test]
fn ebgp_and_vni_contradictions() {
    let text = r#"
bgp:
  asn: 1
  router_id: 1.1.1.1
  neighbors:
    - { address: 10.0.0.2, remote_as: 2, route_reflector_client: true, passive: true, multihop: 0 }
evpn:
  vtep: 10.0.0.1
  vnis:
    - { vni: 0 }
    - { vni: 5, create: true, vxlan: this-name-is-too-long, export_rt: ["*:5"], import_rt: [] }
    - { vni: 5, bridge: br5, mtu: 60 }
api: { listen: "10.0.0.1:50151" }
"#;
    let faults = faults(text);
    for part in [
        "neighbours in this AS (RFC 4456)",
        "listens nowhere",
        "1 (on the link) to 255",
        "vnis[0].vni: 1 to 16777215",
        "is no device name",
        "can only be imported",
        "takes part in nothing",
        "VNI 5 is configured already",
        "`br5` is another VNI's already",
        "at least 68",
        "only a loopback address",
    ] {
        assert!(faults.contains(part), "{part}\n{faults}");
    }
}

#[test]
fn defaults_are_the_documented_ones() {
    let config = config(
        "bgp: { asn: 1, router_id: 1.1.1.1, neighbors: [{ address: 10.0.0.2, remote_as: 1 }, { address: 10.0.0.3, remote_as: 2 }] }",
    );
    let neighbor = &config.bgp.neighbors[0];
    assert_eq!((neighbor.hold_time, neighbor.keepalive, neighbor.connect_retry), (90, None, 10));
    assert_eq!((neighbor.port, neighbor.hops), (179, Hops::Unlimited));
    assert!(neighbor.ebgp_accept && !config.bgp.neighbors[1].ebgp_accept, "only an external one needs it");
    assert_eq!(neighbor.authentication, Authentication::None);
    assert!(config.bgp.listen.is_empty() && config.evpn.is_none());
    let socket = config.api.socket.map(|socket| (socket.path, socket.mode));
    assert_eq!(socket, Some(("/run/linnet/linnet.sock".into(), 0o660)));
}
