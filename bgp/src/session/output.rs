//! What a session leaves behind while it works: actions for the driver, counts and faults for the operator.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::down::Down;
use super::event::{Action, Received};
use super::info::{FaultCounts, MessageCounts};
use super::words::Side;
use crate::intern::Interner;
use crate::wire::message::{self, MessageType};
use crate::wire::{Attrs, Fault, Notification, Open, RouteRefresh, Update};

/// What both connections of a session write to.
///
/// The queue of actions is bounded without a limit of its own: one input causes a handful of them, except for
/// `Received`, which handles a bounded number of messages, and the driver empties the queue after every input.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) actions: VecDeque<Action>,
    pub(super) sent: MessageCounts,
    pub(super) received: MessageCounts,
    pub(super) faults: Faults,
    interner: Interner,
}

/// The last faults, and how many there were.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) counts: FaultCounts,
    pub(super) last: VecDeque<(Instant, Fault)>,
}

impl Output {
    pub(super) fn push(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    pub(super) fn send_open(&mut self, side: Side, open: &Open) {
        self.send(side, MessageType::Open, encoded(|out| open.emit(out)));
    }

    pub(super) fn send_keepalive(&mut self, side: Side) {
        self.send(side, MessageType::Keepalive, Bytes::from_static(message::keepalive()));
    }

    pub(super) fn send_notification(&mut self, side: Side, notification: &Notification) {
        self.send(side, MessageType::Notification, encoded(|out| notification.emit(out)));
    }

    pub(super) fn send_refresh(&mut self, side: Side, request: &RouteRefresh) {
        self.send(side, MessageType::RouteRefresh, encoded(|out| request.emit(out)));
    }

    /// Turns the connection away that was just accepted.
    pub(super) fn refuse(&mut self, notification: &Notification) {
        *self.sent.of(MessageType::Notification) += 1;
        self.push(Action::Refuse(encoded(|out| notification.emit(out))));
    }

    /// Passes an UPDATE on.
    pub(super) fn deliver(&mut self, now: Instant, update: Update) {
        update.faults.into_iter().for_each(|fault| self.faults.record(now, fault));
        let interner = &mut self.interner;
        let reach = update.reach.into_iter().map(|r| (interner.intern(r.attrs), r.nlri));
        let received = Received { reach: reach.collect::<Vec<(Arc<Attrs>, _)>>(), unreach: update.unreach };
        if !received.reach.is_empty() || !received.unreach.is_empty() {
            self.push(Action::Update(received));
        }
        if let Some(family) = update.end_of_rib {
            self.push(Action::EndOfRib(family));
        }
    }

    /// The session ended. What its routes share is the table's alone from here on.
    pub(super) fn down(&mut self, down: Down) {
        self.interner = Interner::new();
        self.push(Action::Down(down));
    }

    fn send(&mut self, side: Side, kind: MessageType, octets: Bytes) {
        *self.sent.of(kind) += 1;
        self.push(Action::Send(side, octets));
    }
}

fn encoded(emit: impl FnOnce(&mut BytesMut)) -> Bytes {
    let mut out = BytesMut::with_capacity(128);
    emit(&mut out);
    out.freeze()
}

impl Faults {
    /// How many are kept to be shown.
    const KEPT: usize = 16;

    fn record(&mut self, now: Instant, fault: Fault) {
        self.counts.add(fault.verdict);
        if self.last.len() == Self::KEPT {
            self.last.pop_front();
        }
        self.last.push_back((now, fault));
    }
}
