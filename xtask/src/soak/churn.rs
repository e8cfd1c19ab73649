//! What happens to the fabric, as the seed has it.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Result;
use lab::netlink::Link;
use lab::{Daemon, daemon};

use super::hosts::{Hosts, Step};
use super::network::{KILLED, LEAVES, Network};
use super::rng::Rng;

/// Steps of hosts in a tick, at most.
const STEPS: usize = 3;

/// How often, in ticks on average, something else happens.
const PREFIX: usize = 10;
const LOOK: usize = 20;
const RESET: usize = 150;
const FLAP: usize = 150;
const FLUSH: usize = 100;
const KILL: usize = 250;

/// How long a link, or the one that is killed, is away at most.
const AWAY: Duration = Duration::from_secs(4);

/// How many prefixes a speaker of native mode may announce.
const PREFIXES: usize = 50;

/// What has been done.
#[derive(Default)]
pub(super) struct Counts {
    moves: usize,
    comings: usize,
    prefixes: usize,
    kills: usize,
    flaps: usize,
    resets: usize,
    flushes: usize,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { moves, comings, prefixes, kills, flaps, resets, flushes } = self;
        write!(
            f,
            "{moves} moves, {comings} comings and goings, {prefixes} prefixes changed, {kills} kills, {flaps} flaps, \
             {resets} resets, {flushes} flushes"
        )
    }
}

/// What goes on, and what is to be put right again.
pub(super) struct Churn {
    rng: Rng,
    pub(super) counts: Counts,
    /// Links of the switch that are down, and until when.
    links: Vec<(&'static str, Instant)>,
    /// Until then the one that was killed is dead.
    dead: Option<Instant>,
    /// By speaker, which of its prefixes it announces.
    announced: [[bool; PREFIXES]; 3],
}

/// Who announces prefixes: the two linnetd, then BIRD.
const SPEAKERS: [&str; 3] = ["leaf1", "leaf2", "bird"];

impl Churn {
    pub(super) fn new(rng: Rng) -> Churn {
        Churn {
            rng,
            counts: Counts::default(),
            links: Vec::new(),
            dead: None,
            announced: [[false; PREFIXES]; 3],
        }
    }

    /// A moment of the fabric's life.
    pub(super) fn tick(&mut self, network: &mut Network, hosts: &mut Hosts) -> Result<()> {
        self.mend(network, false)?;
        for _ in 0..=self.rng.below(STEPS) {
            match hosts.step(network, &mut self.rng)? {
                Step::Moved => self.counts.moves += 1,
                Step::Came | Step::Went => self.counts.comings += 1,
                Step::Stayed => {}
            }
        }
        if self.rng.once_in(PREFIX) {
            self.change_prefix(network)?;
        }
        if self.rng.once_in(LOOK) {
            self.look(network)?;
        }
        if self.rng.once_in(RESET) {
            self.reset(network)?;
        }
        if self.rng.once_in(FLAP) {
            self.flap(network)?;
        }
        if self.rng.once_in(FLUSH) {
            self.flush(network, hosts)?;
        }
        if self.dead.is_none() && self.rng.once_in(KILL) {
            network.node_mut(KILLED)?.kill_daemon()?;
            self.dead = Some(self.later());
            self.counts.kills += 1;
        }
        Ok(())
    }

    /// Nothing happens any more, and everything is in its place again.
    pub(super) fn end(&mut self, network: &mut Network) -> Result<()> {
        self.mend(network, true)
    }

    /// Puts right what has been away for long enough, or all of it.
    fn mend(&mut self, network: &mut Network, all: bool) -> Result<()> {
        let now = Instant::now();
        for (name, _) in self.links.extract_if(.., |(_, until)| all || *until <= now) {
            network.underlay.run(|| Link::named(name)?.up())??;
        }
        if self.dead.take_if(|until| all || *until <= now).is_some() {
            network.node_mut(KILLED)?.start_daemon()?;
        }
        Ok(())
    }

    /// A prefix comes or goes.
    fn change_prefix(&mut self, network: &Network) -> Result<()> {
        let (speaker, prefix) = (self.rng.below(SPEAKERS.len()), self.rng.below(PREFIXES));
        let Some(is_announced) = self.announced.get_mut(speaker).and_then(|all| all.get_mut(prefix)) else {
            return Ok(());
        };
        *is_announced = !*is_announced;
        let verb = if *is_announced { "replace" } else { "del" };
        self.counts.prefixes += 1;
        match SPEAKERS.get(speaker) {
            Some(&"bird") => {
                let route = format!("ip route {verb} blackhole {}", name_prefix(speaker, prefix));
                network.node("bird")?.sh(&route).map(drop)
            }
            Some(leaf) => network.announce(leaf, &self.prefixes(leaf)),
            None => Ok(()),
        }
    }

    /// What a speaker announces, in order.
    fn prefixes(&self, speaker: &str) -> Vec<String> {
        let index = SPEAKERS.iter().position(|name| *name == speaker).unwrap_or_default();
        let all = self.announced.get(index).into_iter().flatten().enumerate();
        all.filter(|(_, announced)| **announced).map(|(prefix, _)| name_prefix(index, prefix)).collect()
    }

    /// Somebody lists and watches, and is not waited for.
    fn look(&mut self, network: &Network) -> Result<()> {
        const LOOKS: [&str; 6] =
            ["evpn mac", "rib --detail", "fib diff", "route", "explain 02:aa:00:00:00:01", "monitor"];
        let leaf = if self.rng.once_in(2) { "leaf1" } else { "leaf2" };
        let look = LOOKS.get(self.rng.below(LOOKS.len())).copied().unwrap_or("status");
        let linnet = daemon::linnet_cli()?;
        let line = format!("timeout 15 {} -o json {look} > /dev/null 2>&1 &", linnet.display());
        network.node(leaf)?.sh(&line).map(drop)
    }

    /// A session ends for no reason.
    fn reset(&mut self, network: &Network) -> Result<()> {
        self.counts.resets += 1;
        let leaf = LEAVES.get(self.rng.below(LEAVES.len())).map_or("leaf1", |leaf| leaf.name);
        let linnet = daemon::linnet_cli()?.display().to_string();
        let _refused_while_it_is_dead = match self.rng.below(3) {
            0 => network.node("reflector")?.vtysh("clear bgp l2vpn evpn *"),
            1 => network.node("bird")?.birdc("restart all"),
            _ => network.node(leaf)?.sh(&format!("{linnet} neighbor 10.0.0.100 reset")),
        };
        Ok(())
    }

    /// A node's link to the underlay goes for a while.
    fn flap(&mut self, network: &Network) -> Result<()> {
        const FLAPPING: [&str; 3] = ["leaf1", "leaf2", "bird"];
        let Some(name) = FLAPPING.get(self.rng.below(FLAPPING.len())).copied() else { return Ok(()) };
        if self.links.iter().any(|(down, _)| *down == name) {
            return Ok(());
        }
        network.underlay.run(|| Link::named(name)?.down())??;
        let until = self.later();
        self.links.push((name, until));
        self.counts.flaps += 1;
        Ok(())
    }

    /// A stranger clears a table of a node's kernel.
    fn flush(&mut self, network: &Network, hosts: &Hosts) -> Result<()> {
        const FLUSHES: [&str; 5] = [
            "bridge fdb flush dev vxlan100 self",
            "bridge fdb flush dev br100",
            "ip neigh flush dev br100",
            "ip route flush proto 108",
            "for mac in $(bridge fdb show dev vxlan100 | grep 02:aa | cut -d' ' -f1 | sort -u | head -5); do bridge fdb del $mac dev vxlan100 self; bridge fdb del $mac dev vxlan100 master; done",
        ];
        let leaves = LEAVES.iter().enumerate().filter(|(_, leaf)| leaf.daemon == Daemon::Linnet);
        let Some((index, leaf)) = leaves.clone().nth(self.rng.below(leaves.count())) else { return Ok(()) };
        let line = FLUSHES.get(self.rng.below(FLUSHES.len())).copied().unwrap_or("true");
        // Older kernels cannot flush a VXLAN device's table at once, and a row may go meanwhile.
        let _ = network.node(leaf.name)?.sh(line);
        self.counts.flushes += 1;
        hosts.speak_at(network, index)
    }

    fn later(&mut self) -> Instant {
        Instant::now() + AWAY.mul_f64(self.rng.below(100) as f64 / 100.0)
    }

    /// What BIRD is to have of each linnetd, and each linnetd of BIRD: by speaker, its prefixes.
    pub(super) fn announced(&self) -> impl Iterator<Item = (&'static str, Vec<String>)> {
        SPEAKERS.iter().map(|speaker| (*speaker, self.prefixes(speaker)))
    }
}

fn name_prefix(speaker: usize, prefix: usize) -> String {
    format!("10.{}.{prefix}.0/24", 71 + speaker)
}
