//! The ops that the kernel has not answered yet, in the order in which they were given out.
//!
//! Ids rise by one, so an id is a place in the queue: no map is needed to find an op again. One answer covers
//! every op up to its id, and only refusals are told apart.

use std::collections::VecDeque;

use evpn::dataplane::WantedKey;

use super::chore::Chore;
use crate::op::{Action, Op, OpId};

/// For whose sake an op was given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A row of the tables.
    Key(WantedKey),
    /// A device.
    Chore(Chore),
    /// What we know of a table.
    Dump,
}

/// An op that is under way.
#[derive(Clone, Debug)]
pub(super) struct Flight {
    pub(super) target: Target,
    pub(super) action: Action,
}

/// The queue. A place is `None` once its op was refused.
#[derive(Debug, Default)]
pub(super) struct Flights {
    queue: VecDeque<Option<Flight>>,
    /// The id of the queue's first place.
    first: u32,
}

impl Flights {
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Gives an op its id and remembers it.
    pub(super) fn launch(&mut self, target: Target, action: Action) -> Op {
        // At most `CREDIT` places: the cast loses nothing.
        let id = OpId(self.first.wrapping_add(self.queue.len() as u32));
        self.queue.push_back(Some(Flight { target, action: action.clone() }));
        Op { id, action }
    }

    /// The op that was refused. `None` if no such op is under way.
    pub(super) fn refuse(&mut self, id: OpId) -> Option<Flight> {
        let flight = self.queue.get_mut(id.0.wrapping_sub(self.first) as usize)?.take();
        // An answer that covers it may never come: a refused dump has no end.
        while let Some(None) = self.queue.front() {
            self.queue.pop_front();
            self.first = self.first.wrapping_add(1);
        }
        flight
    }

    /// The oldest op that an answer to `id` covers. To be called until it is `None`.
    pub(super) fn land(&mut self, id: OpId) -> Option<Flight> {
        loop {
            let covered = (id.0.wrapping_sub(self.first) as usize) < self.queue.len();
            let place = covered.then(|| self.queue.pop_front()).flatten()?;
            self.first = self.first.wrapping_add(1);
            if place.is_some() {
                return place;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::IfIndex;

    fn action(n: u32) -> Action {
        Action::SetPort { vxlan: IfIndex(n) }
    }

    fn landed(flights: &mut Flights, id: u32) -> Vec<Action> {
        std::iter::from_fn(|| flights.land(OpId(id))).map(|flight| flight.action).collect()
    }

    #[test]
    fn an_answer_covers_all_before_it() {
        let mut flights = Flights { first: u32::MAX - 1, ..Flights::default() };
        let ids: Vec<u32> = (0..4).map(|n| flights.launch(Target::Dump, action(n)).id.0).collect();
        assert_eq!(ids, [u32::MAX - 1, u32::MAX, 0, 1]);
        assert_eq!(flights.refuse(OpId(u32::MAX)).map(|flight| flight.action), Some(action(1)));
        assert_eq!(landed(&mut flights, 0), [action(0), action(2)]);
        assert_eq!(flights.len(), 1);
    }

    #[test]
    fn answers_to_nothing_are_ignored() {
        let mut flights = Flights::default();
        flights.launch(Target::Dump, action(0));
        assert!(flights.refuse(OpId(1)).is_none());
        assert_eq!(landed(&mut flights, 7), []);
        assert_eq!(landed(&mut flights, 0), [action(0)]);
        assert_eq!(landed(&mut flights, 0), []);
    }
}
