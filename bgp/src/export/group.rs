//! An update group: peers in one family that are sent the same, message for message.

use crate::policy::Hits;
use crate::rib::{Change, CursorId, LocalIdentity, Path, Table, Version};
use crate::types::{PathId, PeerId};
use crate::wire::{Nlri, RouteRefresh};

use super::adj_rib_out::AdjRibOut;
use super::batch::{Audience, Batch};
use super::encode::BatchWriter;
use super::pack::{Announced, Packer};
use super::plans::Released;
use super::policy::Policy;
use super::rewalk::Rewalk;
use super::sent::Sent;
use super::sent_paths::SentPaths;
use super::speaker::Speaker;
use super::spec::MemberSpec;

/// Members that share a cursor on the log and an account of what was sent.
///
/// Invariant: a member has the routes that `sent` names, but for those it is itself the source of.
#[derive(Debug)]
pub(super) struct UpdateGroup<N: Nlri> {
    pub(super) spec: MemberSpec,
    pub(super) members: Vec<PeerId>,
    pub(super) cursor: CursorId,
    pub(super) sent: AdjRibOut<N>,
    /// The members have not been sent End-of-RIB yet.
    pub(super) end_of_rib_due: bool,
    /// Everything is sent again, whether the members have it or not.
    pub(super) resends: bool,
    /// The mark that is to be sent next round what is sent again.
    pub(super) mark_due: Option<RefreshMark>,
    /// The spec has changed, and what was sent before is being looked at again.
    pub(super) rewalk: Option<Rewalk>,
    /// What the spec's policy decided since it was set.
    pub(super) hits: Hits,
}

/// The marks round what is sent again (RFC 7313). Who is sent something again is alone in its group until both
/// have been sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RefreshMark {
    Begin,
    End,
}

/// What stands round the routes of a batch.
#[derive(Clone, Copy, Debug, Default)]
struct Marks {
    begins_refresh: bool,
    ends_rib: bool,
    ends_refresh: bool,
}

impl<N: Nlri> UpdateGroup<N> {
    /// A group of `members` at the beginning of the log.
    pub(super) fn new(table: &mut Table<N>, spec: MemberSpec, members: Vec<PeerId>) -> Self {
        let several = spec.encoding.add_path.contains(N::FAMILY);
        let (cursor, sent) = match several {
            true => (table.open_paths_cursor(Version(0)), AdjRibOut::Several(SentPaths::default())),
            false => (table.open_cursor(Version(0)), AdjRibOut::Best(Sent::default())),
        };
        UpdateGroup {
            spec,
            members,
            cursor,
            sent,
            end_of_rib_due: true,
            resends: false,
            mark_due: None,
            rewalk: None,
            hits: Hits::default(),
        }
    }

    /// Splits `members` off into a group that stands where this one stands.
    pub(super) fn split_off(&mut self, table: &mut Table<N>, members: Vec<PeerId>) -> Self {
        self.members.retain(|peer| !members.contains(peer));
        let position = table.position(&self.cursor);
        let cursor = match &self.sent {
            AdjRibOut::Best(_) => table.open_cursor(position),
            AdjRibOut::Several(_) => table.open_paths_cursor(position),
        };
        UpdateGroup {
            spec: self.spec.clone(),
            members,
            cursor,
            sent: self.sent.clone(),
            end_of_rib_due: self.end_of_rib_due,
            resends: self.resends,
            mark_due: None,
            rewalk: self.rewalk.clone(),
            hits: self.hits.clone(),
        }
    }

    /// Sends everything again, but what was sent is not forgotten: what is gone since must still be withdrawn.
    /// With marks round it, if the members are to have them: not while they are still being sent everything for
    /// the first time (RFC 7313 section 4.1).
    pub(super) fn restart(&mut self, table: &mut Table<N>, marked: bool) {
        table.advance(&self.cursor, Version(0));
        self.resends = true;
        self.rewalk = None;
        if marked && !self.end_of_rib_due {
            self.mark_due = Some(RefreshMark::Begin);
        }
    }

    /// Whether the members are to be sent something; where End-of-RIB is held back, that does not count.
    pub(super) fn has_work(&self, table: &Table<N>, holds_end_of_rib: bool) -> bool {
        let is_due = self.end_of_rib_due && !holds_end_of_rib || self.mark_due.is_some();
        is_due || !self.is_at_head(table)
    }

    pub(super) fn is_at_head(&self, table: &Table<N>) -> bool {
        table.position(&self.cursor) == table.head()
    }

    /// Whether nothing was done for the members yet: then another may join them.
    pub(super) fn is_fresh(&self, table: &Table<N>) -> bool {
        self.end_of_rib_due && self.sent.is_empty() && table.position(&self.cursor) == Version(0)
    }

    /// Whether what the two have been sent is the same: at the head it follows from the table and the spec, unless
    /// one has read a destination before it was decided again, and the other after.
    pub(super) fn is_twin(&self, other: &Self, table: &Table<N>) -> bool {
        self.spec == other.spec
            && !table.is_deciding_again()
            && !self.has_work(table, false)
            && !other.has_work(table, false)
    }

    /// Reads the next window of the log, of at most `limit` entries, and encodes it, with End-of-RIB behind the
    /// last one unless that is held back. Says how many it read.
    pub(super) fn advance(
        &mut self,
        table: &mut Table<N>,
        speaker: Speaker<'_>,
        packer: &mut Packer<N>,
        limit: usize,
        holds_end_of_rib: bool,
    ) -> (usize, Option<Batch>) {
        // Who may be sent nothing any more is still to be told to forget what was sent.
        let (seen, reached) = match self.spec.export || !self.sent.is_empty() {
            true => self.gather(table, speaker, packer, limit),
            false => (1, table.head()),
        };
        table.advance(&self.cursor, reached);
        self.rewalk.take_if(|rewalk| rewalk.ends(reached));
        let mut marks = Marks::default();
        if self.mark_due == Some(RefreshMark::Begin) {
            (marks.begins_refresh, self.mark_due) = (true, Some(RefreshMark::End));
        }
        if self.is_at_head(table) {
            self.resends = false;
            marks.ends_rib = self.end_of_rib_due && !holds_end_of_rib;
            self.end_of_rib_due &= !marks.ends_rib;
            marks.ends_refresh = self.mark_due.take().is_some();
        }
        (seen, self.encode(speaker, packer, marks))
    }

    fn gather(
        &mut self,
        table: &Table<N>,
        speaker: Speaker<'_>,
        packer: &mut Packer<N>,
        limit: usize,
    ) -> (usize, Version) {
        let position = table.position(&self.cursor);
        let mut changes = match &self.sent {
            AdjRibOut::Best(_) => table.changes(position, limit),
            AdjRibOut::Several(_) => table.path_changes(position, limit),
        };
        let mut sent = std::mem::take(&mut self.sent);
        while !packer.is_full()
            && let Some(change) = changes.next()
        {
            match &mut sent {
                AdjRibOut::Best(sent) => self.take_best(&change, sent, speaker, packer),
                AdjRibOut::Several(sent) => self.take_several(&change, sent, speaker, packer),
            }
        }
        self.sent = sent;
        (changes.seen(), changes.reached())
    }

    /// Packs what the members must be told of a change. `sent` is the group's own, taken out of it.
    fn take_best(
        &mut self,
        change: &Change<'_, N>,
        sent: &mut Sent,
        speaker: Speaker<'_>,
        packer: &mut Packer<N>,
    ) {
        let released = match change.best {
            Some(path) => self.release(&change.nlri, path, speaker, packer).map(|released| (path, released)),
            None => None,
        };
        if let Some((path, released)) = &released
            && sent.get(change.id) == Some(path.source)
            && self.stands(change, path, released, speaker)
        {
            return;
        }
        let export = released
            .and_then(|(path, released)| Some((path, self.bin_for(path, &released, speaker, packer)?)));
        let before = sent.set(change.id, export.map(|(path, _)| path.source));
        let Some((path, bin)) = export else {
            let had_it = before.filter(|source| self.members != [*source]);
            let withdraw = |source| packer.withdraw(self.all_but(source), change.nlri, PathId(0));
            had_it.into_iter().for_each(withdraw);
            return;
        };
        if self.members != [path.source] {
            packer.announce(bin, change.nlri, PathId(0), path.body);
        }
        // The new source is not sent its own route, so it must be told to forget the one it was sent.
        if before.is_some_and(|source| source != path.source) && self.members.contains(&path.source) {
            packer.withdraw(Audience::Only(path.source), change.nlri, PathId(0));
        }
    }

    /// What the group's policy makes of a path; `None` if it refuses it. It is not asked, nor does it count, what the
    /// rules keep back anyway.
    pub(super) fn release<'p>(
        &mut self,
        nlri: &N,
        path: &'p Path<N>,
        speaker: Speaker<'_>,
        packer: &mut Packer<N>,
    ) -> Option<Released<'p>> {
        let Some(chain) = &self.spec.policy else { return Some(Released::as_it_is(path)) };
        let source = speaker.decision.sources.get(path.source);
        if !self.policy(speaker.us).exports(&path.attrs, source) {
            return None;
        }
        let context = source.context(N::FAMILY);
        packer.plans.decide(chain, &context, (nlri, path), &mut self.hits)
    }

    /// `None` if the path is not for this group. The rules go by the path as it is in the table: what a policy puts
    /// on it on the way out is for its receiver.
    pub(super) fn bin_for(
        &self,
        path: &Path<N>,
        released: &Released<'_>,
        speaker: Speaker<'_>,
        packer: &mut Packer<N>,
    ) -> Option<usize> {
        let exports = || {
            let (policy, source) = (self.policy(speaker.us), speaker.decision.sources.get(path.source));
            policy.exports(&path.attrs, source) && policy.can_tell(&released.attrs, source, released.fixed)
        };
        packer.bin_for(released, path.source, || self.all_but(path.source), exports)
    }

    /// What all may have but `source`: simply all, if that is not a member, so that more goes into one message.
    pub(super) fn all_but(&self, source: PeerId) -> Audience {
        match self.members.contains(&source) {
            true => Audience::Except(source),
            false => Audience::All,
        }
    }

    fn encode(&self, speaker: Speaker<'_>, packer: &mut Packer<N>, marks: Marks) -> Option<Batch> {
        let policy = self.policy(speaker.us);
        let encoding = &self.spec.encoding;
        let mut writer = BatchWriter::with_capacity(packer.octets());
        if marks.begins_refresh {
            writer.refresh_mark(N::FAMILY, RouteRefresh::BEGIN);
        }
        packer.drain(|bin, routes| match &bin.announced {
            None => writer.withdraw(bin.audience, encoding, routes),
            Some(Announced { attrs, fixed, source }) => {
                let attrs = policy.rewrite(attrs, speaker.decision.sources.get(*source), *fixed);
                writer.announce(bin.audience, encoding, &attrs, routes);
            }
        });
        if marks.ends_rib {
            writer.end_of_rib(N::FAMILY);
        }
        if marks.ends_refresh {
            writer.refresh_mark(N::FAMILY, RouteRefresh::END);
        }
        writer.finish(N::FAMILY)
    }

    pub(super) fn policy<'a>(&'a self, us: &'a LocalIdentity) -> Policy<'a> {
        Policy { us, to: &self.spec, family: N::FAMILY }
    }
}
