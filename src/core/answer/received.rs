//! What neighbours sent, as it came: rows of routes that are kept beside the table.

use api::query::ApiError;
use api::v1;
use bgp::rib::{Held, Received};
use bgp::types::{Family, PeerId};

use crate::core::Core;

use super::Answered;
use super::describe::{Describe, path_row};
use super::filter::PathFilter;
use super::paths::Page;

impl Core {
    /// Refuses a request for what is not kept.
    pub(super) fn check_kept(&self, peer: PeerId) -> Answered<()> {
        let missing = || {
            let name = self.source_name(peer);
            ApiError::FailedPrecondition(format!(
                "what {name} sends is not kept as it comes: set keep_adj_in for it"
            ))
        };
        self.rib.keeps_received(peer).then_some(()).ok_or_else(missing)
    }

    /// Adds rows of what a peer sent, from a place on; says where it stopped, if before the end.
    pub(super) fn fill_from_received(
        &self,
        family: Family,
        peer: PeerId,
        from: u32,
        filter: &PathFilter,
        page: &mut Page,
    ) -> Option<u32> {
        let rib = &self.rib;
        match family {
            Family::Ipv4Unicast => {
                self.add_received(&rib.received_ipv4(peer, from, page.size), peer, filter, page)
            }
            Family::Ipv6Unicast => {
                self.add_received(&rib.received_ipv6(peer, from, page.size), peer, filter, page)
            }
            Family::L2vpnEvpn => {
                self.add_received(&rib.received_evpn(peer, from, page.size), peer, filter, page)
            }
        }
    }

    fn add_received<N: Describe>(
        &self,
        received: &Received<'_, N>,
        peer: PeerId,
        filter: &PathFilter,
        page: &mut Page,
    ) -> Option<u32> {
        for held in &received.routes {
            let Held { route, attrs, .. } = held;
            if filter.key_matches(&route.nlri) && filter.path_matches::<N>(&route.body, attrs) {
                page.rows.push(self.received_row(page.now, peer, held));
            }
        }
        received.next
    }

    /// A route as it came, and what the import policy makes of it.
    pub(super) fn received_row<N: Describe>(&self, now: u32, peer: PeerId, held: &Held<N>) -> v1::Path {
        let Held { route, attrs, learned, .. } = held;
        let (valid, policy_statement) = self.judged(peer, held);
        v1::Path {
            neighbor: self.source_name(peer),
            valid,
            policy_statement,
            path_id: (route.path_id.0 != 0).then_some(route.path_id.0),
            age_seconds: now.saturating_sub(*learned).into(),
            ..path_row(&route.nlri, &route.body, attrs)
        }
    }

    /// Whether the import policy takes a route, and who said so.
    fn judged<N: Describe>(&self, peer: PeerId, held: &Held<N>) -> (bool, String) {
        match self.rib.import_outcome(peer, held) {
            Some((outcome, decider)) => (outcome.attrs.is_some(), decider.to_string()),
            None => (true, String::new()),
        }
    }
}
