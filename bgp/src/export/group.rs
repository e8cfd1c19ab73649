//! An update group: peers in one family that are sent the same, message for message.

use crate::policy::Hits;
use crate::rib::{Change, CursorId, LocalIdentity, Path, Rib, Sources, Table, Version};
use crate::types::PeerId;
use crate::wire::{Nlri, RouteRefresh};

use super::batch::{Audience, Batch};
use super::encode::BatchWriter;
use super::pack::{Announced, Packer};
use super::plans::Released;
use super::policy::Policy;
use super::rewalk::Rewalk;
use super::sent::Sent;
use super::spec::MemberSpec;

/// Members that share a cursor on the log and an account of what was sent.
///
/// Invariant: a member has the routes that `sent` names, but for those it is itself the source of.
#[derive(Debug)]
pub(super) struct UpdateGroup {
    pub(super) spec: MemberSpec,
    pub(super) members: Vec<PeerId>,
    pub(super) cursor: CursorId,
    pub(super) sent: Sent,
    /// The members have not been sent End-of-RIB yet.
    pub(super) end_of_rib_due: bool,
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

/// This speaker and those it hears: what policy depends on besides the group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Speaker<'a> {
    pub(super) us: &'a LocalIdentity,
    pub(super) sources: &'a Sources,
}

/// What stands round the routes of a batch.
#[derive(Clone, Copy, Debug, Default)]
struct Marks {
    begins_refresh: bool,
    ends_rib: bool,
    ends_refresh: bool,
}

impl<'a> Speaker<'a> {
    pub(super) fn of(rib: &'a Rib) -> Speaker<'a> {
        Speaker { us: rib.identity(), sources: &rib.decision.sources }
    }
}

impl UpdateGroup {
    /// A group of `members` at the beginning of the log.
    pub(super) fn new<N: Nlri>(table: &mut Table<N>, spec: MemberSpec, members: Vec<PeerId>) -> Self {
        let cursor = table.open_cursor(Version(0));
        UpdateGroup {
            spec,
            members,
            cursor,
            sent: Sent::default(),
            end_of_rib_due: true,
            mark_due: None,
            rewalk: None,
            hits: Hits::default(),
        }
    }

    /// Splits `members` off into a group that stands where this one stands.
    pub(super) fn split_off<N: Nlri>(&mut self, table: &mut Table<N>, members: Vec<PeerId>) -> UpdateGroup {
        self.members.retain(|peer| !members.contains(peer));
        let cursor = table.open_cursor(table.position(&self.cursor));
        UpdateGroup {
            spec: self.spec.clone(),
            members,
            cursor,
            sent: self.sent.clone(),
            end_of_rib_due: self.end_of_rib_due,
            mark_due: None,
            rewalk: self.rewalk.clone(),
            hits: self.hits.clone(),
        }
    }

    /// Sends everything again, but what was sent is not forgotten: what is gone since must still be withdrawn.
    /// With marks round it, if the members are to have them: not while they are still being sent everything for
    /// the first time (RFC 7313 section 4.1).
    pub(super) fn restart<N: Nlri>(&mut self, table: &mut Table<N>, marked: bool) {
        table.advance(&self.cursor, Version(0));
        self.rewalk = None;
        if marked && !self.end_of_rib_due {
            self.mark_due = Some(RefreshMark::Begin);
        }
    }

    /// Whether the members are to be sent something; where End-of-RIB is held back, that does not count.
    pub(super) fn has_work<N: Nlri>(&self, table: &Table<N>, holds_end_of_rib: bool) -> bool {
        let is_due = self.end_of_rib_due && !holds_end_of_rib || self.mark_due.is_some();
        is_due || !self.is_at_head(table)
    }

    pub(super) fn is_at_head<N: Nlri>(&self, table: &Table<N>) -> bool {
        table.position(&self.cursor) == table.head()
    }

    /// Whether nothing was done for the members yet: then another may join them.
    pub(super) fn is_fresh<N: Nlri>(&self, table: &Table<N>) -> bool {
        self.end_of_rib_due && self.sent.is_empty() && table.position(&self.cursor) == Version(0)
    }

    /// Whether what the two have been sent is the same: at the head it follows from the table and the spec.
    pub(super) fn is_twin<N: Nlri>(&self, other: &UpdateGroup, table: &Table<N>) -> bool {
        self.spec == other.spec && !self.has_work(table, false) && !other.has_work(table, false)
    }

    /// Reads the next window of the log, of at most `limit` entries, and encodes it, with End-of-RIB behind the
    /// last one unless that is held back. Says how many it read.
    pub(super) fn advance<N: Nlri>(
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
            marks.ends_rib = self.end_of_rib_due && !holds_end_of_rib;
            self.end_of_rib_due &= !marks.ends_rib;
            marks.ends_refresh = self.mark_due.take().is_some();
        }
        (seen, self.encode(speaker, packer, marks))
    }

    fn gather<N: Nlri>(
        &mut self,
        table: &Table<N>,
        speaker: Speaker<'_>,
        packer: &mut Packer<N>,
        limit: usize,
    ) -> (usize, Version) {
        let mut changes = table.changes(table.position(&self.cursor), limit);
        while !packer.is_full()
            && let Some(change) = changes.next()
        {
            self.take(&change, speaker, packer);
        }
        (changes.seen(), changes.reached())
    }

    /// Packs what the members must be told of a change, and remembers it.
    fn take<N: Nlri>(&mut self, change: &Change<'_, N>, speaker: Speaker<'_>, packer: &mut Packer<N>) {
        let released = match change.best {
            Some(path) => self.release(&change.nlri, path, speaker, packer).map(|released| (path, released)),
            None => None,
        };
        if let Some((path, released)) = &released
            && self.stands(change, path, released, speaker)
        {
            return;
        }
        let export = released
            .and_then(|(path, released)| Some((path, self.bin_for(path, &released, speaker, packer)?)));
        let before = self.sent.set(change.id, export.map(|(path, _)| path.source));
        let Some((path, bin)) = export else {
            let had_it = before.filter(|source| self.members != [*source]);
            had_it.into_iter().for_each(|source| packer.withdraw(self.all_but(source), change.nlri));
            return;
        };
        if self.members != [path.source] {
            packer.announce(bin, change.nlri, path.body);
        }
        // The new source is not sent its own route, so it must be told to forget the one it was sent.
        if before.is_some_and(|source| source != path.source) && self.members.contains(&path.source) {
            packer.withdraw(Audience::Only(path.source), change.nlri);
        }
    }

    /// What the group's policy makes of a path; `None` if it refuses it. It is not asked, nor does it count, what the
    /// rules keep back anyway.
    fn release<'p, N: Nlri>(
        &mut self,
        nlri: &N,
        path: &'p Path<N>,
        speaker: Speaker<'_>,
        packer: &mut Packer<N>,
    ) -> Option<Released<'p>> {
        let Some(chain) = &self.spec.policy else { return Some(Released::as_it_is(path)) };
        let source = speaker.sources.get(path.source);
        if !self.policy::<N>(speaker.us).exports(&path.attrs, source) {
            return None;
        }
        let context = source.context(N::FAMILY);
        packer.plans.decide(chain, &context, (nlri, path), &mut self.hits)
    }

    /// `None` if the path is not for this group. The rules go by the path as it is in the table: what a policy puts
    /// on it on the way out is for its receiver.
    fn bin_for<N: Nlri>(
        &self,
        path: &Path<N>,
        released: &Released<'_>,
        speaker: Speaker<'_>,
        packer: &mut Packer<N>,
    ) -> Option<usize> {
        let exports = || {
            let policy = self.policy::<N>(speaker.us);
            policy.exports(&path.attrs, speaker.sources.get(path.source))
                && policy.can_tell(&released.attrs, speaker.sources.get(path.source), released.fixed)
        };
        packer.bin_for(released, path.source, || self.all_but(path.source), exports)
    }

    /// What all may have but `source`: simply all, if that is not a member, so that more goes into one message.
    fn all_but(&self, source: PeerId) -> Audience {
        match self.members.contains(&source) {
            true => Audience::Except(source),
            false => Audience::All,
        }
    }

    fn encode<N: Nlri>(&self, speaker: Speaker<'_>, packer: &mut Packer<N>, marks: Marks) -> Option<Batch> {
        let policy = self.policy::<N>(speaker.us);
        let encoding = &self.spec.encoding;
        let mut writer = BatchWriter::with_capacity(packer.octets());
        if marks.begins_refresh {
            writer.refresh_mark(N::FAMILY, RouteRefresh::BEGIN);
        }
        packer.drain(|bin, routes| match &bin.announced {
            None => writer.withdraw(bin.audience, encoding, routes),
            Some(Announced { attrs, fixed, source }) => {
                let attrs = policy.rewrite(attrs, speaker.sources.get(*source), *fixed);
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

    pub(super) fn policy<'a, N: Nlri>(&'a self, us: &'a LocalIdentity) -> Policy<'a> {
        Policy { us, to: &self.spec, family: N::FAMILY }
    }
}
