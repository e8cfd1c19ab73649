//! Who this node is in a VNI, and what a change of that touches: only what says it.

use std::net::IpAddr;

use super::{Context, Device, Instance};
use crate::action::{Action, Notice};
use crate::config::ImportTarget;
use crate::mac_table::{MacEntry, Winner};
use crate::originate::{Identity, Originator};
use crate::rows::VniState;

/// What an instance is to be like.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) device: Device,
    /// Who we are, or what is missing for that.
    pub(crate) identity: Result<Identity, VniState>,
    pub(crate) import: Vec<ImportTarget>,
    /// Frames are flooded.
    pub(crate) flooding: bool,
    /// And to these VTEPs whether they ask for it or not.
    pub(crate) static_vteps: Vec<IpAddr>,
}

impl Instance {
    /// Becomes what the plan says. Returns whether routes that came before are to be handed in once more.
    pub(crate) fn apply(&mut self, cx: &mut Context<'_>, plan: Plan) -> bool {
        self.notice_vtep(cx, &plan);
        // A route with the bridge's own MAC is refused.
        let has_other_mac = self.device.bridge_mac != plan.device.bridge_mac;
        self.set_device(cx, plan.device);
        // What is let in now must come, and what is not any more must be found out.
        let takes_others = self.import != plan.import;
        self.import = plan.import;
        self.set_state(cx, plan.identity.as_ref().err().copied().unwrap_or(VniState::Active));
        let vtep = self.ours.as_ref().map(|ours| ours.identity().vtep);
        match plan.identity {
            Ok(identity) => {
                self.become_active(cx, identity);
                self.set_flooding(cx, plan.flooding, &plan.static_vteps);
            }
            Err(_) => self.become_inactive(cx),
        }
        let looks_again = takes_others || has_other_mac;
        self.ours.as_ref().is_some_and(|ours| looks_again || Some(ours.identity().vtep) != vtep)
    }

    /// The route targets that let routes in: none while it is inactive.
    pub(crate) fn import_targets(&self) -> &[ImportTarget] {
        if self.state == VniState::Active { &self.import } else { &[] }
    }

    /// Our VTEP, while routes go out and come in.
    pub(super) fn active_vtep(&self) -> Option<IpAddr> {
        let ours = self.ours.as_ref().filter(|_| self.state == VniState::Active)?;
        Some(ours.identity().vtep)
    }

    fn notice_vtep(&self, cx: &mut Context<'_>, plan: &Plan) {
        let (Ok(identity), Some(device)) = (&plan.identity, plan.device.local) else { return };
        let same = self.active_vtep() == Some(identity.vtep) && self.device.local == Some(device);
        if device != identity.vtep && !same {
            cx.out.notice(Notice::VtepDiffers { vni: self.vni, configured: identity.vtep, device });
        }
    }

    fn set_device(&mut self, cx: &mut Context<'_>, device: Device) {
        let old = std::mem::replace(&mut self.device, device);
        if old.bridge_mac != device.bridge_mac {
            for mac in [old.bridge_mac, device.bridge_mac] {
                self.macs.find(mac).into_iter().for_each(|id| self.settle_mac(cx, id));
            }
        }
    }

    fn set_state(&mut self, cx: &mut Context<'_>, state: VniState) {
        let vni = self.vni;
        match state {
            _ if state == self.state => {}
            VniState::NoVtep => cx.out.notice(Notice::NoVtep { vni }),
            VniState::NoRd => cx.out.notice(Notice::NoRd { vni }),
            VniState::Active | VniState::NoDevice => {}
        }
        self.state = state;
    }

    fn become_active(&mut self, cx: &mut Context<'_>, identity: Identity) {
        let old = self.ours.take_if(|ours| *ours.identity() != identity);
        if self.ours.is_some() {
            return;
        }
        let mut ours = Originator::new(self.vni, identity);
        if self.flood.is_on() {
            if let Some(old) = old.as_ref().filter(|old| old.imet_key() != ours.imet_key()) {
                cx.out.push(Action::Retract { key: old.imet_key() });
            }
            cx.out.push(ours.imet());
        }
        self.ours = Some(ours);
        if let Some(old) = old {
            self.say_again(cx, &old);
        }
        // Our VTEP takes part in elections.
        self.settle_all(cx);
    }

    fn become_inactive(&mut self, cx: &mut Context<'_>) {
        if self.ours.is_none() {
            return;
        }
        // The state is no longer active, so no election has a winner.
        self.settle_all(cx);
        self.set_flooding(cx, false, &[]);
        std::mem::take(&mut self.flood).origins().for_each(|id| cx.origins.release(id));
        self.ours = None;
    }

    fn settle_all(&mut self, cx: &mut Context<'_>) {
        for id in 0..self.macs.end() {
            self.settle_mac(cx, id);
            self.sweep_mac(cx, id);
        }
    }

    /// Originates every Type 2 of ours once more, and retracts those that had another route distinguisher.
    fn say_again(&mut self, cx: &mut Context<'_>, old: &Originator) {
        let Some(ours) = &mut self.ours else { return };
        let renamed = old.identity().rd != ours.identity().rd;
        let macs = self.macs.iter_from(0).filter_map(|(_, MacEntry { mac, winner, .. })| match *winner {
            Winner::Local(traits) => Some((*mac, None, traits)),
            _ => None,
        });
        let neighbors = self.neighbors.iter_from(0).filter_map(|(_, entry)| {
            entry.told.advertised().map(|(mac, traits)| (mac, Some(entry.ip), traits))
        });
        for (mac, ip, traits) in macs.chain(neighbors) {
            if renamed {
                cx.out.push(Action::Retract { key: old.mac_ip_key(mac, ip) });
            }
            cx.out.push(ours.mac_ip(mac, ip, traits));
        }
    }
}
