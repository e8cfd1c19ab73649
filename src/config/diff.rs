//! What a new configuration changes in one that is in force.
//!
//! Neighbours are compared one by one: those that come, those that go, and in the others the keys that differ. The
//! list of keys below says of each whether a session can go on with it. What else the file says is in force from
//! the next start on; the keys concerned are named.

use std::collections::BTreeMap;
use std::fmt;

use bgp::rib::DecisionRules;

use super::{Config, NeighborAddress, NeighborConfig, RangeConfig};

/// What is to be done.
#[derive(Debug, Default)]
pub struct Diff {
    /// Neighbours, by address.
    pub neighbors: Vec<(NeighborAddress, NeighborStep)>,
    /// Keys of this speaker that are in force at once.
    pub speaker: Vec<&'static str>,
    /// Ranges that come, go, or are others: lines to tell.
    pub ranges: Vec<Change>,
    /// Keys that are in force only after the next start.
    pub restart: Vec<&'static str>,
}

/// What is to be done about one neighbour.
#[derive(Debug)]
pub enum NeighborStep {
    /// It is new.
    Add(Box<NeighborConfig>),
    /// It is no longer there.
    Remove,
    /// It is to be another.
    Change {
        /// All that is configured for it now.
        config: Box<NeighborConfig>,
        /// The keys that differ.
        keys: Vec<&'static str>,
        /// Its session cannot go on.
        resets: bool,
    },
}

/// One line of what a configuration changes, for people and programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it concerns, such as `neighbor 10.0.0.1` or `evpn`.
    pub subject: String,
    /// What happens to it.
    pub effect: Effect,
    /// The keys that differ, where something was there before.
    pub keys: Vec<&'static str>,
}

/// What happens to something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It comes.
    Added,
    /// It goes.
    Removed,
    /// It changes where it stands.
    Changed,
    /// Its session ends and comes up anew.
    Reset,
    /// It stays as it is until the daemon is started anew.
    NeedsRestart,
}

macro_rules! neighbor_keys {
    (while_it_lasts: $($kept:ident),*; by_a_reset: $($reset:ident),*;) => {
        /// The keys in which two configurations of a neighbour differ, and whether its session ends for that.
        pub fn compare(old: &NeighborConfig, new: &NeighborConfig) -> (Vec<&'static str>, bool) {
            // Makes a key that is missing below an error.
            let NeighborConfig { address: _, range: _, $($kept: _,)* $($reset: _,)* } = new;
            let mut keys = Vec::new();
            $(if old.$kept != new.$kept { keys.push(key(stringify!($kept))); })*
            let kept = keys.len();
            $(if old.$reset != new.$reset { keys.push(key(stringify!($reset))); })*
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
    by_a_reset: local_as, port, local_address, remote_as, families, passive, extended_next_hop, role, admission, fqdn, software_version, add_path, local_pref, hops;
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
        key => key,
    }
}

impl Diff {
    /// What `wanted` changes in `running`.
    pub fn between(running: &Config, wanted: &Config) -> Diff {
        Diff {
            neighbors: neighbor_steps(&running.bgp.neighbors, &wanted.bgp.neighbors),
            speaker: speaker_keys(running, wanted),
            ranges: range_changes(&running.bgp.ranges, &wanted.bgp.ranges),
            restart: restart_keys(running, wanted),
        }
    }

    /// Line by line.
    pub fn changes(&self) -> Vec<Change> {
        let neighbors = self.neighbors.iter().map(|(address, step)| step.change(*address));
        let one =
            |key: &&'static str, effect| Change { subject: (*key).to_owned(), effect, keys: Vec::new() };
        let speaker = self.speaker.iter().map(|key| one(key, Effect::Changed));
        let restart = self.restart.iter().map(|key| one(key, Effect::NeedsRestart));
        neighbors.chain(self.ranges.iter().cloned()).chain(speaker).chain(restart).collect()
    }
}

impl NeighborStep {
    fn change(&self, address: NeighborAddress) -> Change {
        let (effect, keys) = match self {
            NeighborStep::Add(_) => (Effect::Added, Vec::new()),
            NeighborStep::Remove => (Effect::Removed, Vec::new()),
            NeighborStep::Change { keys, resets: true, .. } => (Effect::Reset, keys.clone()),
            NeighborStep::Change { keys, .. } => (Effect::Changed, keys.clone()),
        };
        Change { subject: format!("neighbor {address}"), effect, keys }
    }
}

fn neighbor_steps(
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

fn speaker_keys(running: &Config, wanted: &Config) -> Vec<&'static str> {
    let (old, new) = (&running.bgp.decision, &wanted.bgp.decision);
    let same_rules = DecisionRules { multipath: old.multipath.clone(), ..new.clone() } == *old;
    let native = running.native.as_ref().zip(wanted.native.as_ref());
    differing(&[
        ("bgp.decision", same_rules),
        ("bgp.multipath", old.multipath == new.multipath),
        ("native.accept", native.is_none_or(|(old, new)| old.accept == new.accept)),
        ("native.advertise", native.is_none_or(|(old, new)| old.own == new.own)),
        ("bgp.handover_time", running.bgp.handover_time == wanted.bgp.handover_time),
    ])
}

fn range_changes(running: &[RangeConfig], wanted: &[RangeConfig]) -> Vec<Change> {
    let find = |list: &'_ [RangeConfig], range| list.iter().position(|other| other.range == range);
    let line = |range: &RangeConfig, effect, keys| Change {
        subject: format!("dynamic range {}", range.range),
        effect,
        keys,
    };
    let gone = running.iter().filter(|range| find(wanted, range.range).is_none());
    let come = wanted.iter().filter_map(|new| {
        let Some(old) = find(running, new.range).and_then(|place| running.get(place)) else {
            return Some(line(new, Effect::Added, Vec::new()));
        };
        let (mut keys, _) = compare(&old.neighbor, &new.neighbor);
        keys.extend((old.limit != new.limit).then_some("limit"));
        (!keys.is_empty()).then(|| line(new, Effect::Changed, keys))
    });
    come.chain(gone.map(|old| line(old, Effect::Removed, Vec::new()))).collect()
}

fn restart_keys(running: &Config, wanted: &Config) -> Vec<&'static str> {
    let (old, new) = (&running.bgp, &wanted.bgp);
    let native = running.native.as_ref().zip(wanted.native.as_ref());
    differing(&[
        ("bgp.asn", old.asn == new.asn),
        ("bgp.router_id", old.router_id == new.router_id),
        ("bgp.cluster_id", old.cluster_id == new.cluster_id),
        ("bgp.default_local_pref", old.default_local_pref == new.default_local_pref),
        ("bgp.next_hop_tracking, bgp.next_hop_via_default", old.next_hop_tracking == new.next_hop_tracking),
        ("bgp.listen", old.listen == new.listen),
        ("evpn", running.evpn == wanted.evpn),
        ("native", running.native.is_some() == wanted.native.is_some()),
        (NATIVE_KERNEL, native.is_none_or(|(old, new)| old.kernel == new.kernel)),
        ("api", running.api == wanted.api),
    ])
}

/// The keys of [`NativeKernel`](super::NativeKernel).
const NATIVE_KERNEL: &str =
    "native.install, native.table, native.metric, native.protocol, native.take_over, native.fallback";

fn differing(keys: &[(&'static str, bool)]) -> Vec<&'static str> {
    keys.iter().filter(|(_, same)| !same).map(|(key, _)| *key).collect()
}

/// `neighbor 10.0.0.1 is reset: families, passive`
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let effect = match self.effect {
            Effect::Added => "is added",
            Effect::Removed => "is removed",
            Effect::Changed => "is changed",
            Effect::Reset => "is reset",
            Effect::NeedsRestart => "is in force after the next start of linnetd only",
        };
        write!(f, "{} {effect}", self.subject)?;
        if self.keys.is_empty() { Ok(()) } else { write!(f, ": {}", self.keys.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(neighbors: &str, rest: &str) -> Config {
        let text = format!("bgp:\n  asn: 65000\n  router_id: 10.0.0.1\n{rest}  neighbors: [{neighbors}]\n");
        Config::parse("t.yaml", &text).unwrap_or_else(|faults| panic!("{faults}"))
    }

    fn changes(old: &Config, new: &Config) -> Vec<String> {
        Diff::between(old, new).changes().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn only_what_differs_is_named() {
        let a = "{ address: 10.0.1.1, remote_as: 65000, description: a }";
        let b = "{ address: 10.0.1.2, remote_as: 65000 }";
        let running = config(&format!("{a}, {b}"), "");
        assert_eq!(changes(&running, &running), [] as [&str; 0]);
        let wanted = config(
            &format!(
                "{}, {}, {b}",
                "{ address: 10.0.1.3, remote_as: 65000 }",
                "{ address: 10.0.1.1, remote_as: 65000, description: b, hold_time: 9 }"
            ),
            "",
        );
        let expected = ["neighbor 10.0.1.1 is changed: description, hold_time", "neighbor 10.0.1.3 is added"];
        assert_eq!(changes(&running, &wanted), expected);
    }

    #[test]
    fn what_a_session_rests_on_resets_it() {
        let running =
            config("{ address: 10.0.1.1, remote_as: 65000 }, { address: 10.0.1.2, remote_as: 65000 }", "");
        let wanted =
            config("{ address: 10.0.1.1, remote_as: 65001, hold_time: 9, families: [l2vpn-evpn] }", "");
        assert_eq!(
            changes(&running, &wanted),
            ["neighbor 10.0.1.1 is reset: hold_time, remote_as, families", "neighbor 10.0.1.2 is removed",]
        );
    }

    #[test]
    fn a_session_goes_on_with_another_key() {
        let with = |key: &str| config(&format!("{{ address: 10.0.1.1, remote_as: 65000{key} }}"), "");
        let (none, old, new) = (with(""), with(", password: old"), with(", password: new"));
        for (from, to) in [(&none, &old), (&old, &new), (&new, &none)] {
            assert_eq!(changes(from, to), ["neighbor 10.0.1.1 is changed: password, tcp_ao"]);
        }
    }

    #[test]
    fn what_needs_a_restart_is_said() {
        let running = config("", "");
        let wanted = config("", "  cluster_id: 10.0.0.9\n  listen: { port: 179 }\n");
        assert_eq!(
            changes(&running, &wanted),
            ["bgp.cluster_id", "bgp.listen"]
                .map(|key| format!("{key} is in force after the next start of linnetd only"))
        );
    }
}
