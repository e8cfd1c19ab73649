//! What befalls hosts.

use super::Named;
use crate::hosts::Host;
use crate::sim::Sim;

pub(super) const DEEDS: &[Named] = &[
    ("a host appears", Sim::host_appears),
    ("a host appears", Sim::host_appears),
    ("a host appears", Sim::host_appears),
    ("a host speaks", Sim::host_speaks),
    ("a host moves", Sim::host_moves),
    ("a host moves", Sim::host_moves),
    ("a host moves in silence", Sim::host_moves_silently),
    ("a host dies", Sim::host_dies),
    ("a host gets another address", Sim::host_gets_address),
    ("a host gets another MAC", Sim::host_gets_mac),
    ("a host is impersonated", Sim::host_is_impersonated),
];

impl Sim {
    fn host_appears(&mut self) {
        let (vni, place) = (self.any_vni(), self.any_place());
        let number = self.hosts.add(vni, place, false);
        let host = self.hosts.alive[&number];
        self.log(&format!("{host:?} appears"));
        self.attach();
        self.speak(host, true);
    }

    fn host_speaks(&mut self) {
        let Some(number) = self.any_host(true) else { return };
        let (host, gratuitous) = (self.hosts.alive[&number], self.chance(|rng| rng.one_in(2)));
        self.log(&format!("{} speaks", host.mac));
        self.speak(host, gratuitous);
    }

    fn host_moves(&mut self) {
        let Some(host) = self.moved() else { return };
        self.log(&format!("{} moves to {:?}", host.mac, host.place));
        self.speak(host, true);
    }

    fn host_moves_silently(&mut self) {
        let Some(host) = self.moved() else { return };
        self.log(&format!("{} moves to {:?} in silence", host.mac, host.place));
    }

    fn moved(&mut self) -> Option<Host> {
        let (number, place) = (self.any_host(false)?, self.any_place());
        self.hosts.alive.get_mut(&number)?.place = place;
        self.attach();
        self.hosts.alive.get(&number).copied()
    }

    fn host_dies(&mut self) {
        let Some(number) = self.any_host(false) else { return };
        self.log(&format!("{:?} dies", self.hosts.alive[&number].mac));
        self.hosts.alive.remove(&number);
    }

    fn host_gets_address(&mut self) {
        let Some(number) = self.any_host(true) else { return };
        let ip = self.hosts.fresh_ip();
        self.change(number, |host| host.ip = Some(ip));
    }

    fn host_gets_mac(&mut self) {
        let Some(number) = self.any_host(false) else { return };
        let mac = self.hosts.fresh_mac();
        self.change(number, |host| host.mac = mac);
    }

    fn change(&mut self, number: usize, change: impl FnOnce(&mut Host)) {
        let Some(host) = self.hosts.alive.get_mut(&number) else { return };
        change(host);
        let host = *host;
        self.log(&format!("now {host:?}"));
        self.attach();
        self.speak(host, true);
    }

    fn host_is_impersonated(&mut self) {
        let Some(number) = self.any_host(true) else { return };
        let (host, place) = (self.hosts.alive[&number], self.any_place());
        self.log(&format!("{} is impersonated at {place:?}", host.mac));
        self.impostor(host.vni, host.mac, place);
    }
}
