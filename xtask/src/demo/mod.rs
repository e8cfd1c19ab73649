//! `cargo xtask demo`: the main job, shown step by step on the real kernel.
//!
//! A route reflector and two leaves, each a daemon in a network namespace; pods behind the leaves. All of it is made
//! through netlink by this process and belongs to it, so that it ends with it, however it ends.

mod fabric;
mod reflector;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use lab::packet::{Capture, Ping, Pinger, ping};
use lab::{Node, daemon, netlink, privilege, wait_until};

use crate::{cargo, ui};
use fabric::{Fabric, POD_1, POD_2, POD_3, POD_4};

#[derive(Args, Default)]
pub(crate) struct Arguments {
    /// Who reflects the routes
    #[arg(long, value_enum, default_value_t)]
    reflector: Reflector,
    /// Takes the programs that lie beside this one as they are
    #[arg(long, hide = true)]
    built: bool,
}

/// Who reflects the routes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Reflector {
    /// linnetd
    #[default]
    Linnet,
    /// FRR, where it is installed
    Frr,
    /// GoBGP, where it is installed
    Gobgp,
}

/// How long a step may take before the demo gives up.
const BOUND: Duration = Duration::from_secs(20);
/// How often the moving pod is pinged: the grain of the figure.
const PING_INTERVAL: Duration = Duration::from_millis(1);

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if !arguments.built {
        ui::title("Build");
        cargo::build(&["build", "--package", "linnet", "--bins"])?;
    }
    privilege::enter()?;
    if let Some(reason) = daemon::missing(arguments.reflector.daemon()) {
        bail!("{reason}");
    }
    if let Some(reason) = privilege::missing_features() {
        bail!("{reason}");
    }
    let start = Instant::now();
    show(arguments.reflector)?;
    ui::title(&format!("Done in {:.1} s. Nothing is left behind.", start.elapsed().as_secs_f32()));
    Ok(())
}

fn show(reflector: Reflector) -> Result<()> {
    let fabric = show_fabric(reflector)?;
    show_sessions(&fabric)?;
    let underlay = Capture::start(&fabric.underlay, "leaf1")?;
    show_routes(&fabric)?;
    let [leaf1, _] = &fabric.leaves;
    show_kernel(leaf1)?;
    show_ping(&fabric)?;
    show_arp(&underlay)?;
    show_move(&fabric)
}

fn show_fabric(reflector: Reflector) -> Result<Fabric> {
    ui::title("1. A reflector, two leaves, four pods");
    ui::text(&fabric::picture(&reflector.daemon().to_string()));
    Fabric::up(reflector)
}

fn show_sessions(fabric: &Fabric) -> Result<()> {
    ui::title("2. The sessions come up");
    let start = Instant::now();
    for leaf in &fabric.leaves {
        wait_until(BOUND, "established session", || is_established(leaf)).with_context(|| leaf.log())?;
    }
    let took = start.elapsed().as_millis();
    for leaf in &fabric.leaves {
        show_linnet(leaf, &["neighbor"])?;
    }
    ui::good(&format!("both leaves reached the reflector within {took} ms"));
    Ok(())
}

fn is_established(leaf: &Node) -> Result<()> {
    let neighbors = leaf.linnet("neighbor")?;
    let rows = neighbors.as_array().context("no list of neighbours")?;
    let up = |row: &serde_json::Value| {
        row.get("state")
            .and_then(|state| state.as_str())
            .is_some_and(|state| state.eq_ignore_ascii_case("established"))
    };
    ensure!(!rows.is_empty() && rows.iter().all(up), "{neighbors}");
    Ok(())
}

fn show_routes(fabric: &Fabric) -> Result<()> {
    ui::title("3. The pods start, and their MACs and addresses become routes");
    let start = Instant::now();
    fabric.introduce_pods()?;
    let [leaf1, leaf2] = &fabric.leaves;
    for (leaf, remote) in [(leaf1, [POD_3, POD_4]), (leaf2, [POD_1, POD_2])] {
        for pod in remote {
            wait_until(BOUND, &format!("{} on {}", pod.name, leaf.name()), || fabric::knows(leaf, pod))
                .with_context(|| leaf.log())?;
        }
    }
    let took = start.elapsed().as_millis();
    show_linnet(leaf1, &["rib"])?;
    ui::good(&format!(
        "each leaf's kernel knew the other's pods {took} ms after they sent their first frame"
    ));
    Ok(())
}

fn show_kernel(leaf: &Node) -> Result<()> {
    ui::title("4. What leaf1's kernel was told");
    let (fdb, neighbors) = leaf.netns().run(|| (netlink::fdb("vxlan100"), netlink::neighbors("br100")))?;
    let (unicast, flood): (Vec<_>, Vec<_>) = fdb?.into_iter().partition(|row| row.mac.is_host());
    let lines = |rows: &[netlink::FdbRow]| rows.iter().map(|row| format!("{row}\n")).collect::<String>();
    ui::command("leaf1: bridge fdb show dev vxlan100");
    ui::text(&lines(&unicast));
    ui::aside("and the flood list:");
    ui::text(&lines(&flood));
    ui::command("leaf1: ip neigh show dev br100");
    ui::text(&neighbors?.iter().map(|row| format!("{row}\n")).collect::<String>());
    Ok(())
}

fn show_ping(fabric: &Fabric) -> Result<()> {
    ui::title("5. pod1 on leaf1 pings pod3 on leaf2 through VXLAN");
    let pod1 = fabric.pod(POD_1)?;
    let ping = ping(pod1, POD_3.ip, 5)?;
    ui::command(&format!("pod1: ping -c 5 {}", POD_3.ip));
    for reply in &ping.replies {
        match reply.rtt {
            Some(rtt) => ui::text(&format!("reply {} in {:.3} ms", reply.sequence, rtt.as_secs_f64() * 1e3)),
            None => ui::text(&format!("no reply {}", reply.sequence)),
        }
    }
    ensure!(ping.lost().is_empty(), "pings were lost");
    Ok(())
}

fn show_arp(underlay: &Capture) -> Result<()> {
    ui::title("6. What crossed the underlay since the pods started");
    let inner = underlay.count(|frame| frame.inner().is_some())?;
    let arp = underlay.address_resolution_in_vxlan()?;
    ui::text(&format!("{inner} frames in VXLAN, {arp} of them ARP or neighbour discovery"));
    ensure!(arp == 0, "a known neighbour was asked for across the underlay");
    ui::good("each leaf answered for the other's pods itself");
    Ok(())
}

fn show_move(fabric: &Fabric) -> Result<()> {
    ui::title("7. pod1 moves from leaf1 to leaf2, while pod2 on leaf1 pings it every millisecond");
    let [leaf1, leaf2] = &fabric.leaves;
    let which = ["evpn", "mac", "--mac", POD_1.mac];
    ui::aside("before:");
    show_linnet(leaf1, &which)?;
    let pinger = Pinger::start(fabric.pod(POD_2)?, POD_1.ip, PING_INTERVAL);
    answered_since(&pinger, Instant::now())?;
    let arrived = fabric.move_pod(POD_1, 1)?;
    wait_until(BOUND, "rows for pod1 on leaf1", || fabric::knows(leaf1, POD_1))
        .with_context(|| leaf1.log())?;
    answered_since(&pinger, Instant::now())?;
    let ping = pinger.stop()?;
    ui::aside("after: leaf2 has claimed it with a higher sequence number, so that everybody follows");
    show_linnet(leaf1, &which)?;
    show_linnet(leaf2, &which)?;
    let sent = ping.replies.len();
    match outage(&ping, arrived) {
        None => ui::good(&format!("of {sent} pings none was lost: converged within {PING_INTERVAL:?}")),
        Some((lost, outage)) => {
            ui::text(&format!("{sent} pings, {lost} of them lost"));
            let outage = outage.as_secs_f64() * 1e3;
            ui::good(&format!("converged {outage:.1} ms after its first frame at the new place"));
        }
    }
    Ok(())
}

fn answered_since(pinger: &Pinger, since: Instant) -> Result<Instant> {
    wait_until(BOUND, "answered ping", || pinger.so_far().answered_since(since).ok_or("no answer"))
}

/// How many pings were lost, and how long after `since` the first was sent that had no lost one behind it; `None` if
/// none was lost.
fn outage(ping: &Ping, since: Instant) -> Option<(usize, Duration)> {
    // The last ones may still have been on their way when the pinger was stopped.
    let answered = ping.replies.iter().rposition(|reply| reply.rtt.is_some())?;
    let replies = ping.replies.get(..=answered)?;
    let last_lost = replies.iter().rposition(|reply| reply.rtt.is_none())?;
    let lost = replies.iter().filter(|reply| reply.rtt.is_none()).count();
    let well = replies.get(last_lost + 1)?.sent;
    Some((lost, well.saturating_duration_since(since)))
}

/// Shows what a command of `linnet` prints on a node.
fn show_linnet(node: &Node, words: &[&str]) -> Result<()> {
    let program = daemon::linnet_cli()?;
    ui::command(&format!("{}: linnet {}", node.name(), words.join(" ")));
    ui::text(&node.output(&[&[&*program.to_string_lossy()], words].concat())?);
    Ok(())
}
