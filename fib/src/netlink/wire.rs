//! Netlink's framing: messages in a datagram, attributes in a message. All numbers are in the host's order.
//!
//! ```text
//! message:    length u32 | type u16 | flags u16 | sequence u32 | port id u32 | payload
//! attribute:  length u16 | type u16 | value | padding to 4
//! ```

/// An answer to a request, good or bad.
pub(super) const ERROR: u16 = 2;
/// The end of a dump.
pub(super) const DONE: u16 = 3;
/// Nothing. The kernel acknowledges it all the same.
pub(super) const NOOP: u16 = 1;

pub(super) const REQUEST: u16 = 0x1;
/// One of the messages of an answer.
pub(super) const MULTI: u16 = 0x2;
pub(super) const ACK: u16 = 0x4;
/// The table changed during the dump.
pub(super) const DUMP_INTERRUPTED: u16 = 0x10;
pub(super) const REPLACE: u16 = 0x100;
pub(super) const EXCLUSIVE: u16 = 0x200;
pub(super) const CREATE: u16 = 0x400;
pub(super) const APPEND: u16 = 0x800;
pub(super) const DUMP: u16 = 0x300;
/// In an answer: the request is echoed without its payload.
pub(super) const CAPPED: u16 = 0x100;
/// In an answer: attributes follow.
pub(super) const WITH_ATTRIBUTES: u16 = 0x200;

pub(super) const HEADER: usize = 16;
/// The high bits of an attribute's type say how it is encoded.
const TYPE_MASK: u16 = 0x3fff;

/// A message, as received.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub(super) kind: u16,
    pub(super) flags: u16,
    pub(super) sequence: u32,
    pub(super) payload: &'a [u8],
}

/// The messages of a datagram; ends where one is not whole.
pub(super) fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let length = u32_at(bytes, 0)? as usize;
        let payload = bytes.get(HEADER..length)?;
        let (kind, flags, sequence) = (u16_at(bytes, 4)?, u16_at(bytes, 6)?, u32_at(bytes, 8)?);
        bytes = bytes.get(aligned(length)..).unwrap_or_default();
        Some(Message { kind, flags, sequence, payload })
    })
}

/// The attributes in `bytes`, each with its type; ends where one is not whole.
pub(super) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(bytes, 0)?);
        let value = bytes.get(4..length)?;
        let kind = u16_at(bytes, 2)? & TYPE_MASK;
        bytes = bytes.get(aligned(length)..).unwrap_or_default();
        Some((kind, value))
    })
}

pub(super) fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(*bytes.get(offset..)?.first_chunk()?))
}

pub(super) fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(offset..)?.first_chunk()?))
}

fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

/// Appends a message whose payload `fill` writes.
pub(super) fn put_message(
    out: &mut Vec<u8>,
    kind: u16,
    flags: u16,
    sequence: u32,
    fill: impl FnOnce(&mut Vec<u8>),
) {
    let start = out.len();
    out.extend([0; 4]);
    out.extend(kind.to_ne_bytes());
    out.extend(flags.to_ne_bytes());
    out.extend(sequence.to_ne_bytes());
    out.extend([0; 4]);
    fill(out);
    let length = (out.len() - start) as u32;
    if let Some(place) = out.get_mut(start..start + 4) {
        place.copy_from_slice(&length.to_ne_bytes());
    }
}

/// Appends an attribute. Values here are a few octets long.
pub(super) fn put_attribute(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    out.extend((4 + value.len() as u16).to_ne_bytes());
    out.extend(kind.to_ne_bytes());
    out.extend(value);
    out.resize(aligned(out.len()), 0);
}

/// Writes the length of the attribute, or the like, that began at `start` and ends here.
pub(super) fn set_length(out: &mut [u8], start: usize) {
    let length = (out.len() - start) as u16;
    if let Some(place) = out.get_mut(start..start + 2) {
        place.copy_from_slice(&length.to_ne_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_put_is_found() {
        let mut bytes = Vec::new();
        put_message(&mut bytes, 28, REQUEST, 7, |out| put_attribute(out, 1, &[1, 2, 3, 4, 5]));
        put_message(&mut bytes, NOOP, ACK, 8, |_| ());
        let all: Vec<Message> = messages(&bytes).collect();
        assert_eq!((all[0].kind, all[0].flags, all[0].sequence), (28, REQUEST, 7));
        assert_eq!(attributes(all[0].payload).collect::<Vec<_>>(), [(1, &[1, 2, 3, 4, 5][..])]);
        assert_eq!((all[1].kind, all[1].sequence, all[1].payload.len()), (NOOP, 8, 0));
        assert_eq!(all.len(), 2);
    }

    #[test]
    fn an_endless_run_of_nothing_ends() {
        assert_eq!(messages(&[0; 64]).count(), 0);
        assert_eq!(attributes(&[0; 64]).count(), 0);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            for message in messages(&bytes) {
                attributes(message.payload).count();
            }
        }
    }
}
