//! What is wanted of the kernel, beside what it has.

use ::evpn::dataplane::{WantedKey, WantedValue};
use ::fib::{Fib, FibRow, Status};
use api::query::page_size;
use api::v1;

use crate::core::Core;

use super::{Answered, parse_token, token};

impl Core {
    pub(super) fn list_fib_entries(
        &self,
        query: &v1::ListFibEntriesRequest,
    ) -> Answered<v1::ListFibEntriesResponse> {
        let fib = &self.forwarding()?.fib;
        let [from] = parse_token(&query.page_token)?;
        let size = page_size(query.page_size);
        let wanted = |row: &FibRow| {
            let (kind, vni, _) = key(&row.key);
            (query.kinds.is_empty() || query.kinds.contains(&kind.into()))
                && query.vni.is_none_or(|wanted| vni == wanted)
                && !(query.diff && row.status == Status::Programmed)
        };
        let mut rows: Vec<_> = fib
            .rows()
            .filter(wanted)
            .skip(from as usize)
            .take(size + 1)
            .map(|row| entry(fib, &row))
            .collect();
        let more = rows.len() > size;
        rows.truncate(size);
        let next_page_token = if more { token([from + size as u32]) } else { String::new() };
        Ok(v1::ListFibEntriesResponse { fib_entries: rows, next_page_token })
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

fn key(key: &WantedKey) -> (v1::FibKind, u32, String) {
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
