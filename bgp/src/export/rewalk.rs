//! A group whose spec changes, by a new policy or otherwise, without its members' sessions ending.
//!
//! It goes back to the beginning of the log with the account of what was sent, and looks at every destination anew:
//! what is refused now is withdrawn, what is let out now is sent. What comes out as it did before has been sent
//! already and is passed over; to know that, the former spec is kept until the walk is where it was made.

use crate::policy::Hits;
use crate::rib::{Change, Path, Table, Version};
use crate::types::PeerId;
use crate::wire::{Attrs, Nlri};

use super::group::UpdateGroup;
use super::plans::{Released, released};
use super::policy::Policy;
use super::speaker::Speaker;
use super::spec::MemberSpec;

/// A walk through what was sent with another spec.
#[derive(Clone, Debug)]
pub(super) struct Rewalk {
    /// The spec that everything up to here was sent with.
    former: MemberSpec,
    until: Version,
}

impl Rewalk {
    /// Whether a walk that has reached this version has seen all that was sent with the former spec.
    pub(super) fn ends(&self, reached: Version) -> bool {
        reached >= self.until
    }

    /// What the former spec made of a path: the attributes as they were sent, if they were.
    fn sent<N: Nlri>(&self, nlri: &N, path: &Path<N>, speaker: Speaker<'_>) -> Option<Attrs> {
        let source = speaker.decision.sources.get(path.source);
        let policy = Policy { us: speaker.us, to: &self.former, family: N::FAMILY };
        let Released { attrs, fixed } = released(&self.former, &source.context(N::FAMILY), nlri, path)?;
        let was_sent = policy.exports(&path.attrs, source) && policy.can_tell(&attrs, source, fixed);
        was_sent.then(|| policy.rewrite(&attrs, source, fixed))
    }
}

impl<N: Nlri> UpdateGroup<N> {
    /// Splits off the members whom one and the same of the `changes` gives another spec than the group's.
    pub(super) fn split_changed(
        &mut self,
        table: &mut Table<N>,
        changes: &[(PeerId, MemberSpec)],
    ) -> Option<Self> {
        let new = |peer: &PeerId| {
            let (_, spec) = changes.iter().find(|(changed, _)| changed == peer)?;
            Some(spec.clone().group_key(N::FAMILY)).filter(|spec| *spec != self.spec)
        };
        let spec = self.members.iter().find_map(new)?;
        let members = self.members.iter().copied().filter(|peer| new(peer).as_ref() == Some(&spec)).collect();
        let mut group = self.split_off(table, members);
        if self.members.is_empty() {
            // Who was sent the mark at the beginning is to be sent the one at the end.
            group.mark_due = self.mark_due.take();
        }
        group.change(table, spec);
        Some(group)
    }

    fn change(&mut self, table: &mut Table<N>, spec: MemberSpec) {
        // In the midst of an earlier walk nobody knows which spec a destination was sent with, and between the marks
        // of a refresh everything has to come: all is sent again.
        let unknown = self.rewalk.is_some() || self.mark_due.is_some();
        let until = if unknown { Version(0) } else { table.position(&self.cursor) };
        let former = std::mem::replace(&mut self.spec, spec);
        self.rewalk = Some(Rewalk { former, until });
        // Of several paths nobody knows which of them were sent before this change: all are sent again.
        self.resends = true;
        self.hits = Hits::default();
        table.advance(&self.cursor, Version(0));
    }

    /// Whether the members, who have been sent this path, have been sent just this already.
    pub(super) fn stands(
        &self,
        change: &Change<'_, N>,
        path: &Path<N>,
        released: &Released<'_>,
        speaker: Speaker<'_>,
    ) -> bool {
        let Some(rewalk) = self.rewalk.as_ref().filter(|rewalk| change.version <= rewalk.until) else {
            return false;
        };
        let source = speaker.decision.sources.get(path.source);
        let policy = self.policy(speaker.us);
        policy.exports(&path.attrs, source)
            && policy.can_tell(&released.attrs, source, released.fixed)
            && rewalk
                .sent(&change.nlri, path, speaker)
                .is_some_and(|sent| sent == policy.rewrite(&released.attrs, source, released.fixed))
    }
}
