//! Simulated time: what is due, in order, and when each task has its next turn.
//!
//! Two things due at the same instant happen in the order in which they were scheduled. A task has at most one
//! turn ahead of it: asked to wake earlier it does, asked to wake later it has been told already.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::net::EndId;
use crate::rng::Rng;

/// Which task of which node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Task {
    Core(usize),
    /// By node, and by the number of its neighbour.
    Peer(usize, usize),
    Kernel(usize),
    /// What speaks with the kernel about routes.
    Routes(usize),
}

impl Task {
    /// The node that stands still when its process does. The kernel's own work goes on.
    pub(crate) fn process(self) -> Option<usize> {
        match self {
            Task::Core(node) | Task::Peer(node, _) => Some(node),
            Task::Kernel(_) | Task::Routes(_) => None,
        }
    }
}

/// What can be due.
#[derive(Debug)]
pub(crate) enum Due {
    Turn(Task),
    /// Something reaches an end of a connection.
    Arrival(EndId),
    /// The scenario goes on.
    Scenario,
}

type Place = (Instant, u64);

/// The clock, and the one source of chance.
#[derive(Debug)]
pub(crate) struct Clock {
    start: Instant,
    now: Instant,
    scheduled: u64,
    due: BTreeMap<Place, Due>,
    turns: BTreeMap<Task, Place>,
    pub(crate) rng: Rng,
}

impl Clock {
    pub(crate) fn new(rng: Rng) -> Clock {
        // The one real instant: all that matters is the distance from it.
        let start = Instant::now();
        Clock { start, now: start, scheduled: 0, due: BTreeMap::new(), turns: BTreeMap::new(), rng }
    }

    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// How much was ever scheduled: two runs with the same number have most likely been the same.
    pub(crate) fn scheduled(&self) -> u64 {
        self.scheduled
    }

    pub(crate) fn schedule(&mut self, at: Instant, due: Due) -> Place {
        self.scheduled += 1;
        let place = (at.max(self.now), self.scheduled);
        self.due.insert(place, due);
        place
    }

    /// Gives a task a turn at that time, or before.
    pub(crate) fn wake_at(&mut self, task: Task, at: Instant) {
        match self.turns.get(&task) {
            Some((planned, _)) if *planned <= at => return,
            Some(place) => {
                self.due.remove(place);
            }
            None => {}
        }
        let place = self.schedule(at, Due::Turn(task));
        self.turns.insert(task, place);
    }

    /// Gives a task a turn soon: tasks share processors, so nobody knows how soon.
    pub(crate) fn wake(&mut self, task: Task) {
        let lag = self.rng.time_below(Duration::from_millis(1));
        self.wake_at(task, self.now + lag);
    }

    /// Takes a task's turn away: it is gone.
    pub(crate) fn forget(&mut self, task: Task) {
        if let Some(place) = self.turns.remove(&task) {
            self.due.remove(&place);
        }
    }

    /// The next thing that is due, not later than `until`. Moves the clock.
    pub(crate) fn next(&mut self, until: Instant) -> Option<Due> {
        let entry = self.due.first_entry().filter(|entry| entry.key().0 <= until);
        let Some(entry) = entry else {
            self.now = until;
            return None;
        };
        self.now = entry.key().0;
        let due = entry.remove();
        if let Due::Turn(task) = due {
            self.turns.remove(&task);
        }
        Some(due)
    }
}

/// The time of day may jump: nothing that decides what a node does knows it.
#[test]
fn nobody_reads_the_time_of_day() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<_> = ["bgp/src", "bfd/src", "evpn/src", "fib/src", "src/core", "src/peer"]
        .map(|folder| root.join(folder))
        .into();
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                let text = std::fs::read_to_string(entry.path()).unwrap();
                assert!(!text.contains("SystemTime"), "{:?} reads the time of day", entry.path());
                files += 1;
            }
        }
    }
    assert!(files > 200, "{files} files looked at");
}
