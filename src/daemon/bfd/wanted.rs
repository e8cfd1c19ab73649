//! What core wants of the BFD sessions: one word a neighbour, the newest, so that core never waits to say it and
//! nothing queues.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bgp::types::PeerId;
use tokio::sync::Notify;

use crate::core::{BfdCommand, BfdTarget};

/// Shared by core, which writes, and the BFD task, which reads.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    state: Mutex<State>,
    bell: Notify,
}

#[derive(Debug, Default)]
struct State {
    targets: BTreeMap<PeerId, BfdTarget>,
    /// Neighbours of which there is a new word.
    changed: BTreeSet<PeerId>,
    closed: bool,
}

impl Wanted {
    /// Says what is wanted of a neighbour's session.
    pub(super) fn put(&self, peer: PeerId, command: BfdCommand) {
        let mut state = self.lock();
        match command {
            BfdCommand::Run(target) => state.targets.insert(peer, target),
            BfdCommand::End => state.targets.remove(&peer),
        };
        state.changed.insert(peer);
        self.bell.notify_one();
    }

    /// Makes new words of all that is wanted, for a reader that knows nothing.
    pub(super) fn put_all_again(&self) {
        let mut state = self.lock();
        let all: Vec<PeerId> = state.targets.keys().copied().collect();
        state.changed.extend(all);
        self.bell.notify_one();
    }

    /// Nothing is wanted any more.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.bell.notify_one();
    }

    /// Waits for a new word.
    pub(super) async fn changed(&self) {
        self.bell.notified().await;
    }

    /// The new words; `None` where nothing is wanted any more.
    pub(super) fn take(&self) -> Option<Vec<(PeerId, Option<BfdTarget>)>> {
        let mut state = self.lock();
        let changed = std::mem::take(&mut state.changed);
        let words = changed.into_iter().map(|peer| (peer, state.targets.get(&peer).cloned())).collect();
        (!state.closed).then_some(words)
    }

    /// A holder that died left whole values behind: each change is one step.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
