//! Why a row is as it is told to be, in words.
//!
//! What led to a change is known where it happens, and only then: what cannot be read off the row afterwards is kept
//! with its key in the record ([`Why`]), and nowhere else. Why a best path is the best is worked out when it is told.

mod evpn;
mod neighbor;
mod path;
#[cfg(test)]
mod tests;

use ::evpn::Place;
use api::v1;
use api::v1::change::Row;

pub(super) use evpn::moved_from;
pub(super) use neighbor::what_changed;

/// What led to a change, as far as the row will not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Why {
    /// Nothing but the row.
    #[default]
    Unknown,
    /// A MAC is elsewhere than before: where it was.
    Moved(Place),
    /// Something else had changed or removed what was right in the kernel.
    Spoilt,
    /// This.
    Said(Box<str>),
}

impl Why {
    /// Of two reasons for the same look of a row, the one that says something.
    pub(super) fn or(self, other: Why) -> Why {
        if self == Why::Unknown { other } else { self }
    }
}

/// The reason for a change of a row; of one that is gone only what identifies it is there.
pub(super) fn reason(row: &Row, is_gone: bool, why: &Why) -> String {
    match (row, why) {
        (_, Why::Said(text)) => text.to_string(),
        (Row::Mac(mac), why) => evpn::of_mac(mac, is_gone, why),
        (Row::Arp(arp), _) => evpn::of_arp(arp, is_gone),
        (Row::Vtep(vtep), _) => evpn::of_vtep(vtep, is_gone),
        (Row::FibEntry(_), _) if is_gone => "no longer wanted, and gone from the kernel".to_owned(),
        (Row::FibEntry(entry), why) => of_fib(entry, why),
        (Row::Neighbor(_), _) if is_gone => {
            "no longer configured, or a dynamic neighbor that left".to_owned()
        }
        (Row::Vni(_), _) if is_gone => "neither configured nor served any more".to_owned(),
        (Row::Path(_) | Row::Neighbor(_) | Row::Vni(_), _) => String::new(),
    }
}

fn of_fib(entry: &v1::FibEntry, why: &Why) -> String {
    match (why, entry.reason.as_str()) {
        (Why::Spoilt, _) => "something else changed or removed it: to be put right".to_owned(),
        (_, reason) => reason.to_owned(),
    }
}
