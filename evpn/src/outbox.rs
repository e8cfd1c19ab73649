//! What is to be done, in order, until the driver takes it.
//!
//! A VNI that goes away leaves a [`Teardown`], which makes its actions one at a time as they are taken: a
//! hundred thousand hosts are let go of without a hundred thousand actions waiting.

use std::collections::VecDeque;

use crate::action::{Action, Notice};
use crate::dataplane::{WantedKey, WantedValue};
use crate::feed::{Changed, Feed};
use crate::origin::Origins;
use crate::teardown::Teardown;

/// Room that is kept when the queue has drained.
const KEEP: usize = 1024;

/// Actions waiting to be taken.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    steps: VecDeque<Step>,
    /// What a teardown has made and has not been taken yet.
    torn: VecDeque<Action>,
    replaying: bool,
    /// Rows that changed, for whoever watches.
    pub(crate) feed: Feed<Changed>,
}

#[derive(Debug)]
enum Step {
    Act(Action),
    Teardown(Box<Teardown>),
}

impl Outbox {
    pub(crate) fn push(&mut self, action: Action) {
        self.steps.push_back(Step::Act(action));
    }

    pub(crate) fn want(&mut self, key: WantedKey, value: WantedValue) {
        self.push(Action::Want { key, value });
    }

    pub(crate) fn unwant(&mut self, key: WantedKey) {
        self.push(Action::Unwant { key });
    }

    pub(crate) fn notice(&mut self, notice: Notice) {
        self.push(Action::Notice(notice));
    }

    pub(crate) fn teardown(&mut self, teardown: Teardown) {
        self.steps.push_back(Step::Teardown(Box::new(teardown)));
    }

    /// Asks for all routes, unless they have been asked for and the driver does not know yet.
    pub(crate) fn replay(&mut self) {
        if !std::mem::replace(&mut self.replaying, true) {
            self.push(Action::Replay);
        }
    }

    /// The next thing to do.
    pub(crate) fn take(&mut self, origins: &mut Origins) -> Option<Action> {
        loop {
            if let Some(action) = self.torn.pop_front() {
                return Some(action);
            }
            match self.steps.front_mut() {
                Some(Step::Teardown(teardown)) => {
                    if !teardown.step(origins, &mut self.torn, &mut self.feed) {
                        self.steps.pop_front();
                    }
                }
                _ => return self.take_action(),
            }
        }
    }

    fn take_action(&mut self) -> Option<Action> {
        let Some(Step::Act(action)) = self.steps.pop_front() else {
            self.steps.shrink_to(KEEP);
            return None;
        };
        self.replaying &= action != Action::Replay;
        Some(action)
    }
}
