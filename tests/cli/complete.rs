//! Completion, as a shell asks for it: the daemon's values are among what is offered, and where there is no daemon
//! nothing is said.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::fake::Fake;

/// Bash with the script loaded: completes the last of `words`, which are split as bash splits them.
fn bash(fake: &Fake, words: &[&str]) -> Vec<String> {
    let asked = "source <(linnet completion bash); COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1))\n\
                 last=${COMP_WORDS[COMP_CWORD]}; [[ $last == [:=]* ]] && last=\n\
                 _linnet linnet \"$last\"; printf '%s\\n' \"${COMPREPLY[@]}\"";
    let mut command = Command::new("bash");
    command.args(["--norc", "-c", asked, "bash"]).args(words);
    lines(&command.env_clear().env("LINNET_SOCKET", fake.socket()).env("PATH", path()).output().unwrap())
}

/// What another shell's script calls.
fn ask(fake: &Fake, shell: &str, words: &[&str]) -> Vec<String> {
    let mut command = fake.command();
    command.env("LINNET_COMPLETE", shell).env("_CLAP_COMPLETE_INDEX", (words.len() - 1).to_string());
    lines(&command.arg("--").args(words).output().unwrap())
}

fn lines(output: &Output) -> Vec<String> {
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8(output.stdout.clone()).unwrap().lines().map(ToOwned::to_owned).collect()
}

/// Where the program is, and the rest of the system.
fn path() -> String {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_linnet")).parent().unwrap();
    format!("{}:/usr/bin:/bin", program.display())
}

#[test]
fn bash_offers_what_the_daemon_knows() {
    if Command::new("bash").arg("--version").output().is_err() {
        println!("skipped: bash is not installed");
        return;
    }
    let fake = Fake::start();
    let neighbors = bash(&fake, &["linnet", "neighbor", ""]);
    for expected in ["10.0.1.1", "10.0.1.3", "2001:db8::2", "add"] {
        assert!(neighbors.iter().any(|word| word == expected), "{neighbors:?}");
    }
    assert!(!neighbors.iter().any(|word| word.starts_with('-')), "{neighbors:?}");
    assert_eq!(bash(&fake, &["linnet", "rib", "--vni", ""]), ["100", "20000"]);
    assert_eq!(bash(&fake, &["linnet", "rib", "--vni", "=", "2"]), ["20000"]);
    let macs = bash(&fake, &["linnet", "evpn", "mac", "--mac", ""]);
    assert_eq!(macs, ["02:00:00:00:00:01", "02:00:00:00:00:50", "02:00:00:00:00:51"]);
    // What bash has already is not said again: it puts the answer behind the last colon.
    let typed = ["linnet", "evpn", "mac", "--mac", "02", ":", "00", ":", "00", ":", "00", ":", "00", ":"];
    assert_eq!(bash(&fake, &typed), ["01", "50", "51"]);
    assert_eq!(bash(&fake, &["linnet", "neighbor", "2001", ":", "d"]), ["db8::2"]);
    assert_eq!(
        bash(&fake, &["linnet", "neighbor", "10.0.1.1", "soft"]),
        ["softreset", "softresetin", "softresetout"]
    );
}

#[test]
fn zsh_and_fish_are_told_what_each_value_is() {
    let fake = Fake::start();
    assert_eq!(ask(&fake, "zsh", &["linnet", "neighbor", "2"]), ["2001\\:db8\\:\\:2:active"],);
    assert_eq!(ask(&fake, "fish", &["linnet", "neighbor", "10.0.1.1"]), ["10.0.1.1\testablished spine1"]);
    assert_eq!(ask(&fake, "fish", &["linnet", "evpn", "vni", "--vni", "1"]), ["100\tvxlan100 up"]);
    assert_eq!(ask(&fake, "fish", &["linnet", "evpn", "mac", "--vtep", "10.0.0.3"]), ["10.0.0.3\tVNI 100"]);
    assert_eq!(ask(&fake, "fish", &["linnet", "policy", "r"]), ["rest"]);
    assert_eq!(ask(&fake, "fish", &["linnet", "route", "10.244.2"]), ["10.244.2.0/24\tprogrammed"]);
    let families = ask(&fake, "fish", &["linnet", "rib", "-a", "ipv4,"]);
    assert_eq!(families, ["ipv4,evpn", "ipv4,ipv4", "ipv4,ipv6"]);
}

#[test]
fn no_daemon_offers_nothing_in_silence() {
    let fake = Fake::start();
    for shell in ["bash", "zsh", "fish"] {
        let words = ["linnet", "--socket", "/nowhere", "rib", "--vni", ""];
        assert_eq!(ask(&fake, shell, &words), Vec::<String>::new(), "{shell}");
    }
}

#[test]
fn a_daemon_that_does_not_answer_is_not_waited_for() {
    let fake = Fake::answering(|_| {
        std::thread::sleep(Duration::from_secs(30));
        Err(api::ApiError::Unavailable("too late".into()))
    });
    let begun = Instant::now();
    assert_eq!(ask(&fake, "fish", &["linnet", "rib", "--vni", ""]), Vec::<String>::new());
    // The bound is a third of a second; the rest is for a busy machine.
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    // Its runtime is not waited for either.
    std::mem::forget(fake);
}
