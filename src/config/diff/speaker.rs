//! What changes for this speaker itself: its identity, where it listens, EVPN and its VNIs, native routing. Each line
//! says what the change costs where that is more than the keys tell.

use bgp::rib::DecisionRules;

use super::{Change, Effect};
use crate::config::{Config, EvpnConfig, NativeKernel, VniConfig};

/// The keys that are read when linnetd starts, and not again.
pub const START_ONLY: [&str; 3] = ["bgp.next_hop_tracking", "api", "native.fallback"];

const ANEW: &str = "what this node announces of its VNIs is withdrawn and announced anew";
const ANEW_WITH_DEVICES: &str = "what this node announces of its VNIs is withdrawn and announced anew, and the devices that \
    linnetd made are made anew: traffic waits for both";
const DEVICES: &str =
    "its rows are taken back before it goes on with other devices: traffic of this VNI waits for that";
const SOCKETS: &str = "sessions that stand go on";
const MOVES: &str = "routes are put in as they are to be, then taken out as they were";
const TAKEN_OUT: &str = "linnet's routes are taken out of the kernel";
const UNLISTED: &str = "its rows are taken back, and the devices that linnetd made for it";

/// What is in force at once.
pub(super) fn changes(running: &Config, wanted: &Config) -> Vec<Change> {
    let mut changes = of_bgp(running, wanted);
    changes.extend(of_evpn(running.evpn.as_ref(), wanted.evpn.as_ref()));
    changes.extend(of_native(running, wanted));
    changes
}

/// The keys that differ and are in force after the next start only.
pub(super) fn after_restart(running: &Config, wanted: &Config) -> Vec<&'static str> {
    let [tracking, api, fallback] = START_ONLY;
    let tracks = |config: &Config| config.bgp.next_hop_tracking.is_some();
    let tunnel = |config: &Config| config.native.as_ref().and_then(|native| native.kernel.fallback.clone());
    let same = [
        (tracking, tracks(running) == tracks(wanted)),
        (api, running.api == wanted.api),
        (fallback, tunnel(running) == tunnel(wanted)),
    ];
    differing(&same).collect()
}

fn of_bgp(running: &Config, wanted: &Config) -> Vec<Change> {
    let (old, new) = (&running.bgp, &wanted.bgp);
    let multipath = |rules: &DecisionRules| rules.multipath.clone();
    let same_rules =
        DecisionRules { multipath: multipath(&old.decision), ..new.decision.clone() } == old.decision;
    let announces = if wanted.evpn.is_some() && running.evpn.is_some() { ANEW } else { "" };
    let both = old.next_hop_tracking.zip(new.next_hop_tracking);
    let lines = [
        ("bgp.asn", old.asn == new.asn, announces),
        ("bgp.router_id", old.router_id == new.router_id, announces),
        ("bgp.cluster_id", old.cluster_id == new.cluster_id, ""),
        ("bgp.default_local_pref", old.default_local_pref == new.default_local_pref, ""),
        ("bgp.listen", old.listen == new.listen, SOCKETS),
        ("bgp.next_hop_via_default", both.is_none_or(|(old, new)| old == new), ""),
        ("bgp.decision", same_rules, ""),
        ("bgp.multipath", multipath(&old.decision) == multipath(&new.decision), ""),
        ("bgp.handover_time", old.handover_time == new.handover_time, ""),
    ];
    changed(lines).collect()
}

fn of_evpn(running: Option<&EvpnConfig>, wanted: Option<&EvpnConfig>) -> Vec<Change> {
    let (old, new) = match (running, wanted) {
        (None, None) => return Vec::new(),
        (None, Some(_)) => return vec![Change::new("evpn", Effect::Added)],
        (Some(_), None) => return vec![Change::new("evpn", Effect::Removed).costing(UNLISTED)],
        (Some(old), Some(new)) => (old, new),
    };
    let lines = [
        ("evpn.vtep", old.vtep == new.vtep, ANEW_WITH_DEVICES),
        ("evpn.advertise_all_vni", old.advertise_all_vni == new.advertise_all_vni, ""),
        ("evpn.snooping", old.hosts.snooping == new.hosts.snooping, ""),
        ("evpn.probe_interval", old.hosts.probe_interval == new.hosts.probe_interval, ""),
        ("evpn.state_file", old.hosts.state_file == new.hosts.state_file, ""),
        ("evpn.probe_rate", old.hosts.probe_rate == new.hosts.probe_rate, ""),
        ("evpn.audit_interval", old.audit_interval == new.audit_interval, ""),
        ("evpn.flooding", old.flooding == new.flooding, ""),
        ("evpn.duplicates", old.duplicates == new.duplicates, ""),
    ];
    changed(lines).chain(of_vnis(old, new)).collect()
}

fn of_vnis(running: &EvpnConfig, wanted: &EvpnConfig) -> Vec<Change> {
    let find =
        |config: &EvpnConfig, vni: &VniConfig| config.vnis.iter().position(|other| other.vni == vni.vni);
    let line = |vni: &VniConfig, effect| Change::new(format!("vni {}", vni.vni), effect);
    let come = wanted.vnis.iter().filter_map(|new| {
        let Some(old) = find(running, new).and_then(|place| running.vnis.get(place)) else {
            return Some(line(new, Effect::Added));
        };
        let (keys, devices) = vni_keys(old, new);
        (!keys.is_empty()).then(|| {
            let note = if devices { DEVICES } else { "" };
            Change { keys, ..line(new, Effect::Changed).costing(note) }
        })
    });
    let gone = running.vnis.iter().filter(|old| find(wanted, old).is_none());
    let note = if wanted.advertise_all_vni { "" } else { UNLISTED };
    come.chain(gone.map(|old| line(old, Effect::Removed).costing(note))).collect()
}

/// The keys in which a VNI's settings differ, and whether one of them is about its devices.
fn vni_keys(old: &VniConfig, new: &VniConfig) -> (Vec<&'static str>, bool) {
    let VniConfig {
        vni: _,
        vxlan,
        bridge,
        create,
        port,
        mtu,
        rd,
        import_rt,
        export_rt,
        flooding,
        static_vteps,
        snooping,
    } = new;
    let devices = [
        ("vxlan", old.vxlan == *vxlan),
        ("bridge", old.bridge == *bridge),
        ("create", old.create == *create),
        ("port", old.port == *port),
        ("mtu", old.mtu == *mtu),
    ];
    let routes = [
        ("rd", old.rd == *rd),
        ("import_rt", old.import_rt == *import_rt),
        ("export_rt", old.export_rt == *export_rt),
        ("snooping", old.snooping == *snooping),
        ("flooding", old.flooding == *flooding),
        ("static_vteps", old.static_vteps == *static_vteps),
    ];
    let of_devices: Vec<&'static str> = differing(&devices).collect();
    let any = !of_devices.is_empty();
    (of_devices.into_iter().chain(differing(&routes)).collect(), any)
}

fn of_native(running: &Config, wanted: &Config) -> Vec<Change> {
    let (old, new) = match (&running.native, &wanted.native) {
        (None, None) => return Vec::new(),
        (None, Some(_)) => return vec![Change::new("native", Effect::Added)],
        (Some(_), None) => return vec![Change::new("native", Effect::Removed).costing(TAKEN_OUT)],
        (Some(old), Some(new)) => (old, new),
    };
    let NativeKernel { install, table, metric, protocol, via_default: _, take_over, fallback: _ } =
        &new.kernel;
    let installs = if *install { "" } else { TAKEN_OUT };
    let lines = [
        ("native.accept", old.accept == new.accept, ""),
        ("native.advertise", old.own == new.own, ""),
        ("native.install", old.kernel.install == *install, installs),
        ("native.table", old.kernel.table == *table, MOVES),
        ("native.metric", old.kernel.metric == *metric, MOVES),
        ("native.protocol", old.kernel.protocol == *protocol, MOVES),
        ("native.take_over", old.kernel.take_over == *take_over, ""),
        ("native.audit_interval", old.audit_interval == new.audit_interval, ""),
    ];
    changed(lines).collect()
}

/// Lines for the keys that are not the same, each with what it costs.
fn changed<const N: usize>(lines: [(&'static str, bool, &'static str); N]) -> impl Iterator<Item = Change> {
    let differ = lines.into_iter().filter(|(_, same, _)| !same);
    differ.map(|(key, _, note)| Change::new(key, Effect::Changed).costing(note))
}

fn differing(keys: &[(&'static str, bool)]) -> impl Iterator<Item = &'static str> {
    keys.iter().filter(|(_, same)| !same).map(|(key, _)| *key)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// What a key's value may be like, by the schema.
    fn describes(schema: &Value, at: &Value, keys: &[&str]) -> bool {
        if let Some(name) = at.get("$ref").and_then(Value::as_str) {
            let target = schema.pointer(name.trim_start_matches('#'));
            return target.is_some_and(|target| describes(schema, target, keys));
        }
        if let Some(any) = at.get("anyOf").or_else(|| at.get("allOf")).and_then(Value::as_array) {
            return any.iter().any(|one| describes(schema, one, keys));
        }
        let Some((first, rest)) = keys.split_first() else { return true };
        at.get("properties").and_then(|all| all.get(first)).is_some_and(|next| describes(schema, next, rest))
    }

    #[test]
    fn what_takes_a_restart_is_in_the_manual_and_there_is_such_a_key() {
        let schema = serde_json::to_value(Config::schema()).unwrap();
        for key in START_ONLY {
            assert!(describes(&schema, &schema, &key.split('.').collect::<Vec<_>>()), "{key}");
        }
        let manual = include_str!("../../../docs/configuration.md");
        let (_, section) = manual.split_once("## What takes a restart").unwrap();
        let (section, _) = section.split_once("\n## ").unwrap();
        let listed = section.lines().filter_map(|line| line.strip_prefix("- `")?.strip_suffix('`'));
        assert_eq!(listed.collect::<Vec<_>>(), START_ONLY);
    }

    fn config(sections: &str) -> Config {
        let text = format!("bgp: {{ asn: 65000, router_id: 10.0.0.1 }}\n{sections}");
        Config::parse("t.yaml", &text).unwrap_or_else(|faults| panic!("{faults}"))
    }

    #[test]
    fn what_a_change_costs_is_said() {
        let evpn = |vtep: &str, vnis: &str| config(&format!("evpn: {{ vtep: {vtep}, vnis: [{vnis}] }}\n"));
        let running = evpn("10.0.0.1", "{ vni: 1 }, { vni: 2 }, { vni: 3, bridge: br3 }");
        let wanted = evpn("10.0.0.2", "{ vni: 2, rd: '10.0.0.1:9' }, { vni: 3, bridge: br4 }, { vni: 4 }");
        let lines: Vec<String> = changes(&running, &wanted).iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                format!("evpn.vtep is changed ({ANEW_WITH_DEVICES})"),
                "vni 2 is changed: rd".to_owned(),
                format!("vni 3 is changed: bridge ({DEVICES})"),
                "vni 4 is added".to_owned(),
                format!("vni 1 is removed ({UNLISTED})"),
            ]
        );
        let native = |keys: &str| config(&format!("native: {{ {keys} }}\n"));
        let lines = changes(&native("metric: 50"), &native("metric: 60, install: false"));
        let subjects: Vec<&str> = lines.iter().map(|line| &*line.subject).collect();
        assert_eq!(subjects, ["native.install", "native.metric"]);
        assert_eq!(changes(&native(""), &config(""))[0].effect, Effect::Removed);
    }
}
