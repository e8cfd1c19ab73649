//! Export policies at work: the plans of one window's attribute sets.

use std::borrow::Cow;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::policy::{Chain, Context, Fixed, Hits, Outcome, Plan};
use crate::rib::Path;
use crate::types::PeerId;
use crate::wire::{Attrs, Nlri};

use super::spec::MemberSpec;

/// The plans of one chain for what a window holds. Kept from window to window for its allocation.
#[derive(Debug, Default)]
pub(super) struct Plans {
    /// By the address of the attributes, which the entry keeps in use, and the source.
    plans: HashMap<(usize, PeerId), Planned, FixedState>,
}

#[derive(Debug)]
struct Planned {
    _attrs: Arc<Attrs>,
    plan: Plan,
}

/// What a policy lets out, and what of it the rules of export must leave as it is.
#[derive(Clone, Debug)]
pub(super) struct Released<'p> {
    /// Borrowed where no policy is asked: most paths have none to pass.
    pub(super) attrs: Cow<'p, Arc<Attrs>>,
    pub(super) fixed: Fixed,
}

impl<'p> Released<'p> {
    /// As it is in the table: what no policy was asked about.
    pub(super) fn as_it_is<N: Nlri>(path: &'p Path<N>) -> Released<'p> {
        Released { attrs: Cow::Borrowed(&path.attrs), fixed: Fixed::default() }
    }

    /// As a policy lets it go on; `None` if it does not.
    pub(super) fn by(outcome: &Outcome) -> Option<Released<'p>> {
        Some(Released { attrs: Cow::Owned(outcome.attrs.clone()?), fixed: outcome.fixed })
    }
}

impl Plans {
    /// What becomes of a path to `nlri`; `None` if it is refused. Counts into `hits`.
    pub(super) fn decide<'p, N: Nlri>(
        &mut self,
        chain: &Chain,
        context: &Context,
        (nlri, path): (&N, &'p Path<N>),
        hits: &mut Hits,
    ) -> Option<Released<'p>> {
        let key = (Arc::as_ptr(&path.attrs) as usize, path.source);
        let Planned { plan, .. } = self.plans.entry(key).or_insert_with(|| Planned {
            _attrs: path.attrs.clone(),
            plan: Plan::new(chain, context, &path.attrs),
        });
        let index = plan.common().unwrap_or_else(|| plan.decide(chain, context, &nlri.parts(&path.body)));
        let outcome = plan.outcome(index)?;
        hits.add(outcome, 1);
        Released::by(outcome)
    }

    /// Forgets them: what comes is of another window.
    pub(super) fn clear(&mut self) {
        self.plans.clear();
    }
}

/// What a spec's policy makes of a path, uncounted; `None` if it refuses it.
pub(super) fn released<'p, N: Nlri>(
    spec: &MemberSpec,
    context: &Context,
    nlri: &N,
    path: &'p Path<N>,
) -> Option<Released<'p>> {
    let Some(chain) = &spec.policy else { return Some(Released::as_it_is(path)) };
    let mut plan = Plan::new(chain, context, &path.attrs);
    let index = plan.decide(chain, context, &nlri.parts(&path.body));
    plan.outcome(index).and_then(Released::by)
}
