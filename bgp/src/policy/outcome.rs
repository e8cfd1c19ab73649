//! What a chain of policies makes of routes, and which of its steps did it.

use std::sync::Arc;

use smallvec::SmallVec;

use super::Fixed;
use crate::wire::Attrs;

/// The numbers of the steps that applied, in order; the last of them decided.
pub(super) type Trail = SmallVec<[u16; 4]>;

/// What a chain makes of some routes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The attributes that they go on with; `None` if they are refused.
    pub attrs: Option<Arc<Attrs>>,
    /// What export must not change again.
    pub fixed: Fixed,
    pub(super) trail: Trail,
}
