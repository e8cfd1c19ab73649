//! `linnet top` on a real terminal: tmux holds one, types on it, and says what it shows.

mod stage;

use anyhow::{Result, ensure};
use lab::speaker::octets::{MacIp, flood};
use lab::{Node, daemon, skip_if, wait_until};
use stage::{BOUND, Stage, host};

/// Where the terminal's keeper listens, in the node's own /run.
const KEEPER: &str = "/run/tmux";

/// Where the number of the process stands that draws, in the node's own /run.
const PID: &str = "/run/top.pid";

/// What the shell says when it waits.
const PROMPT: &str = "ready>";

fn missing() -> Option<String> {
    stage::missing().or_else(|| daemon::missing_program("tmux"))
}

/// Runs a command of tmux's on the node's terminal.
fn tmux(node: &Node, words: &[&str]) -> Result<String> {
    node.output(&[&["tmux", "-S", KEEPER, "-f", "/dev/null"], words].concat())
}

/// Opens a terminal of 80 by 24, with a shell on it.
fn open(node: &Node) -> Result<()> {
    let shell = format!("env PS1='{PROMPT} ' TERM=screen sh");
    tmux(node, &["new-session", "-d", "-x", "80", "-y", "24", &shell])?;
    shows(node, "a shell", |screen| screen.contains(PROMPT))?;
    Ok(())
}

/// Closes it, and whatever runs on it.
fn close(node: &Node) -> Result<()> {
    tmux(node, &["kill-server"]).map(drop)
}

fn types(node: &Node, keys: &[&str]) -> Result<()> {
    tmux(node, &[&["send-keys"], keys].concat()).map(drop)
}

/// Waits until the terminal shows such, and says what.
fn shows(node: &Node, what: &str, such: impl Fn(&str) -> bool) -> Result<String> {
    wait_until(BOUND, &format!("{what} on the screen"), || {
        let screen = tmux(node, &["capture-pane", "-p"])?;
        ensure!(such(&screen), "{screen}");
        Ok(screen)
    })
}

/// Starts `top` and waits until linnetd has answered.
fn start(node: &Node) -> Result<()> {
    let program = daemon::linnet_cli()?;
    let line = format!("sh -c 'echo $$ >{PID}; exec {} top --interval 1'", program.display());
    types(node, &[&line, "Enter"])?;
    shows(node, "top", |screen| screen.contains("AS 65000") && screen.contains("q quit")).map(drop)
}

/// Waits for the shell, on a terminal that is as it was: its lines are edited, what is typed shows.
fn wait_for_shell(node: &Node) -> Result<()> {
    let is_shell = |screen: &str| !screen.contains("q quit") && screen.trim_end().ends_with(PROMPT);
    shows(node, "the shell", is_shell)?;
    types(node, &["stty -a", "Enter"])?;
    let screen = shows(node, "settings", |screen| screen.contains("icanon") && screen.contains("echo"))?;
    ensure!(!screen.contains("-icanon") && !screen.contains("-echo "), "not put back: {screen}");
    types(node, &["clear", "Enter"])
}

fn line_with<'a>(screen: &'a str, text: &str) -> Option<&'a str> {
    screen.lines().find(|line| line.contains(text))
}

#[test]
fn it_shows_sessions_networks_and_moves_and_survives_linnetd() -> Result<()> {
    skip_if!(missing());
    let mut stage = Stage::up(2)?;
    let mut speaker = stage.establish(1)?;
    open(&stage.leaf)?;
    start(&stage.leaf)?;
    let leaf = &stage.leaf;
    shows(leaf, "the sessions", |screen| {
        let line = |address, state| line_with(screen, address).is_some_and(|line| line.contains(state));
        screen.contains("1 of 2 up") && line("10.1.0.1 ", "Established") && line("10.1.0.2 ", "Active")
    })?;

    // A host, and where it moves to.
    let (old, new) = (host(1), MacIp { sequence: 1, vtep: host(2).vtep, ..host(1) });
    for message in [flood(old.vtep), flood(new.vtep), old.announcement()] {
        speaker.send(&message)?;
    }
    shows(leaf, "a host in the network", |screen| {
        line_with(screen, "vxlan100").is_some_and(|line| {
            line.split_whitespace().collect::<Vec<_>>().starts_with(&["100", "up", "0", "1", "2"])
        })
    })?;
    speaker.send(&new.announcement())?;
    let (from, to) = (old.vtep, new.vtep);
    shows(leaf, "the move", |screen| {
        line_with(screen, "move ").is_some_and(|line| line.contains(&old.mac.to_string()))
    })?;

    // Into the network, and the neighbor; all the way, so that what does not fit the line can be read.
    types(leaf, &["Tab", "Enter"])?;
    shows(leaf, "the network's hosts", |screen| {
        screen.contains("Network 100")
            && line_with(screen, &old.mac.to_string()).is_some_and(|l| l.contains(&to.to_string()))
    })?;
    types(leaf, &["Escape"])?;
    shows(leaf, "the lists", |screen| screen.contains("Networks"))?;
    tmux(leaf, &["resize-window", "-x", "150", "-y", "30"])?;
    let said = format!("moved from {from} to {to}, with sequence 1");
    shows(leaf, "the move as a whole", |screen| screen.contains(&said))?;
    types(leaf, &["BTab", "Enter"])?;
    shows(leaf, "the neighbor", |screen| screen.contains("Rates") && screen.contains("Router ID"))?;
    types(leaf, &["Escape"])?;
    shows(leaf, "the lists again", |screen| screen.contains("Tab next list"))?;
    types(leaf, &["?"])?;
    shows(leaf, "help", |screen| screen.contains("Shift-Tab"))?;
    types(leaf, &["q"])?;
    tmux(leaf, &["resize-window", "-x", "40", "-y", "8"])?;
    shows(leaf, "a small picture", |screen| screen.contains("10.1.0.1 ") && screen.lines().count() <= 8)?;
    tmux(leaf, &["resize-window", "-x", "80", "-y", "24"])?;

    // linnetd goes away, and another comes.
    stage.leaf.stop_daemon()?;
    shows(&stage.leaf, "that linnetd is away", |screen| screen.contains("linnetd is away"))?;
    stage.leaf.start_daemon()?;
    shows(&stage.leaf, "the new linnetd", |screen| {
        screen.contains("AS 65000") && screen.contains("0 of 2 up") && !screen.contains("is away")
    })?;
    types(&stage.leaf, &["q"])?;
    wait_for_shell(&stage.leaf)?;
    close(&stage.leaf)
}

#[test]
fn the_terminal_is_put_back_whatever_ends_it() -> Result<()> {
    skip_if!(missing());
    let stage = Stage::up(1)?;
    let leaf = &stage.leaf;
    open(leaf)?;
    start(leaf)?;
    types(leaf, &["C-c"])?;
    wait_for_shell(leaf)?;
    for signal in ["TERM", "HUP"] {
        start(leaf)?;
        leaf.sh(&format!("kill -{signal} $(cat {PID})"))?;
        wait_for_shell(leaf)?;
    }
    close(leaf)
}
