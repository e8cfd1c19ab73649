//! Wanted against seen: what comes next for a prefix.

use ipnet::IpNet;

use super::Routes;
use super::entry::{Entry, Mark};
use super::status::Conflict;
use super::table::Alternative;
use super::ways::Id;
use crate::op::KERNEL_PROTOCOL;

/// What comes next for a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing: wanted and seen agree.
    Rest,
    /// Nothing: a route is wanted that cannot be in the kernel, and is not.
    Waits,
    /// Nothing yet: a former run's route, kept until routing has converged.
    Held,
    Put {
        ways: Id,
        replace: bool,
    },
    Delete,
    /// Delete a route of somebody who gives way to us, now that ours is there.
    TakeOver {
        metric: u32,
        protocol: u8,
    },
}

impl Routes {
    pub(super) fn step(&self, entry: &Entry) -> Step {
        let is_there = entry.seen.is_some() || entry.is(Mark::Doubt);
        match (entry.wanted, self.goal(entry)) {
            (_, Some(ways)) if entry.seen == Some(ways) && !entry.is(Mark::Doubt) => {
                self.yielding(&entry.prefix).next().map_or(Step::Rest, |there| Step::TakeOver {
                    metric: there.metric,
                    protocol: there.protocol,
                })
            }
            (_, Some(ways)) => {
                let is_taken = self.is_yielded(&entry.prefix) || self.is_stray_in_place(&entry.prefix);
                Step::Put { ways, replace: is_there || is_taken }
            }
            (Some(_), None) if !is_there => Step::Waits,
            (None, None) if !is_there => Step::Rest,
            (None, None) if entry.is(Mark::Found) && !self.released => Step::Held,
            (_, None) => Step::Delete,
        }
    }

    /// The ways that the kernel is to have for a prefix.
    fn goal(&self, entry: &Entry) -> Option<Id> {
        let set = entry.wanted?;
        let ways = self.wants.resolved(set)?;
        let is_kept_out = || self.conflict(&entry.prefix).is_some_and(|conflict| !conflict.beside);
        let leads_here = entry.is(Mark::Inward) && self.leads_to_itself(set, &entry.prefix);
        (!leads_here && !is_kept_out() && !self.is_swallowed(ways, &entry.prefix)).then_some(ways)
    }

    /// Whether a route would come before the one that leads to its next hop's gateway.
    fn leads_to_itself(&self, set: Id, prefix: &IpNet) -> bool {
        let Some(wanted) = self.wants.wanted(set) else { return false };
        let inward = wanted.hops().iter().filter(|hop| prefix.contains(&hop.address));
        let targets = inward.filter_map(|hop| self.next_hops.target(hop));
        targets.filter_map(|target| target.behind).any(|length| length < prefix.prefix_len())
    }

    /// Others' routes to a prefix that give way to ours.
    fn yielding(&self, prefix: &IpNet) -> impl Iterator<Item = &Alternative> {
        let takes = !self.config.take_over.is_empty();
        let table = self.tables.get(&self.config.table).filter(|_| takes);
        let others = table.map_or(&[][..], |table| table.at(prefix));
        others.iter().filter(|route| self.config.take_over.contains(&route.protocol))
    }

    /// Whether one of them is in the very place of ours, and nobody else.
    fn is_yielded(&self, prefix: &IpNet) -> bool {
        let metric = self.key(*prefix).metric;
        self.yielding(prefix).any(|route| route.metric == metric)
    }

    /// Somebody else's route to the same prefix, if it matters to ours.
    pub(super) fn conflict(&self, prefix: &IpNet) -> Option<Conflict> {
        let others = self.tables.get(&self.config.table).filter(|table| !table.is_empty())?.at(prefix);
        let ours = self.config.metric_of(matches!(prefix, IpNet::V4(_)));
        let conflict = |metric: u32, protocol: u8, beside| Conflict { protocol, metric, beside };
        let others = || others.iter().filter(|route| !self.config.take_over.contains(&route.protocol));
        let keeps_out = others()
            .find(|route| route.metric == ours || route.metric > ours && route.protocol == KERNEL_PROTOCOL);
        let comes_before = || others().next().filter(|route| route.metric < ours);
        keeps_out
            .map(|route| conflict(route.metric, route.protocol, false))
            .or_else(|| comes_before().map(|route| conflict(route.metric, route.protocol, true)))
    }
}

/// What is known of an entry after an op.
pub(super) fn conclude(entry: &mut Entry, done: Step, accepted: bool, is_certain: bool) {
    entry.set(Mark::InFlight, false);
    match done {
        _ if accepted && !is_certain => entry.set(Mark::Doubt, true),
        // IPv6 takes the ways of a route one by one: an op that is refused half way leaves anything.
        Step::Put { replace, .. } if !accepted && replace => entry.set(Mark::Doubt, true),
        _ if !accepted => {}
        Step::Put { ways, .. } => entry.seen = Some(ways),
        _ => entry.seen = None,
    }
    if is_certain {
        entry.set(Mark::Doubt, false);
    }
}

/// Whether the one would do the same as the other.
pub(super) fn is_same(one: Step, other: Step) -> bool {
    match (one, other) {
        (Step::Put { ways: one, .. }, Step::Put { ways: other, .. }) => one == other,
        (one, other) => one == other,
    }
}
