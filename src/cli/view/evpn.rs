//! The EVPN tables.

use std::iter::once;

use api::{Word, v1};

use super::{because, kernel, marks};
use crate::cli::output::Row;
use crate::cli::table::{Cell, Column, Tone};
use crate::cli::text::duration;

impl Row for v1::Vni {
    type Line = Self;
    const NAME: &'static str = "VNIs";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::number("VNI", |vni| vni.vni.into()),
        Column::text("VXLAN", |vni| (&vni.vxlan).into()),
        Column::text("Bridge", |vni| (&vni.bridge).into()),
        Column::text("Local-VTEP", |vni| (&vni.local_vtep).into()),
        Column::number("MACs", |vni| (vni.local_macs + vni.remote_macs).into()),
        Column::number("ARPs", |vni| (vni.local_neighbors + vni.remote_neighbors).into()),
        Column::number("Remote-VTEPs", |vni| vni.remote_vteps.into()),
        Column::wide_text("RD", |vni| (&vni.rd).into()),
        Column::wide_text("Import-RT", |vni| vni.import_rts.join(",").into()),
        Column::wide_text("Export-RT", |vni| vni.export_rts.join(",").into()),
        Column::wide_text("Flood", |vni| (&vni.flood).into()),
        Column::wide_text("Refused", |vni| super::refused(&vni.refused).into()),
        Column::wide_number("Snooped", |vni| hosts(vni, |hosts| hosts.snooped)),
        Column::wide_number("Probed", |vni| hosts(vni, |hosts| hosts.probed)),
        Column::wide_number("Answered", |vni| hosts(vni, |hosts| hosts.answered)),
        Column::wide_number("Given-up", |vni| hosts(vni, |hosts| hosts.given_up)),
        Column::text("State", |vni| state(vni.state, &vni.reason)),
    ];

    fn lines(self) -> impl Iterator<Item = Self> {
        once(self)
    }
}

impl Row for v1::Mac {
    type Line = Self;
    const NAME: &'static str = "MACs";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::number("VNI", |mac| mac.vni.into()),
        Column::text("MAC", |mac| (&mac.mac).into()),
        Column::text("Type", |mac| host_type(mac.r#type)),
        Column::text("Port/VTEP", |mac| (if mac.port.is_empty() { &mac.vtep } else { &mac.port }).into()),
        Column::text("Seq", |mac| sequences(mac.local_sequence, mac.remote_sequence)),
        Column::text("Flags", |mac| {
            let v1::Mac { sticky, gateway, duplicate, frozen, asked, .. } = *mac;
            let [sticky, gateway] = [(sticky, "sticky"), (gateway, "gateway")];
            marks([sticky, gateway, (duplicate, "duplicate"), (frozen, "frozen"), (asked, "asked")]).into()
        }),
        Column::text("Kernel", |mac| kernel(mac.kernel, &mac.kernel_reason)),
    ];

    fn lines(self) -> impl Iterator<Item = Self> {
        once(self)
    }
}

impl Row for v1::Arp {
    type Line = Self;
    const NAME: &'static str = "ARP or ND bindings";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::number("VNI", |arp| arp.vni.into()),
        Column::text("IP", |arp| (&arp.ip).into()),
        Column::text("Type", |arp| host_type(arp.r#type)),
        Column::text("MAC", |arp| (&arp.mac).into()),
        Column::text("VTEP", |arp| (&arp.vtep).into()),
        Column::text("Seq", |arp| sequences(arp.local_sequence, arp.remote_sequence)),
        Column::text("Flags", |arp| {
            marks([(arp.router, "router"), (arp.duplicate, "duplicate"), (arp.asked, "asked")]).into()
        }),
        Column::text("Kernel", |arp| kernel(arp.kernel, &arp.kernel_reason)),
    ];

    fn lines(self) -> impl Iterator<Item = Self> {
        once(self)
    }
}

impl Row for v1::Vtep {
    type Line = Self;
    const NAME: &'static str = "remote VTEPs";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::number("VNI", |vtep| vtep.vni.into()),
        Column::text("VTEP", |vtep| (&vtep.vtep).into()),
        Column::text("Source", |vtep| {
            marks([(vtep.announced, "type-3"), (vtep.configured, "static")]).into()
        }),
        Column::text("Flood", |vtep| {
            because(if vtep.flood { "yes" } else { "no" }.into(), &vtep.reason).into()
        }),
        Column::text("Kernel", |vtep| kernel(vtep.kernel, &vtep.kernel_reason)),
    ];

    fn lines(self) -> impl Iterator<Item = Self> {
        once(self)
    }
}

impl Row for v1::Duplicate {
    type Line = Self;
    const NAME: &'static str = "duplicates";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::number("VNI", |row| row.vni.into()),
        Column::text("MAC", |row| (&row.mac).into()),
        Column::text("IP", |row| (&row.ip).into()),
        Column::text("Type", |row| host_type(row.r#type)),
        Column::text("Port/VTEP", |row| (if row.port.is_empty() { &row.vtep } else { &row.port }).into()),
        Column::text("Seq", |row| sequences(row.local_sequence, row.remote_sequence)),
        Column::number("Moves", |row| row.moves.into()),
        Column::text("Rival", |row| rival(row).into()),
        Column::text("Flags", |row| marks([(row.frozen, "frozen"), (row.contested, "contested")]).into()),
        Column::text("Since", |row| duration(row.age_seconds).into()),
        Column::text("Recovers", |row| match row.recovery_seconds {
            Some(seconds) => format!("in {}", duration(seconds)).into(),
            None if row.contested => "when one goes".into(),
            None => "when cleared".into(),
        }),
    ];

    fn lines(self) -> impl Iterator<Item = Self> {
        once(self)
    }
}

/// The other one of the two, and where it is if it still claims the address.
fn rival(row: &v1::Duplicate) -> String {
    let claim = row.claims.iter().skip(1).find(|claim| claim.mac == row.rival);
    match claim.map(|claim| if claim.vtep.is_empty() { &claim.port } else { &claim.vtep }) {
        Some(place) if !place.is_empty() => format!("{} ({place})", row.rival),
        _ => row.rival.clone(),
    }
}

/// A count of what happened with hosts; nothing where a network is not served.
fn hosts(vni: &v1::Vni, count: fn(&v1::VniHosts) -> u64) -> Cell<'_> {
    vni.hosts.as_ref().map_or_else(|| "".into(), |hosts| count(hosts).into())
}

fn state(number: i32, reason: &str) -> Cell<'static> {
    let up = number == v1::VniState::Up as i32;
    let text = because(v1::VniState::word(number), reason);
    Cell::from(text).tone(if up { Tone::Good } else { Tone::Bad })
}

fn host_type(number: i32) -> Cell<'static> {
    v1::HostType::word(number).into_owned().into()
}

/// Local and remote, as FRR writes them: `3/2`.
fn sequences(local: Option<u32>, remote: Option<u32>) -> Cell<'static> {
    format!("{}/{}", local.unwrap_or_default(), remote.unwrap_or_default()).into()
}
