//! The hosts that are attached here: what the kernel says of them goes through [`Presence`] to EVPN, what they say
//! themselves comes in, and they are asked.
//!
//! Which devices hosts are heard on follows from the networks' devices: the ports that lead to hosts where a network is
//! snooped, else the bridge, to whose MAC answers come. It is worked out anew when a device has changed.
//!
//! Who is known is written down now and then, so that a later run asks them: a host that the kernel did not know either
//! would not be found again for as long as it says nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bgp::types::{Mac, Vni};
use evpn::dataplane::{Observation, WantedKey, WantedValue};
use evpn::{Evpn, Place};
use fib::{Attached, Belief, Fib, IfIndex};

use super::event::{Action, HostCommand, HostNews};
use crate::config::EvpnConfig;
use crate::presence::{Counts, Presence, Settings, Surroundings, Tally};

/// After a change, others that come with it are waited for...
const GATHER: Duration = Duration::from_secs(1);

/// ... and between two times that all is written down there is so much time at least.
const REST: Duration = Duration::from_secs(10);

/// Hosts, and the devices that they are heard on.
#[derive(Debug)]
pub(super) struct Hosts {
    presence: Presence,
    /// Where hosts are to be heard.
    listening: BTreeSet<IfIndex>,
    /// The ports that lead to hosts and are up.
    ports: BTreeMap<IfIndex, Vni>,
    /// The count of changes at which the devices were looked at; `None`: they are to be.
    looked_at: Option<u64>,
    /// Where it is written down who is known.
    file: Option<PathBuf>,
    /// When that is to be done.
    write_at: Option<Instant>,
    /// When that was done last.
    written_at: Option<Instant>,
}

/// What presence may look up.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) evpn: &'a Evpn,
    pub(super) fib: &'a Fib,
}

impl Hosts {
    pub(super) fn new(config: Option<&EvpnConfig>) -> Hosts {
        Hosts {
            presence: Presence::new(settings(config)),
            listening: BTreeSet::new(),
            ports: BTreeMap::new(),
            looked_at: None,
            file: config.and_then(|config| config.hosts.state_file.clone()),
            write_at: None,
            written_at: None,
        }
    }

    /// Takes what another configuration says. Who is known stays so.
    pub(super) fn configure(&mut self, config: Option<&EvpnConfig>) {
        self.presence.configure(settings(config));
        self.looked_at = None;
        self.file = config.and_then(|config| config.hosts.state_file.clone());
    }

    /// What the kernel says of hosts.
    pub(super) fn observe(&mut self, now: Instant, around: Around<'_>, observation: Observation) {
        if matches!(observation, Observation::Vni { .. } | Observation::VniGone { .. }) {
            self.looked_at = None;
        }
        self.presence.observe(now, &around, observation);
    }

    /// What hosts say of themselves, and how it goes with the sockets.
    pub(super) fn news(&mut self, now: Instant, around: Around<'_>, news: HostNews) {
        match news {
            HostNews::Heard { device, said } => self.presence.hear(now, &around, device, said),
            // Of a device that is none of ours any more the sockets may not know yet.
            HostNews::Hears { device, hears } => {
                self.presence.hears_on(now, &around, device, hears && self.listening.contains(&device));
            }
            HostNews::Asked(probes) => self.presence.asked(probes),
            HostNews::Remembered(host) => self.presence.recall(now, host),
            HostNews::Missed { device, words } => {
                if let Some(attached) = around.attached(device) {
                    self.presence.missed(attached.vni(), words);
                }
            }
        }
    }

    /// A host here is to be asked about an address that another one claims.
    pub(super) fn ask(&mut self, now: Instant, vni: Vni, ip: IpAddr) {
        self.presence.ask(now, vni, ip);
    }

    /// What EVPN is to hear.
    pub(super) fn poll_observation(&mut self) -> Option<Observation> {
        self.presence.poll_observation()
    }

    /// Has hosts heard and asked, as is due.
    pub(super) fn settle(&mut self, now: Instant, around: Around<'_>, actions: &mut VecDeque<Action>) {
        self.look_at_devices(now, around, actions);
        let probes: Vec<_> = std::iter::from_fn(|| self.presence.poll_probe(now, &around)).collect();
        if !probes.is_empty() {
            actions.push_back(Action::Hosts(HostCommand::Ask(probes)));
        }
        self.remember(now, actions);
    }

    /// When there is something to do though nothing happened.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.presence.poll_timeout().into_iter().chain(self.write_at).min()
    }

    /// Whether what a VNI's hosts say counts.
    pub(super) fn snoops(&self, vni: Vni) -> bool {
        self.presence.settings().snoops(vni)
    }

    /// What happened with a VNI's hosts.
    pub(super) fn counts(&self, vni: Vni) -> Counts {
        self.presence.counts(vni)
    }

    /// How many hosts of a VNI are in which state.
    pub(super) fn tally(&self, vni: Vni) -> Tally {
        self.presence.tally(vni)
    }

    /// How many questions were asked in the last full second.
    pub(super) fn asked_lately(&self, now: Instant) -> u64 {
        self.presence.asked_lately(now)
    }

    /// Whether a host has been asked about an address, and has not answered yet.
    pub(super) fn is_asked(&self, vni: Vni, ip: IpAddr) -> bool {
        self.presence.is_asked(vni, ip)
    }

    /// Whether one of a MAC's addresses is asked about.
    pub(super) fn is_mac_asked(&self, vni: Vni, mac: Mac) -> bool {
        self.presence.is_mac_asked(vni, mac)
    }

    /// On how many devices hosts are to be heard, and on how many they cannot be.
    pub(super) fn ears(&self) -> (usize, usize) {
        (self.listening.len(), self.listening.len().saturating_sub(self.presence.ears()))
    }

    fn remember(&mut self, now: Instant, actions: &mut VecDeque<Action>) {
        if self.presence.take_change() && self.write_at.is_none() && self.file.is_some() {
            let rested = self.written_at.map(|written| written + REST);
            self.write_at = rested.into_iter().chain([now + GATHER]).max();
        }
        if self.write_at.is_some_and(|due| due <= now) {
            (self.write_at, self.written_at) = (None, Some(now));
            let hosts = self.presence.known().collect();
            let command = self.file.clone().map(|file| HostCommand::Remember { file, hosts });
            actions.extend(command.map(Action::Hosts));
        }
    }

    fn look_at_devices(&mut self, now: Instant, around: Around<'_>, actions: &mut VecDeque<Action>) {
        let changes = Some(around.fib.device_changes());
        if std::mem::replace(&mut self.looked_at, changes) == changes {
            return;
        }
        let (mut ports, mut wanted) = (BTreeMap::new(), BTreeSet::new());
        let settings = self.presence.settings();
        for (device, attached) in around.fib.attached_devices() {
            let snoops = settings.snoops(attached.vni());
            match attached {
                Attached::Port(vni) => {
                    ports.insert(device, vni);
                    wanted.extend(snoops.then_some(device));
                }
                Attached::Bridge(_) => {
                    wanted.extend((!snoops && settings.interval.is_some()).then_some(device));
                }
            }
        }
        let before = std::mem::replace(&mut self.ports, ports);
        for (vni, lost) in missing_in(&self.ports, &before) {
            self.presence.ports_lost(now, vni, &lost);
        }
        for (vni, found) in missing_in(&before, &self.ports) {
            self.presence.ports_found(now, vni, &found);
        }
        if wanted != self.listening {
            for device in self.listening.difference(&wanted) {
                self.presence.hears_on(now, &around, *device, false);
            }
            self.listening.clone_from(&wanted);
            actions.push_back(Action::Hosts(HostCommand::Listen(wanted)));
        }
    }
}

impl Surroundings for Around<'_> {
    fn attached(&self, device: IfIndex) -> Option<Attached> {
        self.fib.attached(device)
    }

    fn bridge(&self, vni: Vni) -> Option<IfIndex> {
        self.fib.bridge(vni)
    }

    fn ports(&self, vni: Vni) -> Vec<IfIndex> {
        let all = self.fib.attached_devices().filter(|(_, attached)| *attached == Attached::Port(vni));
        all.map(|(port, _)| port).collect()
    }

    fn port(&self, vni: Vni, mac: Mac) -> Option<IfIndex> {
        self.fib.access_port(vni, mac)
    }

    fn is_elsewhere(&self, vni: Vni, mac: Mac) -> bool {
        self.fib.wanted(&WantedKey::Mac { vni, mac }).is_some()
    }

    fn is_answered_for(&self, vni: Vni, ip: IpAddr) -> bool {
        let wanted = self.fib.wanted(&WantedKey::Neighbor { vni, ip });
        matches!(wanted, Some(WantedValue::Neighbor { .. }))
    }

    fn local_mac(&self, vni: Vni, ip: IpAddr) -> Option<Mac> {
        let row = self.evpn.neighbor(vni, ip).filter(|row| row.place == Place::Local)?;
        Some(row.mac)
    }

    fn belief(&self, vni: Vni, ip: IpAddr, mac: Mac) -> Belief {
        self.fib.belief(vni, ip, mac)
    }
}

/// What of `these` is not in `those`, by VNI.
fn missing_in(those: &BTreeMap<IfIndex, Vni>, these: &BTreeMap<IfIndex, Vni>) -> BTreeMap<Vni, Vec<IfIndex>> {
    let mut missing = BTreeMap::<Vni, Vec<IfIndex>>::new();
    for (port, vni) in these.iter().filter(|(port, vni)| those.get(port) != Some(vni)) {
        missing.entry(*vni).or_default().push(*port);
    }
    missing
}

/// Without a section nobody is asked.
fn settings(config: Option<&EvpnConfig>) -> Settings {
    let vnis = config.iter().flat_map(|config| &config.vnis);
    Settings {
        interval: config.and_then(|config| config.hosts.probe_interval),
        rate: config.map_or(1, |config| config.hosts.probe_rate),
        snooping: config.is_some_and(|config| config.hosts.snooping),
        snooping_of: vnis.filter_map(|vni| Some((vni.vni, vni.snooping?))).collect(),
    }
}
