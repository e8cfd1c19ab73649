//! The tunnel's device: whether it is there, and what is to be done so that it is, or is no longer.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bgp::types::Mac;

use crate::op::{Action, Fault, TunnelDevice};
use crate::retry::backoff;
use crate::row::IfIndex;

/// A device that is right no longer is set right this much later, so that nobody is fought over it.
const CALM: Duration = Duration::from_secs(1);

/// Devices that bear the tunnel's mark, and the one op that changes them.
#[derive(Debug, Default)]
pub(in crate::routes) struct TunnelLink {
    marked: BTreeMap<IfIndex, Marked>,
    /// The one that is wanted was made, or set right, since it appeared.
    checked: bool,
    in_flight: Option<Errand>,
    attempts: u8,
    due: Option<Instant>,
    fault: Option<Fault>,
    /// Of what is not told here (its MTU) it may be wrong.
    outdated: bool,
    /// What is not wanted may be removed.
    may_remove: bool,
}

#[derive(Debug)]
struct Marked {
    name: Box<str>,
    mac: Mac,
    up: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Errand {
    Create,
    Remove,
}

impl TunnelLink {
    /// A device with the mark is there. Says whether it is new.
    pub(in crate::routes) fn see(
        &mut self,
        now: Instant,
        index: IfIndex,
        (name, mac, up): (&str, Mac, bool),
        wanted: Option<&TunnelDevice>,
    ) -> bool {
        let was_right = self.is_right(wanted);
        let former = self.marked.insert(index, Marked { name: name.into(), mac, up });
        self.calm_down(now, was_right, wanted);
        former.is_none_or(|former| &*former.name != name)
    }

    /// A device is gone, or has lost the mark. Says whether it had it.
    pub(in crate::routes) fn lose(
        &mut self,
        now: Instant,
        index: IfIndex,
        wanted: Option<&TunnelDevice>,
    ) -> bool {
        let was_right = self.is_right(wanted);
        let Some(lost) = self.marked.remove(&index) else { return false };
        self.checked &= wanted.is_none_or(|wanted| *wanted.name != *lost.name);
        self.calm_down(now, was_right, wanted);
        true
    }

    /// What was right and is not any more is not set right at once.
    fn calm_down(&mut self, now: Instant, was_right: bool, wanted: Option<&TunnelDevice>) {
        if was_right && !self.is_right(wanted) {
            self.due = Some(now + CALM);
        }
    }

    /// What does not show here is to be set anew, once things have settled.
    pub(in crate::routes) fn set_right_again(&mut self, now: Instant) {
        if self.checked {
            self.outdated = true;
            self.due = Some(now + CALM);
        }
    }

    /// The device is there as it is wanted.
    pub(in crate::routes) fn is_right(&self, wanted: Option<&TunnelDevice>) -> bool {
        let is_right = |wanted: &TunnelDevice| {
            self.marked
                .values()
                .any(|there| *there.name == *wanted.name && there.up && there.mac == wanted.mac)
        };
        self.checked && wanted.is_some_and(is_right)
    }

    /// The device of this name.
    pub(super) fn find(&self, name: &str) -> Option<IfIndex> {
        self.marked.iter().find(|(_, marked)| &*marked.name == name).map(|(index, _)| *index)
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.marked.is_empty() && self.in_flight.is_none()
    }

    /// Devices that nobody wants.
    pub(in crate::routes) fn unwanted(&self, wanted: Option<&TunnelDevice>) -> impl Iterator<Item = IfIndex> {
        let is_unwanted = move |name: &str| wanted.is_none_or(|wanted| wanted.name != name);
        self.marked.iter().filter(move |(_, marked)| is_unwanted(&marked.name)).map(|(index, _)| *index)
    }

    /// Whether those may be removed: nothing leads into them.
    pub(in crate::routes) fn allow_removal(&mut self, is_allowed: bool) {
        self.may_remove = is_allowed;
    }

    /// What is to be done. Of two devices for one network the kernel refuses the second, so an unwanted one is removed
    /// first where one is wanted.
    pub(in crate::routes) fn next(&mut self, now: Instant, wanted: Option<&TunnelDevice>) -> Option<Action> {
        if self.in_flight.is_some() || self.due.is_some_and(|due| now < due) {
            return None;
        }
        let names: Vec<String> = match wanted.is_some() || self.may_remove {
            true => {
                let names = self.unwanted(wanted).filter_map(|index| self.marked.get(&index));
                names.map(|marked| marked.name.clone().into()).collect()
            }
            false => Vec::new(),
        };
        if !names.is_empty() {
            self.in_flight = Some(Errand::Remove);
            return Some(Action::Remove { names });
        }
        let wanted = wanted.filter(|wanted| self.outdated || !self.is_right(Some(wanted)))?;
        self.outdated = false;
        self.in_flight = Some(Errand::Create);
        Some(Action::CreateTunnel(Box::new(wanted.clone())))
    }

    /// The op is over.
    pub(in crate::routes) fn over(
        &mut self,
        now: Instant,
        fault: Option<Fault>,
        wanted: Option<&TunnelDevice>,
    ) {
        let errand = self.in_flight.take();
        match fault {
            None => self.checked |= errand == Some(Errand::Create),
            Some(_) => self.outdated |= self.checked && errand == Some(Errand::Create),
        }
        let is_done = fault.is_none() && (errand == Some(Errand::Remove) || self.is_right(wanted));
        self.attempts = if is_done { 0 } else { self.attempts.saturating_add(1) };
        self.due = (!is_done).then(|| now + backoff(self.attempts));
        self.fault = fault;
    }

    /// When `next` is to be asked again.
    pub(in crate::routes) fn next_due(&self, wanted: Option<&TunnelDevice>) -> Option<Instant> {
        let has_more = match wanted {
            Some(_) => self.outdated || !self.is_right(wanted),
            None => self.may_remove && !self.marked.is_empty(),
        };
        self.due.filter(|_| has_more && self.in_flight.is_none())
    }

    /// It was made or found right once, or cannot be.
    pub(in crate::routes) fn has_been_tried(&self) -> bool {
        self.checked || self.attempts > 0
    }

    /// Why it is not there as it is wanted.
    pub(in crate::routes) fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// Nothing is under way.
    pub(super) fn is_settled(&self) -> bool {
        self.in_flight.is_none()
    }
}
