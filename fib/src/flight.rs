//! The ops that the kernel has not answered yet, in the order in which they were given out.
//!
//! Ids rise by one, so an id is a place in the queue: no map is needed to find an op again. One answer covers
//! every op up to its id, and only refusals are told apart.

use std::collections::VecDeque;

use crate::op::OpId;

/// The queue. A place is `None` once its op was refused.
#[derive(Debug)]
pub(crate) struct Flights<T> {
    queue: VecDeque<Option<T>>,
    /// The id of the queue's first place.
    first: u32,
}

impl<T> Default for Flights<T> {
    fn default() -> Self {
        Flights { queue: VecDeque::default(), first: 0 }
    }
}

impl<T> Flights<T> {
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// All that are under way.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.queue.iter().flatten()
    }

    /// Gives an op its id and remembers what has to be known of it when it is over.
    pub(crate) fn launch(&mut self, flight: T) -> OpId {
        // At most `CREDIT` places: the cast loses nothing.
        let id = OpId(self.first.wrapping_add(self.queue.len() as u32));
        self.queue.push_back(Some(flight));
        id
    }

    /// The op that was refused. `None` if no such op is under way.
    pub(crate) fn refuse(&mut self, id: OpId) -> Option<T> {
        let flight = self.queue.get_mut(id.0.wrapping_sub(self.first) as usize)?.take();
        // An answer that covers it may never come: a refused dump has no end.
        while let Some(None) = self.queue.front() {
            self.queue.pop_front();
            self.first = self.first.wrapping_add(1);
        }
        flight
    }

    /// The oldest op that an answer to `id` covers. To be called until it is `None`.
    pub(crate) fn land(&mut self, id: OpId) -> Option<T> {
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

    fn landed(flights: &mut Flights<u32>, id: u32) -> Vec<u32> {
        std::iter::from_fn(|| flights.land(OpId(id))).collect()
    }

    #[test]
    fn an_answer_covers_all_before_it() {
        let mut flights = Flights { first: u32::MAX - 1, ..Flights::default() };
        let ids: Vec<u32> = (0..4).map(|n| flights.launch(n).0).collect();
        assert_eq!(ids, [u32::MAX - 1, u32::MAX, 0, 1]);
        assert_eq!(flights.refuse(OpId(u32::MAX)), Some(1));
        assert_eq!(landed(&mut flights, 0), [0, 2]);
        assert_eq!(flights.len(), 1);
    }

    #[test]
    fn answers_to_nothing_are_ignored() {
        let mut flights = Flights::default();
        flights.launch(0);
        assert!(flights.refuse(OpId(1)).is_none());
        assert_eq!(landed(&mut flights, 7), []);
        assert_eq!(landed(&mut flights, 0), [0]);
        assert_eq!(landed(&mut flights, 0), []);
    }
}
