//! The command line against a fake daemon: what it prints is compared, byte for byte, with the files in
//! golden/.
//!
//! `BLESS=1 cargo test --test cli` writes the files anew, and docs/cli.md when it is run again; the difference is then for
//! a person to judge.
#![expect(clippy::unwrap_used, reason = "a test: there a panic is the report")]

mod api_docs;
mod bfd;
mod complete;
mod docs;
mod duplicates;
mod fake;
mod formats;
mod health;
mod man;
mod native;
mod pager;
mod routes;
mod rows;
mod topology;

use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;
use std::{env, fs};

use fake::Fake;

/// Runs each command line and compares what all of them print with golden/`name`.txt.
fn golden(name: &str, commands: &[&str]) {
    golden_of(&Fake::start(), name, commands);
}

fn golden_of(fake: &Fake, name: &str, commands: &[&str]) {
    let mut text = String::new();
    for arguments in commands {
        write_run(arguments, &fake.run(arguments), &mut text);
    }
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/golden").join(name).with_extension("txt");
    if env::var_os("BLESS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == text, "{} has:\n{expected}\nbut this was printed:\n{text}", path.display());
}

fn write_run(arguments: &str, output: &Output, text: &mut String) {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    write!(text, "$ linnet {arguments}\n{out}{err}").unwrap();
    match output.status.code().unwrap() {
        0 => text.push('\n'),
        code => writeln!(text, "[exit {code}]\n").unwrap(),
    }
}

#[test]
fn neighbors() {
    golden(
        "neighbor",
        &["neighbor", "summary -o wide", "neighbor 10.0.1.1", "peers 2001:db8::2", "neighbor 10.0.1.3"],
    );
}

#[test]
fn bfd() {
    golden("bfd", &["bfd", "bfd -o wide", "bfd 10.0.1.1", "bfd 10.0.1.3", "bfd 2001:db8::2", "bfd 10.0.0.9"]);
}

#[test]
fn config() {
    golden(
        "config",
        &[
            "config diff",
            "config diff -o jsonl",
            "config reload",
            "config check /no/such/file",
            "config from-bird /no/such/file",
            "config from-bird tests/from-bird/peers.cfg",
            "config from-bird",
        ],
    );
}

#[test]
fn transactions() {
    golden(
        "transaction",
        &[
            "config diff examples/leaf.yaml",
            "config show",
            "config show -o yaml",
            "config apply examples/leaf.yaml --confirm-within 2m",
            "config apply examples/leaf.yaml --confirm-within soon",
            "config confirm",
            "config rollback",
            "neighbor add 10.0.1.9 --remote-as 65000 -a evpn,ipv4 --passive --set hold_time=9 --replace -o json",
            "neighbor add eth0 --remote-as external -o json",
            "neighbor add 10.0.1.9 --set hold_time",
            "neighbor 10.0.1.9 remove",
        ],
    );
}

#[test]
fn inject() {
    golden(
        "inject",
        &[
            "inject 10.7.0.0/16 --next-hop 10.0.0.1 --lease 1s",
            "inject add evpn macip --rd 10.0.0.9:1 --mac 02:00:00:00:00:50 --ip 10.1.0.5 --vni 100 --next-hop 10.0.0.9 --lease 1s",
            "inject evpn multicast --rd 10.0.0.9:1 --vni 100 --next-hop 10.0.0.9 --name pods --lease 1s",
            "inject evpn macip --rd 10.0.0.9:1 --next-hop 10.0.0.9",
            "inject evpn --next-hop 10.0.0.9 x",
        ],
    );
}

#[test]
fn policies() {
    golden(
        "policy",
        &["policy", "policy from-spines -o wide", "policies rest", "policy nobody's", "-o json policy rest"],
    );
}

#[test]
fn rib() {
    golden(
        "rib",
        &[
            "rib",
            "rib -o wide",
            "rib -a evpn 2",
            "rib -a ipv4 --adj local",
            "rib 10.244.2.0/24 --detail",
            "rib -a evpn --detail",
            "rib --mac 0200.0000.0099 --detail",
            "rib summary",
        ],
    );
}

#[test]
fn evpn() {
    golden(
        "evpn",
        &[
            "evpn vni",
            "evpn vni -o wide --vni 20000",
            "evpn mac",
            "evpn mac --local",
            "evpn mac -o wide --remote",
            "evpn arp",
            "evpn vtep",
        ],
    );
}

#[test]
fn duplicates() {
    golden(
        "duplicates",
        &[
            "evpn duplicates",
            "evpn duplicates --vni 200",
            "-o json evpn duplicates --vni 100",
            "evpn duplicates clear",
            "evpn duplicates clear --vni 100 02:00:00:00:00:51",
            "-o json evpn duplicates clear --vni 100 10.1.0.7",
            "evpn duplicates clear 02:00:00:00:00:99",
            "evpn duplicates clear --vni 200",
            "evpn duplicates clear nonsense",
            "show evpn mac vni 100 duplicate",
            "clear evpn dup-addr vni 100 mac 02:00:00:00:00:51",
        ],
    );
}

#[test]
fn fib_status_and_explain() {
    golden("system", &["fib", "fib diff", "status", "explain 02:00:00:00:00:50"]);
}

#[test]
fn routes() {
    golden(
        "route",
        &[
            "route",
            "route diff -o wide",
            "route -a ipv6",
            "routes 10.244.2.0/24",
            "route 10.244.9.0/24",
            "route 10.244.2",
            "-o jsonl route 10.244.2.0/24",
        ],
    );
}

#[test]
fn native() {
    golden(
        "native",
        &[
            "native",
            "advertised --state withheld",
            "native sources",
            "-o json native sources",
            "native tunnel",
            "-o jsonl native tunnel",
        ],
    );
}

#[test]
fn topology() {
    let commands = [
        "topology",
        "topology -o wide",
        "topology --format mermaid",
        "topology --format dot",
        "topology --format svg",
        "-o json topology",
        "-o yaml topology --vni 100",
        "-o json topology --format svg",
        "topology --format png",
    ];
    golden_of(&Fake::answering(topology::answer), "topology", &commands);
}

#[test]
fn words_of_others() {
    golden(
        "habits",
        &[
            "show bgp l2vpn evpn summary",
            "show evpn mac vni 100",
            "show protocols all 10.0.1.3",
            "global rib summary -o jsonl",
            "show nothing",
        ],
    );
}

#[test]
fn formats() {
    golden(
        "formats",
        &[
            "-o json rib summary",
            "-o json rib summary -a evpn",
            "-o jsonl rib summary",
            "-o yaml rib summary",
            "-o json rib 10.244.2.0/24",
            "-o jsonl evpn mac",
            "-o yaml evpn arp",
            "-o json neighbor 10.0.1.3",
            "-o json status",
            "-o json evpn vni --vni 7",
            "-o yaml evpn vni --vni 7",
            "-o jsonl evpn vni --vni 7",
            "-o jsonl explain 02:00:00:00:00:50",
        ],
    );
}

#[test]
fn errors() {
    golden(
        "errors",
        &[
            "evpn vni --vni 7",
            "neighbor 10.0.0.9",
            "neighbor 10.0.0.9 reset",
            "explain 10.9.9.9",
            "explain nonsense",
            "rib mcaip",
            "rib --adj in",
            "rib --vni 16777216",
            "evpn mac --mac 02:00",
            "evpn mac --local --remote",
            "neighbor reset",
            "neighbor 10.0.1.1 explode",
            "frobnicate",
            "top",
            "top --interval soon",
        ],
    );
}

#[test]
fn help() {
    golden("help", &["-h", "neighbor -h", "rib -h", "evpn arp -h", "doctor -h"]);
}

#[test]
fn a_monitor_shows_the_present_state_the_changes_and_the_end() {
    let output = Fake::start().run("monitor");
    let text = String::from_utf8(output.stdout).unwrap();
    // The time of day is real: it is compared in shape only.
    let lines: Vec<_> = text.lines().map(|line| line.split_once(' ').unwrap().1).collect();
    assert!(
        text.lines().filter(|line| !line.starts_with('-')).all(|line| line.find('.') == Some(8)),
        "{text}"
    );
    let expected = [
        "+ path      l2vpn-evpn [2]:[10.0.0.2:100]:[0]:[48]:[02:00:00:00:00:50]:[32]:[10.1.0.5] via 10.0.0.2 from 10.0.1.1 (shorter cluster list, next best is from 10.0.1.2)",
        "+ neighbor  2001:db8::2 active (session ended: NOTIFICATION Cease: \\u{1b}[31mbye)",
        "+ vni       20000 down no VXLAN device has this VNI",
        "+ mac       100 02:00:00:00:00:50 remote 10.0.0.2 seq 3 programmed (moved from 10.0.0.3 to 10.0.0.2, with sequence 3)",
        "+ arp       100 10.1.0.5 02:00:00:00:00:50 remote 10.0.0.2 pending",
        "+ vtep      100 10.0.0.2 programmed",
        "+ fib       route 10.244.2.0/24 via 10.0.0.2 failed ENETUNREACH: no route to the gateway",
        "synced --",
        "- mac       100 02:00:00:00:00:50 (withdrawn by 10.0.0.2)",
    ];
    assert_eq!(lines, expected);
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "error: linnetd is shutting down\n");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_monitor_for_programs_is_one_object_a_line() {
    let output = Fake::start().run("-o json monitor");
    let text = String::from_utf8(output.stdout).unwrap();
    let objects: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects.len(), 9);
    assert_eq!(objects[3]["mac"]["vtep"], "10.0.0.2");
    assert_eq!(objects[7], serde_json::json!({ "synced": true }));
    assert_eq!(objects[8]["kind"], "delete");
}

#[test]
fn what_is_done_in_silence_succeeds() {
    let fake = Fake::start();
    for action in ["reset", "softreset", "softresetin", "softresetout", "shutdown --message bye", "enable"] {
        let output = fake.run(&format!("neighbor 10.0.1.1 {action}"));
        assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{action}");
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    // Endless pages: only the closed pipe can end the program.
    let fake = Fake::answering(|query| match query {
        api::Query::ListPaths(_) => {
            Ok(api::v1::ListPathsResponse { paths: rows::paths(), next_page_token: "more".into() }.into())
        }
        other => panic!("{other:?}"),
    });
    for format in ["table", "json", "jsonl", "yaml"] {
        let mut command = fake.command();
        let mut child = command
            .args(["-o", format, "rib"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = [0; 16];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let output = child.wait_with_output().unwrap();
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), complaint.as_str()), (Some(0), ""), "{format}");
    }
}

/// How long a page may take is nobody's promise: what is there is shown.
#[test]
fn rows_are_printed_though_more_may_come() {
    let fake = Fake::answering(|query| match query {
        api::Query::ListPaths(request) => {
            let (paths, next, wait) = match request.page_token.as_str() {
                "" => (rows::paths(), "slow", 0),
                "slow" => (Vec::new(), "never", 600),
                _ => (Vec::new(), "", 60_000),
            };
            std::thread::sleep(Duration::from_millis(wait));
            Ok(api::v1::ListPathsResponse { paths, next_page_token: next.into() }.into())
        }
        other => panic!("{other:?}"),
    });
    let mut child = fake.command().arg("rib").stdout(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 11];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    assert_eq!(&first, b"St  Network");
    child.kill().unwrap();
    child.wait().unwrap();
    // Its last answer is not waited for.
    std::mem::forget(fake);
}

#[test]
fn colours_are_for_terminals() {
    let fake = Fake::start();
    let coloured = |variables: &[(&str, &str)], arguments: &[&str]| {
        let mut command = fake.command();
        command.envs(variables.iter().copied()).args(["neighbor"]).args(arguments);
        String::from_utf8(command.output().unwrap().stdout).unwrap().contains("\u{1b}[")
    };
    let forced = [("CLICOLOR_FORCE", "1")];
    assert!(!coloured(&[], &[]), "a pipe");
    assert!(coloured(&forced, &[]), "asked for");
    assert!(!coloured(&[forced[0], ("NO_COLOR", "1")], &[]), "NO_COLOR");
    assert!(!coloured(&forced, &["--no-color"]), "--no-color");
}

#[test]
fn no_daemon_is_said_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("sock");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_linnet"));
    command.env_clear().args(["status", "--socket"]).arg(&missing);
    let output = command.output().unwrap();
    let expected = format!(
        "error: linnetd is not running: no socket at {}\nstart it (systemctl start linnetd), or say where it listens: \
         --socket PATH or --address HOST:PORT\n",
        missing.display()
    );
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(1), expected));
}

#[test]
fn versions_of_both() {
    let text = |output: Output| String::from_utf8(output.stdout).unwrap();
    let fake = Fake::start();
    let linnet = env!("CARGO_PKG_VERSION");
    assert_eq!(
        text(fake.run("version")),
        format!(
            "linnet  {linnet}\nlinnetd 9.9.9\nThey are of different versions: start linnetd anew after an upgrade, or take \
         the linnet of its version.\n"
        )
    );
    assert_eq!(
        text(fake.run("--socket /nowhere version")),
        format!("linnet  {linnet}\nlinnetd is not running: no socket at /nowhere\n")
    );
}

#[test]
fn completion_scripts_need_no_daemon() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output =
            Fake::start().command().env("LINNET_SOCKET", "/nowhere").args(["completion", shell]).output();
        let script = String::from_utf8(output.unwrap().stdout).unwrap();
        assert!(script.contains("LINNET_COMPLETE") && script.contains("linnet"), "{shell}: {script}");
    }
}
