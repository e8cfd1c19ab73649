//! An entry: what is wanted under a key, and what the kernel was seen to have under it. A table of them.

use std::fmt::Debug;
use std::hash::Hash;

use evpn::table::Keyed;

use super::place::{Place, Step};
use crate::op::Action;
use crate::tally::{Counted, Counts};

/// Both sides of a key. Flood destinations, MACs and neighbours differ only in what is behind this.
pub(super) trait Entry: Default {
    /// The key within one network.
    type Key: Copy + Eq + Hash + Debug;
    /// What evpn is told of a host that is here.
    type Local: Copy + PartialEq;

    /// What comes next.
    fn step(&self, key: Self::Key, place: &Place) -> Step;
    /// The host is here.
    fn local(&self, key: Self::Key, place: &Place) -> Option<Self::Local>;
    fn is_wanted(&self) -> bool;
    fn is_seen(&self) -> bool;
    fn marks(&mut self) -> &mut Marks;
    /// A dump begins: its rows have not been seen since.
    fn set_unfresh(&mut self);
    /// A row was not seen since then.
    fn is_unfresh(&self) -> bool;
    /// Such rows are gone.
    fn drop_unfresh(&mut self);
}

/// What every entry carries besides its two sides.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marks {
    /// Is in one of the queues.
    pub(super) dirty: bool,
    /// Has an op under way. It gets no second one before that is over.
    pub(super) in_flight: bool,
    /// The kernel reported a row of it since that op was given out.
    pub(super) touched: bool,
    /// Such a report and an accepted op have crossed: the kernel may have a row of ours that was not seen.
    pub(super) crossed: bool,
    /// We asked for stickiness: a sticky row without our mark may be ours.
    pub(super) made_sticky: bool,
    /// What the kernel has under this key is ours to delete: it was wanted, or a former run left it.
    pub(super) ours: bool,
    /// A former run left it and it was not wanted since.
    pub(super) found: bool,
    /// How it was counted.
    counted: Counted,
}

impl Marks {
    /// Somebody wants it, so whatever is there will be ours.
    pub(super) fn claim(&mut self) {
        self.ours = true;
        self.found = false;
    }

    /// A row of linnetd's from before we looked is a former run's.
    pub(super) fn find(&mut self) {
        if !self.ours {
            self.ours = true;
            self.found = true;
        }
    }

    /// It is somebody else's row: what was found under the key is not a former run's.
    pub(super) fn disown(&mut self) {
        if self.found {
            self.ours = false;
            self.found = false;
        }
    }

    /// The devices are other ones: nothing is known of what they hold.
    pub(super) fn forget(&mut self, wanted: bool) {
        self.ours = wanted;
        self.found = false;
        self.crossed = false;
        self.made_sticky = false;
    }

    /// An op is given out.
    pub(super) fn launch(&mut self, action: &Action) {
        self.in_flight = true;
        self.touched = false;
        self.made_sticky |= matches!(action, Action::SetSticky { .. });
    }

    /// It is over. What was refused changed nothing, and no doubt either.
    pub(super) fn land(&mut self, accepted: bool, is_certain: bool) {
        self.in_flight = false;
        if accepted {
            self.crossed = !is_certain;
        }
    }

    pub(super) fn busy(&self) -> bool {
        self.dirty || self.in_flight
    }
}

/// What became of an entry when the kernel reported a row of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Touch<L> {
    /// The host was here.
    pub(super) before: Option<L>,
    /// The host is here.
    pub(super) after: Option<L>,
    /// The entry has just become dirty, and is to be queued.
    pub(super) queue: bool,
    /// Somebody wants it.
    pub(super) wanted: bool,
    /// It is, or was, wanted or ours, and not only somebody else's.
    pub(super) listed: bool,
    /// It was right, and is not any more, and it was not we who changed it.
    pub(super) spoilt: bool,
}

impl<L> Default for Touch<L> {
    fn default() -> Self {
        Touch { before: None, after: None, queue: false, wanted: false, listed: false, spoilt: false }
    }
}

/// The entries of one kind in one network, by key, each in a place of its own that it keeps: a listing can go
/// on where it stopped.
#[derive(Debug)]
pub(super) struct Table<E: Entry> {
    rows: evpn::table::Table<Row<E>>,
    counts: Counts,
}

#[derive(Debug)]
struct Row<E: Entry> {
    key: E::Key,
    entry: E,
}

impl<E: Entry> Keyed for Row<E> {
    type Key = E::Key;

    fn key(&self) -> E::Key {
        self.key
    }
}

impl<E: Entry> Default for Table<E> {
    fn default() -> Self {
        Table { rows: evpn::table::Table::default(), counts: Counts::default() }
    }
}

impl<E: Entry> Table<E> {
    pub(super) fn get(&self, key: E::Key) -> Option<&E> {
        self.rows.get(self.rows.find(key)?).map(|row| &row.entry)
    }

    pub(super) fn get_mut(&mut self, key: E::Key) -> Option<&mut E> {
        self.rows.get_mut(self.rows.find(key)?).map(|row| &mut row.entry)
    }

    /// Works on the entry with this key, made if there was none.
    pub(super) fn with<R: Default>(&mut self, key: E::Key, work: impl FnOnce(&mut E) -> R) -> R {
        let place = self.rows.find_or_insert(key, || Row { key, entry: E::default() });
        self.rows.get_mut(place).map(|row| work(&mut row.entry)).unwrap_or_default()
    }

    /// The entries from a place on, with their places.
    pub(super) fn iter_from(&self, place: u32) -> impl Iterator<Item = (u32, E::Key, &E)> {
        self.rows.iter_from(place).map(|(place, row)| (place, row.key, &row.entry))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (E::Key, &E)> {
        self.iter_from(0).map(|(_, key, entry)| (key, entry))
    }

    /// How many rows stand how.
    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// Counts the row with this key so.
    pub(super) fn count(&mut self, key: E::Key, counted: Counted) {
        let row = self.rows.find(key).and_then(|place| self.rows.get_mut(place));
        if let Some(Row { entry, .. }) = row {
            self.counts.replace(std::mem::replace(&mut entry.marks().counted, counted), counted);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Changes what was seen under a key, and says what that meant.
    pub(super) fn see(&mut self, key: E::Key, at: &Place, change: impl FnOnce(&mut E)) -> Touch<E::Local> {
        let place = self.rows.find_or_insert(key, || Row { key, entry: E::default() });
        let Some(Row { entry, .. }) = self.rows.get_mut(place) else { return Touch::default() };
        let wanted = entry.is_wanted();
        let listed = wanted || entry.marks().ours;
        let was_right = wanted && entry.step(key, at) == Step::Rest;
        let before = entry.local(key, at);
        change(entry);
        let after = entry.local(key, at);
        entry.marks().touched = true;
        let listed = listed || entry.marks().ours;
        let idle = !entry.marks().busy();
        let acts = idle && matches!(entry.step(key, at), Step::Act(_));
        entry.marks().dirty |= acts;
        if !wanted && !entry.is_seen() && idle {
            self.remove(place);
        }
        Touch { before, after, queue: acts, wanted, listed, spoilt: was_right && acts }
    }

    /// Drops an entry that says nothing any more.
    pub(super) fn tidy(&mut self, key: E::Key) {
        if let Some(place) = self.rows.find(key) {
            self.tidy_at(place);
        }
    }

    /// Drops everything that was seen: the devices are other ones.
    pub(super) fn forget_rows(&mut self) {
        for place in 0..self.rows.end() {
            if let Some(Row { entry, .. }) = self.rows.get_mut(place) {
                entry.set_unfresh();
                entry.drop_unfresh();
                let wanted = entry.is_wanted();
                entry.marks().forget(wanted);
                if !wanted {
                    // It is in no list any more, and no round comes past it.
                    self.counts.replace(std::mem::take(&mut entry.marks().counted), Counted::default());
                }
            }
            self.tidy_at(place);
        }
    }

    /// A dump of the rows with such keys begins. Returns those of which was in doubt what the kernel has: now it will be
    /// known.
    pub(super) fn begin_dump(&mut self, covers: impl Fn(&E::Key) -> bool) -> Vec<E::Key> {
        let mut doubtful = Vec::new();
        for place in 0..self.rows.end() {
            if let Some(row) = self.rows.get_mut(place).filter(|row| covers(&row.key)) {
                row.entry.set_unfresh();
                if std::mem::take(&mut row.entry.marks().crossed) {
                    doubtful.push(row.key);
                }
            }
        }
        doubtful
    }

    /// The keys of entries with rows that the dump should have shown and did not.
    pub(super) fn missed(&self, covers: impl Fn(&E::Key) -> bool) -> Vec<E::Key> {
        let missed = self.iter().filter(|(key, entry)| covers(key) && entry.is_unfresh());
        missed.map(|(key, _)| key).collect()
    }

    fn tidy_at(&mut self, place: u32) {
        if self.rows.get_mut(place).is_some_and(|row| is_vacant(&mut row.entry)) {
            self.remove(place);
        }
    }

    fn remove(&mut self, place: u32) {
        if let Some(mut row) = self.rows.remove(place) {
            self.counts.replace(row.entry.marks().counted, Counted::default());
        }
    }
}

fn is_vacant<E: Entry>(entry: &mut E) -> bool {
    !entry.is_wanted() && !entry.is_seen() && !entry.marks().busy()
}
