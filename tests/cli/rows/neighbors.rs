//! Neighbours: one that is well, one in trouble, one shut down.

use api::v1;

use super::{list, s};
use crate::bfd;

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

pub(super) fn down() -> v1::Neighbor {
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
