//! Policies as they are written, and what of them is refused.

use bgp::policy::Chain;

use crate::config::Config;

/// A whole section; every key is used.
const SECTION: &str = r#"
policy:
  prefix_sets: { pods: ["10.244.0.0/16 le 28", "fd00:244::/48 ge 64 le 80"] }
  community_sets: { blackhole: ["65535:666", "65000:*"], rts: ["rt:65000:*"], large: ["65000:1:*"] }
  as_path_sets: { customers: ["^65010( |$)", "origin:65020"] }
  policies:
    - name: from-spines
      statements:
        - { name: pods, match: { prefixes: [pods, 192.0.2.0/24], families: [ipv4-unicast, l2vpn-evpn] }, action: next, set: { local_pref: "+50", weight: 10 } }
        - { name: hosts, match: { route_types: macip, vni: [100, "200-299"], mac: "02:00:*" }, action: accept }
        - name: marked
          match: { neighbors: [10.0.0.1, local], next_hops: [10.0.0.0/8, fd00::1], communities: [blackhole, no-export], as_path: [customers, _65030_], origin: igp }
          action: accept
          set: { med: 5, origin: egp, prepend: { count: 3 }, next_hop: 10.0.0.9, communities: { replace: [rt:1:1], remove: [rts, "65000:1:*"], add: 65000:7 } }
      default: next
    - { name: nothing }
"#;

fn config(neighbor: &str) -> String {
    format!(
        "bgp:
  asn: 65000
  router_id: 10.0.0.1
  neighbors: [{{ address: 10.0.0.2, remote_as: 65000{neighbor} }}]{SECTION}"
    )
}

fn text(chain: Option<&Chain>) -> String {
    chain.map(ToString::to_string).unwrap_or_default()
}

#[test]
fn a_whole_section() {
    let text_of =
        config(", import_policy: [from-spines, nothing], export_policy: nothing, keep_adj_in: true");
    let bgp = Config::parse("t.yaml", &text_of).unwrap_or_else(|faults| panic!("{faults}")).bgp;
    let [neighbor] = &bgp.neighbors[..] else { panic!("one neighbour") };
    assert_eq!(text(neighbor.import_policy.as_ref()), "from-spines, nothing");
    assert_eq!((text(neighbor.export_policy.as_ref()).as_str(), neighbor.keep_adj_in), ("nothing", true));
    let words: Vec<_> =
        bgp.policies[0].statements.iter().map(|s| (s.conditions(), s.changes.to_string())).collect();
    let words: Vec<_> = words.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(
        words,
        [
            ("prefixes pods, 192.0.2.0/24; families ipv4-unicast, l2vpn-evpn", "local_pref +50; weight 10"),
            ("route_types 2; vni 100, 200-299; mac 02:00:*", ""),
            (
                "neighbors 10.0.0.1, local; origin igp; next_hops 10.0.0.0/8, fd00::1; communities blackhole, no-export; as_path customers, _65030_",
                "med 5; origin egp; next_hop 10.0.0.9; prepend 65000 x 3; communities replace rt:1:1; communities remove rt:65000:*, 65000:1:*; communities add 65000:7"
            ),
        ]
    );
}

/// The faults of a section, and of neighbours that use it.
fn faults(neighbor: &str, section: &str) -> String {
    let text = format!(
        "bgp: {{ asn: 65000, router_id: 10.0.0.1, neighbors: [{{ address: 10.0.0.2, remote_as: 65000{neighbor} }}] }}\npolicy:\n{section}"
    );
    match Config::parse("t.yaml", &text) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(faults) => faults.to_string(),
    }
}

#[test]
fn each_fault_at_its_place() {
    let section = r#"  prefix_sets: { wide: ["10.0.0.0/8 ge 24 le 16"], none: [] }
  as_path_sets: { odd: ["^1$", "(1"] }
  policies:
    - name: p
      statements:
        - { name: a, match: { prefixes: pods }, action: accept }
        - { name: a, action: reject, set: { med: x } }
        - { name: b, action: accept }
"#;
    let found = faults(", import_policy: q", section);
    for part in [
        "t.yaml:1:107: bgp.neighbors[0].import_policy: there is no policy `q` in policy.policies",
        "t.yaml:3:25: policy.prefix_sets.wide[0]: ge 24 is above le 16: no prefix can be both",
        "policy.prefix_sets.none: an empty set",
        "t.yaml:4:32: policy.as_path_sets.odd[1]: `(1`: no regular expression: unclosed group",
        "t.yaml:8:41: policy.policies[0].statements[0].match.prefixes: there is no set `pods`",
        "policy.policies[0].statements[1].name: there is a statement `a` already",
        "t.yaml:9:50: policy.policies[0].statements[1].set.med: `x` is no number such as 200, nor a step",
        "policy.policies[0].statements[2]: is never asked: `a` before it decides every route",
    ] {
        assert!(found.contains(part), "{part}\n{found}");
    }
}

#[test]
fn contradictions() {
    for (statement, part) in [
        (
            "match: { families: [ipv4-unicast], route_types: [macip] }, action: accept",
            "match.route_types: only routes of l2vpn-evpn",
        ),
        (
            "match: { families: [ipv4-unicast], vni: 5 }, action: accept",
            "match.vni: only routes of l2vpn-evpn have a VNI",
        ),
        (
            "match: { route_types: [multicast], mac: \"*\" }, action: accept",
            "match.mac: none of the `route_types` has a MAC",
        ),
        (
            "match: { route_types: es, prefixes: 10.0.0.0/8 }, action: accept",
            "match.prefixes: none of the `route_types`",
        ),
        (
            "match: { families: [ipv6-unicast], prefixes: 10.0.0.0/8 }, action: accept",
            "match.prefixes: 10.0.0.0/8 has no prefix of",
        ),
        (
            "match: { families: [ipv6-unicast] }, action: accept, set: { next_hop: 10.0.0.1 }",
            "a route of ipv6-unicast cannot",
        ),
        ("match: { route_types: [host] }, action: accept", "`host` is no EVPN route type: one of ead, macip"),
        (
            "match: { communities: blackhole }, action: accept",
            "there is no set `blackhole` in policy.community_sets",
        ),
        ("match: { as_path: \"65010\" }, action: accept", "`_65010_` is a path through that AS"),
        (
            "match: { neighbors: spine1 }, action: accept",
            "`spine1` is neither a neighbour's address nor `local`",
        ),
        ("match: { vni: [] }, action: accept", "match.vni: an empty list"),
        ("match: { mac: [true] }, action: accept", "expected a text, a number, or a list of them"),
        ("action: reject, set: { med: 5 }", "set: changes nothing: the route is rejected"),
        (
            "action: accept, set: { communities: { add: \"65000:*\" } }",
            "add: `65000:*` leaves something open",
        ),
        ("action: accept, set: { next_hop: me }", "set.next_hop: `me` is neither self, nor unchanged"),
        ("action: accept, set: { prepend: { count: 0 } }", "prepend.count: 1 to 255"),
        ("match: { prefix: 10.0.0.0/8 }, action: accept", "unknown key; expected one of `prefixes`"),
        ("set: { med: 5 }", "the key `action` is missing"),
    ] {
        let found =
            faults("", &format!("  policies: [{{ name: p, statements: [{{ name: s, {statement} }}] }}]\n"));
        assert!(found.contains(part), "{statement}: {part}\n{found}");
    }
}

#[test]
fn what_neighbors_name() {
    let section = r#"  policies:
    - { name: all, default: accept }
    - { name: own, statements: [{ name: s, action: accept, set: { next_hop: self } }] }
    - { name: heavy, statements: [{ name: s, action: accept, set: { weight: 5 } }] }
"#;
    for (neighbor, part) in [
        (", import_policy: [all, heavy]", "import_policy[1]: is never asked: `all` decides every route"),
        (", import_policy: own", "`own` cannot stand here: its statement `s` sets next_hop to self"),
        (", export_policy: heavy", "sets a weight, which is for import"),
        (", export_policy: []", "export_policy: an empty list"),
    ] {
        let found = faults(neighbor, section);
        assert!(found.contains(part), "{neighbor}: {part}\n{found}");
    }
}
