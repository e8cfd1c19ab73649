//! Messages put together by hand, right ones and wrong ones.

use bgp::wire::message::HEADER_LEN;
use bgp::wire::{PeerKind, Update, WireError};

pub(crate) use crate::vector::{context, hex};

/// The body of an UPDATE. Parts are hexadecimal.
pub(crate) fn body(withdrawn: &str, attributes: &str, nlri: &str) -> Vec<u8> {
    let (withdrawn, attributes, nlri) = (hex(withdrawn), hex(attributes), hex(nlri));
    let length = |part: &[u8]| u16::try_from(part.len()).unwrap().to_be_bytes();
    [&length(&withdrawn)[..], &withdrawn, &length(&attributes), &attributes, &nlri].concat()
}

/// What an internal peer's UPDATE says.
pub(crate) fn internal(withdrawn: &str, attributes: &str, nlri: &str) -> Result<Update, WireError> {
    Update::parse(&body(withdrawn, attributes, nlri), &context(PeerKind::Ibgp))
}

/// What an external peer's UPDATE says.
pub(crate) fn external(withdrawn: &str, attributes: &str, nlri: &str) -> Result<Update, WireError> {
    Update::parse(&body(withdrawn, attributes, nlri), &context(PeerKind::Ebgp))
}

/// The bodies of messages that stand one behind the other.
pub(crate) fn bodies(mut stream: &[u8], max_message: u16) -> Vec<&[u8]> {
    let mut bodies = Vec::new();
    while !stream.is_empty() {
        let (_, length) = bgp::wire::message::frame(stream, max_message).unwrap().unwrap();
        bodies.push(&stream[HEADER_LEN..length]);
        stream = &stream[length..];
    }
    bodies
}
