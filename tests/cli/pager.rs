//! The pager, on a terminal that `script` makes.

use std::process::Command;

use crate::fake::Fake;

/// What `linnet` with these arguments shows on a terminal, with these variables set; none without a terminal to be had.
fn on_a_terminal(arguments: &str, variables: &[(&str, &str)]) -> Option<String> {
    let fake = Fake::start();
    let line = format!("{} {arguments}", env!("CARGO_BIN_EXE_linnet"));
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("TERM", "xterm").env("LINNET_SOCKET", fake.socket());
    match command.envs(variables.iter().copied()).output() {
        Ok(output) => Some(String::from_utf8(output.stdout).unwrap().replace('\r', "")),
        Err(error) => {
            println!("skipped: script, which makes a terminal, cannot be run: {error}");
            None
        }
    }
}

const MARK: (&str, &str) = ("LINNET_PAGER", "sed s/^/paged:/");

#[test]
fn what_is_read_is_paged_and_what_lives_is_not() {
    let Some(shown) = on_a_terminal("rib summary --no-color", &[MARK]) else { return };
    assert!(shown.starts_with("paged:Family        Destinations  Paths\n"), "{shown}");
    assert!(shown.lines().all(|line| line.starts_with("paged:")), "{shown}");
    for arguments in
        ["rib summary --no-pager", "version", "inject 10.7.0.0/16 --next-hop 10.0.0.1 --lease 1s"]
    {
        let shown = on_a_terminal(arguments, &[MARK]).unwrap();
        assert!(!shown.is_empty() && !shown.contains("paged:"), "{arguments}: {shown}");
    }
}

#[test]
fn no_pager_is_no_harm() {
    for pager in ["", "cat", "no-such-pager --at-all"] {
        let Some(shown) = on_a_terminal("rib summary --no-color", &[("PAGER", pager)]) else { return };
        assert!(shown.starts_with("Family "), "{pager}: {shown}");
    }
    let Some(shown) = on_a_terminal("rib summary", &[("PAGER", "head -n 1"), ("NO_COLOR", "1")]) else {
        return;
    };
    assert_eq!(shown, "Family        Destinations  Paths\n");
}

#[test]
fn an_error_comes_behind_what_was_paged() {
    let Some(shown) = on_a_terminal("neighbor 10.0.0.9 --no-color", &[MARK]) else { return };
    assert_eq!(shown, "error: no neighbor 10.0.0.9\n");
}
