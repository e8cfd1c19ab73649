//! What the emitters share: lengths that are known only once what they count has been written.

use bytes::{BufMut, BytesMut};

/// Writes what `body` writes, behind its length in one octet. More than 255 octets are the caller's mistake.
pub(super) fn with_u8_length(out: &mut BytesMut, body: impl FnOnce(&mut BytesMut)) {
    let at = out.len();
    out.put_u8(0);
    body(out);
    let length = out.len() - at - 1;
    if let Some(octet) = out.get_mut(at) {
        *octet = u8::try_from(length).unwrap_or(u8::MAX);
    }
}

/// Writes what `body` writes, behind its length in two octets. More than 65535 octets are the caller's mistake.
pub(super) fn with_u16_length(out: &mut BytesMut, body: impl FnOnce(&mut BytesMut)) {
    let at = out.len();
    out.put_u16(0);
    body(out);
    patch_length(out, at, at + 2);
}

/// The beginning of a text, of at most so many octets, cut between characters.
pub(super) fn cut(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    end.and_then(|end| text.get(..end)).unwrap_or_default()
}

/// Puts the length of what stands from `from` to the end where room was left for it, at `at`.
pub(super) fn patch_length(out: &mut BytesMut, at: usize, from: usize) {
    let length = u16::try_from(out.len().saturating_sub(from)).unwrap_or(u16::MAX);
    if let Some(room) = out.get_mut(at..at + 2) {
        room.copy_from_slice(&length.to_be_bytes());
    }
}
