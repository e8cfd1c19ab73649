//! Watches: the present state, then what changes, for as many readers as there are streams.
//!
//! A reader asks again and again for what comes after its place ([`place`]), which it keeps itself. Best paths
//! are read from the tables' change logs; for neighbours, EVPN's tables and the kernel there is a [`record`] of
//! the rows that changed, kept only while somebody follows them. Both hold each row once: there is no queue for
//! any reader, and a slow one skips what was overwritten. What is held for readers that are away is bounded in
//! time and number ([`lease`]); who comes too late is told so, and never misses a change in silence.
//!
//! Driven by requests ([`Core::watch`]) and by every turn of core ([`Core::serve_watches`]), which answers those
//! that wait, a bounded number of rows in one turn.

mod lease;
mod note;
mod place;
mod read;
mod record;
mod row;
#[cfg(test)]
mod tests;
mod why;

use std::collections::{BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hasher};
use std::time::Instant;

use api::Request;
use api::query::{ApiError, ChangesRequest, MAX_PAGE_SIZE, MAX_WATCHES};
use api::v1;
use bgp::types::{Family, PeerId};
use hashbrown::HashMap;

use lease::Leases;
use place::{Place, Position, Scope, Topic, Walk};
use read::Page;
use record::Record;

use super::Core;
use super::answer::{Answered, parse};
use super::forward::Forwarding;
use super::native::Native;
use crate::config::NeighborAddress;

/// Rows told in one turn, to all readers: about two milliseconds.
const TOLD: usize = 2000;

/// Everything about watches.
#[derive(Debug)]
pub(super) struct Watches {
    /// Tells this run's tokens from others'.
    run: u64,
    /// The number of the stream that came last.
    streams: u64,
    waiting: VecDeque<Waiting>,
    leases: Leases,
    record: Record,
    /// Neighbours that may have changed.
    neighbors: BTreeSet<PeerId>,
    /// How each neighbour looked when it was last noted, while somebody follows them.
    looked: HashMap<NeighborAddress, v1::Neighbor>,
    /// EVPN and the kernel are asked to say what changes.
    is_fed: bool,
}

/// A request that is not answered yet.
#[derive(Debug)]
struct Waiting {
    request: Request,
    place: Place,
    max: usize,
}

impl Watches {
    /// `seed` should be another one in every run.
    pub(super) fn new(seed: u64) -> Watches {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(seed);
        Watches {
            run: hasher.finish(),
            streams: 0,
            waiting: VecDeque::new(),
            leases: Leases::default(),
            record: Record::default(),
            neighbors: BTreeSet::new(),
            looked: HashMap::new(),
            is_fed: false,
        }
    }

    /// Has EVPN and its rows say what changes, if somebody follows them.
    pub(super) fn feed_rows(&self, forwarding: &mut Forwarding) {
        forwarding.evpn.feed().set(self.is_fed);
        forwarding.fib.feed().set(self.is_fed);
    }

    /// Has the routes say what changes, if somebody follows them.
    pub(super) fn feed_routes(&self, native: &mut Native) {
        native.routes.feed().set(self.is_fed);
    }

    /// A neighbour may show something else than before.
    pub(super) fn neighbor_changed(&mut self, peer: PeerId) {
        if self.record.is_on(Topic::Neighbor) {
            self.neighbors.insert(peer);
        }
    }

    /// Drops requests that nobody waits for any more.
    fn drop_abandoned(&mut self, now: Instant) {
        let Watches { waiting, leases, .. } = self;
        waiting.retain(|waiting| {
            let is_abandoned = waiting.request.is_abandoned();
            if is_abandoned {
                leases.rest(now, waiting.place.stream);
            }
            !is_abandoned
        });
    }
}

impl Core {
    /// Keeps a request for changes; the next turn looks whether there are any.
    pub(super) fn watch(&mut self, now: Instant, changes: &ChangesRequest, request: Request) {
        self.watches.drop_abandoned(now);
        if self.watches.waiting.len() >= MAX_WATCHES {
            let error = format!("{MAX_WATCHES} streams watch already, no more may");
            return request.answer(Err(ApiError::Exhausted(error)));
        }
        match self.place(now, &changes.watch) {
            Ok(place) => {
                self.watches.leases.hold(&mut self.rib, &place);
                let max = changes.max.clamp(1, MAX_PAGE_SIZE as usize);
                self.watches.waiting.push_back(Waiting { request, place, max });
            }
            Err(error) => request.answer(Err(error)),
        }
    }

    /// Notes what changed, and answers the requests that have waited for it. Says whether there is more to do.
    pub(super) fn serve_watches(&mut self, now: Instant) -> bool {
        if self.watches.leases.is_empty() {
            return false;
        }
        self.watches.leases.tend(now, &mut self.rib);
        self.follow(now, self.watches.leases.scope());
        self.watches.drop_abandoned(now);
        let more = self.note_changes(now);
        self.answer_waiting(now) | more
    }

    /// Where a request begins.
    fn place(&mut self, now: Instant, watch: &v1::WatchRequest) -> Answered<Place> {
        let scope = scope(watch)?;
        if watch.resume_token.is_empty() {
            self.follow(now, self.watches.leases.scope().and(scope));
            return Ok(self.new_place(scope, watch.changes_only));
        }
        let place = Place::parse(&watch.resume_token, self.watches.run)?;
        let (heads, everything) = (self.heads(), Scope::everything());
        let reached = [Some(place.read), place.goal].into_iter().flatten();
        if place.scope != scope || !reached.into_iter().all(|read| heads.has_reached(&read, everything)) {
            let error = "resume_token: it is of a watch of other topics or families";
            return Err(ApiError::InvalidArgument(error.to_owned()));
        }
        Ok(place)
    }

    fn new_place(&mut self, scope: Scope, changes_only: bool) -> Place {
        let heads = self.heads();
        self.watches.streams += 1;
        let (read, walk) = match changes_only {
            true => (heads, None),
            false => (Position { record: heads.record, ..Position::default() }, Some(Walk::START)),
        };
        Place { stream: self.watches.streams, scope, read, goal: Some(heads), walk }
    }

    /// Records the topics that somebody follows, and no others.
    fn follow(&mut self, now: Instant, scope: Scope) {
        self.follow_neighbors(now, scope.has(Topic::Neighbor));
        self.rib.keep_causes(Family::ALL.into_iter().any(|family| scope.has(Topic::Rib(family))));
        self.watches.record.set_topics(scope);
        // EVPN's rows show how the kernel stands to them.
        let fed = scope.has(Topic::Evpn) || scope.has(Topic::Fib);
        if std::mem::replace(&mut self.watches.is_fed, fed) != fed {
            self.forwarding.iter_mut().for_each(|forwarding| self.watches.feed_rows(forwarding));
            self.native.iter_mut().for_each(|native| self.watches.feed_routes(native));
        }
    }

    /// How neighbours look is remembered while somebody follows them: what changes is told against that.
    fn follow_neighbors(&mut self, now: Instant, on: bool) {
        if on == self.watches.record.is_on(Topic::Neighbor) {
            return;
        }
        let looks = self.peers.iter().map(|peer| (peer.config.address, self.neighbor_row(now, peer)));
        self.watches.looked = looks.filter(|_| on).collect();
    }

    /// Looks at every request that waits, as long as there are rows to spend.
    fn answer_waiting(&mut self, now: Instant) -> bool {
        let (mut left, mut more) = (TOLD, false);
        for _ in 0..self.watches.waiting.len() {
            let Some(mut waiting) = self.watches.waiting.pop_front() else { break };
            if left == 0 {
                self.watches.waiting.push_front(waiting);
                return true;
            }
            let answer = self.look(now, &mut waiting, left);
            match answer {
                Some(answer) => {
                    left -= answer.as_ref().map_or(0, |response| response.changes.len().min(left));
                    self.watches.leases.rest(now, waiting.place.stream);
                    waiting.request.answer(answer.map(Into::into));
                }
                None => {
                    more |= waiting.place.walk.is_some()
                        || !waiting.place.read.has_reached(&self.heads(), waiting.place.scope);
                    self.watches.waiting.push_back(waiting);
                }
            }
        }
        more
    }

    /// The answer to a request, if there is one by now.
    fn look(&self, now: Instant, waiting: &mut Waiting, left: usize) -> Option<Answered<v1::WatchResponse>> {
        let Waiting { place, max, .. } = waiting;
        if !self.remembers(place) {
            let error = "changes after the token are not known any more: watch anew";
            return Some(Err(ApiError::Expired(error.to_owned())));
        }
        let was_synced = place.goal.is_none();
        let mut page = Page::new(now, left.min(*max));
        self.read(place, &mut page);
        let synced = place.goal.is_none();
        let is_news = !page.changes.is_empty() || synced != was_synced;
        let resume_token = place.token(self.watches.run);
        is_news.then_some(Ok(v1::WatchResponse { changes: page.changes, synced, resume_token }))
    }
}

/// What a request asks to follow.
fn scope(watch: &v1::WatchRequest) -> Answered<Scope> {
    let families: Vec<Family> =
        watch.families.iter().map(|family| parse("families", family)).collect::<Answered<_>>()?;
    let families = if families.is_empty() { Family::ALL.to_vec() } else { families };
    let rib = families.into_iter().fold(Scope::default(), |scope, family| scope.with(Topic::Rib(family)));
    let all = rib.with(Topic::Neighbor).with(Topic::Evpn).with(Topic::Fib);
    if watch.topics.is_empty() {
        return Ok(all);
    }
    watch.topics.iter().try_fold(Scope::default(), |scope, topic| {
        Ok(scope.and(match v1::Topic::try_from(*topic) {
            Ok(v1::Topic::Rib) => rib,
            Ok(v1::Topic::Neighbor) => Scope::of(Topic::Neighbor),
            Ok(v1::Topic::Evpn) => Scope::of(Topic::Evpn),
            Ok(v1::Topic::Fib) => Scope::of(Topic::Fib),
            Ok(v1::Topic::Unspecified) => all,
            Err(_) => return Err(ApiError::InvalidArgument(format!("topics: there is no topic {topic}"))),
        }))
    })
}
