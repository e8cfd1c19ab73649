//! The message header (RFC 4271 section 4.1): how messages are found in a stream of octets.
//!
//! ```text
//! octets  16      2       1
//!         marker  length  type  body ...
//! ```

use bytes::{BufMut, BytesMut};

use super::WireError;
use super::emit::patch_length;

/// Length of the header: marker, length, type.
pub const HEADER_LEN: usize = 19;

/// The longest message where RFC 8654 was not agreed, and the longest OPEN and KEEPALIVE ever.
pub const MAX_MESSAGE: u16 = 4096;

/// The longest message where RFC 8654 was agreed.
pub const MAX_EXTENDED_MESSAGE: u16 = u16::MAX;

const MARKER: [u8; 16] = [0xff; 16];

/// The type field of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MessageType {
    /// Who speaks, and what he can.
    Open = 1,
    /// Routes.
    Update = 2,
    /// Why the session ends.
    Notification = 3,
    /// A sign of life.
    Keepalive = 4,
    /// A request for all routes (RFC 2918).
    RouteRefresh = 5,
}

impl MessageType {
    fn new(number: u8) -> Option<MessageType> {
        Some(match number {
            1 => MessageType::Open,
            2 => MessageType::Update,
            3 => MessageType::Notification,
            4 => MessageType::Keepalive,
            5 => MessageType::RouteRefresh,
            _ => return None,
        })
    }

    /// The lengths that a message of this type can have (RFC 4271 section 6.1, RFC 8654 section 4).
    fn lengths(self, max_message: u16) -> std::ops::RangeInclusive<u16> {
        match self {
            MessageType::Open => 29..=MAX_MESSAGE,
            MessageType::Update => 23..=max_message,
            MessageType::Notification => 21..=max_message,
            MessageType::Keepalive => 19..=19,
            MessageType::RouteRefresh => 23..=max_message,
        }
    }
}

/// Finds the first message of `buf`: its type and its length with the header. `None` where more octets are
/// needed. The header is checked as soon as it is there, so that nobody waits for a body that cannot be.
pub fn frame(buf: &[u8], max_message: u16) -> Result<Option<(MessageType, usize)>, WireError> {
    let Some((header, _)) = buf.split_first_chunk::<HEADER_LEN>() else { return Ok(None) };
    let [marker @ .., l0, l1, kind] = *header;
    if marker != MARKER {
        return Err(WireError::new(1, 1, 0, "the marker is not all ones"));
    }
    let length = u16::from_be_bytes([l0, l1]);
    let bad_length = |what| Err(WireError::new(1, 2, 16, what).with_data(&length.to_be_bytes()));
    if length < HEADER_LEN as u16 || length > max_message {
        return bad_length("no message has this length");
    }
    let Some(kind) = MessageType::new(kind) else {
        return Err(WireError::new(1, 3, 18, "no such message type").with_data(&[kind]));
    };
    if !kind.lengths(max_message).contains(&length) {
        return bad_length("no message of this type has this length");
    }
    Ok((buf.len() >= usize::from(length)).then_some((kind, usize::from(length))))
}

/// The one KEEPALIVE there is.
pub fn keepalive() -> &'static [u8] {
    const KEEPALIVE: [u8; HEADER_LEN] = {
        let mut octets = [0xff; HEADER_LEN];
        octets[16] = 0;
        octets[17] = HEADER_LEN as u8;
        octets[18] = MessageType::Keepalive as u8;
        octets
    };
    &KEEPALIVE
}

/// Writes a message: its header, and what `body` writes.
pub(super) fn emit(out: &mut BytesMut, kind: MessageType, body: impl FnOnce(&mut BytesMut)) {
    let start = out.len();
    put_header(out, kind);
    body(out);
    patch_length(out, start + MARKER.len(), start);
}

/// A header whose length is still to be filled in.
pub(super) fn put_header(out: &mut BytesMut, kind: MessageType) {
    out.put_slice(&MARKER);
    out.put_u16(0);
    out.put_u8(kind as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(length: u16, kind: u8) -> Vec<u8> {
        [&MARKER[..], &length.to_be_bytes(), &[kind]].concat()
    }

    fn refusal(length: u16, kind: u8, max: u16) -> (u8, u8, Vec<u8>) {
        let n = frame(&header(length, kind), max).unwrap_err().notification();
        (n.code, n.subcode, n.data)
    }

    #[test]
    fn waits_for_the_whole_message() {
        let mut bytes = header(23, 2);
        assert_eq!(frame(&bytes[..18], MAX_MESSAGE), Ok(None));
        assert_eq!(frame(&bytes, MAX_MESSAGE), Ok(None));
        bytes.extend([0; 5]);
        assert_eq!(frame(&bytes, MAX_MESSAGE), Ok(Some((MessageType::Update, 23))));
    }

    #[test]
    fn keepalive_is_framed() {
        assert_eq!(frame(keepalive(), MAX_MESSAGE), Ok(Some((MessageType::Keepalive, 19))));
    }

    #[test]
    fn marker_not_synchronized() {
        let mut bytes = header(19, 4);
        bytes[7] = 0;
        let error = frame(&bytes, MAX_MESSAGE).unwrap_err();
        assert_eq!((error.code, error.subcode), (1, 1));
    }

    #[test]
    fn bad_lengths_come_back_as_data() {
        for (length, kind) in [(18, 4), (4097, 2), (20, 4), (28, 1), (22, 2), (20, 3), (22, 5)] {
            assert_eq!(refusal(length, kind, MAX_MESSAGE), (1, 2, length.to_be_bytes().to_vec()), "{kind}");
        }
    }

    #[test]
    fn extended_messages_do_not_stretch_an_open() {
        assert_eq!(frame(&header(65535, 2), MAX_EXTENDED_MESSAGE), Ok(None));
        assert_eq!(refusal(4097, 1, MAX_EXTENDED_MESSAGE), (1, 2, vec![0x10, 0x01]));
    }

    #[test]
    fn bad_types_come_back_as_data() {
        assert_eq!(refusal(23, 6, MAX_MESSAGE), (1, 3, vec![6]));
        assert_eq!(refusal(23, 0, MAX_MESSAGE), (1, 3, vec![0]));
    }
}
