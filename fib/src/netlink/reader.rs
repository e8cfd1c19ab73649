//! From the kernel: datagrams into events.

use std::io;

use netlink_sys::Socket;

use super::dialect::Dialect;
use super::wire::{self, Message, attributes, messages, u32_at};
use crate::op::{Fault, OpId};

/// The kernel fills datagrams of a dump up to the size that it is offered, at most this.
pub(super) const DATAGRAM: usize = 32 << 10;
/// Enough events to make handing them over cheap; few enough that the other side can start.
const BATCH: usize = 1024;
/// `NLMSGERR_ATTR_MSG`.
const ERROR_TEXT: u16 = 1;

/// The reading half of the driver.
#[derive(Debug)]
pub(super) struct Reader {
    datagram: Vec<u8>,
    /// The socket overflowed, and what it held then has not been read to its end.
    ///
    /// The kernel tells of an overflow at once, ahead of what the socket holds, and only once: until all of that
    /// has been read, it drops what comes without a further word. So the news of it waits until then: what is
    /// looked at afterwards is seen in full, or another overflow is told of.
    lost: bool,
}

impl Reader {
    pub(super) fn new() -> Reader {
        Reader { datagram: Vec::with_capacity(DATAGRAM), lost: false }
    }

    /// Adds what there is to `batch`; `false` if the batch was full before all was read.
    ///
    /// # Errors
    /// The socket's, except that it overflowed, which is news.
    pub(super) fn drain<D: Dialect>(
        &mut self,
        socket: &Socket,
        batch: &mut Vec<D::Event>,
    ) -> io::Result<bool> {
        while batch.len() < BATCH {
            self.datagram.clear();
            match socket.recv(&mut self.datagram, libc::MSG_DONTWAIT) {
                Ok(_) => batch.extend(messages(&self.datagram).filter_map(event::<D>)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    batch.extend(std::mem::take(&mut self.lost).then(D::overrun));
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => self.lost = true,
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }
}

/// The kernel's answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Every op up to and including this one is over; those that did not fail were accepted.
    Done(OpId),
    /// This one was refused.
    Failed { id: OpId, fault: Fault },
    /// A dump is complete; not `intact`: its table changed meanwhile.
    DumpEnd { id: OpId, intact: bool },
}

/// What a message says; `None` for what does not matter here.
pub(super) fn event<D: Dialect>(message: Message<'_>) -> Option<D::Event> {
    match message.kind {
        wire::ERROR => answer(message).map(Into::into),
        wire::DONE => Some(dump_end(message).into()),
        _ => D::event(message),
    }
}

/// An error, or the acknowledgement of the "nothing" that the writer puts behind a run of requests.
fn answer(message: Message<'_>) -> Option<Answer> {
    let id = OpId(message.sequence);
    let errno = u32_at(message.payload, 0)? as i32;
    match errno {
        0 => Some(Answer::Done(id)),
        _ => Some(Answer::Failed { id, fault: Fault { errno: errno.saturating_neg(), text: text(message) } }),
    }
}

/// The kernel's words, behind the error number and the echo of the request.
fn text(message: Message<'_>) -> Option<Box<str>> {
    let echoed = match message.flags & wire::CAPPED {
        0 => (u32_at(message.payload, 4)? as usize).next_multiple_of(4),
        _ => wire::HEADER,
    };
    let rest = message.payload.get(4 + echoed..).filter(|_| message.flags & wire::WITH_ATTRIBUTES != 0)?;
    let (_, text) = attributes(rest).find(|(kind, _)| *kind == ERROR_TEXT)?;
    let text = text.strip_suffix(&[0]).unwrap_or(text);
    Some(String::from_utf8_lossy(text).into())
}

/// A dump's end carries an error number where it broke off.
fn dump_end(message: Message<'_>) -> Answer {
    let id = OpId(message.sequence);
    match u32_at(message.payload, 0).map_or(0, |errno| errno as i32) {
        errno if errno < 0 => {
            Answer::Failed { id, fault: Fault { errno: errno.saturating_neg(), text: None } }
        }
        _ => Answer::DumpEnd { id, intact: message.flags & wire::DUMP_INTERRUPTED == 0 },
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows;
    use super::super::wire::{put_attribute, put_message};
    use super::*;
    use crate::event::KernelEvent;
    use proptest::prelude::*;

    fn events(bytes: &[u8]) -> Vec<KernelEvent> {
        messages(bytes).filter_map(rows::event).collect()
    }

    #[test]
    fn an_error_names_its_op_and_brings_the_kernels_words() {
        let mut bytes = Vec::new();
        put_message(&mut bytes, wire::ERROR, wire::CAPPED | wire::WITH_ATTRIBUTES, 77, |out| {
            out.extend((-22_i32).to_ne_bytes());
            out.extend([0; wire::HEADER]);
            put_attribute(out, ERROR_TEXT, b"Invalid FDB flags\0");
        });
        let fault = Fault { errno: 22, text: Some("Invalid FDB flags".into()) };
        assert_eq!(events(&bytes), [KernelEvent::Failed { id: OpId(77), fault }]);
    }

    #[test]
    fn an_interrupted_dump_is_not_intact() {
        let mut bytes = Vec::new();
        put_message(&mut bytes, wire::DONE, wire::DUMP_INTERRUPTED, 5, |out| out.extend([0; 4]));
        put_message(&mut bytes, wire::DONE, 0, 6, |out| out.extend([0; 4]));
        let end = |id, intact| KernelEvent::DumpEnd { id: OpId(id), intact };
        assert_eq!(events(&bytes), [end(5, false), end(6, true)]);
    }

    proptest! {
        #[test]
        fn any_datagram_is_read_without_panic(bytes: Vec<u8>) {
            events(&bytes);
        }

        #[test]
        fn any_answer_is_read_without_panic(kind in 2u16..4, flags: u16, payload: Vec<u8>) {
            let mut bytes = Vec::new();
            put_message(&mut bytes, kind, flags, 1, |out| out.extend(payload));
            prop_assert!(events(&bytes).len() <= 1);
        }
    }
}
