//! What the driver carries: the ops of one reconciler as messages, and messages as its events.

use super::reader::Answer;
use super::wire::Message;
use crate::op::OpId;

/// The ops and events of one reconciler.
pub(super) trait Dialect {
    /// What is asked of the kernel.
    type Op;
    /// What the kernel says.
    type Event: From<Answer>;

    /// The op's number, which the kernel's answer names.
    fn id(op: &Self::Op) -> OpId;
    /// With which others it may go out.
    fn sort(op: &Self::Op) -> Sort;
    /// Appends its message. An op of [`Sort::Apart`] has none.
    fn put(op: &Self::Op, out: &mut Vec<u8>);
    /// What a message says that is no answer; `None` for what does not matter here.
    fn event(message: Message<'_>) -> Option<Self::Event>;
    /// Says that news was lost.
    fn overrun() -> Self::Event;
    /// Does an op of [`Sort::Apart`], and says why where it cannot.
    async fn do_apart(&mut self, op: &Self::Op) -> Option<Self::Event>;
}

/// Ops of one sort may share a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// Makes a VXLAN device's table grow.
    Growing,
    Plain,
    /// Alone, and answered by its own end.
    Dump,
    /// Done apart: it only has its answer here.
    Apart,
}
