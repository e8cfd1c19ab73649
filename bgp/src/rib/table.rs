//! The table of one family: destinations, their paths, and the only writer of the change log.

use std::collections::VecDeque;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::types::PeerId;
use crate::wire::{Attrs, Nlri, Route};

use super::chunked::Chunked;
use super::cursor::{CursorId, Cursors, Interest};
use super::decision::{self, Explained};
use super::destination::{Destination, DestinationId, Path};
use super::index::Index;
use super::log::{Entry, Log};
use super::marks::Marks;
use super::next_hops::NextHopUses;
use super::quiet::QuietLog;
use super::revisit::Revisit;
use super::rules::Decision;
use super::sweep::Generations;
use super::trail::{Cause, Trail};
use super::version::Version;

/// All paths of one family, with the log of what changed.
#[derive(Debug)]
pub struct Table<N: Nlri> {
    index: Index,
    pub(super) destinations: Chunked<Destination<N>>,
    /// Ids that no destination has.
    free: Vec<DestinationId>,
    /// The newest version.
    head: Version,
    log: Log,
    /// What the log does not tell, while somebody reads it.
    quiet: Option<Box<QuietLog>>,
    /// Why it changed, while somebody asks.
    trail: Option<Trail>,
    cursors: Cursors,
    /// Destinations that lost their last path and that some reader may not have seen go, oldest first.
    gone: VecDeque<(Version, DestinationId)>,
    /// When the last of those that have been freed went.
    forgotten: Version,
    pub(super) generations: Generations,
    pub(super) revisit: Revisit,
    pub(super) next_hop_uses: NextHopUses,
    reachable: usize,
    paths: usize,
}

/// What a reader of the log is told: the newest state of one destination.
#[derive(Debug)]
pub struct Change<'a, N: Nlri> {
    /// When it became so.
    pub version: Version,
    /// The destination's id: what a reader indexes its own state by.
    pub id: DestinationId,
    /// Its key.
    pub nlri: N,
    /// The destination itself, with all its paths.
    pub destination: &'a Destination<N>,
    /// The path to use; `None` where there is none any more. A reader may be told so of a destination that it
    /// never heard of.
    pub best: Option<&'a Path<N>>,
}

/// The changes after a version, in order; see [`Table::changes`] and [`Table::path_changes`].
#[derive(Debug)]
pub struct Changes<'a, N: Nlri> {
    table: &'a Table<N>,
    position: usize,
    quiet: Option<(&'a QuietLog, usize)>,
    limit: usize,
    seen: usize,
    reached: Version,
}

/// Which of a destination's paths was stored or taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Touched {
    /// The one that stood first.
    First,
    /// Another, or none.
    Other,
}

impl Touched {
    pub(super) fn at(position: usize) -> Touched {
        if position == 0 { Touched::First } else { Touched::Other }
    }
}

/// Routes whose destinations are looked up together.
const LOOKED_UP_AT_ONCE: usize = 32;

/// Destinations without a path that are freed for each that loses its last one. More than one, so that they
/// cannot pile up even if nobody sweeps; few, so that a reader that closes after a long lag stops nothing.
const FREED_PER_LOSS: usize = 2;

impl<N: Nlri> Table<N> {
    /// An empty table. The seed is for its hash function.
    pub fn new(seed: u64) -> Self {
        Table {
            index: Index::new(seed),
            destinations: Chunked::default(),
            free: Vec::new(),
            head: Version::default(),
            log: Log::default(),
            quiet: None,
            trail: None,
            cursors: Cursors::default(),
            gone: VecDeque::new(),
            forgotten: Version::default(),
            generations: Generations::default(),
            revisit: Revisit::default(),
            next_hop_uses: NextHopUses::default(),
            reachable: 0,
            paths: 0,
        }
    }

    /// Takes routes that share `attrs` from `source`, each in place of the one it gave before with the same key
    /// and path id. `learned` is the time, in seconds of the caller's clock.
    pub fn announce(
        &mut self,
        decision: &Decision,
        source: PeerId,
        learned: u32,
        attrs: &Arc<Attrs>,
        routes: &[Route<N>],
    ) {
        let generation = self.generations.current(source);
        for routes in routes.chunks(LOOKED_UP_AT_ONCE) {
            for (known, route) in self.look_up(routes).into_iter().zip(routes) {
                let &Route { nlri, path_id, body } = route;
                let (attrs, marks) = (attrs.clone(), Marks::default());
                let path = Path { attrs, source, path_id, learned, generation, marks, body };
                if let Some(id) = known.or_else(|| self.find_or_add(nlri))
                    && let Some(touched) = self.put(id, path)
                {
                    self.decide(decision, id, touched, Cause::Announced(source));
                }
            }
        }
    }

    /// Takes back what `source` gave with these keys and path ids, as far as there is such.
    pub fn withdraw(&mut self, decision: &Decision, source: PeerId, routes: &[Route<N>]) {
        self.take_out(decision, source, routes, Cause::Withdrawn(source));
    }

    /// As [`Table::withdraw`], for whatever reason.
    pub(super) fn take_out(
        &mut self,
        decision: &Decision,
        source: PeerId,
        routes: &[Route<N>],
        cause: Cause,
    ) {
        for routes in routes.chunks(LOOKED_UP_AT_ONCE) {
            for (known, route) in self.look_up(routes).into_iter().zip(routes) {
                if let Some(id) = known
                    && let Some(destination) = self.by_id(id).filter(|d| d.nlri() == route.nlri)
                    && let Some(position) = destination.position(source, route.path_id)
                {
                    self.remove(decision, id, position, cause);
                }
            }
        }
    }

    /// The destination with this key, if it is known.
    pub fn get(&self, nlri: N) -> Option<(DestinationId, &Destination<N>)> {
        let id = self.index.find(&self.destinations, nlri)?;
        Some((id, self.destinations.get(id.index())?))
    }

    /// The destination with this id, if there is one.
    pub fn by_id(&self, id: DestinationId) -> Option<&Destination<N>> {
        self.destinations.get(id.index()).filter(|d| d.version() != Version(0))
    }

    /// The destinations with ids from `from` on, in order of id: a listing goes on where its last page ended,
    /// whatever changed meanwhile. Looks at no more than `limit` ids.
    pub fn page(
        &self,
        from: DestinationId,
        limit: usize,
    ) -> impl Iterator<Item = (DestinationId, &Destination<N>)> {
        let end = from.index().saturating_add(limit).min(self.destinations.len());
        (from.0..end as u32).filter_map(|id| Some((DestinationId(id), self.by_id(DestinationId(id))?)))
    }

    /// All ids are below this one.
    pub fn id_limit(&self) -> DestinationId {
        DestinationId(self.destinations.len() as u32)
    }

    /// Why each path to `nlri` is or is not the best, the best first; nothing if there is none.
    pub fn explain(&self, decision: &Decision, nlri: N) -> Vec<Explained<'_, N>> {
        self.get(nlri).map(|(_, destination)| decision::explain(destination, decision)).unwrap_or_default()
    }

    /// How many destinations have a path.
    pub fn destinations(&self) -> usize {
        self.reachable
    }

    /// How many paths there are.
    pub fn paths(&self) -> usize {
        self.paths
    }

    /// The newest version.
    pub fn head(&self) -> Version {
        self.head
    }

    /// Destinations whose best path changed after version `after`, each once, in its newest state and in order of
    /// version. Looks at no more than `limit` entries of the log, [`Changes::reached`] says how far that was.
    pub fn changes(&self, after: Version, limit: usize) -> Changes<'_, N> {
        let position = self.log.position(after);
        Changes { table: self, position, quiet: None, limit, seen: 0, reached: after }
    }

    /// As [`Table::changes`], of destinations any of whose paths changed, or what their multipaths are. Right for a
    /// reader that has been one of all paths from version 0 on.
    pub fn path_changes(&self, after: Version, limit: usize) -> Changes<'_, N> {
        let quiet = self.quiet.as_deref().map(|quiet| (quiet, quiet.position(after)));
        Changes { quiet, ..self.changes(after, limit) }
    }

    /// Registers a reader that has seen everything up to `position`. A new reader starts at version 0 and is
    /// shown every destination; only one that copies another's state may start elsewhere.
    pub fn open_cursor(&mut self, position: Version) -> CursorId {
        self.cursors.open(position, Interest::Best)
    }

    /// As [`Table::open_cursor`], for a reader of [`Table::path_changes`]: from now on every change is logged.
    pub fn open_paths_cursor(&mut self, position: Version) -> CursorId {
        self.quiet.get_or_insert_default();
        self.cursors.open(position, Interest::Paths)
    }

    /// What the reader has seen.
    pub fn position(&self, cursor: &CursorId) -> Version {
        self.cursors.position(cursor)
    }

    /// The reader has seen everything up to `position`.
    pub fn advance(&mut self, cursor: &CursorId, position: Version) {
        self.cursors.set(cursor, position);
    }

    /// The reader reads no more.
    pub fn close_cursor(&mut self, cursor: CursorId) {
        self.cursors.close(cursor);
        if !self.cursors.want_paths() {
            self.quiet = None;
        }
    }

    /// Whether every destination that has gone after `version` would still be shown to a reader. Holds for as
    /// long as a cursor stands there; without one it may.
    pub fn remembers(&self, version: Version) -> bool {
        self.forgotten <= version
    }

    /// How many destinations without a path are held for a reader at `position`.
    pub fn gone_after(&self, position: Version) -> usize {
        self.gone.len() - self.gone.partition_point(|(version, _)| *version <= position)
    }

    /// From now on causes of changes are known, or no more.
    pub fn keep_causes(&mut self, keep: bool) {
        match keep {
            true => drop(self.trail.get_or_insert_default()),
            false => self.trail = None,
        }
    }

    /// What led to a change, if that is known: of a late one, while causes are kept.
    pub fn cause(&self, version: Version) -> Option<Cause> {
        self.trail.as_ref()?.find(version)
    }

    /// Takes one path out of a destination and decides anew.
    pub(super) fn remove(&mut self, decision: &Decision, id: DestinationId, position: usize, cause: Cause) {
        let Some(destination) = self.destinations.get_mut(id.index()) else { return };
        let Some(path) = destination.remove(position) else { return };
        let is_last = destination.is_empty();
        self.paths -= 1;
        self.next_hop_uses.removed(&path);
        self.generations.removed(&path);
        if is_last {
            self.reachable -= 1;
            let version = self.log_change(id, cause);
            self.gone.push_back((version, id));
            (0..FREED_PER_LOSS).any(|_| !self.free_oldest_gone());
        } else {
            self.decide(decision, id, Touched::at(position), cause);
        }
    }

    /// Where the routes' destinations are. In a large table a lookup is two or three cache misses and little
    /// else; many in a row do not depend on each other, so the processor waits for several at a time.
    fn look_up(&self, routes: &[Route<N>]) -> SmallVec<[Option<DestinationId>; LOOKED_UP_AT_ONCE]> {
        routes.iter().map(|route| self.index.find(&self.destinations, route.nlri)).collect()
    }

    fn find_or_add(&mut self, nlri: N) -> Option<DestinationId> {
        let free = &mut self.free;
        self.index.find_or_add(&mut self.destinations, nlri, |destinations| match free.pop() {
            Some(id) => {
                destinations.get_mut(id.index()).into_iter().for_each(|slot| *slot = Destination::new(nlri));
                id
            }
            None => DestinationId(destinations.push(Destination::new(nlri)) as u32),
        })
    }

    /// Stores a path. `None` if everything is as before.
    fn put(&mut self, id: DestinationId, path: Path<N>) -> Option<Touched> {
        let destination = self.destinations.get_mut(id.index())?;
        let Some(position) = destination.position(path.source, path.path_id) else {
            let is_first = destination.is_empty();
            self.reachable += usize::from(is_first);
            self.paths += 1;
            self.generations.added(&path);
            self.next_hop_uses.added(&path);
            destination.push(path);
            return Some(if is_first { Touched::First } else { Touched::Other });
        };
        let old = destination.path_mut(position)?;
        self.generations.renewed(old);
        if old.says_the_same(&path) {
            // The new Arc takes the old one's place: the next of this sender's updates will share that one.
            (old.attrs, old.generation) = (path.attrs, path.generation);
            return None;
        }
        self.next_hop_uses.removed(old);
        self.next_hop_uses.added(&path);
        *old = Path { marks: old.marks, ..path };
        Some(Touched::at(position))
    }

    /// Chooses the best path, and logs the change if there is one.
    pub(super) fn decide(&mut self, decision: &Decision, id: DestinationId, touched: Touched, cause: Cause) {
        let Some(destination) = self.destinations.get_mut(id.index()) else { return };
        if destination.choose(decision) || touched == Touched::First {
            self.log_change(id, cause);
        } else if let Some(quiet) = &mut self.quiet {
            self.head.0 += 1;
            self.trail.iter_mut().for_each(|trail| trail.add(self.head, cause));
            quiet.append(self.head, id);
        }
    }

    fn log_change(&mut self, id: DestinationId, cause: Cause) -> Version {
        let Some(destination) = self.destinations.get_mut(id.index()) else { return self.head };
        self.head.0 += 1;
        self.trail.iter_mut().for_each(|trail| trail.add(self.head, cause));
        self.log.append(self.head, id, destination.version() != Version(0));
        destination.set_version(self.head);
        let destinations = &self.destinations;
        self.log.compact(|e| destinations.get(e.id().index()).is_some_and(|d| d.version() == e.version()));
        if let Some(quiet) = &mut self.quiet {
            quiet.overtake(id);
        }
        self.head
    }

    /// Frees the destination that lost its last path first, if every reader has seen it go. Says whether it
    /// did.
    pub(super) fn free_oldest_gone(&mut self) -> bool {
        let Some(&(version, id)) = self.gone.front().filter(|(v, _)| *v <= self.cursors.slowest()) else {
            return false;
        };
        self.gone.pop_front();
        if self.gone.is_empty() {
            self.gone = VecDeque::new();
        }
        self.free(id, version);
        true
    }

    /// Frees a destination, unless it came back after `version`.
    fn free(&mut self, id: DestinationId, version: Version) {
        let slot = self.destinations.get_mut(id.index());
        if let Some(destination) = slot.filter(|d| d.version() == version) {
            destination.set_version(Version(0));
            self.forgotten = version;
            self.index.remove(destination.nlri(), id);
            self.log.forget();
            self.free.push(id);
        }
    }
}

impl<N: Nlri> Changes<'_, N> {
    /// How many entries of the log have been looked at.
    pub fn seen(&self) -> usize {
        self.seen
    }

    /// Everything up to this version has been looked at.
    pub fn reached(&self) -> Version {
        self.reached
    }

    /// The next entry of the log, or of both logs, in order of version.
    fn next_entry(&mut self) -> Option<Entry> {
        let best = self.table.log.entry(self.position);
        if let Some((log, position)) = &mut self.quiet
            && let Some((entry, next)) = log.entry(*position)
            && best.is_none_or(|(best, _)| entry.version() < best.version())
        {
            *position = next;
            return Some(entry);
        }
        let (entry, next) = best?;
        self.position = next;
        Some(entry)
    }

    /// The version of the newest change that this reader is told of.
    fn newest(&self, id: DestinationId, destination: &Destination<N>) -> Version {
        let quiet = self.quiet.map(|(log, _)| log.newest(id)).unwrap_or_default();
        destination.version().max(quiet)
    }
}

impl<'a, N: Nlri> Iterator for Changes<'a, N> {
    type Item = Change<'a, N>;

    fn next(&mut self) -> Option<Change<'a, N>> {
        while self.seen < self.limit {
            let Some(entry) = self.next_entry() else {
                self.reached = self.table.head();
                return None;
            };
            let (version, id) = (entry.version(), entry.id());
            (self.seen, self.reached) = (self.seen + 1, version);
            let destination = self.table.destinations.get(id.index());
            if let Some(destination) = destination.filter(|d| self.newest(id, d) == version) {
                return Some(Change {
                    version,
                    id,
                    nlri: destination.nlri(),
                    best: destination.best(),
                    destination,
                });
            }
        }
        None
    }
}
