//! Several paths of a destination for the members of a group (RFC 7911).
//!
//! A path goes by an identifier of this speaker's own, which the table gives it: received ones cannot be passed
//! on, as two sources may use the same. To the receiver an identifier is a place that holds a route, so that
//! each is told of like a destination of its own: announced where it holds something new, withdrawn where it
//! holds nothing any more, and withdrawn from that one member whose own path it holds now.

use smallvec::SmallVec;

use crate::rib::{Change, Destination, Path};
use crate::wire::Nlri;

use super::batch::Audience;
use super::group::{Speaker, UpdateGroup};
use super::pack::Packer;
use super::sent_paths::{SentPath, SentPaths};
use super::spec::PathsSent;

/// A path that is to be sent, and the bin that it goes into.
type Chosen<N> = (SentPath<N>, usize);

impl<N: Nlri> UpdateGroup<N> {
    /// Packs what the members must be told of a change. `sent` is the group's own, taken out of it.
    pub(super) fn take_several(
        &self,
        change: &Change<'_, N>,
        sent: &mut SentPaths<N>,
        speaker: Speaker<'_>,
        packer: &mut Packer<N>,
    ) {
        let mut chosen = self.choose(change.destination, speaker, packer);
        chosen.sort_unstable_by_key(|(path, _)| path.path_id);
        let before = sent.replace(change.id, chosen.iter().map(|(path, _)| path.clone()).collect());
        for (path, bin) in &chosen {
            let place = before.binary_search_by_key(&path.path_id, |old| old.path_id);
            let old = place.ok().and_then(|place| before.get(place));
            self.tell(change.nlri, path, *bin, old, packer);
        }
        for old in &before {
            let stays = chosen.binary_search_by_key(&old.path_id, |(path, _)| path.path_id).is_ok();
            if !stays && self.members != [old.source] {
                packer.withdraw(self.all_but(old.source), change.nlri, old.path_id);
            }
        }
    }

    /// Announces a path where its place held another, or everything is sent again.
    fn tell(
        &self,
        nlri: N,
        path: &SentPath<N>,
        bin: usize,
        old: Option<&SentPath<N>>,
        packer: &mut Packer<N>,
    ) {
        let is_news = self.resends || old.is_none_or(|old| !old.says_the_same(path));
        if is_news && self.members != [path.source] {
            packer.announce(bin, nlri, path.path_id, path.body);
        }
        // The source is not sent its own path, so it must be told to forget what it was sent in this place.
        if old.is_some_and(|old| old.source != path.source) && self.members.contains(&path.source) {
            packer.withdraw(Audience::Only(path.source), nlri, path.path_id);
        }
    }

    /// The paths that are for this group.
    fn choose(
        &self,
        destination: &Destination<N>,
        speaker: Speaker<'_>,
        packer: &mut Packer<N>,
    ) -> SmallVec<[Chosen<N>; 4]> {
        let mut chosen = |path: &Path<N>| {
            let eligible = speaker.decision.is_eligible(path.source, &path.attrs);
            let sent = SentPath::of(path).filter(|_| eligible)?;
            Some((sent, self.bin_for(path, speaker, packer)?))
        };
        match self.spec.paths {
            PathsSent::All => destination.paths().filter_map(chosen).collect(),
            PathsSent::Best(limit) => {
                let ranked =
                    destination.ranked(speaker.decision, limit.into(), |path| chosen(path).is_some());
                ranked.into_iter().filter_map(chosen).collect()
            }
        }
    }
}
