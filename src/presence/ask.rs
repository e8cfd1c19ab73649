//! What is due: who is asked, and who is given up.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use bgp::types::Vni;
use fib::{Attached, Belief, IfIndex};
use smallvec::SmallVec;

use super::binding::{Binding, State};
use super::{PAUSE, PORTS, Presence, Probe, RECALLS, Surroundings, TRIES};

/// What is to be done about a binding that is due.
enum Turn {
    /// It is looked at again then, as this.
    Wait(State, Instant),
    /// It is asked, and looked at again then, as this.
    Ask(State, Instant, SmallVec<[IfIndex; 1]>),
    /// The kernel has made sure of it.
    Sure,
    /// Nobody answers.
    GiveUp,
    /// It is not remembered any longer.
    Forget,
}

impl Presence {
    /// The next question, while one is due and it is not too many.
    pub fn poll_probe(&mut self, now: Instant, around: &impl Surroundings) -> Option<Probe> {
        while self.credit > 0
            && self.pace.allows(now)
            && let Some((vni, ip)) = self.schedule.due(now)
        {
            if let Some(probe) = self.look_at(now, around, vni, ip) {
                self.pace.take(now);
                self.lately.count(now);
                self.credit -= 1;
                return Some(probe);
            }
        }
        None
    }

    /// Whether a host that EVPN counts on can be asked about an address.
    pub(super) fn can_ask_about(&self, around: &impl Surroundings, vni: Vni, ip: IpAddr) -> bool {
        let binding = self.segments.get(&vni).filter(|segment| segment.up).and_then(|s| s.get(ip));
        binding.is_some_and(|binding| binding.told && self.way(around, vni, binding).is_some())
    }

    /// The port that a host can be asked through, if its answer would be heard.
    fn way(&self, around: &impl Surroundings, vni: Vni, binding: &Binding) -> Option<IfIndex> {
        let port = around.port(vni, binding.mac).or(binding.port)?;
        let is_up = around.attached(port) == Some(Attached::Port(vni));
        Some(port).filter(|_| is_up && self.hears(around, vni, port))
    }

    /// Whether what comes back from a port is heard, and hosts are to be asked at all.
    fn hears(&self, around: &impl Surroundings, vni: Vni, port: IfIndex) -> bool {
        let device = if self.settings.snoops(vni) { Some(port) } else { around.bridge(vni) };
        self.settings.interval.is_some() && device.is_some_and(|device| self.heard_on.contains(&device))
    }

    fn look_at(&mut self, now: Instant, around: &impl Surroundings, vni: Vni, ip: IpAddr) -> Option<Probe> {
        let segment = self.segments.get(&vni)?;
        let (binding, from, up) = (*segment.get(ip)?, segment.bridge_mac, segment.up);
        let turn = self.turn(now, around, (vni, ip), &binding, up);
        match turn {
            Turn::Sure => {
                let due = self.next_look(now, ip);
                self.change(vni, ip, |binding| {
                    binding.sure = now;
                    Some(due)
                });
            }
            Turn::GiveUp => self.give_up(now, vni, ip),
            Turn::Forget => self.remove(vni, ip),
            Turn::Wait(state, then) | Turn::Ask(state, then, _) => {
                self.change(vni, ip, |binding| {
                    binding.state = state;
                    Some(then)
                });
            }
        }
        let Turn::Ask(_, _, ports) = turn else { return None };
        let segment = self.segments.get_mut(&vni)?;
        segment.counts.probed += 1;
        if let ([port], Some(binding)) = (&*ports, segment.get_mut(ip)) {
            binding.port = Some(*port);
        }
        Some(Probe { ports, bridge: around.bridge(vni)?, from, to: binding.mac, ip })
    }

    fn turn(
        &self,
        now: Instant,
        around: &impl Surroundings,
        (vni, ip): (Vni, IpAddr),
        binding: &Binding,
        up: bool,
    ) -> Turn {
        let interval = self.settings.interval.unwrap_or(super::MEMORY);
        let way = self.way(around, vni, binding);
        match (binding.state, way) {
            (State::Present, _) if self.next_look(binding.sure, ip) > now => {
                Turn::Wait(State::Present, self.next_look(binding.sure, ip))
            }
            (State::Present, way) => match (around.belief(vni, ip, binding.mac), way) {
                (Belief::Set | Belief::Sure, _) => Turn::Sure,
                (Belief::None, None) => Turn::Wait(State::Present, now + interval),
                (Belief::None, Some(port)) => Turn::Ask(State::Asked(1), now + PAUSE, one(port)),
            },
            (State::Asked(tries), Some(port)) if tries < TRIES => {
                Turn::Ask(State::Asked(tries + 1), now + PAUSE, one(port))
            }
            // Who cannot be asked is as the kernel says.
            (State::Asked(_), None) if binding.in_kernel => Turn::Wait(State::Present, now + interval),
            (State::Asked(_), _) => Turn::GiveUp,
            (State::Missed { until, .. }, _) if until.is_some_and(|until| until <= now) => Turn::Forget,
            (State::Missed { asked, until }, way) => {
                let ports = if up { self.ways(around, vni, way) } else { SmallVec::new() };
                match until {
                    Some(until) if ports.is_empty() || asked >= RECALLS => {
                        Turn::Wait(State::Missed { asked, until: Some(until) }, until)
                    }
                    None if ports.is_empty() => Turn::Wait(binding.state, now + interval),
                    until => {
                        let asked = asked.saturating_add(1);
                        let pause = if until.is_some() { doubled(asked) } else { interval };
                        Turn::Ask(State::Missed { asked, until }, now + pause, ports)
                    }
                }
            }
        }
    }

    /// The ports to ask a host through that was there: its own, or all where that is not known.
    fn ways(&self, around: &impl Surroundings, vni: Vni, way: Option<IfIndex>) -> SmallVec<[IfIndex; 1]> {
        match way {
            Some(port) => one(port),
            None => {
                let ports = around.ports(vni).into_iter().filter(|port| self.hears(around, vni, *port));
                ports.take(PORTS).collect()
            }
        }
    }

    /// Nobody answers. What the kernel still has is asked about now and then; it may come back without the kernel's
    /// noticing.
    fn give_up(&mut self, now: Instant, vni: Vni, ip: IpAddr) {
        let interval = self.settings.interval.unwrap_or(super::MEMORY);
        self.take_back(vni, ip);
        let Some(segment) = self.segments.get_mut(&vni) else { return };
        segment.counts.given_up += 1;
        let Some(binding) = segment.get(ip).copied() else { return };
        if binding.in_kernel {
            self.change(vni, ip, |binding| {
                binding.state = State::Missed { asked: 1, until: None };
                Some(now + interval)
            });
            self.release(vni, binding.mac);
        } else {
            self.remove(vni, ip);
        }
    }
}

fn one(port: IfIndex) -> SmallVec<[IfIndex; 1]> {
    SmallVec::from_slice(&[port])
}

fn doubled(asked: u8) -> Duration {
    PAUSE * (1 << asked.saturating_sub(1).min(RECALLS))
}
