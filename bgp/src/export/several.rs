//! Several paths of a destination for the members of a group (RFC 7911).
//!
//! A path goes by an identifier of this speaker's own, which the table gives it: received ones cannot be passed
//! on, as two sources may use the same. To the receiver an identifier is a place that holds a route, so that
//! each is told of like a destination of its own: announced where it holds something new, withdrawn where it
//! holds nothing any more, and withdrawn from that one member whose own path it holds now.

use smallvec::SmallVec;

use crate::rib::{Change, Path};
use crate::types::PathId;
use crate::wire::Nlri;

use super::batch::Audience;
use super::group::UpdateGroup;
use super::pack::Packer;
use super::sent_paths::SentPaths;
use super::speaker::Speaker;
use super::spec::PathsSent;

/// A path that is to be sent.
struct Chosen<'t, N: Nlri> {
    id: PathId,
    path: &'t Path<N>,
    /// What of the packer it goes into.
    bin: usize,
}

impl<N: Nlri> UpdateGroup<N> {
    /// Packs what the members must be told of a change. `sent` is the group's own, taken out of it.
    pub(super) fn take_several(
        &mut self,
        change: &Change<'_, N>,
        sent: &mut SentPaths<N>,
        speaker: Speaker<'_>,
        packer: &mut Packer<N>,
    ) {
        let mut chosen = self.choose(change, speaker, packer);
        chosen.sort_unstable_by_key(|chosen| chosen.id);
        let before = sent.replace(change.id, chosen.iter().map(|chosen| chosen.path.clone()).collect());
        for path in &chosen {
            let place = before.binary_search_by_key(&Some(path.id), Path::path_id_sent);
            self.tell(change.nlri, path, place.ok().and_then(|place| before.get(place)), packer);
        }
        for old in &before {
            let Some(id) = old.path_id_sent() else { continue };
            let stays = chosen.binary_search_by_key(&id, |chosen| chosen.id).is_ok();
            if !stays && self.members != [old.source] {
                packer.withdraw(self.all_but(old.source), change.nlri, id);
            }
        }
    }

    /// Announces a path where its place held another, or everything is sent again.
    fn tell(&self, nlri: N, chosen: &Chosen<'_, N>, old: Option<&Path<N>>, packer: &mut Packer<N>) {
        let Chosen { id, path, bin } = *chosen;
        let has_it = |old: &Path<N>| old.source == path.source && old.says_the_same(path);
        if (self.resends || !old.is_some_and(has_it)) && self.members != [path.source] {
            packer.announce(bin, nlri, id, path.body);
        }
        // The source is not sent its own path, so it must be told to forget what it was sent in this place.
        if old.is_some_and(|old| old.source != path.source) && self.members.contains(&path.source) {
            packer.withdraw(Audience::Only(path.source), nlri, id);
        }
    }

    /// The paths that are for this group.
    fn choose<'t>(
        &mut self,
        change: &Change<'t, N>,
        speaker: Speaker<'_>,
        packer: &mut Packer<N>,
    ) -> SmallVec<[Chosen<'t, N>; 4]> {
        let mut passed_on: SmallVec<[Chosen<'t, N>; 4]> = SmallVec::new();
        for path in change.destination.paths() {
            if let Some(id) = path.path_id_sent()
                && speaker.decision.is_eligible(path.source, &path.attrs)
                && let Some(released) = self.release(&change.nlri, path, speaker, packer)
                && let Some(bin) = self.bin_for(path, &released, speaker, packer)
            {
                passed_on.push(Chosen { id, path, bin });
            }
        }
        if let PathsSent::Best(limit) = self.spec.paths
            && passed_on.len() > limit.into()
        {
            let may = |path: &Path<N>| passed_on.iter().any(|chosen| std::ptr::eq(chosen.path, path));
            let best = change.destination.ranked(speaker.decision, limit.into(), may);
            passed_on.retain(|chosen| best.iter().any(|path| std::ptr::eq(chosen.path, *path)));
        }
        passed_on
    }
}
