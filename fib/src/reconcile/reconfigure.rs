//! Another configuration while we run. What comes of it for a network that it does not touch is nothing at all.
//!
//! A network that is to be served no more, or by other devices, *leaves* first: evpn hears that it is gone and wants
//! nothing of it any more, its rows are taken back, and then the devices that we made for it are removed. Only after
//! that the new configuration is looked at for it. So a device that stays in other hands holds nothing of ours, and one
//! that is to be made anew is not there when that happens.

use bgp::types::Vni;
use evpn::dataplane::{Observation, WantedKey};

use super::chore::Chore;
use super::place::{Segment, Step};
use super::{Fib, place};
use crate::config::FibConfig;
use crate::op::Action;

/// How far a network has come on its way out. The names are those of devices that we made for it.
#[derive(Clone, Debug)]
pub(super) enum Leaving {
    /// Its rows are being taken back.
    Rows(Vec<String>),
    /// Its devices are being removed.
    Devices(Vec<String>),
}

impl Fib {
    /// Another configuration is in force from now on. Who is served as before does not notice.
    pub fn configure(&mut self, config: FibConfig) {
        let former = std::mem::replace(&mut self.config, config);
        let served = self.networks.iter().filter_map(|(vni, network)| Some((*vni, network.segment?)));
        let leaving: Vec<(Vni, Segment)> =
            served.filter(|(vni, segment)| !self.stays(*vni, segment, &former)).collect();
        leaving.into_iter().for_each(|(vni, segment)| self.leave(vni, &segment));
        self.links.vnis().into_iter().for_each(|vni| self.look_at_devices(vni));
        self.create_missing();
        let vnis: Vec<Vni> = self.networks.keys().copied().collect();
        vnis.into_iter().for_each(|vni| self.go_round(vni));
    }

    /// Whether a network goes on with its devices as they are.
    fn stays(&self, vni: Vni, segment: &Segment, former: &FibConfig) -> bool {
        let Some(managed) = self.config.managed(vni) else { return self.config.all_vnis };
        let is_named = |name: Option<&String>, index| name.is_none_or(|n| self.links.name(index) == Some(n));
        let would_be_made_alike =
            self.config.creation(vni).is_none_or(|made| former.creation(vni).is_none_or(|old| old == made));
        is_named(managed.vxlan.as_ref(), segment.vxlan)
            && is_named(managed.bridge.as_ref(), segment.bridge)
            && (would_be_made_alike || !self.links.is_ours(segment.vxlan))
    }

    fn leave(&mut self, vni: Vni, segment: &Segment) {
        if self.leaving.contains_key(&vni) {
            return;
        }
        self.leaving.insert(vni, Leaving::Rows(self.links.removable(segment)));
        self.chores.finish(Chore::SetPort(vni));
        if segment.up {
            self.news.push_back(Observation::VniGone { vni });
        }
        let Some(network) = self.networks.get_mut(&vni) else { return };
        // A former run's rows wait for nobody any more.
        network.leaves = true;
        self.go_round(vni);
    }

    /// The devices that a network has while it leaves: as they were, for as long as they are there.
    pub(super) fn devices_while_leaving(&self, vni: Vni) -> Option<Option<Segment>> {
        self.leaving.get(&vni)?;
        let segment = self.networks.get(&vni).and_then(|network| network.segment);
        Some(segment.filter(|segment| self.links.are_joined(segment)))
    }

    /// Lets those networks go on their way for which nothing is under way any more. Says whether some have.
    pub(super) fn depart(&mut self) -> bool {
        if self.leaving.is_empty() || !self.flights.is_empty() || !self.dumps.is_idle() {
            return false;
        }
        let ready: Vec<Vni> = self
            .leaving
            .iter()
            .filter(|(vni, leaving)| self.is_over(**vni, leaving))
            .map(|(vni, _)| *vni)
            .collect();
        let some = !ready.is_empty();
        ready.into_iter().for_each(|vni| self.next_step_of(vni));
        some
    }

    /// Whether what a network has to wait for is over.
    fn is_over(&self, vni: Vni, leaving: &Leaving) -> bool {
        match leaving {
            Leaving::Devices(names) => self.links.ours(names).is_empty(),
            Leaving::Rows(_) => self.networks.get(&vni).is_none_or(|network| {
                let Some(place) = place(network, &self.config, self.released) else { return true };
                let is_done = |key: &WantedKey| matches!(network.step(key, &place), None | Some(Step::Rest));
                network.keys(vni).all(|key| network.wanted(&key).is_none() && is_done(&key))
            }),
        }
    }

    fn next_step_of(&mut self, vni: Vni) {
        match self.leaving.remove(&vni) {
            Some(Leaving::Rows(names)) if !names.is_empty() => {
                self.leaving.insert(vni, Leaving::Devices(names));
                self.chores.add(Chore::Remove(vni));
                self.let_devices_go(vni);
            }
            _ => {
                self.let_devices_go(vni);
                self.look_at_devices(vni);
                self.create_missing();
            }
        }
    }

    /// A network has no devices any more: what they hold is none of ours.
    fn let_devices_go(&mut self, vni: Vni) {
        let Some(network) = self.networks.get_mut(&vni) else { return };
        network.leaves = false;
        let Some(old) = network.segment.take() else { return };
        self.go_round(vni);
        self.forget_rows(vni);
        let waiting = self.links.assign(vni, Some(&old), None);
        waiting.into_iter().for_each(|other| self.look_at_devices(other));
    }

    /// What removes the devices of a network that leaves.
    pub(super) fn remove_action(&self, vni: Vni) -> Option<Action> {
        let Some(Leaving::Devices(names)) = self.leaving.get(&vni) else { return None };
        let names = self.links.ours(names);
        (!names.is_empty()).then_some(Action::Remove { names })
    }
}
