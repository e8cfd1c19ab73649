//! The routing tables: what every source told, which path is used, and in which order that changed.
//!
//! One [`Table`] for each family holds the paths of all sources (Adj-RIB-In and Loc-RIB in one: a destination
//! knows all its paths, the best of them first). Every change of a best path gets the next [`Version`] and an
//! entry in the table's log. Whoever consumes routes (an update group, the EVPN importer, a watcher) is a
//! cursor on that log: it asks for the [changes](Table::changes) after what it has seen, and is told the newest
//! state of each destination once. There is no queue for any reader. A reader of all paths is told of
//! [every change](Table::path_changes), which is logged while there is one.
//!
//! [`Rib`] puts the three families together with what their [`Decision`] depends on, and refuses routes that
//! must not be used ([`admit`]) or that an import policy rejects. The owner of the Rib drives it with the peers'
//! updates and, when it has time,
//! [`Rib::sweep`].
//!
//! Standards: RFC 4271 section 9.1 (decision), RFC 4456 (reflection: loops and tie-breaking), RFC 2918, RFC 7313
//! and RFC 4724 (stale routes). Not here: what is sent to whom (`export`), import by route target (`evpn`), what
//! policies say (`policy`), and any clock.

mod adj_in;
mod admit;
mod budget;
mod chunked;
mod cursor;
mod decision;
mod destination;
mod import;
mod imports;
mod index;
mod log;
mod marks;
#[cfg(test)]
mod model;
mod next_hops;
#[cfg(test)]
mod order;
mod prepend;
mod quiet;
mod received;
mod refused;
mod revisit;
mod rules;
mod source;
mod sweep;
mod table;
mod tables;
#[cfg(test)]
pub(crate) mod testing;
mod trail;
mod version;

pub use adj_in::Held;
pub use admit::{LocalIdentity, Rejected, RejectedCounts, admit};
pub use budget::Budget;
pub use cursor::CursorId;
pub use decision::{Explained, Reason};
pub use destination::{Destination, DestinationId, Path};
pub use next_hops::{NextHopNews, NextHops, Reachability};
pub use received::Received;
pub use refused::Refusal;
pub use rules::{Decision, DecisionRules, Multipath};
pub(crate) use source::PeerMap;
pub use source::{Admission, DEFAULT_LOCAL_PREF, Source, SourceKind, Sources};
pub use sweep::PeerCounts;
pub use table::{Change, Changes, Table};
pub use tables::Rib;
pub use trail::Cause;
pub use version::Version;
