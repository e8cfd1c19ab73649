//! A node's kernel, as far as linnet knows it: tables, and the socket to them.

mod ops;
mod socket;
mod tables;
mod traffic;

use std::collections::VecDeque;
use std::time::Instant;

use fib::op::{Action, Dump, Table};
use fib::{CREDIT, Fault, IfIndex, KernelEvent, Op, OpId, Row};

use crate::clock::Task;
use crate::net::Shared;
use socket::{DUMPED, Socket, Walk};
pub(crate) use tables::Tables;

/// News that a socket holds, as a rule.
const SOCKET: usize = 4000;
/// News that it holds where it is to overflow.
const TINY: usize = 12;

/// The kernel of a node.
#[derive(Debug)]
pub(crate) struct Kernel {
    node: usize,
    net: Shared,
    pub(crate) tables: Tables,
    socket: Option<Socket>,
    ops: VecDeque<Vec<Op>>,
    walks: VecDeque<Walk>,
    /// How many ops it was asked for, and when last.
    pub(crate) asked: u64,
    pub(crate) last_asked: Option<Instant>,
}

impl Kernel {
    pub(crate) fn new(node: usize, vnis: u32, net: &Shared) -> Kernel {
        Kernel {
            node,
            net: Shared::clone(net),
            tables: Tables::new(node, vnis),
            socket: None,
            ops: VecDeque::new(),
            walks: VecDeque::new(),
            asked: 0,
            last_asked: None,
        }
    }

    /// A daemon opens its socket.
    pub(crate) fn open(&mut self) {
        self.tables.news.clear();
        self.socket = Some(Socket::new(SOCKET));
    }

    /// The daemon is gone; the rows stay.
    pub(crate) fn close(&mut self) {
        self.socket = None;
        self.ops.clear();
        self.walks.clear();
    }

    /// Makes the socket hold little, or much again.
    pub(crate) fn narrow(&mut self, narrow: bool) {
        if let Some(socket) = &mut self.socket {
            socket.limit = if narrow { TINY } else { SOCKET };
        }
    }

    /// Takes a batch of ops. Their credit must have left room.
    pub(crate) fn give(&mut self, now: Instant, ops: Vec<Op>) {
        let waiting: usize = self.ops.iter().map(Vec::len).sum();
        assert!(waiting + ops.len() <= CREDIT, "more ops than credit");
        if ops.iter().any(|op| !matches!(op.action, Action::Dump(_))) {
            self.last_asked = Some(now);
        }
        self.asked += ops.len() as u64;
        self.ops.push_back(ops);
        self.net.borrow_mut().clock.wake(Task::Kernel(self.node));
    }

    /// Works for a while, and gives what there is to read, if the reader has room.
    pub(crate) fn turn(&mut self, has_room: bool) -> Option<Vec<KernelEvent>> {
        let (now, most) = {
            let clock = &mut self.net.borrow_mut().clock;
            (clock.now(), if clock.rng.one_in(2) { clock.rng.between(1, 3) } else { 20 })
        };
        self.tables.age(now);
        self.publish();
        if let Some(ops) = self.ops.pop_front() {
            self.run(now, &ops);
        }
        self.walk();
        let events = self.socket.as_mut().filter(|_| has_room).map(|socket| socket.take(most));
        self.plan();
        events.filter(|events| !events.is_empty())
    }

    /// When there is more to do.
    fn plan(&mut self) {
        let idle = self.ops.is_empty() && self.walks.is_empty();
        let read = self.socket.as_ref().is_none_or(Socket::is_empty) && self.tables.news.is_empty();
        let (task, clock) = (Task::Kernel(self.node), &mut self.net.borrow_mut().clock);
        if !(idle && read) {
            clock.wake(task);
        } else if let Some(due) = self.tables.next_due() {
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
    fn run(&mut self, now: Instant, ops: &[Op]) {
        let mut last = None;
        for op in ops {
            if let Action::Dump(dump) = op.action {
                last.take().into_iter().for_each(|id| self.answer(KernelEvent::Done(id)));
                self.walks.push_back(Walk { id: op.id, dump, position: 0 });
                continue;
            }
            let outcome = self.tables.apply(now, &op.action);
            self.publish();
            if let Err(errno) = outcome {
                self.answer(KernelEvent::Failed { id: op.id, fault: Fault::errno(errno) });
            }
            last = Some(op.id);
        }
        last.into_iter().for_each(|id: OpId| self.answer(KernelEvent::Done(id)));
    }

    fn answer(&mut self, event: KernelEvent) {
        if let Some(socket) = &mut self.socket {
            socket.push(event);
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
