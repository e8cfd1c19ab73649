//! What hosts say of themselves.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use bgp::types::{Mac, Vni};
use fib::{Attached, IfIndex};

use super::binding::{Binding, Newcomer, State};
use super::frame::{Said, What};
use super::{Presence, Surroundings};

/// Addresses of a VNI's hosts that are learnt by snooping: beyond that somebody makes them up.
pub(super) const ADDRESSES: usize = 65_536;

/// Addresses of one MAC.
const ADDRESSES_OF_MAC: usize = 256;

/// Hosts that wait for the bridge to learn their MAC, which it does at their first frame...
const NEWCOMERS: usize = 256;

/// ... and we hear soon after.
const PATIENCE: Duration = Duration::from_secs(2);

/// A host that makes sure of its address may take the question of another for a conflict (RFC 5227 section 2.1.1), so it is let alone
/// for longer than that takes.
const SHYNESS: Duration = Duration::from_secs(10);

impl Presence {
    /// Takes what was heard on a device.
    pub fn hear(&mut self, now: Instant, around: &impl Surroundings, device: IfIndex, said: Said) {
        let Some(attached) = around.attached(device) else { return };
        let (vni, on_port) = (attached.vni(), matches!(attached, Attached::Port(_)));
        let Some(segment) = self.segments.get_mut(&vni).filter(|segment| segment.up) else { return };
        if said.mac == segment.bridge_mac {
            return;
        }
        let known = segment.get(said.ip).filter(|binding| binding.mac == said.mac).copied();
        let What::Has { router } = said.what else {
            return self.let_alone(now, vni, said);
        };
        // What was heard on the bridge may have come through the tunnel, and says nothing new.
        let seen_on = around.port(vni, said.mac);
        let counts = if on_port {
            seen_on.is_none_or(|port| port == device)
        } else {
            known.is_some() && !around.is_elsewhere(vni, said.mac)
        };
        let learns = on_port && self.settings.snoops(vni);
        match known {
            _ if !counts => self.refuse(vni, on_port),
            Some(binding) if binding.told || seen_on.is_some() => {
                self.confirm(now, vni, said.ip, router, seen_on);
            }
            _ if !learns && known.is_none() => {}
            _ if seen_on.is_none() => self.have_wait(now, vni, device, said),
            Some(_) => {}
            None => self.learn(now, (vni, device), said.mac, said.ip, router.unwrap_or_default()),
        }
    }

    /// Hosts that were heard before the bridge was seen to have their MAC.
    pub(super) fn introduce(&mut self, now: Instant, around: &impl Surroundings, vni: Vni, mac: Mac) {
        let Some(segment) = self.segments.get_mut(&vni) else { return };
        segment.newcomers.retain(|newcomer| newcomer.until > now);
        let all = std::mem::take(&mut segment.newcomers);
        let (here, others): (VecDeque<_>, VecDeque<_>) =
            all.into_iter().partition(|newcomer| newcomer.said.mac == mac);
        segment.newcomers = others;
        for newcomer in here {
            self.hear(now, around, newcomer.device, newcomer.said);
        }
    }

    fn have_wait(&mut self, now: Instant, vni: Vni, device: IfIndex, said: Said) {
        let Some(segment) = self.segments.get_mut(&vni) else { return };
        if segment.newcomers.len() == NEWCOMERS {
            segment.newcomers.pop_front();
            segment.counts.refused += 1;
        }
        segment.newcomers.push_back(Newcomer { device, said, until: now + PATIENCE });
    }

    /// On the bridge itself everybody is heard, whoever he is.
    fn refuse(&mut self, vni: Vni, on_port: bool) {
        if let Some(segment) = self.segments.get_mut(&vni).filter(|_| on_port) {
            segment.counts.refused += 1;
        }
    }

    fn let_alone(&mut self, now: Instant, vni: Vni, said: Said) {
        self.change(vni, said.ip, |binding| {
            let then = binding.due.max(now + SHYNESS);
            (binding.mac == said.mac).then_some(then)
        });
    }

    /// A host that is known has been heard.
    fn confirm(&mut self, now: Instant, vni: Vni, ip: IpAddr, router: Option<bool>, port: Option<IfIndex>) {
        let due = self.next_look(now, ip);
        let (mut answered, mut news) = (false, false);
        self.change(vni, ip, |binding| {
            let router = router.unwrap_or(binding.router);
            answered = matches!(binding.state, State::Asked(1..) | State::Missed { asked: 1.., .. });
            news = !binding.told || binding.router != router;
            let was_present = binding.state == State::Present;
            (binding.state, binding.sure, binding.router) = (State::Present, now, router);
            binding.port = port.or(binding.port);
            // Who is present is looked at later than is due by itself.
            (!was_present).then_some(due)
        });
        if let Some(segment) = self.segments.get_mut(&vni) {
            segment.counts.answered += u64::from(answered);
        }
        if news {
            self.tell(vni, ip);
        }
    }

    /// A host has an address that it was not known to have.
    fn learn(&mut self, now: Instant, (vni, device): (Vni, IfIndex), mac: Mac, ip: IpAddr, router: bool) {
        let due = self.next_look(now, ip);
        let Some(segment) = self.segments.get_mut(&vni) else { return };
        let is_new = segment.get(ip).is_none();
        if segment.count_addresses(mac) >= ADDRESSES_OF_MAC || is_new && segment.len() >= ADDRESSES {
            segment.counts.refused += 1;
            return;
        }
        segment.counts.snooped += 1;
        let (in_kernel, told, state, port) = (false, true, State::Present, Some(device));
        self.put(vni, ip, Binding { mac, router, in_kernel, told, port, state, sure: now, due });
        self.tell(vni, ip);
    }
}
