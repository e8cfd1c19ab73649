//! Devices come, go and change: which network is served by which, and what is to be done to them.

use std::time::Instant;

use bgp::types::Vni;
use evpn::dataplane::Observation;

use super::chore::Chore;
use super::place::Segment;
use super::{Changed, Fib, Target, looks, place};
use crate::event::Link;
use crate::op::{Action, Fault, Op};
use crate::row::IfIndex;

impl Fib {
    pub(super) fn link_seen(&mut self, link: Link) {
        let concerned = self.links.seen(link);
        concerned.into_iter().for_each(|vni| self.look_at_devices(vni));
    }

    pub(super) fn link_gone(&mut self, index: IfIndex) {
        self.addresses.remove_device(index);
        let concerned = self.links.gone(index);
        self.forget_looks_at_gone();
        concerned.into_iter().for_each(|vni| self.look_at_devices(vni));
    }

    /// Finds the devices of a VNI anew.
    pub(super) fn look_at_devices(&mut self, vni: Vni) {
        self.stirred.feed.push(Changed::Devices(vni));
        let old = self.networks.get(&vni).and_then(|network| network.segment);
        let new = self
            .devices_while_leaving(vni)
            .unwrap_or_else(|| self.links.pick(vni, old.as_ref(), &self.config));
        if old == new {
            return;
        }
        let waiting = self.links.assign(vni, old.as_ref(), new.as_ref());
        self.network(vni).segment = new;
        self.devices_changed(vni, old, new);
        waiting.into_iter().for_each(|other| self.look_at_devices(other));
    }

    fn devices_changed(&mut self, vni: Vni, old: Option<Segment>, new: Option<Segment>) {
        self.go_round(vni);
        let kept = old.zip(new).is_some_and(|(old, new)| old.same_devices(&new));
        let was_up = old.is_some_and(|old| old.up);
        let is_up = new.is_some_and(|new| new.up);
        if was_up && !(kept && is_up) {
            self.news.push_back(Observation::VniGone { vni });
        }
        if let Some(old) = old.filter(|_| !kept) {
            self.leave_behind(vni, old.bridge);
        }
        if !kept {
            self.forget_rows(vni);
        }
        match new {
            None => self.create_missing(),
            Some(new) if !is_up => self.look_if_new(kept, &new),
            Some(new) if kept && was_up => self.properties_changed(vni, old, new),
            Some(new) => self.open(vni, new),
        }
        // Where news was lost, a port may have been another's in between, and have come back as a new one.
        let lost_track = self.synced && self.dumps.is_lossy();
        if !kept || lost_track || new.is_some_and(|new| new.port_ready) {
            self.tend_port(vni, new);
        }
    }

    pub(super) fn forget_rows(&mut self, vni: Vni) {
        let Some(network) = self.networks.get_mut(&vni) else { return };
        // They are in no list any more, which whoever watches is to hear.
        network.unwanted(vni).for_each(|key| self.stirred.note(key));
        network.forget_rows();
        if network.is_vacant() {
            self.networks.remove(&vni);
        }
    }

    /// Devices that are down have rows too, and a former run's may be among them.
    fn look_if_new(&mut self, kept: bool, segment: &Segment) {
        if !kept {
            looks::look_at(&mut self.dumps, segment.bridge);
        }
    }

    fn properties_changed(&mut self, vni: Vni, old: Option<Segment>, new: Segment) {
        let told = |segment: &Segment| (segment.local, segment.bridge_mac);
        if old.as_ref().map(told) != Some(told(&new)) {
            self.news.push_back(served(vni, &new));
        }
        // Without a carrier the kernel dropped the bridge's neighbours and the ports' rows.
        if new.carrier && old.is_some_and(|old| !old.carrier) {
            looks::look_at(&mut self.dumps, new.bridge);
        }
    }

    /// A VNI can be served (again): evpn hears of it and of the hosts in it, and its bridge is looked at.
    fn open(&mut self, vni: Vni, segment: Segment) {
        self.news.push_back(served(vni, &segment));
        looks::look_at(&mut self.dumps, segment.bridge);
        let Some(network) = self.networks.get(&vni) else { return };
        let Some(place) = place(network, &self.config, self.released) else { return };
        self.news.extend(network.locals(vni, &place));
    }

    /// Has the VXLAN device's bridge port set up where it is not. Only asked when the devices are new to us: what
    /// an operator changes later stays.
    fn tend_port(&mut self, vni: Vni, segment: Option<Segment>) {
        match segment {
            Some(segment) if !segment.port_ready && self.config.configure_ports => {
                self.chores.add(Chore::SetPort(vni));
            }
            _ => self.chores.finish(Chore::SetPort(vni)),
        }
    }

    /// Has the devices made that are configured to be and are not there.
    pub(super) fn create_missing(&mut self) {
        if !self.synced {
            return;
        }
        for managed in self.config.vnis.iter().filter(|managed| managed.create) {
            let served = self.networks.get(&managed.vni).is_some_and(|network| network.segment.is_some());
            if !served {
                self.chores.add(Chore::Create(managed.vni));
            }
        }
    }

    pub(super) fn next_chore(&mut self, now: Instant) -> Option<Op> {
        while self.dumps.is_idle()
            && let Some(chore) = self.chores.start(now)
        {
            match self.chore_action(chore) {
                Some(action) => return Some(self.launch(Target::Chore(chore), action)),
                None => self.chores.finish(chore),
            }
        }
        None
    }

    /// What a chore takes; `None` if there is nothing to do.
    fn chore_action(&self, chore: Chore) -> Option<Action> {
        let vni = chore.vni();
        let segment = self.networks.get(&vni).and_then(|network| network.segment);
        match chore {
            Chore::SetPort(_) => {
                segment.filter(|segment| !segment.port_ready).map(|s| Action::SetPort { vxlan: s.vxlan })
            }
            Chore::Create(_) if segment.is_none() => self.create_action(vni),
            Chore::Create(_) => None,
            Chore::Remove(_) => self.remove_action(vni),
        }
    }

    fn create_action(&self, vni: Vni) -> Option<Action> {
        // The former devices of a network that leaves may have the same names.
        let creation = self.config.creation(vni).filter(|_| !self.leaving.contains_key(&vni))?;
        Some(Action::Create(Box::new(creation)))
    }

    /// A chore that failed is tried again. One that was done is over, and an operator's later change is not undone. But
    /// what it did is told before it is over: a port that is not set up then is not the one that was, for the device has
    /// moved to another bridge meanwhile, or back, and that may have gone untold.
    pub(super) fn chore_over(&mut self, now: Instant, chore: Chore, fault: Option<&Fault>) {
        let is_port = matches!(chore, Chore::SetPort(_));
        match fault {
            Some(_) => self.chores.postpone(now, chore),
            None if is_port && self.chore_action(chore).is_some() => self.chores.look_again(now, chore),
            None => self.chores.finish(chore),
        }
    }
}

fn served(vni: Vni, segment: &Segment) -> Observation {
    Observation::Vni { vni, local: segment.local, bridge_mac: segment.bridge_mac }
}
