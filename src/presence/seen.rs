//! What the dataplane saw: passed on, or kept back until a host has been asked.

use std::net::IpAddr;
use std::time::Instant;

use bgp::types::{Mac, Vni};
use evpn::dataplane::Observation;
use fib::{Attached, IfIndex};

use super::binding::{Binding, State};
use super::{MEMORY, Presence, Surroundings};

impl Presence {
    /// Takes news from the dataplane.
    pub fn observe(&mut self, now: Instant, around: &impl Surroundings, observation: Observation) {
        match observation {
            Observation::Vni { vni, bridge_mac, .. } => {
                self.out.push_back(observation);
                self.opened(now, vni, bridge_mac);
            }
            Observation::VniGone { vni } => {
                self.out.push_back(observation);
                self.closed(now, vni);
            }
            Observation::LocalMac { vni, mac, .. } => {
                self.out.push_back(observation);
                self.mac_seen(now, around, vni, mac);
            }
            Observation::LocalMacGone { vni, mac } => {
                if !self.keeps_mac(now, around, vni, mac) {
                    self.out.push_back(observation);
                }
            }
            Observation::LocalNeighbor { vni, ip, mac, router } => {
                self.out.push_back(observation);
                self.neighbor_seen(now, around, (vni, ip), mac, router);
            }
            Observation::LocalNeighborGone { vni, ip } => {
                if !self.keeps_neighbor(now, around, vni, ip) {
                    self.out.push_back(observation);
                }
            }
            // A claim is of our own making.
            Observation::LocalClaim { .. } | Observation::Synced => self.out.push_back(observation),
        }
    }

    /// Ports of a VNI's bridge have gone, gone down, or lost their carrier: who was behind them is not asked, but gone.
    pub fn ports_lost(&mut self, now: Instant, vni: Vni, ports: &[IfIndex]) {
        for (ip, mac) in self.behind(vni, ports) {
            let is_held = self.segments.get(&vni).is_some_and(|segment| segment.held.contains(&mac));
            if is_held {
                self.take_back(vni, ip);
                self.miss(now, vni, ip);
                self.release(vni, mac);
            }
        }
    }

    /// Ports of a VNI's bridge are there, or are there again: who was behind them is asked.
    pub fn ports_found(&mut self, now: Instant, vni: Vni, ports: &[IfIndex]) {
        for (ip, _) in self.behind(vni, ports) {
            self.ask_again(now, vni, ip);
        }
    }

    /// Hosts are heard on a device from now on, or not any more.
    pub fn hears_on(&mut self, now: Instant, around: &impl Surroundings, device: IfIndex, hears: bool) {
        if !hears {
            self.heard_on.remove(&device);
            return;
        }
        self.heard_on.insert(device);
        let Some(vni) = around.attached(device).map(Attached::vni) else { return };
        let Some(segment) = self.segments.get(&vni) else { return };
        let all: Vec<IpAddr> = segment.iter().map(|(ip, _)| ip).collect();
        all.into_iter().for_each(|ip| self.ask_again(now, vni, ip));
    }

    fn behind(&self, vni: Vni, ports: &[IfIndex]) -> Vec<(IpAddr, Mac)> {
        let bindings = self.segments.get(&vni).into_iter().flat_map(|segment| segment.iter());
        let there = bindings.filter(|(_, binding)| binding.port.is_some_and(|port| ports.contains(&port)));
        there.map(|(ip, binding)| (ip, binding.mac)).collect()
    }

    /// Whoever was there is asked whether he is again.
    fn opened(&mut self, now: Instant, vni: Vni, bridge_mac: Mac) {
        let segment = self.segments.entry(vni).or_default();
        segment.bridge_mac = bridge_mac;
        if !std::mem::replace(&mut segment.up, true) {
            let all: Vec<IpAddr> = segment.iter().map(|(ip, _)| ip).collect();
            all.into_iter().for_each(|ip| self.ask_again(now, vni, ip));
        }
    }

    /// What was local is gone with the VNI, as EVPN sees it; but it is remembered.
    fn closed(&mut self, now: Instant, vni: Vni) {
        let Some(segment) = self.segments.get_mut(&vni) else { return };
        segment.up = false;
        segment.held.clear();
        segment.newcomers.clear();
        let all: Vec<IpAddr> = segment.iter().map(|(ip, _)| ip).collect();
        for ip in all {
            self.change(vni, ip, |binding| {
                (binding.told, binding.in_kernel) = (false, false);
                None
            });
            self.miss(now, vni, ip);
        }
    }

    fn mac_seen(&mut self, now: Instant, around: &impl Surroundings, vni: Vni, mac: Mac) {
        let Some(segment) = self.segments.get_mut(&vni) else { return };
        segment.held.remove(&mac);
        let port = around.port(vni, mac);
        for ip in segment.addresses(mac) {
            self.change(vni, ip, |binding| {
                binding.port = port.or(binding.port);
                None
            });
            self.ask_again(now, vni, ip);
        }
        self.introduce(now, around, vni, mac);
    }

    /// The bridge has no row for a MAC any more. Whether that is kept from EVPN, because its host is asked first.
    fn keeps_mac(&mut self, now: Instant, around: &impl Surroundings, vni: Vni, mac: Mac) -> bool {
        let Some(segment) = self.segments.get_mut(&vni) else { return false };
        let addresses = segment.addresses(mac);
        let moved = around.is_elsewhere(vni, mac);
        let keeps = !moved && addresses.iter().any(|ip| self.can_ask_about(around, vni, *ip));
        for ip in addresses {
            let Some(binding) = self.segments.get(&vni).and_then(|segment| segment.get(ip)) else { continue };
            match (keeps, binding.in_kernel) {
                (true, _) => self.doubt(now, vni, ip),
                // The kernel says itself what becomes of it.
                (false, true) => {}
                (false, false) => {
                    self.take_back(vni, ip);
                    if moved { self.remove(vni, ip) } else { self.miss(now, vni, ip) }
                }
            }
        }
        if keeps && let Some(segment) = self.segments.get_mut(&vni) {
            segment.held.insert(mac);
        }
        keeps
    }

    fn neighbor_seen(
        &mut self,
        now: Instant,
        around: &impl Surroundings,
        (vni, ip): (Vni, IpAddr),
        mac: Mac,
        router: bool,
    ) {
        let due = self.next_look(now, ip);
        let (in_kernel, told, state, port) = (true, true, State::Present, around.port(vni, mac));
        self.put(vni, ip, Binding { mac, router, in_kernel, told, port, state, sure: now, due });
    }

    /// The kernel has no usable neighbour for an address any more. Whether that is kept from EVPN, because the host is
    /// asked first.
    fn keeps_neighbor(&mut self, now: Instant, around: &impl Surroundings, vni: Vni, ip: IpAddr) -> bool {
        let known = self.segments.get(&vni).and_then(|segment| segment.get(ip)).is_some();
        if !known && let Some(mac) = around.local_mac(vni, ip) {
            // It came here with its MAC, and the kernel could not make sure.
            let (router, in_kernel, told, port) = (false, false, true, around.port(vni, mac));
            let state = State::Present;
            self.put(vni, ip, Binding { mac, router, in_kernel, told, port, state, sure: now, due: now });
        }
        self.change(vni, ip, |binding| {
            binding.in_kernel = false;
            None
        });
        let keeps = self.can_ask_about(around, vni, ip);
        if keeps {
            self.doubt(now, vni, ip);
        } else {
            self.remove(vni, ip);
        }
        keeps
    }

    /// It is to be asked at once, unless it has been asked already.
    pub(super) fn doubt(&mut self, now: Instant, vni: Vni, ip: IpAddr) {
        self.change(vni, ip, |binding| {
            (binding.state == State::Present).then(|| {
                binding.state = State::Asked(0);
                now
            })
        });
    }

    /// It is remembered, for a while.
    fn miss(&mut self, now: Instant, vni: Vni, ip: IpAddr) {
        self.change(vni, ip, |binding| {
            binding.state = State::Missed { asked: 0, until: Some(now + MEMORY) };
            Some(now + MEMORY)
        });
    }

    /// Who is missed is asked at once.
    fn ask_again(&mut self, now: Instant, vni: Vni, ip: IpAddr) {
        self.change(vni, ip, |binding| match &mut binding.state {
            State::Missed { asked, .. } => {
                *asked = 0;
                Some(now)
            }
            _ => None,
        });
    }
}
