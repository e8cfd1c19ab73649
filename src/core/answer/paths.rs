//! Paths: pages of the routing table.

use std::time::Instant;

use api::query::page_size;
use api::v1;
use bgp::export::Advertised;
use bgp::rib::{Destination, DestinationId, Path, Table};
use bgp::types::{Family, PathId, PeerId};

use crate::core::Core;

use super::describe::{Describe, path_row, unknown_row};
use super::filter::{Adj, PathFilter};
use super::{Answered, parse_token, token};

/// Destinations looked at for one page. A filter that lets few through must not hold up the routes.
const SCANNED: usize = 8192;

impl Core {
    pub(super) fn list_paths(
        &self,
        now: Instant,
        query: &v1::ListPathsRequest,
    ) -> Answered<v1::ListPathsResponse> {
        let filter = self.path_filter(query)?;
        let size = page_size(query.page_size);
        let mut page = Page { rows: Vec::new(), size, now: self.clock(now), detail: query.detail };
        let [mut family, mut from] = parse_token(&query.page_token)?;
        while let Some(&current) = Family::ALL.get(family as usize) {
            let end = match (filter.asks_for(current), filter.adj) {
                (false, _) => None,
                (true, Some((Adj::Out, peer))) => {
                    self.fill_from_sent(current, peer, from, &filter, &mut page)
                }
                (true, Some((Adj::Received, peer))) => {
                    self.fill_from_received(current, peer, from, &filter, &mut page)
                }
                (true, None) => self.fill_from_table(current, from, &filter, &mut page),
            };
            if let Some(next) = end {
                return Ok(v1::ListPathsResponse {
                    paths: page.rows,
                    next_page_token: token([family, next]),
                });
            }
            (family, from) = (family + 1, 0);
        }
        Ok(v1::ListPathsResponse { paths: page.rows, next_page_token: String::new() })
    }

    pub(super) fn summarize(&self) -> v1::SummarizeResponse {
        let row = |family: Family, destinations: usize, paths: usize| v1::RibSummary {
            family: family.name().to_owned(),
            destinations: destinations as u64,
            paths: paths as u64,
        };
        let rib = &self.rib;
        let families = [
            row(Family::Ipv4Unicast, rib.ipv4.destinations(), rib.ipv4.paths()),
            row(Family::Ipv6Unicast, rib.ipv6.destinations(), rib.ipv6.paths()),
            row(Family::L2vpnEvpn, rib.evpn.destinations(), rib.evpn.paths()),
        ];
        v1::SummarizeResponse { families: families.into() }
    }

    /// Adds rows of a table, from the destination `from` on; says where it stopped, if before the end.
    fn fill_from_table(
        &self,
        family: Family,
        from: u32,
        filter: &PathFilter,
        page: &mut Page,
    ) -> Option<u32> {
        match family {
            Family::Ipv4Unicast => self.fill(&self.rib.ipv4, from, filter, page),
            Family::Ipv6Unicast => self.fill(&self.rib.ipv6, from, filter, page),
            Family::L2vpnEvpn => self.fill(&self.rib.evpn, from, filter, page),
        }
    }

    /// As `fill_from_table`, of what a peer has been sent.
    fn fill_from_sent(
        &self,
        family: Family,
        peer: PeerId,
        from: u32,
        filter: &PathFilter,
        page: &mut Page,
    ) -> Option<u32> {
        let (rib, start, limit) = (&self.rib, DestinationId(from), page.size.min(SCANNED));
        match family {
            Family::Ipv4Unicast => {
                self.add_sent(
                    &rib.ipv4,
                    &self.export.advertised_ipv4(rib, peer, start, limit),
                    peer,
                    filter,
                    page,
                );
            }
            Family::Ipv6Unicast => {
                self.add_sent(
                    &rib.ipv6,
                    &self.export.advertised_ipv6(rib, peer, start, limit),
                    peer,
                    filter,
                    page,
                );
            }
            Family::L2vpnEvpn => {
                self.add_sent(
                    &rib.evpn,
                    &self.export.advertised_evpn(rib, peer, start, limit),
                    peer,
                    filter,
                    page,
                );
            }
        }
        let end = match family {
            Family::Ipv4Unicast => rib.ipv4.id_limit(),
            Family::Ipv6Unicast => rib.ipv6.id_limit(),
            Family::L2vpnEvpn => rib.evpn.id_limit(),
        };
        let reached = from.saturating_add(limit as u32);
        (reached < end.0).then_some(reached)
    }

    fn add_sent<N: Describe>(
        &self,
        table: &Table<N>,
        sent: &[Advertised<N>],
        peer: PeerId,
        filter: &PathFilter,
        page: &mut Page,
    ) {
        for route in sent {
            if !filter.key_matches(&route.nlri) || !filter.path_matches::<N>(&route.body, &route.attrs) {
                continue;
            }
            let mut row = path_row(&route.nlri, &route.body, &route.attrs);
            row.neighbor = self.source_name(peer);
            row.path_id = (route.path_id.0 != 0).then_some(route.path_id.0);
            row.valid = true;
            if let Some(destination) = table.by_id(route.id) {
                let path = match route.path_id {
                    PathId(0) => destination.best(),
                    id => destination.paths().find(|path| path.path_id_sent() == Some(id)),
                };
                row.best = path.map(Path::path_id_sent) == destination.best().map(Path::path_id_sent);
                row.version = destination.version().0;
                row.age_seconds = path.map_or(0, |path| page.now.saturating_sub(path.learned).into());
            }
            page.rows.push(row);
        }
    }

    fn fill<N: Describe>(
        &self,
        table: &Table<N>,
        from: u32,
        filter: &PathFilter,
        page: &mut Page,
    ) -> Option<u32> {
        if let Some(nlri) = &filter.nlri {
            if let Some((_, destination)) = N::from_any(nlri).and_then(|key| table.get(key)) {
                self.add(table, destination, filter, page);
            }
            return None;
        }
        for (id, destination) in table.page(DestinationId(from), SCANNED) {
            if page.rows.len() >= page.size {
                return Some(id.0);
            }
            self.add(table, destination, filter, page);
        }
        let reached = from.saturating_add(SCANNED as u32);
        (reached < table.id_limit().0).then_some(reached)
    }

    fn add<N: Describe>(
        &self,
        table: &Table<N>,
        destination: &Destination<N>,
        filter: &PathFilter,
        page: &mut Page,
    ) {
        let key = destination.nlri();
        if !filter.key_matches(&key) {
            return;
        }
        let best = destination.best();
        for path in destination.paths() {
            let is_best = best.is_some_and(|best| std::ptr::eq(best, path));
            let from_asked = filter.neighbor.is_none_or(|peer| path.source == peer);
            if !from_asked
                || (filter.best_only && !is_best && !path.is_multipath())
                || !filter.path_matches::<N>(&path.body, &path.attrs)
            {
                continue;
            }
            let mut row = self.path_row(&key, path, page.now, page.detail);
            if page.detail {
                row.reason = self.reason(table, key, path);
            }
            row.best = is_best;
            row.stale = table.is_stale(path);
            row.version = destination.version().0;
            page.rows.push(row);
        }
    }

    /// The row of one path, but for what only its destination knows.
    pub(in crate::core) fn path_row<N: Describe>(
        &self,
        key: &N,
        path: &Path<N>,
        now: u32,
        detail: bool,
    ) -> v1::Path {
        let mut row = path_row(key, &path.body, &path.attrs);
        row.neighbor = self.source_name(path.source);
        row.valid = self.rib.decision.is_eligible(path.source, &path.attrs);
        row.multipath = path.is_multipath();
        row.path_id = (path.path_id.0 != 0).then_some(path.path_id.0);
        row.age_seconds = now.saturating_sub(path.learned).into();
        if detail {
            row.unknown_attributes = path.attrs.unknown.iter().map(unknown_row).collect();
        }
        row
    }
}

/// What is collected for one page.
pub(super) struct Page {
    pub(super) rows: Vec<v1::Path>,
    pub(super) size: usize,
    /// Core's clock.
    pub(super) now: u32,
    detail: bool,
}
