//! Neighbours, groups of them and ranges: what they take from each other, and what cannot be.

use super::*;

/// A neighbour with these settings.
fn neighbor(settings: &str) -> String {
    format!(
        "bgp: {{ asn: 1, router_id: 1.1.1.1, neighbors: [{{ address: 10.0.0.2, remote_as: 1, {settings} }}] }}"
    )
}

#[test]
fn limits_of_routes() {
    let limits = |settings: &str| config(&neighbor(settings)).bgp.neighbors[0].max_prefix.unwrap();
    let all = limits("max_prefix: { limit: 1000 }");
    assert_eq!(Family::ALL.map(|family| all.limit(family)), [Some(1000); 3]);
    assert_eq!((all.warning(1000), all.action), (750, LimitAction::Teardown(None)));
    let own = limits("max_prefix: { families: { l2vpn-evpn: 7 }, warn_percent: 50, action: restart }");
    assert_eq!(Family::ALL.map(|family| own.limit(family)), [None, None, Some(7)]);
    let minute = Duration::from_secs(60);
    assert_eq!((own.warning(7), own.action), (4, LimitAction::Teardown(Some(minute))));
    for (settings, fault) in [
        ("max_prefix: {}", "limits nothing"),
        (
            "max_prefix: { families: { l2vpn-evpn: 0 } }",
            "neighbors[0].max_prefix.families.l2vpn-evpn: at least 1",
        ),
        ("max_prefix: { limit: 1, warn_percent: 101 }", "1 to 100"),
        ("max_prefix: { limit: 1, restart_after: 5 }", "`action: restart` only"),
        ("max_prefix: { limit: 1, families: { evpn: 5 } }", "expected one of `ipv4-unicast`"),
        ("next_hop_self: force, next_hop_unchanged: true", "one of the two"),
        ("next_hop_self: always", "expected true, false or force"),
        ("send_hold_time: 60", "at least 90 seconds"),
    ] {
        let faults = faults(&neighbor(settings));
        assert!(faults.contains(fault), "{fault}\n{faults}");
    }
}

#[test]
fn groups_take_from_groups() {
    let config = config(
        r#"
bgp:
  asn: 65000
  router_id: 10.0.0.1
  peer_groups:
    - { name: spines, peer_group: all, hold_time: 9 }
    - { name: all, remote_as: internal, hold_time: 30, connect_retry: 3, shutdown: "at work" }
  neighbors:
    - { address: 10.0.1.1, peer_group: spines, connect_retry: 4 }
    - { address: 10.0.1.2, peer_group: spines, shutdown: false }
"#,
    );
    let [one, two] = &config.bgp.neighbors[..] else { panic!() };
    assert_eq!((one.remote_as.clone(), one.hold_time, one.connect_retry), (RemoteAs::Internal, 9, 4));
    assert_eq!((one.shutdown.as_deref(), two.shutdown.as_deref()), (Some("at work"), None));
    assert_eq!((&*one.peer_group, two.connect_retry), ("spines", 3));
}

#[test]
fn groups_without_an_end_and_without_a_beginning() {
    let text = r#"
bgp:
  asn: 65000
  router_id: 10.0.0.1
  peer_groups:
    - { name: a, peer_group: b }
    - { name: b, peer_group: a }
    - { name: c, peer_group: nobody }
    - { name: d, peer_group: a }
    - { name: e, peer_group: e, shutdown: 7 }
"#;
    let faults = faults(text);
    for part in [
        "t.yaml:6:30: bgp.peer_groups[0].peer_group: group `a` would take settings from itself, by way of b, a",
        "t.yaml:7:30: bgp.peer_groups[1].peer_group: group `b` would take settings from itself, by way of a, b",
        "t.yaml:8:30: bgp.peer_groups[2].peer_group: there is no group `nobody`",
        "peer_groups[4].peer_group: group `e` would take settings from itself, by way of e",
        "expected true, false, or a text that the neighbour's operator is told",
    ] {
        assert!(faults.contains(part), "{part}\n{faults}");
    }
    assert!(!faults.contains("[3]"), "{faults}");
}

/// A file with the secret that the text's `{key}` names.
fn with_key_file(octets: &[u8], text: &str) -> (tempfile::TempDir, String) {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, octets).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let text = text.replace("{key}", &path.display().to_string());
    (folder, text)
}

#[test]
fn signatures_and_hops_are_the_neighbours_own_or_its_groups() {
    let (_folder, text) = with_key_file(
        b"from a file\n",
        "
bgp:
  asn: 1
  router_id: 1.1.1.1
  peer_groups:
    - { name: md5, remote_as: 2, password: ours, multihop: 3 }
  neighbors:
    - { address: 10.0.0.1, peer_group: md5 }
    - { address: 10.0.0.2, peer_group: md5, password_file: {key}, ttl_security: 2 }
    - address: 10.0.0.3
      remote_as: 1
      tcp_ao:
        keys:
          - { id: 7, algorithm: hmac-sha-1-96, secret_file: {key} }
          - { send_id: 8, recv_id: 9, algorithm: aes-128-cmac-96, secret_file: {key} }
",
    );
    let config = config(&text);
    let [group, file, ao] = &config.bgp.neighbors[..] else { panic!() };
    let md5 = |key: &str| Authentication::Md5(Secret::from(key.as_bytes()));
    assert_eq!((&group.authentication, group.hops), (&md5("ours"), Hops::Reach(3)));
    assert_eq!((&file.authentication, file.hops), (&md5("from a file"), Hops::Within(2)));
    let Authentication::Ao(keys) = &ao.authentication else { panic!("{ao:?}") };
    assert_eq!(keys.iter().map(AoKey::ids).collect::<Vec<_>>(), [(7, 7), (8, 9)]);
    assert_eq!(ao.hops, Hops::Unlimited);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    assert!(!format!("{config:?}").contains("ours"));
}

#[test]
fn faults_of_signatures_and_hops() {
    let text = "
bgp:
  asn: 1
  router_id: 1.1.1.1
  peer_groups:
    - { name: a, password: hunter2, password_file: /no/such/key }
  neighbors:
    - { address: 10.0.0.1, remote_as: 2, multihop: 0, ttl_security: 255 }
    - { address: 10.0.0.2, remote_as: 2, password: 4711, hold_time: 1 }
    - { address: 10.0.0.3, remote_as: 2, pasword: hunter2 }
    - { address: 10.0.0.4, remote_as: 2, tcp_ao: { keys: [{ id: 1, send_id: 2, algorithm: md4, secret_file: /no/such/key }] } }
    - { address: 10.0.0.5, remote_as: 2, tcp_ao: { keys: [] }, password: '' }
";
    let faults = faults(text);
    for part in [
        "peer_groups[0].password_file: beside password: segments are signed in one way",
        "cannot read /no/such/key: No such file",
        "neighbors[0].multihop: 1 (on the link) to 255",
        "neighbors[0].ttl_security: 1 (on the link) to 254 hops",
        "neighbors[0].ttl_security: beside multihop",
        "neighbors[1].password: is no text to YAML; put it in quotes",
        "{ address: 10.0.0.2, remote_as: 2, password: ****, hold_time: 1 }",
        "unknown key",
        "unknown variant `md4`, expected `hmac-sha-1-96` or `aes-128-cmac-96`",
        "keys: at least one key",
        "is empty; 1 to 80 octets",
    ] {
        assert!(faults.contains(part), "{part}\n{faults}");
    }
    assert!(!faults.contains("hunter2") && !faults.contains("4711"), "{faults}");
}

#[test]
fn ranges_of_neighbors() {
    let text = r#"
bgp:
  asn: 65000
  router_id: 10.0.0.1
  dynamic_neighbors:
    - { range: 10.99.0.0/16, remote_as: [65000, 65001], limit: 0, passive: false }
    - { range: 10.99.0.1/16, remote_as: [] }
    - { range: 10.99.0.0, remote_as: 1 }
    - { range: "fd00::/64", peer_group: nobody }
"#;
    let faults = faults(text);
    for part in [
        "[0].limit: 0 lets nobody in",
        "[0].passive: neighbours of a range are only connected from",
        "[0]: whoever comes has to connect, but linnetd listens nowhere",
        "[1].range: 10.99.0.0/16 is configured already",
        "[1].range: bits of a host are set; 10.99.0.0/16 is the range",
        "[1].remote_as: an empty list lets nobody in",
        "[2].range: `10.99.0.0` is no range of addresses",
        "[3].remote_as: is given neither here nor in a group",
        "[3].peer_group: there is no group `nobody`",
    ] {
        assert!(faults.contains(part), "{part}\n{faults}");
    }
}

#[test]
fn neighbours_on_links() {
    let text = "
bgp:
  asn: 1
  router_id: 1.1.1.1
  neighbors:
    - { interface: eth1, remote_as: external }
    - { address: fe80::1, interface: eth2, remote_as: 2 }
    - { address: \"fe80::1%eth3\", remote_as: 2 }
";
    let config = config(text);
    let shown: Vec<String> = config.bgp.neighbors.iter().map(|n| n.address.to_string()).collect();
    assert_eq!(shown, ["eth1", "fe80::1%eth2", "fe80::1%eth3"]);
}

#[test]
fn faults_of_neighbours_on_links() {
    let text = "
bgp:
  asn: 1
  router_id: 1.1.1.1
  neighbors:
    - { interface: eth1, remote_as: external, password: a }
    - { interface: eth1, remote_as: external, password: a }
    - { interface: this-name-is-too-long, remote_as: external, password: a }
    - { interface: eth2, remote_as: external }
    - { interface: eth3, remote_as: external, password: b, multihop: 2, local_address: 10.0.0.9 }
    - { address: 10.0.0.1, interface: eth1, remote_as: 2 }
    - { address: fe80::1, remote_as: 2 }
    - { address: \"fe80::1%a/b\", remote_as: 2 }
    - { address: eth4, remote_as: 2 }
    - { interface: eth5, remote_as: 2, password: a, bfd: { strict: true } }
";
    let faults = faults(text);
    for part in [
        "neighbors[1].interface: eth1 is configured already",
        "neighbors[2].interface: `this-name-is-too-long` is no interface's name: 1 to 15 characters",
        "neighbors[3].interface: signs otherwise than eth1",
        "neighbors[4].password: signs otherwise than eth1",
        "neighbors[4]: a neighbour on a link is one hop away",
        "neighbors[4].local_address: of a link",
        "neighbors[5].interface: beside an address only where that is link-local",
        "neighbors[6].address: every link has link-local addresses: say on which, as in fe80::1%eth0",
        "neighbors[7].address: `a/b` is no interface's name",
        "neighbors[8].address: invalid IP address syntax",
        "neighbors[9].bfd: strict is not for a neighbour on a link",
    ] {
        assert!(faults.contains(part), "{part}\n{faults}");
    }
}

#[test]
fn another_as_for_a_neighbor() {
    let neighbors = |list: &str| format!("bgp: {{ asn: 1, router_id: 1.1.1.1, neighbors: [{list}] }}");
    let text = neighbors(
        "{ address: 10.0.0.2, remote_as: 2, local_as: 7 }, \
         { address: 10.0.0.3, remote_as: external, local_as: { asn: 8, no_prepend: true, replace_as: true } }",
    );
    let local = config(&text).bgp.neighbors.iter().map(|neighbor| neighbor.local_as).collect::<Vec<_>>();
    let expected = [(7, true, false), (8, false, true)]
        .map(|(asn, prepends, replaces)| Some(LocalAs { asn: Asn(asn), prepends, replaces }));
    assert_eq!(local, expected);
    for (neighbor, fault) in [
        ("remote_as: 2, local_as: 1", "AS 1 is this speaker's own"),
        ("remote_as: 2, local_as: 2", "AS 2 is the neighbour's"),
        ("remote_as: internal, local_as: 2", "is for neighbours in other ASes"),
        (
            "remote_as: 2, local_as: none",
            "expected an AS number, or a mapping with asn, no_prepend and replace_as",
        ),
    ] {
        let faults = faults(&neighbors(&format!("{{ address: 10.0.0.2, {neighbor} }}")));
        assert!(faults.contains(fault), "{fault}\n{faults}");
    }
}
