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
        // The kernel does not learn what is answered for; and on the bridge, too, one can see that the host is here.
        let answered_for = around.is_answered_for(vni, said.ip);
        let claims = !learns && answered_for && known.is_none() && !around.is_elsewhere(vni, said.mac);
        match known {
            Some(binding) if counts && (binding.told || seen_on.is_some()) => {
                self.confirm(now, (vni, said.ip), router, seen_on, answered_for);
            }
            None if claims && seen_on.is_some() => {
                self.claim(now, vni, seen_on, said, router.unwrap_or_default());
            }
            None if claims => self.have_wait(now, vni, device, said),
            _ if !counts => self.refuse(vni, on_port),
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
    fn confirm(
        &mut self,
        now: Instant,
        (vni, ip): (Vni, IpAddr),
        router: Option<bool>,
        port: Option<IfIndex>,
        answered_for: bool,
    ) {
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
            self.tell(vni, ip, answered_for);
        }
    }

    /// A host has an address that it was not known to have.
    fn learn(&mut self, now: Instant, (vni, device): (Vni, IfIndex), mac: Mac, ip: IpAddr, router: bool) {
        if self.takes_in(now, vni, Some(device), (mac, ip), router) {
            if let Some(segment) = self.segments.get_mut(&vni) {
                segment.counts.snooped += 1;
            }
            self.tell(vni, ip, false);
        }
    }

    /// A host says that it has an address which is answered for on behalf of another one. If a host here is known to have
    /// it, that is left to the kernel.
    fn claim(&mut self, now: Instant, vni: Vni, port: Option<IfIndex>, said: Said, router: bool) {
        let known = self.segments.get(&vni).and_then(|segment| segment.get(said.ip));
        let is_free = known.is_none_or(|binding| !binding.told);
        if is_free && self.takes_in(now, vni, port, (said.mac, said.ip), router) {
            self.tell(vni, said.ip, true);
        }
    }

    /// Whether there is room for a host that was heard; if so it is kept.
    fn takes_in(
        &mut self,
        now: Instant,
        vni: Vni,
        port: Option<IfIndex>,
        (mac, ip): (Mac, IpAddr),
        router: bool,
    ) -> bool {
        let due = self.next_look(now, ip);
        let Some(segment) = self.segments.get_mut(&vni) else { return false };
        let is_new = segment.get(ip).is_none();
        if segment.count_addresses(mac) >= ADDRESSES_OF_MAC || is_new && segment.len() >= ADDRESSES {
            segment.counts.refused += 1;
            return false;
        }
        let (in_kernel, told, state) = (false, true, State::Present);
        self.put(vni, ip, Binding { mac, router, in_kernel, told, port, state, sure: now, due });
        true
    }
}
