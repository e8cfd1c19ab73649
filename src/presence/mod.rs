//! Which hosts are attached here though they say nothing, and which are not any more though the kernel has them still.
//!
//! What the kernel knows of hosts comes and goes with what they say: a bridge forgets a MAC after some minutes of
//! silence, a neighbour grows stale and is collected, a bridge that goes down and up again forgets all. If routes
//! followed that, a host would be withdrawn for being silent, and where ARP is answered on its behalf nobody would
//! ever make it speak again. So between what the dataplane saw and EVPN stands [`Presence`]: before a host that EVPN
//! counts on is given up it is asked, and who was there before a bridge went down, or before linnetd was started anew,
//! is asked whether he is again.
//!
//! - A host is asked after [`Settings::interval`] without a sign of it, at once when the kernel lets go of its
//!   address or of its MAC, [`TRIES`] times. If it answers nothing has happened. If not, EVPN is told.
//! - Questions go to the host's own MAC, out of the very port that it is behind: not through the bridge, which might not
//!   know the port any more and flood the question, through the tunnel too ([`frame`]).
//! - Hosts are asked no faster than [`Settings::rate`] allows, however many are due.
//! - With snooping, what hosts say of themselves in ARP and neighbour discovery on access ports counts as if the
//!   kernel had learnt it: routes with addresses need neither an address on the bridge nor the kernel's neighbours.
//!   Who is heard must have its MAC, as the bridge sees it, on the port that it was heard on.
//! - Where nothing can be heard (no CAP_NET_RAW), nobody is asked, and the kernel's word is passed on as it is.
//!
//! Driven as everything is: [`Presence::observe`] and [`Presence::hear`] take news, [`Presence::poll_observation`] says
//! what EVPN is to hear, [`Presence::poll_probe`] who is to be asked, [`Presence::poll_timeout`] when it wants to be
//! woken. What it has to know of the kernel and of EVPN it looks up itself ([`Surroundings`]).
//!
//! Files: `schedule` is time, `binding` one VNI's hosts; `seen` takes what the dataplane saw, `heard` what
//! hosts say, `ask` does what is due; `frame` is how hosts say it.

mod ask;
mod binding;
pub mod frame;
mod heard;
mod schedule;
mod seen;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use bgp::types::{Mac, Vni};
use evpn::dataplane::Observation;
use fib::{Attached, Belief, IfIndex};
use smallvec::SmallVec;

pub use binding::Tally;
use binding::{Binding, Segment, State};
use schedule::{Lately, Pace, Schedule};

/// How often a host is asked before it is given up (RFC 4861 section 10: MAX_UNICAST_SOLICIT).
pub const TRIES: u8 = 3;

/// Between two questions (RFC 4861 section 10: RETRANS_TIMER).
const PAUSE: Duration = Duration::from_secs(1);

/// How long a host that was there is remembered.
const MEMORY: Duration = Duration::from_secs(600);

/// How often a host that was there is asked before it is only waited for, with pauses that double: half a minute.
const RECALLS: u8 = 5;

/// Questions that may be under way to the sockets. A channel with room for as many never makes its sender wait.
pub const CREDIT: usize = 256;

/// Ports that a host is asked on whose port is not known.
const PORTS: usize = 64;

/// What the operator decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long a host may be silent before it is asked; `None`: nobody is ever asked.
    pub interval: Option<Duration>,
    /// How many questions may be asked a second.
    pub rate: u32,
    /// Whether what hosts say counts, where nothing else is said of a VNI.
    pub snooping: bool,
    /// Where something else is said.
    pub snooping_of: BTreeMap<Vni, bool>,
}

impl Settings {
    /// Whether what hosts of a VNI say counts.
    pub fn snoops(&self, vni: Vni) -> bool {
        self.snooping_of.get(&vni).copied().unwrap_or(self.snooping)
    }
}

/// A question to a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Out of these ports.
    pub ports: SmallVec<[IfIndex; 1]>,
    /// Of this bridge: an address that it has may ask.
    pub bridge: IfIndex,
    /// The bridge's MAC: the answer goes there.
    pub from: Mac,
    /// The host's.
    pub to: Mac,
    /// The address that it is asked about.
    pub ip: IpAddr,
}

/// A host with its address: what is remembered of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KnownHost {
    /// In this network.
    pub vni: Vni,
    /// Its address.
    pub ip: IpAddr,
    /// Its MAC.
    pub mac: Mac,
}

/// What happened in a VNI since it was first seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Addresses that were learnt by snooping, or learnt to have moved.
    pub snooped: u64,
    /// Questions asked.
    pub probed: u64,
    /// Hosts that answered when asked.
    pub answered: u64,
    /// Addresses that were given up because nobody answered.
    pub given_up: u64,
    /// Words of hosts that did not count: their MAC is elsewhere, or they have too many addresses.
    pub refused: u64,
    /// Words of hosts that the sockets had no room for.
    pub missed: u64,
}

/// What is known elsewhere.
pub trait Surroundings {
    /// What a device is to the networks that are served, if it is up.
    fn attached(&self, device: IfIndex) -> Option<Attached>;
    /// A network's bridge.
    fn bridge(&self, vni: Vni) -> Option<IfIndex>;
    /// The ports of a network's bridge that lead to hosts and are up.
    fn ports(&self, vni: Vni) -> Vec<IfIndex>;
    /// The one of them that the bridge has a MAC on.
    fn port(&self, vni: Vni, mac: Mac) -> Option<IfIndex>;
    /// Whether a MAC is wanted behind a VTEP.
    fn is_elsewhere(&self, vni: Vni, mac: Mac) -> bool;
    /// Whether an address is answered for on behalf of a host elsewhere.
    fn is_answered_for(&self, vni: Vni, ip: IpAddr) -> bool;
    /// The MAC that EVPN believes to have an address here.
    fn local_mac(&self, vni: Vni, ip: IpAddr) -> Option<Mac>;
    /// What the kernel thinks of an address of a MAC.
    fn belief(&self, vni: Vni, ip: IpAddr, mac: Mac) -> Belief;
}

/// The hosts attached here.
#[derive(Debug)]
pub struct Presence {
    settings: Settings,
    segments: BTreeMap<Vni, Segment>,
    schedule: Schedule,
    pace: Pace,
    /// Devices on which hosts are heard.
    heard_on: HashSet<IfIndex>,
    lately: Lately,
    credit: usize,
    /// Who is known has changed.
    changed: bool,
    out: VecDeque<Observation>,
}

impl Presence {
    /// Nobody is known yet.
    pub fn new(settings: Settings) -> Presence {
        Presence {
            pace: Pace::new(settings.rate),
            settings,
            segments: BTreeMap::new(),
            schedule: Schedule::default(),
            heard_on: HashSet::new(),
            lately: Lately::default(),
            credit: CREDIT,
            changed: false,
            out: VecDeque::new(),
        }
    }

    /// Takes other settings. Who is known stays so, and is looked at when these say.
    pub fn configure(&mut self, settings: Settings) {
        if settings.rate != self.settings.rate {
            self.pace = Pace::new(settings.rate);
        }
        let same = settings.interval == self.settings.interval;
        self.settings = settings;
        if !same {
            self.look_at_all_anew();
        }
    }

    fn look_at_all_anew(&mut self) {
        let all = self.segments.iter().flat_map(|(vni, segment)| segment.iter().map(|host| (*vni, host)));
        let present = all.filter(|(_, (_, binding))| binding.state == State::Present);
        let looks: Vec<_> =
            present.map(|(vni, (ip, binding))| (vni, ip, self.next_look(binding.sure, ip))).collect();
        looks.into_iter().for_each(|(vni, ip, then)| self.change(vni, ip, |_| Some(then)));
    }

    /// What the operator decided.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// So many questions have been asked, or could not be.
    pub fn asked(&mut self, questions: usize) {
        self.credit = CREDIT.min(self.credit + questions);
    }

    /// Another host claims an address: the one that is known to have it is asked now, if EVPN counts on it.
    pub fn ask(&mut self, now: Instant, vni: Vni, ip: IpAddr) {
        self.doubt(now, vni, ip);
    }

    /// The next news for EVPN. To be drained after each of the other calls.
    pub fn poll_observation(&mut self) -> Option<Observation> {
        self.out.pop_front()
    }

    /// When [`Presence::poll_probe`] is to be called though nothing happened. Where nobody is heard nobody is asked, and what
    /// else is due can wait for whatever happens next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let due = self.schedule.next().filter(|_| self.credit > 0 && !self.heard_on.is_empty())?;
        Some(self.pace.next().map_or(due, |next| due.max(next)))
    }

    /// What happened in a VNI.
    pub fn counts(&self, vni: Vni) -> Counts {
        self.segments.get(&vni).map(|segment| segment.counts).unwrap_or_default()
    }

    /// How many hosts of a VNI are in which state.
    pub fn tally(&self, vni: Vni) -> Tally {
        self.segments.get(&vni).map(Segment::tally).unwrap_or_default()
    }

    /// How many questions were asked in the last full second.
    pub fn asked_lately(&self, now: Instant) -> u64 {
        self.lately.in_a_second(now)
    }

    /// Whether a host has been asked about an address, and has not answered yet.
    pub fn is_asked(&self, vni: Vni, ip: IpAddr) -> bool {
        let binding = self.segments.get(&vni).and_then(|segment| segment.get(ip));
        binding.is_some_and(|binding| matches!(binding.state, State::Asked(_)))
    }

    /// Whether one of a MAC's addresses is asked about.
    pub fn is_mac_asked(&self, vni: Vni, mac: Mac) -> bool {
        let addresses = self.segments.get(&vni).map(|segment| segment.addresses(mac));
        addresses.is_some_and(|addresses| addresses.into_iter().any(|ip| self.is_asked(vni, ip)))
    }

    /// On how many devices hosts are heard.
    pub fn ears(&self) -> usize {
        self.heard_on.len()
    }

    /// Sockets had no room for so many words of a VNI's hosts.
    pub fn missed(&mut self, vni: Vni, words: u64) {
        if let Some(segment) = self.segments.get_mut(&vni) {
            segment.counts.missed += words;
        }
    }

    /// Every host that is there, or was not long ago: what a later run is to be told by [`Presence::recall`].
    pub fn known(&self) -> impl Iterator<Item = KnownHost> + '_ {
        let all = self.segments.iter().flat_map(|(vni, segment)| segment.iter().map(|host| (*vni, host)));
        let is_known = |binding: &Binding| !matches!(binding.state, State::Missed { until: None, .. });
        let known = all.filter(move |(_, (_, binding))| is_known(binding));
        known.map(|(vni, (ip, binding))| KnownHost { vni, ip, mac: binding.mac })
    }

    /// Whether [`Presence::known`] may say something else than when this was asked last.
    pub fn take_change(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// A host was there when a former run ended. It is asked whether it is again as soon as its VNI is served; what the
    /// kernel or the host itself has said meanwhile counts for more.
    pub fn recall(&mut self, now: Instant, KnownHost { vni, ip, mac }: KnownHost) {
        let segment = self.segments.entry(vni).or_default();
        if segment.get(ip).is_some() || !mac.is_host() || segment.len() >= heard::ADDRESSES {
            return;
        }
        let due = if segment.up { now } else { now + MEMORY };
        let state = State::Missed { asked: 0, until: Some(now + MEMORY) };
        let (router, in_kernel, told, port) = (false, false, false, None);
        self.put(vni, ip, Binding { mac, router, in_kernel, told, port, state, sure: now, due });
    }

    /// Puts a binding in and has it looked at when it is due.
    fn put(&mut self, vni: Vni, ip: IpAddr, mut binding: Binding) {
        let then = binding.due;
        let old = self.segments.entry(vni).or_default().put(ip, binding);
        if let Some(old) = old {
            self.schedule.clear(vni, ip, old.due);
        }
        self.schedule.set(vni, ip, &mut binding.due, then);
        self.changed |= old.is_none_or(|old| old.mac != binding.mac);
        if let Some(old) = old.filter(|old| old.mac != binding.mac) {
            self.release(vni, old.mac);
        }
    }

    /// Lets a binding go.
    fn remove(&mut self, vni: Vni, ip: IpAddr) {
        let Some(old) = self.segments.get_mut(&vni).and_then(|segment| segment.remove(ip)) else { return };
        self.schedule.clear(vni, ip, old.due);
        self.changed = true;
        self.release(vni, old.mac);
    }

    /// Changes a binding; it is looked at when that says.
    fn change(&mut self, vni: Vni, ip: IpAddr, change: impl FnOnce(&mut Binding) -> Option<Instant>) {
        let (schedule, segment) = (&mut self.schedule, self.segments.get_mut(&vni));
        segment.and_then(|segment| {
            segment.change(ip, |binding| {
                if let Some(then) = change(binding) {
                    schedule.set(vni, ip, &mut binding.due, then);
                }
            })
        });
    }

    /// EVPN is told of a binding, or of what changed in it. What is answered for on behalf of another host is not taken
    /// over by that, but claimed.
    fn tell(&mut self, vni: Vni, ip: IpAddr, answered_for: bool) {
        let Some(binding) = self.segments.get_mut(&vni).and_then(|segment| segment.get_mut(ip)) else {
            return;
        };
        binding.told = true;
        let Binding { mac, router, .. } = *binding;
        self.out.push_back(match answered_for {
            true => Observation::LocalClaim { vni, ip, mac, router },
            false => Observation::LocalNeighbor { vni, ip, mac, router },
        });
    }

    /// EVPN is told that a binding it counts on is none.
    fn take_back(&mut self, vni: Vni, ip: IpAddr) {
        let binding = self.segments.get_mut(&vni).and_then(|segment| segment.get_mut(ip));
        if let Some(binding) = binding.filter(|binding| binding.told) {
            binding.told = false;
            self.out.push_back(Observation::LocalNeighborGone { vni, ip });
        }
    }

    /// EVPN is told that a MAC has gone which was kept for the sake of addresses, once there are none.
    fn release(&mut self, vni: Vni, mac: Mac) {
        let Some(segment) = self.segments.get_mut(&vni) else { return };
        if !segment.counts_on(mac) && segment.held.remove(&mac) {
            self.out.push_back(Observation::LocalMacGone { vni, mac });
        }
    }

    /// When a host that was sure at a time is to be asked: a little before the interval is over, so that hosts that
    /// were heard together are not asked together.
    fn next_look(&self, sure: Instant, ip: IpAddr) -> Instant {
        let interval = self.settings.interval.unwrap_or(MEMORY);
        let octet = match ip {
            IpAddr::V4(ip) => ip.octets().into_iter().fold(0_u8, mix),
            IpAddr::V6(ip) => ip.octets().into_iter().fold(0_u8, mix),
        };
        sure + interval - interval / 4 * u32::from(octet) / 256
    }
}

fn mix(sum: u8, octet: u8) -> u8 {
    sum.wrapping_mul(31).wrapping_add(octet)
}
