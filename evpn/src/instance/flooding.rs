//! Type 3 in and out: who floods to whom.
//!
//! Where nothing is to be flooded we ask nobody for copies either: our Type 3 is withheld, as FRR does it.

use std::net::IpAddr;

use bgp::types::Rd;

use super::{Context, Instance};
use crate::action::{Action, Notice};
use crate::dataplane::{WantedKey, WantedValue};
use crate::feed::Changed;
use crate::flood::FloodChange;
use crate::import;
use crate::origin::OriginId;

impl Instance {
    /// Floods from now on, or no more, and to these VTEPs besides those that ask for it.
    pub(super) fn set_flooding(&mut self, cx: &mut Context<'_>, on: bool, static_vteps: &[IpAddr]) {
        let Some(ours) = &mut self.ours else { return };
        if on != self.flood.is_on() {
            cx.out.push(match on {
                true => ours.imet(),
                false => Action::Retract { key: ours.imet_key() },
            });
        }
        let vtep = ours.identity().vtep;
        let addresses = cx.addresses;
        let is_vtep = |other: &IpAddr| import::check_vtep(vtep, addresses, *other).is_ok();
        let others = static_vteps.iter().copied().filter(is_vtep);
        for (vtep, change) in self.flood.set(on, others) {
            self.tell_flood(cx, vtep, change, None);
        }
    }

    /// A Type 3 that can be used.
    pub(super) fn take_imet(&mut self, cx: &mut Context<'_>, rd: Rd, originator: IpAddr, endpoint: IpAddr) {
        let origin = cx.origins.hold(rd, originator, self.vni);
        let (change, old) = self.flood.announce(originator, rd, origin, true);
        if endpoint != originator && change.is_some() {
            cx.out.notice(Notice::EndpointDiffers { vni: self.vni, originator, endpoint });
        }
        self.tell_flood(cx, originator, change, old);
    }

    /// A Type 3 whose originator cannot be flooded to is shown, so that a person sees what is missing.
    pub(super) fn keep_unflooded(&mut self, cx: &mut Context<'_>, rd: Rd, originator: IpAddr) {
        let origin = cx.origins.hold(rd, originator, self.vni);
        let (change, old) = self.flood.announce(originator, rd, origin, false);
        self.tell_flood(cx, originator, change, old);
    }

    /// A Type 3 that is gone.
    pub(super) fn drop_imet(&mut self, cx: &mut Context<'_>, rd: Rd, originator: IpAddr) {
        let (change, old) = self.flood.withdraw(originator, rd);
        self.tell_flood(cx, originator, change, old);
    }

    fn tell_flood(
        &self,
        cx: &mut Context<'_>,
        vtep: IpAddr,
        change: Option<FloodChange>,
        old: Option<OriginId>,
    ) {
        cx.out.feed.push(Changed::Vtep(self.vni, vtep));
        let key = WantedKey::Flood { vni: self.vni, vtep };
        match change {
            Some(FloodChange::Start) => cx.out.want(key, WantedValue::Flood),
            Some(FloodChange::Stop) => cx.out.unwant(key),
            None => {}
        }
        if let Some(origin) = old {
            cx.origins.release(origin);
        }
    }
}
