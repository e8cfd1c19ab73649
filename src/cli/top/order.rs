//! In which order lists are shown.

use std::cmp::Reverse;

use api::v1;

use super::model::{Model, NeighborRates, Pane, accepted};

/// By what a list is sorted: a column of it, or the other way round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sort {
    pub(super) column: usize,
    pub(super) reversed: bool,
}

/// How neighbors can be sorted.
pub(super) enum NeighborOrder {
    /// By address, as linnetd lists them.
    Given,
    DownFirst,
    Accepted,
    /// The highest rate first.
    Rate(fn(NeighborRates) -> f64),
}

/// The orders of neighbors, by what they are called.
pub(super) const NEIGHBOR_ORDERS: [(&str, NeighborOrder); 5] = [
    ("address", NeighborOrder::Given),
    ("state", NeighborOrder::DownFirst),
    ("accepted", NeighborOrder::Accepted),
    ("messages", NeighborOrder::Rate(|[received, sent, ..]| received + sent)),
    ("routes", NeighborOrder::Rate(|[.., received, sent]| received + sent)),
];

/// What networks are sorted by, the highest first; by number where there is nothing.
type VniKey = fn(&v1::Vni) -> u64;

/// The orders of networks, by what they are called.
pub(super) const VNI_ORDERS: [(&str, Option<VniKey>); 4] = [
    ("number", None),
    ("local", Some(|row| row.local_macs)),
    ("remote", Some(|row| row.remote_macs)),
    ("VTEPs", Some(|row| row.remote_vteps)),
];

impl Model {
    /// The neighbors in the order that is asked for; those that are alike by address.
    pub(super) fn sorted_neighbors(&self) -> Vec<&v1::Neighbor> {
        let sort = self.sort(Pane::Neighbors);
        let mut rows: Vec<_> = self.facts.neighbors.iter().collect();
        match NEIGHBOR_ORDERS.get(sort.column).map(|(_, order)| order) {
            Some(NeighborOrder::Given) | None => {}
            Some(NeighborOrder::DownFirst) => {
                rows.sort_by_key(|row| row.state() == v1::NeighborState::Established);
            }
            Some(NeighborOrder::Accepted) => rows.sort_by_key(|row| Reverse(accepted(row))),
            Some(NeighborOrder::Rate(which)) => {
                let rate = |row: &v1::Neighbor| self.neighbor_rates(&row.address).map_or(0.0, which);
                rows.sort_by(|a, b| rate(b).total_cmp(&rate(a)));
            }
        }
        reversed_if(rows, sort.reversed)
    }

    /// The networks in the order that is asked for; those that are alike by number.
    pub(super) fn sorted_vnis(&self) -> Vec<&v1::Vni> {
        let sort = self.sort(Pane::Vnis);
        let mut rows: Vec<_> = self.facts.vnis.iter().collect();
        if let Some((_, Some(key))) = VNI_ORDERS.get(sort.column) {
            rows.sort_by_key(|row| Reverse(key(row)));
        }
        reversed_if(rows, sort.reversed)
    }
}

fn reversed_if<T>(mut rows: Vec<T>, reversed: bool) -> Vec<T> {
    if reversed {
        rows.reverse();
    }
    rows
}
