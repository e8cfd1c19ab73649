//! Neighbours that come and go, and in the others the keys that differ: with which of them a session can go on.

use std::collections::BTreeMap;

use super::NeighborStep;
use crate::config::{NeighborAddress, NeighborConfig};

macro_rules! neighbor_keys {
    (while_it_lasts: $($kept:ident),*; by_a_reset: $($reset:ident),*;) => {
        /// The keys in which two configurations of a neighbour differ, and whether its session ends for that.
        pub fn compare(old: &NeighborConfig, new: &NeighborConfig) -> (Vec<&'static str>, bool) {
            // Makes a key that is missing below an error.
            let NeighborConfig { address: _, range: _, cluster: _, $($kept: _,)* $($reset: _,)* } = new;
            let mut keys = Vec::new();
            $(if old.$kept != new.$kept { keys.push(key(stringify!($kept))); })*
            let kept = keys.len();
            $(if old.$reset != new.$reset { keys.push(key(stringify!($reset))); })*
            // Where this speaker begins to reflect, or ends, nobody has been told of a cluster that is another now.
            let moves = old.cluster.zip(new.cluster).is_some_and(|(old, new)| old != new);
            keys.extend(moves.then_some("bgp.cluster_id"));
            let resets = keys.len() > kept || !old.authentication.can_become(&new.authentication);
            if old.remote_as != new.remote_as {
                // These follow from what kind of neighbour it is.
                keys.retain(|name| *name != key("hops") && *name != key("ebgp_accept"));
            }
            (keys, resets)
        }
    };
}

// What a session can take over while it lasts, and what was agreed or built upon when it began. Timers belong to the
// former: what was agreed stays, and the next session begins with the new ones.
neighbor_keys! {
    while_it_lasts: description, peer_group, shutdown, hold_time, keepalive, connect_retry, min_hold_time, max_prefix,
        send_hold_time, bfd, weight, import_policy, export_policy, keep_adj_in, ebgp_accept, authentication,
        graceful_restart, between_clients, next_hop_mode, route_reflector_client;
    by_a_reset: local_as, port, local_address, remote_as, families, passive, extended_next_hop, role, admission, fqdn, software_version, add_path, local_pref, hops,
        own_as, own_id;
}

/// What an operator calls a field.
fn key(field: &'static str) -> &'static str {
    match field {
        "ebgp_accept" => "ebgp_default",
        "between_clients" => "client_to_client_reflection",
        "hops" => "multihop, ttl_security",
        "admission" => "role, enforce_first_as, allow_as_in, as_set",
        "next_hop_mode" => "next_hop_self, next_hop_unchanged",
        "authentication" => "password, tcp_ao",
        "own_as" => "bgp.asn",
        "own_id" => "bgp.router_id",
        key => key,
    }
}

/// What is to be done about each neighbour.
pub(super) fn steps(
    running: &[NeighborConfig],
    wanted: &[NeighborConfig],
) -> Vec<(NeighborAddress, NeighborStep)> {
    let mut before: BTreeMap<NeighborAddress, &NeighborConfig> =
        running.iter().map(|n| (n.address, n)).collect();
    let mut steps: BTreeMap<NeighborAddress, NeighborStep> = BTreeMap::new();
    for new in wanted {
        let config = Box::new(new.clone());
        let step = match before.remove(&new.address) {
            None => NeighborStep::Add(config),
            Some(old) => match compare(old, new) {
                (keys, _) if keys.is_empty() => continue,
                (keys, resets) => NeighborStep::Change { config, keys, resets },
            },
        };
        steps.insert(new.address, step);
    }
    steps.extend(before.into_keys().map(|address| (address, NeighborStep::Remove)));
    steps.into_iter().collect()
}
