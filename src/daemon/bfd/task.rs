//! The loop of the BFD task: datagrams and time in, datagrams and news for core out.
//!
//! It never waits for core: news of a session that core has no room for yet stay here, where newer ones join them.
//! What lies in the sockets is read before any timer is looked at, so that a neighbour that spoke in time is not
//! blamed for our being late; and it is read in bounded pieces, so that a flood cannot keep packets from leaving.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bfd::{Action, Change, Diagnostic, Input, SessionId, Sessions};
use bgp::types::PeerId;
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tracing::{debug, info};

use crate::core::{BfdNews, BfdPicture, BfdTarget, Event};

use super::link::Link;
use super::receiver::Receivers;
use super::wanted::Wanted;

/// Datagrams read from each socket before the timers have their turn: some milliseconds of work, and more than a
/// thousand sessions send while this thread is kept from running for as long as the shortest of them bear.
const DATAGRAMS: usize = 4096;

/// How far core's pictures may be behind in what only counts, and how often is tried again what did not work.
const PICTURE_AGE: Duration = Duration::from_secs(1);

/// How often the log may be told of datagrams for no session.
const STRAYS_TOLD: Duration = Duration::from_secs(60);

/// The task.
pub(super) struct Task {
    sessions: Sessions,
    links: HashMap<SessionId, Link>,
    receivers: Receivers,
    wanted: Arc<Wanted>,
    core: mpsc::Sender<Event>,
    /// What core has not been told: the sessions that look different, and which of them were lost meanwhile.
    news: BTreeMap<SessionId, Option<Diagnostic>>,
    random: RandomState,
    /// Datagrams for no session that the log has been told of, and when.
    strays: (u64, Option<Instant>),
}

impl Task {
    pub(super) fn new(wanted: Arc<Wanted>, core: mpsc::Sender<Event>) -> Task {
        let random = RandomState::new();
        Task {
            sessions: Sessions::new(random.hash_one("discriminators")),
            links: HashMap::new(),
            receivers: Receivers::default(),
            wanted,
            core,
            news: BTreeMap::new(),
            random,
            strays: (0, None),
        }
    }

    /// Runs until nothing is wanted any more.
    pub(super) async fn run(mut self) {
        let mut second = interval(PICTURE_AGE);
        second.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.catch_up(Instant::now());
            match self.wake(&mut second).await {
                Wake::Words => match self.wanted.take() {
                    Some(words) => words.into_iter().for_each(|(peer, target)| self.want(peer, target)),
                    None => return self.end(),
                },
                Wake::Second => self.tend(),
                Wake::Other => {}
            }
        }
    }

    async fn wake(&mut self, second: &mut Interval) -> Wake {
        let due = self.sessions.poll_timeout();
        tokio::select! {
            biased;
            () = self.wanted.changed() => Wake::Words,
            permit = self.core.reserve(), if !self.news.is_empty() => {
                let news = news_of(&self.sessions, &self.links, std::mem::take(&mut self.news));
                // Without a core there is nobody to tell; the end of what is wanted is about to come.
                if let Ok(permit) = permit {
                    permit.send(Event::Bfd(news));
                }
                Wake::Other
            }
            () = self.receivers.readable() => Wake::Other,
            () = sleep_until(due) => Wake::Other,
            _ = second.tick() => Wake::Second,
        }
    }

    /// Reads what has come, then does what is due.
    fn catch_up(&mut self, now: Instant) {
        let sessions = &mut self.sessions;
        self.receivers.read(DATAGRAMS, |datagram| sessions.handle(now, Input::Received(datagram)));
        if sessions.poll_timeout().is_some_and(|due| due <= now) {
            sessions.handle(now, Input::Timeout);
        }
        self.carry_out();
    }

    fn carry_out(&mut self) {
        while let Some(action) = self.sessions.poll_action() {
            match action {
                Action::Send(id, octets) => {
                    if let Some(link) = self.links.get_mut(&id) {
                        link.send(&octets);
                    }
                }
                Action::Changed(id, change) => self.changed(id, &change),
                Action::Over(id) => drop(self.links.remove(&id)),
            }
        }
    }

    fn changed(&mut self, id: SessionId, change: &Change) {
        debug!(session = id.0, from = %change.from, to = %change.to, why = %change.diagnostic, "BFD state");
        let lost = change.is_loss().then_some(change.diagnostic);
        let news = self.news.entry(id).or_default();
        *news = lost.or(*news);
    }

    /// Does what core wants of a neighbour's session.
    fn want(&mut self, peer: PeerId, target: Option<BfdTarget>) {
        let (now, id) = (Instant::now(), SessionId(peer.0));
        match (target, self.links.get_mut(&id)) {
            (Some(target), Some(link))
                if link.is_open() && !link.ending && only_pace(&link.target, &target) =>
            {
                link.target = target;
                self.sessions.handle(now, Input::Configure(id, link.config()));
            }
            (Some(target), _) => {
                self.links.insert(id, Link::new(target));
                self.open(now, id);
            }
            (None, Some(link)) => {
                link.ending = true;
                self.news.remove(&id);
                self.sessions.handle(now, Input::Close(id));
                if self.sessions.info(id).is_none() {
                    self.links.remove(&id);
                }
            }
            (None, None) => {}
        }
        self.carry_out();
    }

    fn open(&mut self, now: Instant, id: SessionId) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let port = self.random.hash_one((id.0, now)) as u32;
        let receivers = &mut self.receivers;
        link.error = link.open(port, |kind| receivers.open(kind)).err().map(|error| error.to_string());
        if link.is_open() {
            self.sessions.handle(now, Input::Open(id, link.endpoint(), link.config()));
        }
        self.news.entry(id).or_default();
    }

    /// Tries again what did not work, and has core see what was counted.
    fn tend(&mut self) {
        let now = Instant::now();
        let closed = self.links.iter().filter(|(_, link)| !link.is_open() && !link.ending);
        let closed: Vec<SessionId> = closed.map(|(id, _)| *id).collect();
        closed.into_iter().for_each(|id| self.open(now, id));
        for id in self.links.iter().filter(|(_, link)| !link.ending).map(|(id, _)| *id) {
            self.news.entry(id).or_default();
        }
        self.tell_strays(now);
        if self.links.is_empty() {
            self.receivers = Receivers::default();
        }
    }

    /// Often a neighbour that is not to be watched, or another kind of BFD than is configured here.
    fn tell_strays(&mut self, now: Instant) {
        let (told, at) = self.strays;
        let strays = self.sessions.strays();
        let is_time = at.is_none_or(|at| now.duration_since(at) >= STRAYS_TOLD);
        if let Some(from) = strays.last.filter(|_| is_time && strays.count > told) {
            info!(count = strays.count - told, %from, "BFD packets discarded: they are for no session here");
            self.strays = (strays.count, Some(now));
        }
    }

    /// Tells every neighbour that its session was taken down by an operator.
    fn end(mut self) {
        let now = Instant::now();
        let ids: Vec<SessionId> = self.links.keys().copied().collect();
        ids.into_iter().for_each(|id| self.sessions.handle(now, Input::Close(id)));
        self.carry_out();
    }
}

/// What woke the task.
enum Wake {
    Words,
    Second,
    Other,
}

/// Whether a session can go from one to the other without beginning anew.
fn only_pace(before: &BfdTarget, after: &BfdTarget) -> bool {
    let (a, b) = (&before.config, &after.config);
    before.remote.ip() == after.remote.ip()
        && before.local == after.local
        && (a.multihop, a.minimum_ttl) == (b.multihop, b.minimum_ttl)
}

fn news_of(
    sessions: &Sessions,
    links: &HashMap<SessionId, Link>,
    changed: BTreeMap<SessionId, Option<Diagnostic>>,
) -> Vec<BfdNews> {
    let news = changed.into_iter().filter_map(|(id, lost)| {
        let link = links.get(&id)?;
        let picture = BfdPicture {
            info: sessions.info(id).filter(|_| link.is_open()),
            local: link.local(),
            multihop: link.multihop,
            error: link.error.clone(),
        };
        Some(BfdNews { peer: PeerId(id.0), lost, picture })
    });
    news.collect()
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
