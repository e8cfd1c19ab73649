//! EVPN's tables: networks, MACs, ARP and ND bindings, VTEPs.

use std::net::IpAddr;

use ::evpn::dataplane::WantedKey;
use ::evpn::{Evpn, Flooding, MacRow, NeighborRow, Place, RowId, VniRow, VniState, VtepRow};
use ::fib::Fib;
use api::query::{ApiError, page_size};
use api::v1;
use bgp::types::{Mac, Vni};

use crate::core::Core;
use crate::core::forward::Forwarding;

use super::row::{rejected, text, texts};
use super::{Answered, parse_filter, parse_place, parse_token, token};

/// Rows looked at for one page.
const SCANNED: usize = 8192;

impl Core {
    pub(super) fn list_vnis(&self, query: &v1::ListVnisRequest) -> Answered<v1::ListVnisResponse> {
        let forwarding = self.forwarding()?;
        let [from] = parse_token(&query.page_token)?;
        let wanted = |row: &VniRow| query.vni.is_none_or(|vni| row.vni.get() == vni);
        let rows = forwarding.evpn.vnis().filter(|row| row.vni.get() >= from).filter(wanted);
        let (rows, next) = page(rows, page_size(query.page_size), |row| row.vni.get());
        let vnis = rows.iter().map(|row| vni_row(forwarding, row)).collect();
        Ok(v1::ListVnisResponse { vnis, next_page_token: next.map(|vni| token([vni])).unwrap_or_default() })
    }

    pub(super) fn list_macs(&self, query: &v1::ListMacsRequest) -> Answered<v1::ListMacsResponse> {
        let forwarding = self.forwarding()?;
        let filter = HostFilter {
            mac: parse_filter("mac", &query.mac)?,
            ip: None,
            vtep: parse_filter("vtep", &query.vtep)?,
            place: v1::HostType::try_from(query.r#type).unwrap_or_default(),
        };
        let mut rows = Vec::new();
        let next = walk(&forwarding.evpn, query.vni, &query.page_token, |vni, from, left| {
            let mut end = None;
            for row in forwarding.evpn.macs(vni, from) {
                if rows.len() >= page_size(query.page_size) || *left == 0 {
                    end = Some(row.id);
                    break;
                }
                *left -= 1;
                if filter.takes(row.place, Some(row.mac), None) {
                    rows.push(row);
                }
            }
            end
        })?;
        rows.sort_unstable_by_key(|row| (row.vni, row.mac));
        let asked = |row: &MacRow| forwarding.hosts.is_mac_asked(row.vni, row.mac);
        let row = |row| v1::Mac { asked: asked(row), ..mac_row(&forwarding.fib, row) };
        let macs = rows.iter().map(row).collect();
        Ok(v1::ListMacsResponse { macs, next_page_token: next })
    }

    pub(super) fn list_arps(&self, query: &v1::ListArpsRequest) -> Answered<v1::ListArpsResponse> {
        let forwarding = self.forwarding()?;
        let filter = HostFilter {
            mac: parse_filter("mac", &query.mac)?,
            ip: parse_filter("ip", &query.ip)?,
            vtep: parse_filter("vtep", &query.vtep)?,
            place: v1::HostType::try_from(query.r#type).unwrap_or_default(),
        };
        let mut rows = Vec::new();
        let next = walk(&forwarding.evpn, query.vni, &query.page_token, |vni, from, left| {
            let mut end = None;
            for row in forwarding.evpn.neighbors(vni, from) {
                if rows.len() >= page_size(query.page_size) || *left == 0 {
                    end = Some(row.id);
                    break;
                }
                *left -= 1;
                if filter.takes(row.place, Some(row.mac), Some(row.ip)) {
                    rows.push(row);
                }
            }
            end
        })?;
        rows.sort_unstable_by_key(|row| (row.vni, row.ip));
        let asked = |row: &NeighborRow| forwarding.hosts.is_asked(row.vni, row.ip);
        let row = |row| v1::Arp { asked: asked(row), ..arp_row(forwarding, row) };
        let arps = rows.iter().map(row).collect();
        Ok(v1::ListArpsResponse { arps, next_page_token: next })
    }

    pub(super) fn list_vteps(&self, query: &v1::ListVtepsRequest) -> Answered<v1::ListVtepsResponse> {
        let forwarding = self.forwarding()?;
        let vtep: Option<IpAddr> = parse_filter("vtep", &query.vtep)?;
        let (from, after) = parse_place::<IpAddr>(&query.page_token)?;
        let evpn = &forwarding.evpn;
        let vnis = evpn.served(from).filter(|vni| query.vni.is_none_or(|wanted| vni.get() == wanted));
        let all = vnis.flat_map(|vni| evpn.vteps(vni, after.filter(|_| vni == from)));
        let size = page_size(query.page_size);
        let rows: Vec<_> = all.filter(|row| vtep.is_none_or(|v| row.vtep == v)).take(size).collect();
        let last = rows.last().filter(|_| rows.len() == size);
        let next_page_token = last.map(|row| format!("{}/{}", row.vni, row.vtep)).unwrap_or_default();
        let vteps = rows.iter().map(|row| vtep_row(&forwarding.fib, row)).collect();
        Ok(v1::ListVtepsResponse { vteps, next_page_token })
    }

    /// EVPN and the kernel, if the configuration asks for them.
    pub(super) fn forwarding(&self) -> Answered<&Forwarding> {
        let missing = "EVPN is not configured: there is no `evpn` section";
        self.forwarding
            .as_ref()
            .filter(|_| self.config.evpn.is_some())
            .ok_or_else(|| ApiError::FailedPrecondition(missing.to_owned()))
    }
}

/// Which hosts are asked for.
struct HostFilter {
    mac: Option<Mac>,
    ip: Option<IpAddr>,
    vtep: Option<IpAddr>,
    place: v1::HostType,
}

impl HostFilter {
    fn takes(&self, place: Place, mac: Option<Mac>, ip: Option<IpAddr>) -> bool {
        let placed = match self.place {
            v1::HostType::Unspecified => true,
            wanted => host_type(place) == wanted,
        };
        placed
            && (self.mac.is_none() || self.mac == mac)
            && (self.ip.is_none() || self.ip == ip)
            && self.vtep.is_none_or(|vtep| place == Place::Remote(vtep))
    }
}

/// Walks a table that each VNI has one of, from where the token says; `visit` says where it stopped.
fn walk(
    evpn: &Evpn,
    only: Option<u32>,
    page_token: &str,
    mut visit: impl FnMut(Vni, RowId, &mut usize) -> Option<RowId>,
) -> Answered<String> {
    let [first, from] = parse_token(page_token)?;
    let mut left = SCANNED;
    let mut from = RowId(from);
    let vnis = Vni::new(first).into_iter().flat_map(|first| evpn.served(first));
    for vni in vnis.filter(|vni| only.is_none_or(|only| vni.get() == only)) {
        if vni.get() != first {
            from = RowId::default();
        }
        if let Some(stopped) = visit(vni, from, &mut left) {
            return Ok(token([vni.get(), stopped.0]));
        }
    }
    Ok(String::new())
}

/// The first `size` rows, and the position of the next.
fn page<R>(
    rows: impl Iterator<Item = R>,
    size: usize,
    position: impl Fn(&R) -> u32,
) -> (Vec<R>, Option<u32>) {
    let mut rows: Vec<R> = rows.take(size + 1).collect();
    let next = if rows.len() > size { rows.pop().as_ref().map(position) } else { None };
    (rows, next)
}

/// A network's row.
pub(in crate::core) fn vni_row(forwarding: &Forwarding, row: &VniRow) -> v1::Vni {
    let devices = forwarding.fib.devices(row.vni);
    let (state, reason) = match row.state {
        VniState::Active => (v1::VniState::Up, ""),
        VniState::NoDevice => (v1::VniState::Down, "no VXLAN device of this VNI is on a bridge and up"),
        VniState::NoVtep => {
            (v1::VniState::Down, "no local tunnel address: set evpn.vtep, or the device's local")
        }
        VniState::NoRd => (v1::VniState::Down, "no route distinguisher is left"),
    };
    v1::Vni {
        vni: row.vni.get(),
        state: state.into(),
        reason: reason.to_owned(),
        vxlan: text(devices.map(|devices| devices.vxlan)),
        bridge: text(devices.map(|devices| devices.bridge)),
        rd: text(row.rd),
        import_rts: texts(&row.import_rt),
        export_rts: texts(&row.export_rt),
        local_vtep: text(row.vtep),
        local_macs: row.local_macs as u64,
        remote_macs: row.remote_macs as u64,
        local_neighbors: row.local_neighbors as u64,
        remote_neighbors: row.remote_neighbors as u64,
        remote_vteps: row.vteps as u64,
        flood: if row.flooding { "ingress-replication" } else { "off" }.to_owned(),
        refused: rejected(row.refused.iter().map(|(reason, routes)| (reason.name(), *routes))),
        hosts: (row.state == VniState::Active).then(|| vni_hosts(forwarding, row.vni)),
    }
}

fn vni_hosts(forwarding: &Forwarding, vni: Vni) -> v1::VniHosts {
    let counts = forwarding.hosts.counts(vni);
    v1::VniHosts {
        snooping: forwarding.hosts.snoops(vni),
        snooped: counts.snooped,
        probed: counts.probed,
        answered: counts.answered,
        given_up: counts.given_up,
        refused: counts.refused,
        missed: counts.missed,
    }
}

/// A MAC's row.
pub(in crate::core) fn mac_row(fib: &Fib, row: &MacRow) -> v1::Mac {
    let (kernel, kernel_reason) = kernel(fib, &WantedKey::Mac { vni: row.vni, mac: row.mac });
    v1::Mac {
        vni: row.vni.get(),
        mac: row.mac.to_string(),
        r#type: host_type(row.place).into(),
        vtep: vtep_text(row.place),
        port: if row.place == Place::Local { text(fib.port(row.vni, row.mac)) } else { String::new() },
        local_sequence: row.local_seq,
        remote_sequence: row.remote_seq,
        sticky: row.sticky,
        gateway: row.gateway,
        duplicate: row.duplicate,
        frozen: row.frozen,
        // It comes and goes without news of the row.
        asked: false,
        kernel,
        kernel_reason,
    }
}

/// A binding's row.
pub(in crate::core) fn arp_row(forwarding: &Forwarding, row: &NeighborRow) -> v1::Arp {
    let (kernel, kernel_reason) = kernel(&forwarding.fib, &WantedKey::Neighbor { vni: row.vni, ip: row.ip });
    let mac = forwarding.evpn.mac(row.vni, row.mac);
    v1::Arp {
        vni: row.vni.get(),
        ip: row.ip.to_string(),
        mac: row.mac.to_string(),
        r#type: host_type(row.place).into(),
        vtep: vtep_text(row.place),
        router: row.router,
        local_sequence: mac.and_then(|mac| mac.local_seq),
        remote_sequence: mac.and_then(|mac| mac.remote_seq),
        duplicate: row.duplicate,
        asked: false,
        kernel,
        kernel_reason,
    }
}

/// A VTEP's row.
pub(in crate::core) fn vtep_row(fib: &Fib, row: &VtepRow) -> v1::Vtep {
    let (kernel, kernel_reason) = kernel(fib, &WantedKey::Flood { vni: row.vni, vtep: row.vtep });
    let reason = match row.flood {
        Flooding::Yes => "",
        Flooding::Off => "nothing is flooded in this network",
        Flooding::Unusable => "its type 3 route does not ask for copies",
    };
    v1::Vtep {
        vni: row.vni.get(),
        vtep: row.vtep.to_string(),
        flood: row.flood == Flooding::Yes,
        reason: reason.to_owned(),
        configured: row.configured,
        announced: row.announced,
        kernel,
        kernel_reason,
    }
}

fn kernel(fib: &Fib, key: &WantedKey) -> (i32, String) {
    match fib.status(key) {
        Some(status) => {
            let (state, reason) = super::fib::state(&status);
            (state.into(), reason)
        }
        None => (v1::KernelState::Unspecified.into(), String::new()),
    }
}

pub(super) fn host_type(place: Place) -> v1::HostType {
    match place {
        Place::Local => v1::HostType::Local,
        Place::Remote(_) => v1::HostType::Remote,
        Place::Nowhere => v1::HostType::Unspecified,
    }
}

pub(super) fn vtep_text(place: Place) -> String {
    match place {
        Place::Remote(vtep) => vtep.to_string(),
        Place::Local | Place::Nowhere => String::new(),
    }
}
