//! The rules of BFD as a neighbour sees them: two speakers over a link that loses and delays, one speaker and
//! whatever octets come.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests: there a panic is the report")]

mod arbitrary;
mod link;
mod pair;
mod single;
