//! A node's kernel, as far as linnet knows it: tables, and the socket to them.

mod devices;
mod lines;
mod ops;
mod routes;
mod socket;
mod tables;
mod traffic;
#[cfg(test)]
mod traps;

use std::collections::VecDeque;
use std::time::Instant;

use fib::op::{Action, Dump, Table};
use fib::{CREDIT, Fault, IfIndex, KernelEvent, Op, OpId, Row};

use crate::clock::Task;
use crate::net::Shared;
pub(crate) use routes::RouteTables;
use socket::{DUMPED, NARROW, Socket, WIDE};
pub(crate) use tables::{Ages, Tables};

const ENOMEM: i32 = 12;
const EBUSY: i32 = 16;

/// The kernel of a node.
#[derive(Debug)]
pub(crate) struct Kernel {
    node: usize,
    net: Shared,
    pub(crate) tables: Tables,
    socket: Option<Socket<KernelEvent>>,
    ops: VecDeque<Batch>,
    /// How many moves of devices the daemon had heard of when it last wrote.
    heard: u64,
    walks: VecDeque<Walk>,
    pub(crate) refuses: Option<Refusal>,
    /// How many ops it was asked for, to look at something aside.
    pub(crate) asked: u64,
}

/// Ops that were given out together.
#[derive(Debug)]
struct Batch {
    ops: Vec<Op>,
    /// How many moves of devices the daemon had heard of.
    heard: u64,
}

/// What a kernel in trouble refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// One op in so many, now this and now that.
    OneIn(usize),
    /// Every op of this kind, until the trouble is over.
    All(Kind),
}

/// A kind of op.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Macs,
    Floods,
    Neighbors,
    Deletions,
}

/// A dump under way.
#[derive(Clone, Copy, Debug)]
struct Walk {
    id: OpId,
    dump: Dump,
    /// How many rows have been shown: the kernel walks by position.
    position: usize,
}

impl Kernel {
    pub(crate) fn new(node: usize, vnis: impl IntoIterator<Item = u32>, ages: Ages, net: &Shared) -> Kernel {
        let mut tables = Tables::new(node, vnis, ages);
        tables.echoes = net.borrow_mut().clock.rng.one_in(4);
        Kernel {
            node,
            net: Shared::clone(net),
            tables,
            socket: None,
            ops: VecDeque::new(),
            heard: 0,
            walks: VecDeque::new(),
            refuses: None,
            asked: 0,
        }
    }

    /// A daemon opens its socket.
    pub(crate) fn open(&mut self) {
        self.tables.news.clear();
        self.socket = Some(Socket::new(KernelEvent::Overrun));
    }

    /// The daemon is gone; the rows stay.
    pub(crate) fn close(&mut self) {
        self.socket = None;
        self.ops.clear();
        self.walks.clear();
    }

    /// The daemon dies while it writes: of the batch that it was at, some got through.
    pub(crate) fn cut_off(&mut self, now: Instant) {
        let Some(Batch { ops, heard }) = self.ops.pop_front().filter(|batch| batch.ops.len() > 1) else {
            return;
        };
        let (mut done, count) = (0, self.net.borrow_mut().clock.rng.between(1, ops.len() - 1));
        for op in ops.iter().take(count).filter(|op| !matches!(op.action, Action::Dump(_))) {
            done += u64::from(self.tables.apply(now, &op.action).is_ok());
        }
        self.pin_again(now, heard);
        if done > 0 {
            self.net.borrow_mut().seen.count("a daemon dies amid a batch for the kernel");
        }
    }

    /// Whether a batch of several ops waits to be worked on.
    pub(crate) fn has_batch(&self) -> bool {
        self.ops.front().is_some_and(|batch| batch.ops.len() > 1)
    }

    /// Makes the socket hold little, or much again.
    pub(crate) fn narrow(&mut self, narrow: bool) {
        if let Some(socket) = &mut self.socket {
            socket.limit = if narrow { NARROW } else { WIDE };
        }
    }

    /// Takes a batch of ops. Their credit must have left room. `is_behind`: the daemon has yet to look at some of what it
    /// was told.
    pub(crate) fn give(&mut self, ops: Vec<Op>, is_behind: bool) {
        let waiting: usize = self.ops.iter().map(|batch| batch.ops.len()).sum();
        assert!(waiting + ops.len() <= CREDIT, "more ops than credit");
        self.asked += ops.iter().filter(|op| !matches!(op.action, Action::Dump(_))).count() as u64;
        if !is_behind && self.is_heard() {
            self.heard = self.tables.moves;
        }
        self.ops.push_back(Batch { ops, heard: self.heard });
        self.net.borrow_mut().clock.wake(Task::Kernel(self.node));
    }

    /// The daemon has been told of everything.
    fn is_heard(&self) -> bool {
        self.socket.as_ref().is_none_or(Socket::is_empty) && self.tables.news.is_empty()
    }

    /// Whether nothing is to be done, told or heard.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.ops.is_empty() && self.walks.is_empty() && self.is_heard()
    }

    /// Works for a while, and gives what there is to read, if the reader has room.
    pub(crate) fn turn(&mut self, has_room: bool) -> Option<Vec<KernelEvent>> {
        let (now, most) = {
            let clock = &mut self.net.borrow_mut().clock;
            (clock.now(), if clock.rng.one_in(2) { clock.rng.between(1, 3) } else { 20 })
        };
        self.tables.age(now);
        self.publish();
        if let Some(batch) = self.ops.pop_front() {
            self.run(now, &batch);
        }
        self.walk();
        let events = self.socket.as_mut().filter(|_| has_room).map(|socket| socket.take(most));
        self.plan(has_room);
        events.filter(|events| !events.is_empty())
    }

    /// When there is more to do. Who has no room says when he has.
    fn plan(&mut self, has_room: bool) {
        let waits = self.socket.as_ref().is_none_or(Socket::is_empty) || !has_room;
        let is_idle = self.ops.is_empty() && self.walks.is_empty() && self.tables.news.is_empty() && waits;
        let (task, clock) = (Task::Kernel(self.node), &mut self.net.borrow_mut().clock);
        if !is_idle {
            clock.wake(task);
        } else if let Some(due) = self.tables.ages_at {
            clock.wake_at(task, due);
        }
    }

    /// Tells the daemon what happened.
    fn publish(&mut self) {
        for event in std::mem::take(&mut self.tables.news) {
            self.answer(event);
        }
    }

    /// Runs as the driver makes them: refusals one by one, one answer for all behind each run.
    fn run(&mut self, now: Instant, batch: &Batch) {
        let mut last = None;
        for op in &batch.ops {
            let refusal = self.refusal(&op.action);
            if let Action::Dump(dump) = op.action {
                last.take().into_iter().for_each(|id| self.answer(KernelEvent::Done(id)));
                match refusal {
                    None => self.walks.push_back(Walk { id: op.id, dump, position: 0 }),
                    Some(errno) => self.refuse(op.id, errno),
                }
                continue;
            }
            let outcome = refusal.map_or_else(|| self.tables.apply(now, &op.action), Err);
            self.pin_again(now, batch.heard);
            self.publish();
            if let Err(errno) = outcome {
                self.refuse(op.id, errno);
            }
            last = Some(op.id);
        }
        last.into_iter().for_each(|id: OpId| self.answer(KernelEvent::Done(id)));
    }

    /// A row that was under way to one bridge when the device moved to another takes the place of whatever is there, an
    /// operator's row too. Nothing that could be asked of a kernel prevents it; so the operator has to set his row again.
    /// What a daemon takes that has heard of the move stays taken, for the run to end with that fault.
    fn pin_again(&mut self, now: Instant, heard: u64) {
        let taken = std::mem::take(&mut self.tables.taken);
        if heard != self.tables.moves && !taken.is_empty() {
            self.net.borrow_mut().seen.count("a row under way takes an operator's on another bridge");
            taken.into_iter().for_each(|row| self.tables.set_pinned(now, row));
        }
    }

    fn refuse(&mut self, id: OpId, errno: i32) {
        self.answer(KernelEvent::Failed { id, fault: Fault::errno(errno) });
    }

    /// The error of a kernel in trouble, if it makes one here.
    fn refusal(&mut self, action: &Action) -> Option<i32> {
        let is_dump = matches!(action, Action::Dump(_));
        let (refuses, words) = match self.refuses? {
            Refusal::OneIn(n) => {
                (self.net.borrow_mut().clock.rng.one_in(n), "the kernel refuses an op now and then")
            }
            Refusal::All(kind) => {
                (Kind::of(action) == Some(kind), "the kernel refuses a kind of op for long")
            }
        };
        if refuses {
            let words = if is_dump { "the kernel refuses a dump" } else { words };
            self.net.borrow_mut().seen.count(words);
        }
        refuses.then_some(if is_dump { EBUSY } else { ENOMEM })
    }

    fn answer(&mut self, event: KernelEvent) {
        let Some(socket) = &mut self.socket else { return };
        let before = socket.overruns;
        socket.push(event);
        if socket.overruns > before {
            self.net.borrow_mut().seen.count("news of the kernel overruns the socket");
        }
    }

    /// Goes on with the dump that is under way.
    fn walk(&mut self) {
        let (Some(walk), Some(socket)) = (self.walks.front_mut(), &mut self.socket) else { return };
        if !socket.has_room() {
            return;
        }
        let all = self.tables.dump(walk.dump);
        let rows: Vec<_> = all.into_iter().skip(walk.position).take(DUMPED).collect();
        walk.position += rows.len();
        let (id, ended) = (walk.id, rows.len() < DUMPED);
        rows.into_iter().for_each(|event| socket.push_dumped(event));
        if ended {
            self.walks.pop_front();
            socket.push_dumped(KernelEvent::DumpEnd { id, intact: true });
        }
    }
}

impl Kind {
    pub(crate) const ALL: [Kind; 4] = [Kind::Macs, Kind::Floods, Kind::Neighbors, Kind::Deletions];

    fn of(action: &Action) -> Option<Kind> {
        match action {
            Action::SetMac { .. } | Action::SetSticky { .. } => Some(Kind::Macs),
            Action::AddFlood { .. } => Some(Kind::Floods),
            Action::SetNeighbor { .. } | Action::ProbeNeighbor { .. } => Some(Kind::Neighbors),
            Action::DeleteMac { .. } | Action::DeleteFlood { .. } | Action::DeleteNeighbor { .. } => {
                Some(Kind::Deletions)
            }
            _ => None,
        }
    }
}

impl Tables {
    fn dump(&self, dump: Dump) -> Vec<KernelEvent> {
        let within = |device: IfIndex| {
            let master = self.links.get(&device).and_then(|link| link.master);
            dump.bridge.is_none_or(|bridge| bridge == device || master == Some(bridge))
        };
        let tunnels = self.tunnels.values().filter(|row| within(row.vxlan)).map(|row| Row::Tunnel(*row));
        let bridges = self.bridges.values().filter(|l| within(l.row.bridge)).map(|l| Row::Bridge(l.row));
        let neighbors =
            self.neighbors.values().filter(|known| within(known.row.device)).map(|known| known.row);
        let seen = KernelEvent::RowSeen;
        match dump.table {
            Table::Links => self.links.values().map(|l| KernelEvent::LinkSeen(Box::new(l.clone()))).collect(),
            Table::Addresses => Vec::new(),
            Table::Fdb => tunnels.chain(bridges).map(seen).collect(),
            Table::Neighbors4 => {
                neighbors.filter(|n| n.ip.is_ipv4()).map(|n| seen(Row::Neighbor(n))).collect()
            }
            Table::Neighbors6 => {
                neighbors.filter(|n| n.ip.is_ipv6()).map(|n| seen(Row::Neighbor(n))).collect()
            }
        }
    }
}
