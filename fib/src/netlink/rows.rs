//! The dialect of [`Fib`](crate::Fib): rows of bridges and VXLAN devices, neighbours, devices, and addresses.

use super::device::Devices;
use super::dialect::{Dialect, Sort};
use super::reader::Answer;
use super::wire::Message;
use super::{ip_address, link, neigh, reader};
use crate::event::KernelEvent;
use crate::op::{Action, Half, Op, OpId, Table};

/// It, with the connection by which devices are changed.
#[derive(Debug)]
pub(super) struct Rows<'a>(pub(super) &'a Devices);

impl Dialect for Rows<'_> {
    type Op = Op;
    type Event = KernelEvent;

    fn id(op: &Op) -> OpId {
        op.id
    }

    fn sort(op: &Op) -> Sort {
        match op.action {
            Action::SetMac { half: Half::Both | Half::Tunnel, .. } => Sort::Growing,
            Action::Dump(_) => Sort::Dump,
            Action::SetPort { .. } | Action::Create(_) | Action::CreateTunnel(_) | Action::Remove { .. } => {
                Sort::Apart
            }
            _ => Sort::Plain,
        }
    }

    fn put(op: &Op, out: &mut Vec<u8>) {
        match &op.action {
            Action::Dump(dump) if dump.table == Table::Links => link::put_dump(out, op.id.0),
            Action::Dump(dump) if dump.table == Table::Addresses => ip_address::put_dump(out, op.id.0),
            action => neigh::put_action(out, op.id.0, action),
        }
    }

    fn event(message: Message<'_>) -> Option<KernelEvent> {
        match message.kind {
            neigh::NEW => neigh::parse(message.payload).map(KernelEvent::RowSeen),
            neigh::DELETE => neigh::parse(message.payload).map(KernelEvent::RowGone),
            link::NEW => link::parse(message.payload).map(|link| KernelEvent::LinkSeen(Box::new(link))),
            link::DELETE => link::parse_gone(message.payload).map(KernelEvent::LinkGone),
            ip_address::NEW => ip_address::parse(message.payload)
                .map(|(index, address)| KernelEvent::AddressSeen(index, address)),
            ip_address::DELETE => ip_address::parse(message.payload)
                .map(|(index, address)| KernelEvent::AddressGone(index, address)),
            _ => None,
        }
    }

    fn overrun() -> KernelEvent {
        KernelEvent::Overrun
    }

    async fn do_apart(&mut self, op: &Op) -> Option<KernelEvent> {
        let fault = self.0.change(&op.action).await.err()?;
        Some(KernelEvent::Failed { id: op.id, fault })
    }
}

impl From<Answer> for KernelEvent {
    fn from(answer: Answer) -> KernelEvent {
        match answer {
            Answer::Done(id) => KernelEvent::Done(id),
            Answer::Failed { id, fault } => KernelEvent::Failed { id, fault },
            Answer::DumpEnd { id, intact } => KernelEvent::DumpEnd { id, intact },
        }
    }
}

/// What a message says.
pub(super) fn event(message: Message<'_>) -> Option<KernelEvent> {
    reader::event::<Rows<'_>>(message)
}
