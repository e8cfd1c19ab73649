//! Answers to the API: pages of rows made from what core holds, at the moment of asking.
//!
//! A page costs a bounded piece of a turn, whatever the table's size and however few rows its filters let
//! through: it may hold fewer rows than asked for and still name the next page.

mod bfd;
mod configuration;
mod describe;
mod duplicates;
mod evpn;
mod explain;
mod fib;
mod filter;
mod native;
mod neighbors;
mod paths;
mod policies;
mod received;
mod routes;
mod row;
mod status;
mod tunnel;
mod verdicts;

use std::fmt::Display;
use std::str::FromStr;
use std::time::Instant;

use api::query::ApiError;
use api::{Answer, Query, Request};
use bgp::types::Vni;

use super::Core;
pub(super) use configuration::change_rows;
pub(super) use describe::{AnyNlri, Describe};
pub(super) use evpn::{arp_row, mac_row, vni_row, vtep_row};
pub(super) use explain::won_by;
pub(super) use fib::{entry as fib_entry, key as fib_key, route_entry};

/// What answering gives.
pub(super) type Answered<T> = Result<T, ApiError>;

impl Core {
    /// Answers a request, or keeps it where it waits for changes.
    pub(super) fn request(&mut self, now: Instant, request: Request) {
        if let Query::Changes(changes) = &request.query {
            let changes = changes.clone();
            self.watch(now, &changes, request);
            return;
        }
        let answer = self.answer(now, &request.query);
        request.answer(answer);
    }

    fn answer(&mut self, now: Instant, query: &Query) -> Answered<Answer> {
        Ok(match query {
            Query::ListPaths(query) => self.list_paths(now, query)?.into(),
            Query::Summarize(_) => self.summarize().into(),
            Query::Explain(query) => self.explain(now, query)?.into(),
            Query::ListNeighbors(query) => self.list_neighbors(now, query)?.into(),
            Query::GetNeighbor(query) => self.get_neighbor(now, query)?.into(),
            Query::ResetNeighbor(query) => self.reset_neighbor(query)?.into(),
            Query::SetNeighborAdmin(query) => self.set_neighbor_admin(query)?.into(),
            Query::ListPolicies(query) => self.list_policies(query)?.into(),
            Query::ListBfdSessions(query) => self.list_bfd_sessions(now, query)?.into(),
            Query::ListVnis(query) => self.list_vnis(query)?.into(),
            Query::ListMacs(query) => self.list_macs(query)?.into(),
            Query::ListArps(query) => self.list_arps(query)?.into(),
            Query::ListVteps(query) => self.list_vteps(query)?.into(),
            Query::ListDuplicates(query) => self.list_duplicates(now, query)?.into(),
            Query::ClearDuplicates(query) => self.clear_duplicates(now, query)?.into(),
            Query::ListFibEntries(query) => self.list_fib_entries(query)?.into(),
            Query::ListRoutes(query) => self.list_routes(query)?.into(),
            Query::ListAdvertised(query) => self.list_advertised(query)?.into(),
            Query::ListPrefixSources(query) => self.list_prefix_sources(query)?.into(),
            Query::ListTunnelEnds(query) => self.list_tunnel_ends(query)?.into(),
            Query::GetStatus(_) => self.status(now).into(),
            Query::Inject(injection) => self.inject(now, injection)?.into(),
            Query::GetConfiguration(_) => self.get_configuration(now).into(),
            Query::ConfirmConfiguration(_) => self.confirm_configuration()?.into(),
            Query::RollBackConfiguration(_) => self.roll_back_configuration(now)?.into(),
            // Files and texts are the daemon's to read: see `Event::Reconfigure` and `Event::Edited`.
            Query::ReloadConfiguration(_)
            | Query::ApplyConfiguration(_)
            | Query::AddNeighbor(_)
            | Query::RemoveNeighbor(_) => {
                return Err(ApiError::Unimplemented("there is nobody who reads configurations".to_owned()));
            }
            // Kept by `request`, which never hands it on.
            Query::Changes(_) => return Err(ApiError::InvalidArgument("a watch is no list".to_owned())),
        })
    }
}

/// Reads a field of a request; the error names the field and what would be right.
pub(super) fn parse<T: FromStr<Err: Display>>(field: &str, text: &str) -> Answered<T> {
    text.parse().map_err(|error| ApiError::InvalidArgument(format!("{field}: `{text}`: {error}")))
}

/// Reads a field of a request that is a filter: empty lets everything through.
fn parse_filter<T: FromStr<Err: Display>>(field: &str, text: &str) -> Answered<Option<T>> {
    if text.is_empty() { Ok(None) } else { parse(field, text).map(Some) }
}

/// Reads a page token: the positions that an earlier page ended at; all zero for the first page.
fn parse_token<const N: usize>(token: &str) -> Answered<[u32; N]> {
    let mut positions = [0; N];
    if token.is_empty() {
        return Ok(positions);
    }
    let error = || ApiError::InvalidArgument(format!("page_token: `{token}` is not from an earlier page"));
    let mut parts = token.split('.');
    for position in &mut positions {
        *position = parts.next().and_then(|part| part.parse().ok()).ok_or_else(error)?;
    }
    if parts.next().is_some() { Err(error()) } else { Ok(positions) }
}

/// Reads the token of a list that each VNI has one of: behind which row of which VNI a page begins.
fn parse_place<K: FromStr>(token: &str) -> Answered<(Vni, Option<K>)> {
    if token.is_empty() {
        return Ok((Vni::default(), None));
    }
    let place = token
        .split_once('/')
        .and_then(|(vni, row)| Some((Vni::new(vni.parse().ok()?)?, Some(row.parse().ok()?))));
    place.ok_or_else(|| {
        ApiError::InvalidArgument(format!("page_token: `{token}` is not from an earlier page"))
    })
}

/// The token for the page that begins at these positions.
fn token<const N: usize>(positions: [u32; N]) -> String {
    positions.map(|position| position.to_string()).join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_lead_back() {
        assert_eq!(parse_token::<2>(&token([3, 70_000])), Ok([3, 70_000]));
        assert_eq!(parse_token::<2>(""), Ok([0, 0]));
        for wrong in ["3", "3.x", "1.2.3", "-1.2"] {
            assert!(parse_token::<2>(wrong).is_err(), "{wrong}");
        }
    }
}
