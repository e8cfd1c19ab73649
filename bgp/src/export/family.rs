//! The update groups of one family.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::policy::{Chain, Hits, Outcome, Plan};
use crate::rib::{Budget, Destination, DestinationId, Path, Table};
use crate::types::{PathId, PeerId};
use crate::wire::{Attrs, Nlri};

use super::MemberStatus;
use super::group::UpdateGroup;
use super::outlet::{Outlet, Readiness};
use super::pack::Packer;
use super::plans::{Released, released};
use super::speaker::Speaker;
use super::spec::MemberSpec;
use super::verdict::{Verdict, Withheld};

/// The groups of one family, and what they need to do their work.
#[derive(Debug)]
pub(super) struct FamilyExport<N: Nlri> {
    groups: Vec<UpdateGroup<N>>,
    /// How many groups there are of each spec. Where there is but one, there is nothing to merge.
    specs: HashMap<MemberSpec, usize, FixedState>,
    packer: Packer<N>,
    /// End-of-RIB waits: what others have to say is not complete yet.
    holds_end_of_rib: bool,
    /// Where the next turn begins, so that a spent budget does not always meet the same groups.
    next: usize,
}

/// A route that a peer has been sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertised<N: Nlri> {
    /// The destination's id, by which a listing goes on.
    pub id: DestinationId,
    /// Its key.
    pub nlri: N,
    /// By which it was sent; 0 without ADD-PATH.
    pub path_id: PathId,
    /// What goes with it.
    pub body: N::Body,
    /// The attributes as sent.
    pub attrs: Attrs,
}

/// Log entries in one window. The batch is usually full before.
const WINDOW: usize = 8192;

impl<N: Nlri> Default for FamilyExport<N> {
    fn default() -> Self {
        FamilyExport {
            groups: Vec::new(),
            specs: HashMap::default(),
            packer: Packer::default(),
            holds_end_of_rib: false,
            next: 0,
        }
    }
}

impl<N: Nlri> FamilyExport<N> {
    pub(super) fn join(&mut self, table: &mut Table<N>, peer: PeerId, spec: &MemberSpec) {
        self.leave(table, peer);
        let spec = spec.clone().group_key(N::FAMILY);
        match self.groups.iter_mut().find(|group| group.spec == spec && group.is_fresh(table)) {
            Some(group) => group.members.push(peer),
            None => {
                let group = UpdateGroup::new(table, spec, vec![peer]);
                self.add(group);
            }
        }
    }

    pub(super) fn leave(&mut self, table: &mut Table<N>, peer: PeerId) {
        let Some(index) = self.group_of(peer) else { return };
        let Some(group) = self.groups.get_mut(index) else { return };
        group.members.retain(|member| *member != peer);
        if group.members.is_empty() {
            self.remove(table, index);
        }
    }

    /// The peer starts at the beginning again, alone.
    pub(super) fn refresh(&mut self, table: &mut Table<N>, peer: PeerId, marked: bool) {
        let Some(group) = self.group_of(peer).and_then(|index| self.groups.get_mut(index)) else { return };
        if group.members.len() == 1 {
            group.restart(table, marked);
        } else {
            let mut alone = group.split_off(table, vec![peer]);
            alone.restart(table, marked);
            self.add(alone);
        }
    }

    /// Serves members with another spec from now on, and sends them what that changes. Those that are served alike
    /// before and after stay together.
    pub(super) fn change(&mut self, table: &mut Table<N>, changes: &[(PeerId, MemberSpec)]) {
        let mut changed = Vec::new();
        for group in &mut self.groups {
            changed.extend(std::iter::from_fn(|| group.split_changed(table, changes)));
        }
        let emptied = |group: &UpdateGroup<N>| group.members.is_empty();
        while let Some(index) = self.groups.iter().position(emptied) {
            self.remove(table, index);
        }
        changed.into_iter().for_each(|group| self.add(group));
    }

    /// What the policy of a peer's group decided.
    pub(super) fn hits(&self, peer: PeerId) -> Option<&Hits> {
        self.group_with(peer).map(|group| &group.hits)
    }

    /// What the policies of all groups decided.
    pub(super) fn all_hits(&self) -> impl Iterator<Item = (&Chain, &Hits)> {
        self.groups.iter().filter_map(|group| Some((group.spec.policy.as_ref()?, &group.hits)))
    }

    /// Serves the groups in turn, a window each, until nothing is left to do, the budget is spent, or all wait
    /// for credit. Says whether there is more to do.
    pub(super) fn pump(
        &mut self,
        table: &mut Table<N>,
        speaker: Speaker<'_>,
        outlet: &mut Outlet,
        budget: &mut Budget,
    ) -> bool {
        let mut idle = 0;
        while idle < self.groups.len() {
            if budget.is_spent() {
                return true;
            }
            self.next = if self.next < self.groups.len() { self.next } else { 0 };
            let worked = self.serve(self.next, table, speaker, outlet, budget);
            idle = if worked { 0 } else { idle + 1 };
            self.next += 1;
        }
        self.merge(table);
        false
    }

    pub(super) fn hold_end_of_rib(&mut self, hold: bool) {
        self.holds_end_of_rib = hold;
    }

    pub(super) fn status(&self, table: &Table<N>, peer: PeerId) -> Option<MemberStatus> {
        let group = self.group_with(peer)?;
        Some(MemberStatus {
            cursor: table.position(&group.cursor),
            in_sync: !group.has_work(table, false),
            advertised: group.sent.advertised_to(peer),
        })
    }

    pub(super) fn advertised(
        &self,
        table: &Table<N>,
        speaker: Speaker<'_>,
        peer: PeerId,
        from: DestinationId,
        limit: usize,
    ) -> Vec<Advertised<N>> {
        let Some(group) = self.group_with(peer) else { return Vec::new() };
        let policy = group.policy(speaker.us);
        let of = |(id, destination): (DestinationId, &Destination<N>)| {
            let nlri = destination.nlri();
            let advertised = |(path_id, path): (PathId, &Path<N>)| {
                let from = speaker.decision.sources.get(path.source);
                let Released { attrs, fixed } = released(&group.spec, &from.context(N::FAMILY), &nlri, path)?;
                let attrs = policy.rewrite(&attrs, from, fixed);
                Some(Advertised { id, nlri, path_id, body: path.body, attrs })
            };
            group.sent.routes(id, destination, peer).into_iter().filter_map(advertised).collect::<Vec<_>>()
        };
        table.page(from, limit).flat_map(of).collect()
    }

    /// What becomes of a path to `nlri`; `None` if the peer is not served in this family.
    pub(super) fn verdict(
        &self,
        speaker: Speaker<'_>,
        peer: PeerId,
        nlri: &N,
        path: &Path<N>,
    ) -> Option<Verdict<'_>> {
        let group = self.group_with(peer)?;
        let (rules, source) = (group.policy(speaker.us), speaker.decision.sources.get(path.source));
        let own = (path.source == peer).then_some(Withheld::Own);
        if let Some(withheld) = own.or_else(|| rules.withheld(&path.attrs, source)) {
            return Some(Verdict { withheld: Some(withheld), decider: None });
        }
        let asked = group.spec.policy.as_ref().and_then(|chain| {
            let mut plan = Plan::new(chain, &source.context(N::FAMILY), &path.attrs);
            let index = plan.decide(chain, &source.context(N::FAMILY), &nlri.parts(&path.body));
            Some((chain, plan.outcome(index)?.clone()))
        });
        let decider = asked.as_ref().and_then(|(chain, outcome): &(&Chain, Outcome)| chain.decider(outcome));
        let released = match &asked {
            None => Some(Released::as_it_is(path)),
            Some((_, outcome)) => Released::by(outcome),
        };
        let withheld = match released {
            None => Some(Withheld::Policy),
            Some(Released { attrs, fixed }) => {
                (!rules.can_tell(&attrs, source, fixed)).then_some(Withheld::NextHop)
            }
        };
        Some(Verdict { withheld, decider })
    }

    /// One window for one group, if it may. Says whether anything was done.
    fn serve(
        &mut self,
        index: usize,
        table: &mut Table<N>,
        speaker: Speaker<'_>,
        outlet: &mut Outlet,
        budget: &mut Budget,
    ) -> bool {
        let hold = self.holds_end_of_rib;
        let Some(group) = self.groups.get_mut(index).filter(|group| group.has_work(table, hold)) else {
            return false;
        };
        match outlet.readiness(&group.members) {
            Readiness::Wait => return false,
            Readiness::Go => (),
            Readiness::Without(slow) => {
                let slow = group.split_off(table, slow);
                self.add(slow);
            }
        }
        let Some(group) = self.groups.get_mut(index) else { return false };
        let limit = budget.left().min(WINDOW);
        let (seen, batch) = group.advance(table, speaker, &mut self.packer, limit, hold);
        budget.spend(seen.max(1));
        if let Some(batch) = batch {
            outlet.send(&group.members, batch);
        }
        true
    }

    /// Puts together groups that are alike and have both come to the head.
    fn merge(&mut self, table: &mut Table<N>) {
        let mut index = 0;
        while self.groups.len() > self.specs.len() && index < self.groups.len() {
            let (before, rest) = self.groups.split_at_mut(index);
            let Some(group) = rest.first_mut() else { return };
            match before.iter_mut().find(|other| other.is_twin(group, table)) {
                Some(twin) => {
                    twin.members.append(&mut group.members);
                    self.remove(table, index);
                }
                None => index += 1,
            }
        }
    }

    #[cfg(test)]
    pub(super) fn groups(&self) -> usize {
        self.groups.len()
    }

    /// The group that a peer is in.
    pub(super) fn group_with(&self, peer: PeerId) -> Option<&UpdateGroup<N>> {
        self.groups.get(self.group_of(peer)?)
    }

    fn group_of(&self, peer: PeerId) -> Option<usize> {
        self.groups.iter().position(|group| group.members.contains(&peer))
    }

    fn add(&mut self, group: UpdateGroup<N>) {
        *self.specs.entry(group.spec.clone()).or_insert(0) += 1;
        self.groups.push(group);
    }

    fn remove(&mut self, table: &mut Table<N>, index: usize) {
        let group = self.groups.swap_remove(index);
        table.close_cursor(group.cursor);
        if let Some(count) = self.specs.get_mut(&group.spec) {
            *count -= 1;
            if *count == 0 {
                self.specs.remove(&group.spec);
            }
        }
    }
}
