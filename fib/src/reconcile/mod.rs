//! Wanted against seen.
//!
//! A key is marked dirty when either of its sides changes, and waits in a queue. When its turn comes the sides
//! are compared; a difference becomes an op, and until that is answered the key gets no other. So a
//! key that changes often costs one op for the newest state, not one for each.
//!
//! What the kernel has is taken from the rows that it reports, and from ops that it accepted: if it reported
//! nothing else about the key while the op was under way, it has what the op said. If it did, the two may have
//! crossed, and the op is given out once more: all of them may be done twice. What was to go away has gone only
//! when the kernel says so. What is ours to delete: what was wanted in
//! this run, and the rows with a control plane's mark that were there when a network was first looked at. Those
//! wait for [`Fib::release_stale`].

mod access;
mod audit;
mod chore;
mod devices;
mod entry;
mod flood;
mod links;
mod looks;
mod mac;
mod neighbor;
mod network;
mod place;
mod queue;
mod reconfigure;
mod round;
mod show;
mod status;
mod strays;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use bgp::types::Vni;
use evpn::dataplane::{Observation, WantedKey, WantedValue};
use foldhash::fast::FixedState;
use hashbrown::HashMap;

pub use self::access::{Attached, Belief};
use self::chore::{Chore, Chores};
use self::links::Links;
use self::network::{Network, Seen, vni_of};
use self::place::{Place, Segment, Step};
use self::queue::Queue;
use self::reconfigure::Leaving;
use self::round::Rounds;
pub use self::show::{Changed, Devices, RowPlace};
pub use self::status::{Counters, FibRow, Looks, Status};
use self::strays::{Stray, Strays, is_absence};
use crate::addresses::Addresses;
use crate::audit::Audit;
use crate::config::FibConfig;
use crate::dumps::Dumps;
use crate::event::KernelEvent;
use crate::flight::Flights;
use crate::op::{Action, Dump, Fault, Op, OpId};
use crate::retry::Retries;
use crate::row::Row;
use crate::tally::{PIECE, Stirred, WITH_EACH_OP};

/// How many ops may be in flight. A channel with room for as many batches never makes its sender wait.
pub const CREDIT: usize = 4096;

/// For whose sake an op was given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// A row of the tables.
    Key(WantedKey),
    /// A device.
    Chore(Chore),
    /// What we know of a table.
    Dump,
    /// What was left behind.
    Stray(Stray),
}

/// An op that is under way.
#[derive(Clone, Debug)]
struct Flight {
    target: Target,
    action: Action,
}

/// The reconciler.
#[derive(Debug)]
pub struct Fib {
    config: FibConfig,
    links: Links,
    addresses: Addresses,
    networks: HashMap<Vni, Network, FixedState>,
    queue: Queue,
    flights: Flights<Flight>,
    retries: Retries<WantedKey>,
    chores: Chores,
    strays: Strays,
    dumps: Dumps<Dump>,
    news: VecDeque<Observation>,
    /// Networks that go, or are to have other devices.
    leaving: BTreeMap<Vni, Leaving>,
    /// Everything was looked at once.
    synced: bool,
    /// Everything was looked at last then.
    resynced: Option<Instant>,
    audit: Audit<Vni>,
    /// A former run's rows may be deleted.
    released: bool,
    counters: Counters,
    stirred: Stirred<Changed, WantedKey>,
    rounds: Rounds,
}

impl Fib {
    /// A reconciler that knows nothing of the kernel yet: its first ops are dumps. The seed is for its hash
    /// functions, and decides in which order rows are taken that have none.
    pub fn new(config: FibConfig, seed: u64) -> Fib {
        Fib {
            config,
            links: Links::default(),
            addresses: Addresses::default(),
            networks: HashMap::with_hasher(FixedState::with_seed(seed)),
            queue: Queue::default(),
            flights: Flights::default(),
            retries: Retries::default(),
            chores: Chores::default(),
            strays: Strays::default(),
            dumps: Dumps::new(looks::everything()),
            news: VecDeque::new(),
            leaving: BTreeMap::new(),
            synced: false,
            resynced: None,
            audit: Audit::default(),
            released: false,
            counters: Counters::default(),
            stirred: Stirred::default(),
            rounds: Rounds::default(),
        }
    }

    /// Wants `value` under `key`, or nothing any more. A value of another kind than the key's is ignored.
    ///
    /// A [`WantedValue::LocalNeighbor`] is answered by exactly one `LocalNeighbor` or `LocalNeighborGone` at
    /// least, as soon as its outcome shows.
    pub fn want(&mut self, key: WantedKey, value: Option<WantedValue>) {
        let network = self.network(vni_of(&key));
        if network.want(&key, value) {
            self.stirred.note(key);
            self.retries.clear(&key);
            self.conclude(&key, false);
            self.mark_dirty(key);
        }
        if value.is_none() {
            self.tidy(&key);
        }
    }

    /// Wants nothing any more, and keeps nothing of a former run: what is ours in the kernel is to go.
    pub fn want_nothing(&mut self) {
        let wanted: Vec<WantedKey> =
            self.rows().filter(|row| row.wanted.is_some()).map(|row| row.key).collect();
        wanted.into_iter().for_each(|key| self.want(key, None));
        // There is no later at which to try again.
        self.retries = Retries::default();
        // Nobody looks again later: what is there is to be known before it is taken out.
        self.dumps.look_at(looks::everything());
        self.release_stale();
    }

    /// Takes news from the kernel.
    pub fn handle(&mut self, now: Instant, event: KernelEvent) {
        match event {
            KernelEvent::RowSeen(row) => self.row(now, &row, true),
            KernelEvent::RowGone(row) => self.row(now, &row, false),
            KernelEvent::Done(id) => self.land(now, id),
            KernelEvent::Failed { id, fault } => self.refused(now, id, fault),
            KernelEvent::LinkSeen(link) => self.link_seen(*link),
            KernelEvent::LinkGone(index) => self.link_gone(index),
            KernelEvent::AddressSeen(index, address) => _ = self.addresses.see(index, address),
            KernelEvent::AddressGone(index, address) => _ = self.addresses.remove(index, address),
            KernelEvent::DumpEnd { id, intact } => self.dump_ended(now, id, intact),
            KernelEvent::Overrun => self.overrun(now),
        }
    }

    /// The next op, while there is one and credit for it.
    pub fn poll_op(&mut self, now: Instant) -> Option<Op> {
        if self.flights.len() >= CREDIT {
            self.go_on();
            return None;
        }
        while let Some(key) = self.retries.pop_due(now) {
            self.mark_dirty(key);
        }
        self.count_again(WITH_EACH_OP);
        self.next_op(now).or_else(|| {
            self.go_on();
            self.next_op(now)
        })
    }

    fn next_op(&mut self, now: Instant) -> Option<Op> {
        loop {
            let op = self.next_write(now).or_else(|| self.next_dump(now));
            if op.is_some() || !self.depart() {
                return op.or_else(|| {
                    self.audit(now);
                    self.next_dump(now)
                });
            }
        }
    }

    /// The next news for evpn. To be drained after every call of `handle` and `want`, before the next
    /// `poll_op`: what evpn makes of a host that has moved here decides what becomes of its rows.
    pub fn poll_observation(&mut self) -> Option<Observation> {
        self.news.pop_front()
    }

    /// When `poll_op` should be called again though nothing happened.
    pub fn poll_timeout(&self) -> Option<Instant> {
        // One that has to wait for something wakes nobody: what it waits for does.
        let audit = self.audit.next_due().filter(|_| self.is_settled());
        let chores = self.chores.next_due().filter(|_| self.dumps.is_idle());
        let dumps = self.dumps.next_due(self.flights.is_empty());
        let timers = [self.retries.next_due(), chores, self.strays.next_due(), dumps, audit];
        timers.into_iter().flatten().min()
    }

    /// A former run's rows that are not wanted may be deleted: routing has converged.
    pub fn release_stale(&mut self) {
        self.released = true;
        self.release_strays();
        let vnis: Vec<Vni> = self.networks.keys().copied().collect();
        vnis.into_iter().for_each(|vni| self.go_round(vni));
    }

    /// How a key stands; `None` if it is neither wanted nor ours in the kernel.
    pub fn status(&self, key: &WantedKey) -> Option<Status> {
        let network = self.networks.get(&vni_of(key))?;
        let wanted = network.wanted(key).is_some();
        let step = match network.segment {
            Some(_) => network.step(key, &self.place(vni_of(key))?)?,
            None => Step::Absent,
        };
        match step {
            Step::Rest => wanted.then_some(Status::Programmed),
            Step::Blocked(reason) => Some(Status::Conflict(reason)),
            Step::Act(_) => match self.retries.reason(key) {
                Some(reason) => Some(Status::Failed(reason)),
                None => Some(if wanted { Status::Pending } else { Status::Stale }),
            },
            Step::Absent => wanted.then_some(Status::Pending),
            Step::Held => Some(Status::Stale),
        }
    }

    /// Everything wanted, and what is ours in the kernel and not wanted. In no order.
    pub fn rows(&self) -> impl Iterator<Item = FibRow> + '_ {
        let keys = self.networks.iter().flat_map(|(vni, network)| network.keys(*vni));
        keys.filter_map(|key| self.find_row(key))
    }

    /// Where wanted and seen differ.
    pub fn diff(&self) -> impl Iterator<Item = FibRow> + '_ {
        self.rows().filter(|row| row.status != Status::Programmed)
    }

    /// Counts since the start.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// When the kernel was looked at last.
    pub fn looks(&self) -> Looks {
        Looks { resynced: self.resynced, audited: self.audit.ended() }
    }

    /// Nothing is left to do or to wait for, retries aside.
    pub fn is_settled(&self) -> bool {
        let nothing_waits = self.strays.are_none() && self.queue.is_empty() && self.rounds.are_over();
        self.flights.is_empty() && self.dumps.is_idle() && self.chores.are_waiting() && nothing_waits
    }

    /// A VNI's tables, made if there are none.
    fn network(&mut self, vni: Vni) -> &mut Network {
        self.networks.entry(vni).or_default()
    }

    fn place(&self, vni: Vni) -> Option<Place> {
        let network = self.networks.get(&vni)?;
        place(network, &self.config, self.released)
    }

    fn row(&mut self, now: Instant, row: &Row, present: bool) {
        let device = match row {
            Row::Tunnel(row) => row.vxlan,
            Row::Bridge(row) => row.bridge,
            Row::Neighbor(row) => row.device,
        };
        if !present {
            self.dumps.disturb();
        }
        let Some(vni) = self.links.vni(device) else { return self.see_elsewhere(row, present) };
        let Some(network) = self.networks.get_mut(&vni) else { return };
        if let Some(place) = place(network, &self.config, self.released) {
            let seen = network.see(vni, row, present, &place);
            self.seen(now, seen, &place);
        }
    }

    /// Draws the conclusions from a row.
    fn seen(&mut self, now: Instant, seen: Seen, place: &Place) {
        match seen.key {
            key if seen.listed => self.stirred.note(key),
            WantedKey::Mac { vni, mac } => self.stirred.feed.push(Changed::Port(vni, mac)),
            _ => {}
        }
        if place.segment.up {
            self.news.extend(seen.news);
        }
        if seen.spoilt {
            self.counters.repairs += 1;
            self.counters.drifts += u64::from(self.audit.is_running());
            self.stirred.feed.push(Changed::Spoilt(seen.key));
            self.retries.spoilt(now, seen.key);
        }
        if seen.queue {
            self.queue.push(seen.key, seen.wanted);
        }
    }

    /// Queues a key unless it is queued or in flight already.
    fn mark_dirty(&mut self, key: WantedKey) {
        let Some(network) = self.networks.get_mut(&vni_of(&key)) else { return };
        let wanted = network.wanted(&key).is_some();
        let served = network.segment.is_some();
        if let Some(marks) = network.marks(&key).filter(|marks| served && !marks.busy()) {
            marks.dirty = true;
            self.queue.push(key, wanted);
        }
    }

    fn tidy(&mut self, key: &WantedKey) {
        if let hashbrown::hash_map::Entry::Occupied(mut entry) = self.networks.entry(vni_of(key)) {
            entry.get_mut().tidy(key);
            if entry.get().is_vacant() {
                entry.remove();
            }
        }
    }

    fn conclude(&mut self, key: &WantedKey, failed: bool) {
        let Some(network) = self.networks.get_mut(&vni_of(key)) else { return };
        let Some(place) = place(network, &self.config, self.released) else { return };
        self.news.extend(network.conclude(key, &place, failed));
    }

    fn next_write(&mut self, now: Instant) -> Option<Op> {
        self.next_chore(now).or_else(|| self.next_stray(now)).or_else(|| self.next_row(now))
    }

    /// No row is written while anything is to be looked at. Of those that need nothing, no more than a piece is passed over
    /// at a time.
    fn next_row(&mut self, now: Instant) -> Option<Op> {
        for _ in 0..PIECE {
            if !self.dumps.is_idle() {
                return None;
            }
            let mut key = self.queue.pop()?;
            if let Some(first) = self.unsettled_mac(&key) {
                self.queue.put_back(key);
                key = first;
            }
            if let Some(action) = self.settle(now, &key) {
                return Some(self.launch(Target::Key(key), action));
            }
        }
        None
    }

    fn unsettled_mac(&self, key: &WantedKey) -> Option<WantedKey> {
        match *key {
            WantedKey::Neighbor { vni, ip } => self.networks.get(&vni)?.unsettled_mac(vni, ip),
            _ => None,
        }
    }

    /// Looks at a dirty key: what is to be done about it now.
    fn settle(&mut self, now: Instant, key: &WantedKey) -> Option<Action> {
        let network = self.networks.get_mut(&vni_of(key))?;
        let (wanted, is_pursued) = (network.wanted(key).is_some(), network.is_pursued(key));
        let place = place(network, &self.config, self.released);
        let marks = network.marks(key).filter(|marks| marks.dirty)?;
        if let Some(place) = place.filter(|_| marks.crossed && !is_pursued) {
            // What the kernel has cannot be told, and to repeat an op that nobody wants any more would be wrong.
            looks::look_at(&mut self.dumps, place.segment.bridge);
            self.queue.push(*key, wanted);
            return None;
        }
        marks.dirty = false;
        if let Some(Step::Act(action)) = place.and_then(|place| network.step(key, &place))
            && !self.retries.holds(now, key)
        {
            network.marks(key)?.launch(&action);
            return Some(action);
        }
        self.tidy(key);
        None
    }

    fn launch(&mut self, target: Target, action: Action) -> Op {
        self.counters.ops += 1;
        let id = self.flights.launch(Flight { target, action: action.clone() });
        Op { id, action }
    }

    fn land(&mut self, now: Instant, id: OpId) {
        while let Some(flight) = self.flights.land(id) {
            self.over(now, &flight, None);
        }
    }

    fn refused(&mut self, now: Instant, id: OpId, fault: Fault) {
        if let Some(flight) = self.flights.refuse(id) {
            let is_gone = matches!(flight.target, Target::Stray(_)) && is_absence(&fault);
            self.counters.failures += u64::from(!is_gone);
            self.over(now, &flight, Some(fault));
        }
    }

    fn over(&mut self, now: Instant, flight: &Flight, fault: Option<Fault>) {
        if fault.is_none() {
            self.look_behind(&flight.action);
        }
        match flight.target {
            Target::Key(key) => self.row_over(now, key, &flight.action, fault),
            Target::Chore(chore) => self.chore_over(now, chore, fault.as_ref()),
            Target::Stray(stray) => self.stray_over(now, stray, fault),
            Target::Dump if fault.is_some() => {
                self.dumps.failed(now);
                self.forget_looks_at_gone();
            }
            Target::Dump => {}
        }
    }

    /// An op on a row is over. If the same op would come next, it was refused, said so or not.
    fn row_over(&mut self, now: Instant, key: WantedKey, action: &Action, fault: Option<Fault>) {
        let is_lossy = self.dumps.is_lossy();
        let Some(network) = self.networks.get_mut(&vni_of(&key)) else { return };
        self.stirred.note(key);
        let place = place(network, &self.config, self.released);
        let shows = place.is_some_and(|place| network.shows(action, place.segment.bridge));
        let Some(marks) = network.marks(&key) else { return };
        let accepted = fault.is_none();
        // Nothing about a row that goes away is kept from us.
        let is_certain = accepted && (!action.makes_rows() || !is_lossy && (!marks.touched || shows));
        if let Some(place) = place.filter(|_| is_certain) {
            self.news.extend(network.assume(&key, action, &place));
        }
        network.marks(&key).into_iter().for_each(|marks| marks.land(accepted, is_certain));
        match place.and_then(|place| network.step(&key, &place)) {
            Some(_) if accepted && !is_certain && !network.is_pursued(&key) => self.mark_dirty(key),
            Some(Step::Act(next)) if next == *action && accepted && !is_certain => {
                self.retries.spoilt(now, key);
                self.mark_dirty(key);
            }
            Some(Step::Act(next)) if next == *action => {
                if !action.makes_rows() && fault.as_ref().is_some_and(is_absence) {
                    // A part of what is to be deleted is there no more, and nobody said so.
                    network.marks(&key).into_iter().for_each(|marks| marks.crossed = true);
                }
                self.retries.refused(now, key, fault.unwrap_or_else(not_done));
                self.conclude(&key, true);
            }
            Some(Step::Act(_)) => self.mark_dirty(key),
            _ => {
                self.retries.clear(&key);
                self.conclude(&key, false);
                self.tidy(&key);
            }
        }
    }
}

fn place(network: &Network, config: &FibConfig, released: bool) -> Option<Place> {
    // In one that leaves nothing is put any more, and of nothing in it evpn is told.
    let segment = network.segment.map(|segment| Segment { up: segment.up && !network.leaves, ..segment })?;
    let released = released || network.leaves;
    Some(Place { segment, released, protocol: config.protocol, known: network.known })
}

fn not_done() -> Fault {
    Fault { errno: 0, text: Some("the kernel accepted it and did not do it".into()) }
}
