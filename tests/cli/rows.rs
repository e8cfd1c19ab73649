//! The fixed rows that the fake daemon has: two leaves behind a reflector, one neighbour in trouble.

use api::v1;

use crate::{bfd, routes};

pub(crate) const RD1: &str = "10.0.0.1:100";
pub(crate) const RD2: &str = "10.0.0.2:100";

fn s(text: &str) -> String {
    text.to_owned()
}

fn list(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| s(text)).collect()
}

/// Two best paths, a losing one, one that loops, and a unicast one.
pub(crate) fn paths() -> Vec<v1::Path> {
    let losing = v1::Path {
        best: false,
        neighbor: s("10.0.1.2"),
        cluster_list: list(&["10.0.1.2", "10.0.1.9"]),
        reason: s("longer cluster list"),
        path_id: Some(2),
        ..mac_ip()
    };
    let looped =
        v1::Path { best: false, valid: false, stale: true, reason: s("own AS in path"), ..unicast() };
    vec![mac_ip(), losing, multicast(), unicast(), looped]
}

fn mac_ip() -> v1::Path {
    v1::Path {
        family: s("l2vpn-evpn"),
        nlri: format!("[2]:[{RD2}]:[0]:[48]:[02:00:00:00:00:50]:[32]:[10.1.0.5]"),
        route_type: v1::RouteType::Macip.into(),
        rd: s(RD2),
        ethernet_tag: Some(0),
        mac: s("02:00:00:00:00:50"),
        ip: s("10.1.0.5"),
        vni: Some(100),
        next_hop: s("10.0.0.2"),
        origin: v1::Origin::Igp.into(),
        as_path: Some(s("")),
        local_pref: Some(100),
        ext_communities: list(&["RT:65000:100", "ET:8", "MM:3"]),
        originator_id: s("10.0.0.2"),
        cluster_list: list(&["10.0.1.1"]),
        neighbor: s("10.0.1.1"),
        best: true,
        valid: true,
        reason: s("shorter cluster list"),
        age_seconds: 3723,
        version: 12,
        unknown_attributes: vec![v1::UnknownAttribute { code: 99, flags: 0xc0, hex: s("00ff") }],
        ..Default::default()
    }
}

fn multicast() -> v1::Path {
    v1::Path {
        nlri: format!("[3]:[{RD1}]:[0]:[32]:[10.0.0.1]"),
        route_type: v1::RouteType::Multicast.into(),
        rd: s(RD1),
        mac: s(""),
        ip: s("10.0.0.1"),
        next_hop: s("10.0.0.1"),
        ext_communities: list(&["RT:65000:100", "ET:8"]),
        pmsi: Some(v1::Pmsi { r#type: s("ingress-replication"), vni: 100, endpoint: s("10.0.0.1") }),
        originator_id: s(""),
        cluster_list: vec![],
        unknown_attributes: vec![],
        neighbor: s("local"),
        reason: s("only path"),
        age_seconds: 273_600,
        version: 3,
        ..mac_ip()
    }
}

fn unicast() -> v1::Path {
    v1::Path {
        family: s("ipv4-unicast"),
        nlri: s("10.244.2.0/24"),
        prefix: s("10.244.2.0/24"),
        next_hop: s("10.0.0.2"),
        origin: v1::Origin::Incomplete.into(),
        as_path: Some(s("65001 65002")),
        med: Some(20),
        communities: list(&["65000:100", "no-export"]),
        large_communities: list(&["65000:1:2"]),
        neighbor: s("fe80::1"),
        best: true,
        valid: true,
        reason: s("only path"),
        age_seconds: 59,
        version: 4,
        ..Default::default()
    }
}

pub(crate) fn summary() -> v1::SummarizeResponse {
    let row = |family, destinations, paths| v1::RibSummary { family: s(family), destinations, paths };
    v1::SummarizeResponse { families: vec![row("ipv4-unicast", 1, 2), row("l2vpn-evpn", 2, 3)] }
}

/// One established with two families, one whose last words try to colour the terminal, one shut down.
pub(crate) fn neighbors() -> Vec<v1::Neighbor> {
    vec![established(), down(), shut_down()]
}

fn established() -> v1::Neighbor {
    let family = |name, accepted, version, in_sync| v1::NeighborFamily {
        family: s(name),
        negotiated: true,
        accepted,
        advertised: 2,
        in_sync,
        version,
        end_of_rib_received: true,
        end_of_rib_sent: true,
        max_prefix: Some(120_000),
        max_prefix_state: v1::LimitState::Warning.into(),
        ..Default::default()
    };
    v1::Neighbor {
        address: s("10.0.1.1"),
        remote_as: 65000,
        local_as: 65000,
        description: s("spine1"),
        state: v1::NeighborState::Established.into(),
        admin_state: v1::AdminState::Enabled.into(),
        since_seconds: Some(3723),
        router_id: s("10.0.1.1"),
        local_address: s("10.0.0.1"),
        local_port: 40123,
        remote_port: 179,
        hold_time_seconds: 9,
        keepalive_seconds: 3,
        families: vec![family("l2vpn-evpn", 100_000, 12, true), family("ipv4-unicast", 7, 3, false)],
        messages_received: Some(v1::MessageCounts {
            open: 1,
            update: 1200,
            keepalive: 1241,
            ..Default::default()
        }),
        messages_sent: Some(v1::MessageCounts {
            open: 1,
            update: 3,
            keepalive: 1240,
            route_refresh: 1,
            ..Default::default()
        }),
        capabilities_sent: list(&["multiprotocol l2vpn-evpn", "four-octet-as 65000", "route-refresh"]),
        capabilities_received: list(&["multiprotocol l2vpn-evpn", "four-octet-as 65000", "fqdn spine1"]),
        capabilities_agreed: list(&["multiprotocol l2vpn-evpn", "four-octet-as"]),
        host_name: s("spine1"),
        flaps: 2,
        authentication: s("tcp-md5"),
        ttl_security_hops: 1,
        last_error: s("hold timer expired"),
        last_error_by: v1::EndedBy::Local.into(),
        faults: vec![v1::Fault {
            verdict: s("treat-as-withdraw"),
            attribute: s("ORIGIN"),
            text: s("value 9 is not defined"),
            hex: s("400101 09"),
            age_seconds: 61,
            section: s("RFC 7606 section 7.1"),
        }],
        faults_total: 1,
        faults_withdrawn: 1,
        next_hop: s("self"),
        oversized: 2,
        route_reflector_client: true,
        peer_group: s("reflectors"),
        graceful_restart: Some(v1::GracefulRestart {
            restart_time_seconds: 120,
            notification: true,
            families: list(&["l2vpn-evpn"]),
            ..Default::default()
        }),
        bfd: Some(bfd::up()),
        import_policies: list(&["from-spines", "rest"]),
        import_hits: vec![
            hits("from-spines", "no-defaults", "reject", 1),
            hits("from-spines", "default", "next", 100_007),
            hits("rest", "default", "accept", 100_007),
        ],
        ..Default::default()
    }
}

fn hits(policy: &str, statement: &str, action: &str, routes: u64) -> v1::PolicyHits {
    v1::PolicyHits { policy: s(policy), statement: s(statement), action: s(action), routes }
}

fn down() -> v1::Neighbor {
    v1::Neighbor {
        address: s("2001:db8::2"),
        remote_as: 65001,
        local_as: 65000,
        state: v1::NeighborState::Active.into(),
        admin_state: v1::AdminState::Enabled.into(),
        since_seconds: Some(100_000),
        families: vec![v1::NeighborFamily {
            family: s("l2vpn-evpn"),
            accepted: 12,
            stale: 12,
            stale_phase: v1::StalePhase::Away.into(),
            stale_seconds_left: Some(95),
            ..Default::default()
        }],
        flaps: 1,
        last_error: s("NOTIFICATION Cease: \u{1b}[31mbye"),
        last_error_by: v1::EndedBy::Remote.into(),
        dynamic: true,
        role: s("customer"),
        ..Default::default()
    }
}

fn shut_down() -> v1::Neighbor {
    v1::Neighbor {
        address: s("10.0.1.3"),
        local_as: 65000,
        state: v1::NeighborState::Idle.into(),
        admin_state: v1::AdminState::Shutdown.into(),
        ..Default::default()
    }
}

pub(crate) fn policies() -> Vec<v1::Policy> {
    let statement = |name, conditions, changes, action, routes| v1::PolicyStatement {
        name: s(name),
        conditions: s(conditions),
        changes: s(changes),
        action: s(action),
        import_routes: routes,
        export_routes: 0,
    };
    let from_spines = v1::Policy {
        name: s("from-spines"),
        statements: vec![
            statement("no-defaults", "prefixes 0.0.0.0/0", "", "reject", 1),
            statement(
                "pods",
                "prefixes pods; communities 65000:*",
                "local_pref 200; weight 10",
                "accept",
                99_999,
            ),
            statement("default", "", "", "next", 8),
        ],
        import_neighbors: list(&["10.0.1.1", "10.0.1.2"]),
        export_neighbors: Vec::new(),
    };
    let unused = v1::Policy {
        name: s("rest"),
        statements: vec![statement("default", "", "", "accept", 0)],
        ..Default::default()
    };
    vec![from_spines, unused]
}

pub(crate) fn vnis() -> Vec<v1::Vni> {
    let up = v1::Vni {
        vni: 100,
        state: v1::VniState::Up.into(),
        vxlan: s("vxlan100"),
        bridge: s("br100"),
        rd: s(RD1),
        import_rts: list(&["*:100"]),
        export_rts: list(&["65000:100"]),
        local_vtep: s("10.0.0.1"),
        local_macs: 2,
        remote_macs: 3,
        local_neighbors: 1,
        remote_neighbors: 2,
        remote_vteps: 2,
        flood: s("ingress-replication"),
        refused: vec![
            v1::RejectedRoutes { reason: s("bridge-mac"), routes: 2 },
            v1::RejectedRoutes { reason: s("own-vtep"), routes: 1 },
        ],
        hosts: Some(v1::VniHosts {
            snooping: true,
            snooped: 4,
            probed: 25,
            answered: 20,
            given_up: 1,
            refused: 0,
            missed: 0,
        }),
        ..Default::default()
    };
    let down = v1::Vni {
        vni: 20_000,
        state: v1::VniState::Down.into(),
        reason: s("no VXLAN device has this VNI"),
        import_rts: list(&["*:20000", "65000:7"]),
        ..Default::default()
    };
    vec![up, down]
}

pub(crate) fn macs() -> Vec<v1::Mac> {
    let remote = v1::Mac {
        vni: 100,
        mac: s("02:00:00:00:00:50"),
        r#type: v1::HostType::Remote.into(),
        vtep: s("10.0.0.2"),
        remote_sequence: Some(3),
        kernel: v1::KernelState::Programmed.into(),
        ..Default::default()
    };
    let local = v1::Mac {
        mac: s("02:00:00:00:00:01"),
        r#type: v1::HostType::Local.into(),
        vtep: s(""),
        port: s("veth1"),
        local_sequence: Some(1),
        remote_sequence: None,
        sticky: true,
        kernel: 0,
        ..remote.clone()
    };
    let conflict = v1::Mac {
        mac: s("02:00:00:00:00:51"),
        gateway: true,
        duplicate: true,
        kernel: v1::KernelState::Conflict.into(),
        kernel_reason: s("a static entry of somebody else stands there"),
        ..remote.clone()
    };
    vec![local, remote, conflict]
}

pub(crate) fn arps() -> Vec<v1::Arp> {
    let v4 = v1::Arp {
        vni: 100,
        ip: s("10.1.0.5"),
        mac: s("02:00:00:00:00:50"),
        r#type: v1::HostType::Remote.into(),
        vtep: s("10.0.0.2"),
        remote_sequence: Some(3),
        kernel: v1::KernelState::Pending.into(),
        ..Default::default()
    };
    let v6 = v1::Arp {
        ip: s("fd00::5"),
        router: true,
        kernel: v1::KernelState::Failed.into(),
        kernel_reason: s("EINVAL"),
        ..v4.clone()
    };
    vec![v4, v6]
}

pub(crate) fn vteps() -> Vec<v1::Vtep> {
    let flooded = v1::Vtep {
        vni: 100,
        vtep: s("10.0.0.2"),
        flood: true,
        configured: true,
        announced: true,
        kernel: v1::KernelState::Programmed.into(),
        ..Default::default()
    };
    let quiet = v1::Vtep {
        vtep: s("10.0.0.3"),
        flood: false,
        configured: false,
        reason: s("its type 3 route does not ask for copies"),
        kernel: 0,
        ..flooded.clone()
    };
    vec![flooded, quiet]
}

pub(crate) fn fib_entries() -> Vec<v1::FibEntry> {
    let good = v1::FibEntry {
        kind: v1::FibKind::Mac.into(),
        vni: Some(100),
        key: s("02:00:00:00:00:50"),
        wanted: s("dev vxlan100 dst 10.0.0.2"),
        seen: s("dev vxlan100 dst 10.0.0.2"),
        state: v1::KernelState::Programmed.into(),
        ..Default::default()
    };
    let missing = v1::FibEntry {
        kind: v1::FibKind::Route.into(),
        vni: None,
        key: s("10.244.2.0/24"),
        wanted: s("via 10.0.0.2"),
        seen: s(""),
        state: v1::KernelState::Failed.into(),
        reason: s("ENETUNREACH: no route to the gateway"),
    };
    vec![good, missing]
}

pub(crate) fn status() -> v1::Status {
    let table = |family, version, destinations, paths| v1::TableStatus {
        family: s(family),
        version,
        destinations,
        paths,
    };
    v1::Status {
        dynamic_ranges: vec![v1::DynamicRange {
            range: "10.99.0.0/16".into(),
            limit: 100,
            neighbors: 7,
            refused: 2,
        }],
        version: s("9.9.9"),
        router_id: s("10.0.0.1"),
        asn: 65000,
        cluster_id: s("10.0.0.9"),
        uptime_seconds: 273_600,
        neighbors: 3,
        neighbors_established: 1,
        tables: vec![table("ipv4-unicast", 4, 1, 2), table("l2vpn-evpn", 12, 2, 3)],
        vnis: 2,
        macs: 5,
        arps: 3,
        vteps: 2,
        fib: Some(v1::FibStatus {
            synced: true,
            wanted: 5,
            programmed: 3,
            pending: 1,
            failed: 1,
            operations: 40,
            errors: 1,
            repairs: 2,
            drifts: 1,
            resyncs: 1,
            resync_age_seconds: Some(273_599),
            audits: 4559,
            audit_age_seconds: Some(17),
            ..Default::default()
        }),
        hosts: Some(v1::HostStatus {
            known: 12,
            asked: 1,
            missed: 2,
            questions_per_second: 3,
            probed: 420,
            answered: 417,
            given_up: 1,
            devices: 4,
            deaf_devices: 1,
        }),
        routes: Some(routes::status()),
        host_warnings: vec![s("net.ipv4.ip_forward is 0: nothing is forwarded")],
        configuration: Some(v1::ConfigurationStatus {
            origin: v1::ConfigurationOrigin::Api.into(),
            revision: 3,
            needs_restart: vec![s("bgp.listen")],
            confirm_within_seconds: Some(37),
        }),
        memory_bytes: 20_238_238,
        longest_turn_microseconds: 7_412,
        longest_turn_of_late_microseconds: 350,
        pid: 4242,
    }
}

pub(crate) fn explanation() -> v1::Explanation {
    v1::Explanation {
        family: s("l2vpn-evpn"),
        nlri: mac_ip().nlri,
        paths: paths().into_iter().take(2).collect(),
        outcome: s("imported into VNI 100 by RT:65000:100"),
        fib: fib_entries().into_iter().take(1).collect(),
        rejected: paths()
            .into_iter()
            .skip(2)
            .take(1)
            .map(|path| v1::Path {
                reason: s("rejected by the import policy"),
                policy_statement: s("from-edge/no-tests"),
                valid: false,
                best: false,
                ..path
            })
            .collect(),
        tellings: vec![
            v1::Telling {
                neighbor: s("10.0.1.2"),
                told: true,
                policy_statement: s("to-spines/pods"),
                ..Default::default()
            },
            v1::Telling {
                neighbor: s("10.0.1.1"),
                reason: s("it came from this neighbor"),
                ..Default::default()
            },
        ],
    }
}

/// The present state, and then one thing that goes.
pub(crate) fn changes() -> [Vec<v1::Change>; 2] {
    use v1::change::Row;
    let put = |row| v1::Change {
        kind: v1::ChangeKind::Put.into(),
        version: 12,
        row: Some(row),
        ..Default::default()
    };
    let [path, neighbor, vni, mac, arp, vtep, entry] = [
        Row::Path(mac_ip()),
        Row::Neighbor(down()),
        Row::Vni(vnis().remove(1)),
        Row::Mac(macs().remove(1)),
        Row::Arp(arps().remove(0)),
        Row::Vtep(vteps().remove(0)),
        Row::FibEntry(fib_entries().remove(1)),
    ]
    .map(put);
    let path = v1::Change { reason: s("shorter cluster list, next best is from 10.0.1.2"), ..path };
    let neighbor = v1::Change { reason: s("session ended: NOTIFICATION Cease: \u{1b}[31mbye"), ..neighbor };
    let mac = v1::Change {
        reason: s("moved from 10.0.0.3 to 10.0.0.2, with sequence 3"),
        moved_from: s("10.0.0.3"),
        ..mac
    };
    let gone = v1::Mac { vni: 100, mac: s("02:00:00:00:00:50"), ..Default::default() };
    let gone =
        v1::Change { kind: v1::ChangeKind::Delete.into(), row: Some(Row::Mac(gone)), ..Default::default() };
    let gone = v1::Change { reason: s("withdrawn by 10.0.0.2"), ..gone };
    [vec![path, neighbor, vni, mac, arp, vtep, entry], vec![gone]]
}

pub(crate) fn configuration_changes() -> Vec<v1::ConfigurationChange> {
    use v1::ConfigurationEffect::{Added, Changed, NeedsRestart, Removed, Reset};
    let change = |subject: &str, effect: v1::ConfigurationEffect, keys: &[&str]| v1::ConfigurationChange {
        subject: subject.into(),
        effect: effect.into(),
        keys: keys.iter().map(ToString::to_string).collect(),
        ends_session: effect == Reset,
        note: String::new(),
    };
    vec![
        change("neighbor 10.0.1.1", Changed, &["description", "hold_time"]),
        change("neighbor 10.0.1.2", Reset, &["families"]),
        v1::ConfigurationChange {
            note: s("it was added over the API: no file has it"),
            ..change("neighbor 10.0.1.3", Removed, &[])
        },
        change("neighbor 10.0.1.4", Added, &[]),
        change("api", NeedsRestart, &[]),
    ]
}
