//! What is wanted of the kernel, beside what it has.

use ::evpn::dataplane::{WantedKey, WantedValue};
use ::fib::routes::{RoutePlace, RouteRow, RouteStatus, Routes};
use ::fib::{Fib, FibRow, RowPlace, Status};
use api::query::{ApiError, page_size};
use api::v1;
use bgp::types::Vni;

use crate::core::Core;

use super::{Answered, parse_token, token};

/// Places looked at for one page.
const SCANNED: usize = 8192;

/// Where a page begins: EVPN's rows come first, then routes.
#[derive(Clone, Copy)]
enum Place {
    Rows(RowPlace),
    Routes(RoutePlace),
}

impl Core {
    pub(super) fn list_fib_entries(
        &self,
        query: &v1::ListFibEntriesRequest,
    ) -> Answered<v1::ListFibEntriesResponse> {
        if self.native.is_none() {
            self.forwarding()?;
        }
        let mut page = Page { entries: Vec::new(), size: page_size(query.page_size), left: SCANNED };
        let mut place = Some(Place::parse(&query.page_token, query.vni)?);
        while let Some(from) = place.filter(|_| page.has_room()) {
            place = match from {
                Place::Rows(from) => {
                    let next = self.fill_with_rows(from, query, &mut page).map(Place::Rows);
                    next.or(Some(Place::Routes(RoutePlace::default())))
                }
                Place::Routes(from) => self.fill_with_routes(from, query, &mut page).map(Place::Routes),
            };
        }
        let next_page_token = place.map(Place::token).unwrap_or_default();
        Ok(v1::ListFibEntriesResponse { fib_entries: page.entries, next_page_token })
    }

    /// Adds EVPN's rows, in the order of kind and key as far as a page goes; says where it stopped.
    fn fill_with_rows(
        &self,
        from: RowPlace,
        query: &v1::ListFibEntriesRequest,
        page: &mut Page,
    ) -> Option<RowPlace> {
        let fib = &self.forwarding.as_ref()?.fib;
        let wanted = |row: &FibRow| {
            let (kind, vni, _) = key(&row.key);
            asks_for(query, kind)
                && query.vni.is_none_or(|wanted| vni == wanted)
                && !(query.diff && row.status == Status::Programmed)
        };
        let (mut rows, mut next, limit) = (Vec::new(), None, page.left);
        for (place, row) in fib.rows_from(from, limit) {
            let is_past = query.vni.is_some_and(|vni| place.vni.get() > vni);
            if is_past || rows.len() >= page.size {
                next = (!is_past).then_some(place);
                break;
            }
            page.left -= 1;
            next = (page.left == 0).then_some(place.next());
            rows.extend(row.filter(wanted));
        }
        rows.sort_unstable_by_key(|row| (vni_of(&row.key), row.key));
        page.entries.extend(rows.iter().map(|row| entry(fib, row)));
        next
    }

    /// Adds routes; says where it stopped.
    fn fill_with_routes(
        &self,
        from: RoutePlace,
        query: &v1::ListFibEntriesRequest,
        page: &mut Page,
    ) -> Option<RoutePlace> {
        let routes = &self.native.as_ref()?.routes;
        if query.vni.is_some() || !asks_for(query, v1::FibKind::Route) {
            return None;
        }
        let (mut next, limit) = (None, page.left);
        for (place, row) in routes.rows_from(from, limit) {
            if page.entries.len() >= page.size {
                return Some(place);
            }
            page.left -= 1;
            next = (page.left == 0).then_some(place.next());
            let row = row.filter(|row| !(query.diff && row.status == RouteStatus::Programmed));
            page.entries.extend(row.map(|row| route_entry(routes, &row)));
        }
        next
    }
}

fn asks_for(query: &v1::ListFibEntriesRequest, kind: v1::FibKind) -> bool {
    query.kinds.is_empty() || query.kinds.contains(&kind.into())
}

/// What is collected for one page.
struct Page {
    entries: Vec<v1::FibEntry>,
    size: usize,
    /// How many places may still be looked at.
    left: usize,
}

impl Page {
    fn has_room(&self) -> bool {
        self.entries.len() < self.size && self.left > 0
    }
}

impl Place {
    fn parse(page_token: &str, vni: Option<u32>) -> Answered<Place> {
        if let Some(vni) = vni.and_then(Vni::new).filter(|_| page_token.is_empty()) {
            return Ok(Place::Rows(RowPlace { vni, ..RowPlace::default() }));
        }
        let [list, vni, table, row] = parse_token(page_token)?;
        let place = match list {
            0 => Vni::new(vni).zip(table.try_into().ok()),
            _ => return Ok(Place::Routes(RoutePlace(row))),
        };
        let is_none = || ApiError::InvalidArgument("page_token: there is no such place".to_owned());
        place.map(|(vni, table)| Place::Rows(RowPlace { vni, table, row })).ok_or_else(is_none)
    }

    fn token(self) -> String {
        token(match self {
            Place::Rows(place) => [0, place.vni.get(), place.table.into(), place.row],
            Place::Routes(RoutePlace(route)) => [1, 0, 0, route],
        })
    }
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

/// A route of the kernel's side.
pub(in crate::core) fn route_entry(routes: &Routes, row: &RouteRow) -> v1::FibEntry {
    let (state, reason) = super::routes::state(&row.status);
    let (wanted, seen) = super::routes::both_sides(routes, row);
    v1::FibEntry {
        kind: v1::FibKind::Route.into(),
        vni: None,
        key: row.prefix.to_string(),
        wanted,
        seen,
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
