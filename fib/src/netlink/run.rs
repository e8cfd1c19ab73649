//! Ops into runs of messages: what goes into one `send`.
//!
//! The kernel works a run off before the `send` returns. Only refused messages are answered, so a run ends with
//! a message that says nothing and asks to be acknowledged: its answer carries the last op's number and comes
//! after everything that the run brought about.

use super::dialect::{Dialect, Sort};
use super::wire::{self, put_message};
use crate::op::OpId;

/// New rows of a VXLAN device: its table grows in a worker of the kernel's, and a writer that gives it no time
/// fills long chains meanwhile. Measured for 100,000 MACs: 0.42 s in such runs, 0.91 s in large ones.
const SMALL: usize = 16 << 10;
/// All else gains from large runs.
const LARGE: usize = 64 << 10;

/// A run in the making.
#[derive(Debug)]
pub(super) struct Run {
    bytes: Vec<u8>,
    sort: Sort,
    /// The last op that is to be answered by the run's end.
    owed: Option<OpId>,
}

impl Run {
    pub(super) fn new() -> Run {
        Run { bytes: Vec::with_capacity(LARGE + SMALL), sort: Sort::Plain, owed: None }
    }

    /// Whether the run has to be sent before `next` can be part of one: it is full, or of another sort.
    pub(super) fn ends_before(&self, next: Sort) -> bool {
        let limit = if self.sort == Sort::Growing { SMALL } else { LARGE };
        let is_full = self.bytes.len() >= limit || self.sort == Sort::Dump;
        let is_empty = self.bytes.is_empty() && self.owed.is_none();
        !is_empty && (is_full || self.sort != next)
    }

    /// Adds an op.
    pub(super) fn put<D: Dialect>(&mut self, op: &D::Op) {
        self.sort = D::sort(op);
        self.owed = (self.sort != Sort::Dump).then_some(D::id(op));
        D::put(op, &mut self.bytes);
    }

    /// The run with its end; empty if there is nothing to send.
    pub(super) fn seal(&mut self) -> &[u8] {
        if let Some(last) = self.owed.take() {
            put_message(&mut self.bytes, wire::NOOP, wire::REQUEST | wire::ACK, last.0, |_| ());
        }
        &self.bytes
    }

    /// The run has been sent: the next one begins. Says whether the kernel should be given a breather first.
    pub(super) fn clear(&mut self) -> bool {
        let grew_much = self.sort == Sort::Growing && self.bytes.len() >= SMALL;
        self.bytes.clear();
        grew_much
    }
}

#[cfg(test)]
mod tests {
    use super::super::neigh;
    use super::super::rows::Rows;
    use super::super::wire::messages;
    use super::*;
    use crate::op::{Action, Dump, Half, Op, Table};
    use crate::row::IfIndex;
    use bgp::types::Mac;
    use std::net::{IpAddr, Ipv4Addr};

    fn set_mac() -> Action {
        let (mac, vtep) = (Mac([2, 0, 0, 0, 0, 1]), IpAddr::V4(Ipv4Addr::LOCALHOST));
        Action::SetMac { vxlan: IfIndex(7), mac, vtep, half: Half::Both }
    }

    fn delete_flood() -> Action {
        Action::DeleteFlood { vxlan: IfIndex(7), vtep: IpAddr::V4(Ipv4Addr::LOCALHOST) }
    }

    fn dump(table: Table) -> Action {
        Action::Dump(Dump { table, bridge: None })
    }

    /// The kinds and numbers of the messages in each run.
    fn runs(actions: &[Action]) -> Vec<Vec<(u16, u32)>> {
        let (mut run, mut runs) = (Run::new(), Vec::new());
        let mut send = |run: &mut Run| {
            runs.push(messages(run.seal()).map(|message| (message.kind, message.sequence)).collect());
            run.clear();
        };
        for (id, action) in (1..).map(OpId).zip(actions) {
            let op = Op { id, action: action.clone() };
            if run.ends_before(Rows::sort(&op)) {
                send(&mut run);
            }
            run.put::<Rows<'_>>(&op);
        }
        send(&mut run);
        runs
    }

    #[test]
    fn each_run_asks_for_one_answer() {
        let actions = [set_mac(), set_mac(), delete_flood(), dump(Table::Fdb), dump(Table::Links), set_mac()];
        let (set, delete, noop) = (neigh::NEW, neigh::DELETE, wire::NOOP);
        let expected: [&[(u16, u32)]; 5] = [
            &[(set, 1), (set, 2), (noop, 2)],
            &[(delete, 3), (noop, 3)],
            &[(30, 4)],
            &[(18, 5)],
            &[(set, 6), (noop, 6)],
        ];
        assert_eq!(runs(&actions), expected);
    }

    #[test]
    fn what_is_done_apart_is_answered_too() {
        let port = Action::SetPort { vxlan: IfIndex(7) };
        let expected: [&[(u16, u32)]; 2] = [&[(neigh::NEW, 1), (wire::NOOP, 1)], &[(wire::NOOP, 2)]];
        assert_eq!(runs(&[set_mac(), port]), expected);
    }

    #[test]
    fn runs_that_make_a_table_grow_are_small() {
        let growing = runs(&vec![set_mac(); 2000]);
        assert!(growing.iter().all(|run| run.len() <= SMALL / 48 + 2), "{:?}", growing.first().map(Vec::len));
        assert_eq!(runs(&vec![delete_flood(); 2000]).len(), 2);
    }
}
