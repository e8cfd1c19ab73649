//! The fixed rows that the fake daemon has: two leaves behind a reflector, one neighbour in trouble.

mod evpn;
mod neighbors;
mod rib;

use api::v1;

use crate::routes;

pub(crate) use evpn::{arps, macs, vnis, vteps};
pub(crate) use neighbors::neighbors;
pub(crate) use rib::paths;

use neighbors::down;
use rib::mac_ip;

pub(crate) const RD1: &str = "10.0.0.1:100";
pub(crate) const RD2: &str = "10.0.0.2:100";

fn s(text: &str) -> String {
    text.to_owned()
}

fn list(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| s(text)).collect()
}

pub(crate) fn summary() -> v1::SummarizeResponse {
    let row = |family, destinations, paths| v1::RibSummary { family: s(family), destinations, paths };
    v1::SummarizeResponse { families: vec![row("ipv4-unicast", 1, 2), row("l2vpn-evpn", 2, 3)] }
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
            needs_restart: vec![s("api")],
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
