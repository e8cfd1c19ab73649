//! Ten thousand routes of native mode, most of them changed at once, and linnetd killed in the middle of it, again and
//! again: in the end the kernel has what BIRD announces, all that others had put in, and nothing else.

mod hub;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hub::{BOUND, Hub, linnet};
use lab::{Daemon, Node, Random, daemon, skip_if, wait_until};

/// Of these three in four are announced at a time.
const ROUTES: u32 = 13_400;
const ROUNDS: u32 = 10;

/// A table of routes: prefixes, each with its next hop.
type Routes = BTreeMap<String, String>;

/// What others put into the same table beforehand: beneath, above and beside linnet's, by protocols of all sorts.
const FOREIGN: &str = "
route add 20.0.0.0/24 via 10.2.0.9 proto static metric 10
route add 20.0.1.0/24 via 10.2.0.9 proto 200 metric 51
route add 20.0.2.0/25 dev eth1 proto boot
route add unreachable 20.0.0.0/8 proto 201
route add 30.0.0.0/24 via 10.2.0.9 proto bird metric 50
route add blackhole 30.0.1.0/24 proto zebra metric 50
route add 30.0.2.0/24 proto ospf metric 50 nexthop via 10.2.0.8 dev eth1 nexthop via 10.2.0.9 dev eth1
";

/// When a change is on its way, which depends on the machine: what was too early and too late before, in microseconds.
struct Middle {
    early: u64,
    late: u64,
    whole: Duration,
}

impl Middle {
    fn guess(&self, random: &mut Random) -> Duration {
        Duration::from_micros(self.early + random.below(self.late - self.early))
    }

    fn learn(&mut self, after: Duration, was_early: bool, was_late: bool) {
        let after = after.as_micros() as u64;
        if was_early {
            self.early = after;
        }
        if was_late {
            self.late = after;
        }
        if self.late < self.early + 10_000 {
            (self.early, self.late) = (0, self.whole.as_micros() as u64);
        }
    }
}

/// What BIRD announces in a round, each route with its next hop's last octet: since the round before, a quarter of all
/// was withdrawn, a quarter came back, a quarter has another next hop, and a quarter is what it was.
fn announced(round: u32) -> BTreeMap<u32, u8> {
    let of = |route: u32| {
        let (turn, lot) = ((route + round) / 4, (route + round) % 4);
        let next_hop = || 2 + ((route + 2 * turn + u32::from(lot > 1)) % 6) as u8;
        (lot != 0).then(|| (route, next_hop()))
    };
    (0..ROUTES).filter_map(of).collect()
}

fn prefix(route: u32) -> String {
    format!("20.{}.{}.0/24", route / 256, route % 256)
}

fn bird(routes: &BTreeMap<u32, u8>) -> String {
    let mut text = "router id 10.1.1.1;
protocol device {}
protocol bgp linnet {
  local 10.1.1.1 as 65000; neighbor 10.1.1.0 as 65000; connect retry time 1; connect delay time 1;
  graceful restart on; ipv4 { import none; export all; next hop keep; };
}
protocol static all_of_them { ipv4;
"
    .to_owned();
    for (route, last) in routes {
        let _ = writeln!(text, "route {} blackhole {{ bgp_next_hop = 10.2.0.{last}; }};", prefix(*route));
    }
    text + "}\n"
}

/// What BIRD has to tell.
fn told(bird: &Node) -> Result<Routes> {
    let shown = bird.birdc("show route protocol all_of_them all")?;
    let (mut routes, mut prefix) = (Routes::new(), "");
    for line in shown.lines() {
        if line.starts_with("20.") {
            prefix = line.split_whitespace().next().unwrap_or_default();
        } else if let Some(next_hop) = line.trim().strip_prefix("BGP.next_hop: ") {
            routes.insert(prefix.to_owned(), next_hop.trim().to_owned());
        }
    }
    Ok(routes)
}

/// What the kernel has of linnet's, in all its tables.
fn kernel(linnet: &Node) -> Result<Routes> {
    let shown = linnet.output(&["ip", "-N", "-4", "route", "show", "table", "all", "proto", "108"])?;
    let route = |line: &str| {
        let (prefix, rest) = line.split_once(" via ").with_context(|| line.to_owned())?;
        let (next_hop, rest) = rest.split_once(' ').with_context(|| line.to_owned())?;
        ensure!(rest.trim() == "dev eth1 metric 50", "{line}");
        Ok((prefix.to_owned(), next_hop.to_owned()))
    };
    shown.lines().map(route).collect()
}

/// What the kernel has in its main table of everybody else's.
fn foreign(linnet: &Node) -> Result<Vec<String>> {
    let shown = linnet.output(&["ip", "-N", "-4", "route", "show"])?;
    Ok(shown.lines().filter(|line| !line.contains(" proto 108 ")).map(ToOwned::to_owned).collect())
}

/// How many routes are the same in both.
fn agreeing(one: &Routes, other: &Routes) -> usize {
    one.iter().filter(|(prefix, next_hop)| other.get(*prefix) == Some(*next_hop)).count()
}

fn wait_for_kernel(hub: &Hub, expected: &Routes) -> Result<()> {
    wait_until(BOUND, &format!("{} routes in the kernel", expected.len()), || {
        let routes = kernel(&hub.linnet)?;
        let right = agreeing(&routes, expected);
        ensure!(routes == *expected, "{} routes, {right} of them right", routes.len());
        Ok(())
    })
    .with_context(|| hub.linnet.log())
}

/// Has BIRD announce other routes; what it then tells.
fn announce(hub: &Hub, routes: &BTreeMap<u32, u8>) -> Result<()> {
    let spoke = hub.spoke(1)?;
    hub::write_configuration(spoke, &bird(routes))?;
    spoke.birdc("configure").map(drop)
}

fn start(linnet: &mut Node) -> Result<()> {
    linnet.start_daemon()?;
    linnet.wait_until_ready()
}

/// Changes the routes and kills linnetd so long after that began.
fn kill_in_the_middle(hub: &mut Hub, routes: &BTreeMap<u32, u8>, after: Duration) -> Result<()> {
    let Hub { linnet, spokes } = hub;
    let bird_node = spokes.first().context("no BIRD")?;
    hub::write_configuration(bird_node, &bird(routes))?;
    std::thread::scope(|scope| {
        let told = scope.spawn(|| bird_node.birdc("configure").map(drop));
        std::thread::sleep(after);
        linnet.kill_daemon()?;
        told.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[test]
fn what_is_killed_in_the_middle_of_changes_leaves_a_right_kernel_in_the_end() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Bird]).or_else(|| daemon::missing_program("ip")));
    let mut random = Random::new()?;
    let neighbor = ["address: 10.1.1.1, remote_as: 65000, families: [ipv4-unicast]"];
    let native = linnet(&[], &neighbor) + "native: {}\n";
    let hub = Hub::laid(&native, &[(Daemon::Bird, &bird(&announced(0)))])?;
    hub.linnet.sh(&format!("ip addr add 10.2.0.1/24 dev eth1 && ip -batch - <<'END'{FOREIGN}END"))?;
    let mut hub = hub.start()?;
    let others = foreign(&hub.linnet)?;
    assert!(others.len() >= 9, "{others:#?}");
    wait_for_kernel(&hub, &told(hub.spoke(1)?)?)?;

    // How long a change takes when nobody is killed.
    let expected = announced(1).into_iter().map(|(route, last)| (prefix(route), format!("10.2.0.{last}")));
    let (expected, began) = (expected.collect(), Instant::now());
    announce(&hub, &announced(1))?;
    wait_for_kernel(&hub, &expected)?;
    let whole = began.elapsed();
    assert_eq!(told(hub.spoke(1)?)?, expected);
    println!("a change of all takes {whole:?}");

    let mut middle = Middle { early: 0, late: whole.as_micros() as u64, whole };
    for round in 2..2 + ROUNDS {
        let (after, before) = (middle.guess(&mut random), kernel(&hub.linnet)?);
        kill_in_the_middle(&mut hub, &announced(round), after)?;
        let (expected, left) = (told(hub.spoke(1)?)?, kernel(&hub.linnet)?);
        let (old, new) = (agreeing(&left, &before), agreeing(&left, &expected));
        println!(
            "killed after {after:?}: {} routes in the kernel, {old} as before, {new} as announced",
            left.len()
        );
        middle.learn(after, left == before, left == expected);
        assert_eq!(foreign(&hub.linnet)?, others, "while linnetd is dead");
        let back = Instant::now();
        start(&mut hub.linnet)?;
        wait_for_kernel(&hub, &expected)?;
        println!("right {:?} after the start", back.elapsed());
        assert_eq!(foreign(&hub.linnet)?, others, "in round {round}");
    }
    wait_until(BOUND, "linnetd's word that all is right", || {
        let diff = hub.linnet.linnet("fib diff")?;
        let differs: Vec<_> = diff.as_array().into_iter().flatten().map(|row| &row["key"]).collect();
        // Somebody else's comes before it.
        ensure!(differs == ["20.0.0.0/24"], "{} of {differs:?}", differs.len());
        Ok(())
    })?;

    // Nobody announces anything any more.
    announce(&hub, &BTreeMap::new())?;
    wait_for_kernel(&hub, &Routes::new())?;
    assert_eq!(foreign(&hub.linnet)?, others);

    // And one that nobody waits for takes all with it when it is ended, a former run's as well.
    announce(&hub, &announced(0))?;
    wait_for_kernel(&hub, &told(hub.spoke(1)?)?)?;
    hub.linnet.kill_daemon()?;
    let alone = native.replace("  neighbors:\n", "  graceful_restart: { enabled: false }\n  neighbors:\n");
    hub::write_configuration(&hub.linnet, &alone)?;
    start(&mut hub.linnet)?;
    hub.wait_for_session("10.1.1.1", "session", |_| true)?;
    wait_for_kernel(&hub, &told(hub.spoke(1)?)?)?;
    hub.linnet.stop_daemon()?;
    assert_eq!(kernel(&hub.linnet)?, Routes::new(), "left behind");
    assert_eq!(foreign(&hub.linnet)?, others);
    Ok(())
}
