//! What this node announces of its own.

use std::ops::Bound;

use api::query::{ApiError, page_size};
use api::v1;
use ipnet::IpNet;

use crate::config::PrefixKind;
use crate::core::Core;
use crate::core::advertise::{Advertiser, Row};

use super::row::texts;
use super::{Answered, parse, parse_token, token};

impl Core {
    pub(super) fn list_advertised(
        &self,
        query: &v1::ListAdvertisedRequest,
    ) -> Answered<v1::ListAdvertisedResponse> {
        let advertiser = self.advertiser()?;
        let from = match &*query.page_token {
            "" => Bound::Unbounded,
            last => Bound::Excluded(parse::<IpNet>("page_token", last)?),
        };
        let size = page_size(query.page_size);
        let (mut advertised, mut looked, mut last) = (Vec::new(), 0, None);
        for (prefix, row) in advertiser.rows_from(from).take(size) {
            (looked, last) = (looked + 1, Some(*prefix));
            let given = query.source.is_empty() || row.sources.iter().any(|source| **source == *query.source);
            let state = state(row);
            if given && (query.states.is_empty() || query.states.contains(&state.into())) {
                advertised.push(advertised_row(*prefix, row, state));
            }
        }
        let next = last.filter(|_| looked == size);
        let next_page_token = next.map(|prefix| prefix.to_string()).unwrap_or_default();
        Ok(v1::ListAdvertisedResponse { advertised, next_page_token })
    }

    pub(super) fn list_prefix_sources(
        &self,
        query: &v1::ListPrefixSourcesRequest,
    ) -> Answered<v1::ListPrefixSourcesResponse> {
        let all = self.advertiser()?.sources();
        let [from] = parse_token(&query.page_token)?;
        let size = page_size(query.page_size);
        let page = all.iter().skip(from as usize).take(size);
        let prefix_sources = page
            .map(|source| v1::PrefixSource {
                name: source.name.to_string(),
                prefixes: source.prefixes.len() as u64,
                heard: source.heard,
                fault: source.fault.clone(),
            })
            .collect();
        let next = from as usize + size;
        let next_page_token = if next < all.len() { token([next as u32]) } else { String::new() };
        Ok(v1::ListPrefixSourcesResponse { prefix_sources, next_page_token })
    }

    fn advertiser(&self) -> Answered<&Advertiser> {
        let missing = || {
            ApiError::FailedPrecondition(
                "the configuration has no `native` section: nothing is announced".into(),
            )
        };
        self.advertiser.as_ref().ok_or_else(missing)
    }
}

fn state(row: &Row) -> v1::AdvertisedState {
    match row.withheld_by {
        None => v1::AdvertisedState::Advertised,
        Some(_) => v1::AdvertisedState::Withheld,
    }
}

fn advertised_row(prefix: IpNet, row: &Row, state: v1::AdvertisedState) -> v1::Advertised {
    let kind = match row.kind {
        PrefixKind::Prefixes => v1::PrefixKind::Prefixes,
        PrefixKind::Blocks => v1::PrefixKind::Blocks,
        PrefixKind::Services => v1::PrefixKind::Services,
    };
    let mut communities = texts(&row.attrs.communities);
    communities.extend(texts(&row.attrs.large_communities));
    v1::Advertised {
        prefix: prefix.to_string(),
        sources: row.sources.iter().map(ToString::to_string).collect(),
        kind: kind.into(),
        state: state.into(),
        withheld_by: row.withheld_by.map(|block| block.to_string()).unwrap_or_default(),
        communities,
        local_pref: row.attrs.local_pref,
        med: row.attrs.med,
    }
}
