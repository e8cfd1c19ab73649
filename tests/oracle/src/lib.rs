//! An independent codec as a judge: NetGauze's, which shares no line with linnet's.
//!
//! `theirs` reads and writes with it; `facts` says what a message of either says in the same words, so that the two
//! can be compared value by value. `disagreements` is the table of what the two do not agree on, and who is right.

pub mod disagreements;
pub mod facts;
pub mod theirs;
