//! A MAC: the remote one that is wanted, and the two rows that the kernel has for it.

use std::net::IpAddr;

use bgp::types::Mac;

use super::entry::{Entry, Marks};
use super::place::{Place, Step};
use crate::op::{Action, Half};
use crate::row::{BridgeRow, BridgeRowKind, IfIndex, TunnelRow};

/// Wanted: the host is behind this VTEP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RemoteMac {
    pub(super) vtep: IpAddr,
    pub(super) sticky: bool,
}

/// The VXLAN device's row, as seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SeenTunnel {
    pub(super) vtep: IpAddr,
    pub(super) external: bool,
    pub(super) ours: bool,
    pub(super) firm: bool,
    /// Seen since the running dump began.
    fresh: bool,
}

/// The bridge's row, as seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SeenBridge {
    pub(super) port: IfIndex,
    pub(super) kind: BridgeRowKind,
    pub(super) external: bool,
    pub(super) sticky: bool,
    /// As above.
    fresh: bool,
}

/// Both sides of a MAC.
#[derive(Clone, Debug, Default)]
pub(super) struct MacEntry {
    pub(super) wanted: Option<RemoteMac>,
    pub(super) tunnel: Option<SeenTunnel>,
    pub(super) bridge: Option<SeenBridge>,
    pub(super) marks: Marks,
}

impl SeenTunnel {
    /// Another control plane has set it.
    fn is_foreign(&self) -> bool {
        self.external && !self.ours
    }
}

impl MacEntry {
    /// Takes the kernel's word on the VXLAN device's row.
    pub(super) fn see_tunnel(&mut self, row: &TunnelRow, present: bool, place: &Place) {
        let TunnelRow { vtep, external, ours, firm, .. } = *row;
        self.tunnel = present.then_some(SeenTunnel { vtep, external, ours, firm, fresh: true });
        if self.has_foreign_tunnel() {
            self.marks.disown();
        } else if present && ours && !place.known {
            self.marks.find();
        }
    }

    /// Takes the kernel's word on the bridge's row. It says that a control plane has set it, and not which: that is
    /// the one that the tunnel's row is of. Alone it leads nowhere, so nobody but a former run can have left it.
    pub(super) fn see_bridge(&mut self, row: &BridgeRow, present: bool, place: &Place) {
        let BridgeRow { port, kind, external, sticky, .. } = *row;
        self.bridge = present.then_some(SeenBridge { port, kind, external, sticky, fresh: true });
        let leads_out = present && external && port == place.segment.vxlan;
        if leads_out && !place.known && !self.has_foreign_tunnel() {
            self.marks.find();
        }
    }

    /// Nobody wants it elsewhere, and traffic has its row at the bridge on another port than the VXLAN device's.
    pub(super) fn is_taken_over(&self, vxlan: IfIndex) -> bool {
        self.wanted.is_none() && self.bridge.is_some_and(|row| row.port != vxlan)
    }

    fn has_foreign_tunnel(&self) -> bool {
        self.tunnel.as_ref().is_some_and(SeenTunnel::is_foreign)
    }

    fn install(&self, mac: Mac, wanted: RemoteMac, place: &Place) -> Step {
        if !place.segment.up {
            return Step::Absent;
        }
        if let Some(reason) = self.conflict(place.segment.vxlan) {
            return Step::Blocked(reason);
        }
        let vxlan = place.segment.vxlan;
        let bridge = self.bridge.filter(|row| row.port == vxlan);
        if bridge.is_some_and(|row| row.sticky && !wanted.sticky) {
            // Stickiness can be given to a row but not taken from it.
            return Step::Act(Action::DeleteMac { vxlan, mac, vtep: None, half: Half::Bridge });
        }
        let set = |half| Step::Act(Action::SetMac { vxlan, mac, vtep: wanted.vtep, half });
        if self.marks.crossed {
            // The kernel may have what an op said that is wanted no more, whatever was seen.
            return set(Half::Both);
        }
        match (self.tunnel_agrees(wanted), bridge.is_some_and(|row| row.external)) {
            (false, false) => set(Half::Both),
            (false, true) => set(Half::Tunnel),
            (true, false) => set(Half::Bridge),
            (true, true) if wanted.sticky && !bridge.is_some_and(|row| row.sticky) => {
                Step::Act(Action::SetSticky { vxlan, mac })
            }
            (true, true) => Step::Rest,
        }
    }

    /// Whether a bridge's row at the VXLAN device is ours. Stickiness brings no mark: if traffic had just taken
    /// the row over, it lacks ours. Then the tunnel's row tells, or our having asked for it.
    fn is_ours(&self, row: &SeenBridge) -> bool {
        let asked = self.marks.made_sticky || self.tunnel.is_some_and(|tunnel| tunnel.ours);
        row.external || row.sticky && asked
    }

    fn tunnel_agrees(&self, wanted: RemoteMac) -> bool {
        self.tunnel.is_some_and(|row| row.vtep == wanted.vtep && row.ours && row.firm)
    }

    /// Who else has the place, if somebody has. What was learnt from traffic may be replaced: that evpn wants
    /// the MAC elsewhere means that it knows better.
    fn conflict(&self, vxlan: IfIndex) -> Option<&'static str> {
        if self.has_foreign_tunnel() {
            return Some("another control plane has set the VXLAN device's row for it");
        }
        let at_bridge = self.bridge.and_then(|row| match (row.port == vxlan, row.kind) {
            (_, BridgeRowKind::Own) => Some("it is the MAC of one of the bridge's own ports"),
            (true, BridgeRowKind::Static) if !self.is_ours(&row) => {
                Some("the bridge has a static row for it")
            }
            (true, _) => None,
            (false, BridgeRowKind::Static) => Some("the bridge has a static row for it on another port"),
            (false, _) if row.external => Some("another control plane holds it on another port"),
            (false, _) if row.sticky => Some("the bridge has a sticky row for it on another port"),
            (false, _) => None,
        });
        let at_tunnel = || {
            let row = self.tunnel?;
            (row.firm && !row.external).then_some("the VXLAN device has a row for it that somebody else set")
        };
        at_bridge.or_else(at_tunnel)
    }

    fn remove(&self, mac: Mac, place: &Place) -> Step {
        let vxlan = place.segment.vxlan;
        let tunnel = self.tunnel.filter(|row| row.ours);
        let bridge = self
            .bridge
            .is_some_and(|row| row.port == vxlan && self.is_ours(&row) && !self.has_foreign_tunnel());
        // A row of local traffic's at the bridge leaves the tunnel's row behind. The kernel deletes both in one
        // message only where both are there.
        let half = match (tunnel.is_some(), bridge) {
            _ if !self.marks.ours => return Step::Rest,
            (true, true) => Half::Both,
            (true, false) => Half::Tunnel,
            (false, true) => Half::Bridge,
            (false, false) => return Step::Rest,
        };
        if self.marks.found && !place.released {
            return Step::Held;
        }
        Step::Act(Action::DeleteMac { vxlan, mac, vtep: tunnel.map(|row| row.vtep), half })
    }
}

impl Entry for MacEntry {
    type Key = Mac;
    /// Whether the row is sticky.
    type Local = bool;

    fn step(&self, mac: Mac, place: &Place) -> Step {
        match self.wanted {
            Some(wanted) => self.install(mac, wanted, place),
            None => self.remove(mac, place),
        }
    }

    /// The host is here where the bridge has it on a port of its own that is not the tunnel.
    fn local(&self, mac: Mac, place: &Place) -> Option<bool> {
        let row = self.bridge.filter(|row| row.kind != BridgeRowKind::Own && mac.is_host())?;
        (row.port != place.segment.vxlan && row.port != place.segment.bridge).then_some(row.sticky)
    }

    fn is_wanted(&self) -> bool {
        self.wanted.is_some()
    }

    fn is_seen(&self) -> bool {
        self.tunnel.is_some() || self.bridge.is_some()
    }

    fn marks(&mut self) -> &mut Marks {
        &mut self.marks
    }

    fn set_unfresh(&mut self) {
        self.tunnel.iter_mut().for_each(|row| row.fresh = false);
        self.bridge.iter_mut().for_each(|row| row.fresh = false);
    }

    fn is_unfresh(&self) -> bool {
        self.tunnel.is_some_and(|row| !row.fresh) || self.bridge.is_some_and(|row| !row.fresh)
    }

    fn drop_unfresh(&mut self) {
        self.tunnel = self.tunnel.filter(|row| row.fresh);
        self.bridge = self.bridge.filter(|row| row.fresh);
    }
}
