//! Every command that shows something, in every form: the golden files in golden/formats.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use clap::CommandFactory;
use linnet::cli::args::Cli;
use serde_json::Value;

use crate::docs::goldens;
use crate::fake::Fake;
use crate::{golden_of, topology};

/// The file, and the command.
const SHOWN: &[(&str, &str)] = &[
    ("neighbor", "neighbor"),
    ("neighbor-detail", "neighbor 10.0.1.1"),
    ("neighbor-remove", "neighbor 10.0.1.9 remove"),
    ("bfd", "bfd"),
    ("bfd-detail", "bfd 10.0.1.3"),
    ("rib", "rib"),
    ("rib-detail", "rib -a evpn --detail"),
    ("rib-summary", "rib summary"),
    ("policy", "policy"),
    ("explain", "explain 02:00:00:00:00:50"),
    ("evpn-vni", "evpn vni"),
    ("evpn-mac", "evpn mac"),
    ("evpn-arp", "evpn arp"),
    ("evpn-vtep", "evpn vtep"),
    ("evpn-duplicates", "evpn duplicates"),
    ("evpn-duplicates-clear", "evpn duplicates clear"),
    ("fib", "fib"),
    ("route", "route"),
    ("native", "native"),
    ("native-sources", "native sources"),
    ("native-tunnel", "native tunnel"),
    ("status", "status"),
    ("config-show", "config show"),
    ("config-diff", "config diff"),
    ("none", "evpn vni --vni 7"),
];

/// What is no message of linnet's own, but of gRPC's.
const HEALTH: (&str, &str) = ("health", "health");

const FORMS: [&str; 5] = ["table", "wide", "json", "jsonl", "yaml"];

/// What prints nothing that could be compared: times, versions, scripts, the machine's own state, or what never ends.
/// Tested elsewhere.
const ELSEWHERE: &[&str] = &["monitor", "doctor", "version", "completion", "man"];

#[test]
fn every_command_in_every_form() {
    let fake = Fake::start();
    for (name, command) in SHOWN.iter().chain([&HEALTH]) {
        let lines: Vec<String> = FORMS.iter().map(|form| format!("-o {form} {command}")).collect();
        golden_of(&fake, &format!("formats/{name}"), &lines.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let fake = Fake::answering(topology::answer);
    let lines = FORMS.map(|form| format!("-o {form} topology"));
    golden_of(&fake, "formats/topology", &lines.each_ref().map(String::as_str));
}

#[test]
fn every_command_is_in_a_golden_file() {
    let goldens: Vec<String> = goldens().iter().map(|run| run.lines().next().unwrap().to_owned()).collect();
    for name in leaves(&Cli::command()) {
        let shown = goldens.iter().any(|line| format!("{line} ").contains(&format!(" {name} ")));
        assert!(shown || ELSEWHERE.contains(&name.as_str()), "no golden file has `linnet {name}`");
    }
}

/// The full names of the commands that have no others within them.
fn leaves(command: &clap::Command) -> Vec<String> {
    let name = |within: &clap::Command| {
        let below = leaves(within);
        let full = |below: String| format!("{} {below}", within.get_name());
        if below.is_empty() {
            vec![within.get_name().to_owned()]
        } else {
            below.into_iter().map(full).collect()
        }
    };
    command.get_subcommands().filter(|within| within.get_name() != "help").flat_map(name).collect()
}

#[test]
fn json_has_the_names_of_the_messages() {
    let (fake, fields) = (Fake::start(), fields());
    for (_, command) in SHOWN {
        let output = fake.run(&format!("-o json {command}"));
        let value: Value = serde_json::from_slice(&output.stdout).unwrap();
        let mut keys = HashSet::new();
        gather(&value, &mut keys);
        let strange: Vec<_> = keys.difference(&fields).collect();
        assert!(strange.is_empty(), "{command}: no message has {strange:?}");
    }
}

/// The names of all fields of all messages.
fn fields() -> HashSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto/linnet/v1");
    let mut fields = HashSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let numbered = text.lines().filter_map(|line| line.trim().split_once(" = "));
        fields.extend(numbered.filter_map(|(name, _)| name.rsplit(' ').next()).map(ToOwned::to_owned));
    }
    fields
}

fn gather(value: &Value, keys: &mut HashSet<String>) {
    match value {
        Value::Object(object) => object.iter().for_each(|(key, value)| {
            keys.insert(key.clone());
            gather(value, keys);
        }),
        Value::Array(rows) => rows.iter().for_each(|row| gather(row, keys)),
        _ => {}
    }
}
