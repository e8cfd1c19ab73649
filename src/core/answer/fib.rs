//! What is wanted of the kernel, beside what it has.

use ::evpn::dataplane::{WantedKey, WantedValue};
use ::fib::{Fib, FibRow, RowPlace, Status};
use api::query::{ApiError, page_size};
use api::v1;
use bgp::types::Vni;

use crate::core::Core;

use super::{Answered, parse_token, token};

/// Places looked at for one page.
const SCANNED: usize = 8192;

impl Core {
    pub(super) fn list_fib_entries(
        &self,
        query: &v1::ListFibEntriesRequest,
    ) -> Answered<v1::ListFibEntriesResponse> {
        let fib = &self.forwarding()?.fib;
        let mut next = place(&query.page_token, query.vni)?;
        let size = page_size(query.page_size);
        let wanted = |row: &FibRow| {
            let (kind, vni, _) = key(&row.key);
            (query.kinds.is_empty() || query.kinds.contains(&kind.into()))
                && query.vni.is_none_or(|wanted| vni == wanted)
                && !(query.diff && row.status == Status::Programmed)
        };
        let (mut rows, mut looked) = (Vec::new(), 0);
        for (place, row) in fib.rows_from(next, SCANNED) {
            let is_past = query.vni.is_some_and(|vni| place.vni.get() > vni);
            if is_past || rows.len() >= size {
                return Ok(page(fib, rows, (!is_past).then_some(place)));
            }
            (next, looked) = (place.next(), looked + 1);
            rows.extend(row.filter(wanted));
        }
        Ok(page(fib, rows, (looked == SCANNED).then_some(next)))
    }
}

/// Where a page begins.
fn place(page_token: &str, vni: Option<u32>) -> Answered<RowPlace> {
    if let Some(vni) = vni.and_then(Vni::new).filter(|_| page_token.is_empty()) {
        return Ok(RowPlace { vni, ..RowPlace::default() });
    }
    let [vni, table, row] = parse_token(page_token)?;
    let is_none = || ApiError::InvalidArgument("page_token: there is no such place".to_owned());
    let table = table.try_into().map_err(|_| is_none())?;
    Ok(RowPlace { vni: Vni::new(vni).ok_or_else(is_none)?, table, row })
}

/// The rows in the order of kind and key, as far as they go.
fn page(fib: &Fib, mut rows: Vec<FibRow>, next: Option<RowPlace>) -> v1::ListFibEntriesResponse {
    rows.sort_unstable_by_key(|row| (vni_of(&row.key), row.key));
    let next_page_token =
        next.map(|place| token([place.vni.get(), place.table.into(), place.row])).unwrap_or_default();
    let fib_entries = rows.iter().map(|row| entry(fib, row)).collect();
    v1::ListFibEntriesResponse { fib_entries, next_page_token }
}

fn vni_of(key: &WantedKey) -> Vni {
    match *key {
        WantedKey::Flood { vni, .. } | WantedKey::Mac { vni, .. } | WantedKey::Neighbor { vni, .. } => vni,
    }
}

/// A row of the kernel's side.
pub(in crate::core) fn entry(fib: &Fib, row: &FibRow) -> v1::FibEntry {
    let (kind, vni, key) = key(&row.key);
    let (state, reason) = state(&row.status);
    v1::FibEntry {
        kind: kind.into(),
        vni: Some(vni),
        key,
        wanted: row.wanted.as_ref().map(value).unwrap_or_default(),
        seen: fib.seen_text(&row.key).unwrap_or_default(),
        state: state.into(),
        reason,
    }
}

/// A status in the API's words.
pub(super) fn state(status: &Status) -> (v1::KernelState, String) {
    match status {
        Status::Programmed => (v1::KernelState::Programmed, String::new()),
        Status::Pending => (v1::KernelState::Pending, String::new()),
        Status::Failed(reason) => (v1::KernelState::Failed, reason.clone()),
        Status::Conflict(reason) => (v1::KernelState::Conflict, (*reason).to_owned()),
        Status::Stale => (v1::KernelState::Pending, "left by a former run, or about to go".to_owned()),
    }
}

/// What identifies a row.
pub(in crate::core) fn key(key: &WantedKey) -> (v1::FibKind, u32, String) {
    match key {
        WantedKey::Flood { vni, vtep } => (v1::FibKind::Flood, vni.get(), vtep.to_string()),
        WantedKey::Mac { vni, mac } => (v1::FibKind::Mac, vni.get(), mac.to_string()),
        WantedKey::Neighbor { vni, ip } => (v1::FibKind::Neighbor, vni.get(), ip.to_string()),
    }
}

fn value(value: &WantedValue) -> String {
    match value {
        WantedValue::Flood => "flood".to_owned(),
        WantedValue::Mac { vtep, sticky: false } => format!("dst {vtep}"),
        WantedValue::Mac { vtep, sticky: true } => format!("dst {vtep} sticky"),
        WantedValue::Neighbor { mac, router: false } => format!("lladdr {mac}"),
        WantedValue::Neighbor { mac, router: true } => format!("lladdr {mac} router"),
        WantedValue::LocalNeighbor { mac } => format!("lladdr {mac} local"),
    }
}
