//! BGP's messages out of a capture: the segments of each connection put together again.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;

use super::{Frame, Payload, Segment};

/// The octets before a message's type: marker and length (RFC 4271 section 4.1).
const MARKER: usize = 16;

/// A message that somebody was heard to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Who.
    pub from: SocketAddr,
    /// To whom.
    pub to: SocketAddr,
    /// The message, from its marker on.
    pub octets: Vec<u8>,
}

/// The messages of all connections that began in these frames, in the order in which their last octets came.
///
/// An error when a part of a connection is missing: an interface of the sender shows its octets in order.
pub fn said(frames: &[Frame]) -> io::Result<Vec<Said>> {
    let mut streams = HashMap::new();
    let mut messages = Vec::new();
    for frame in frames {
        let Payload::Bgp(segment) = &frame.payload else { continue };
        let key = (segment.source, segment.destination);
        if segment.begins {
            streams.insert(key, Stream { next: segment.sequence.wrapping_add(1), rest: Vec::new() });
        }
        let Some(stream) = streams.get_mut(&key) else { continue };
        stream.take(segment)?;
        while let Some(octets) = stream.message() {
            messages.push(Said { from: key.0, to: key.1, octets });
        }
    }
    Ok(messages)
}

/// One direction of a connection.
struct Stream {
    /// The sequence number of the octet that comes next.
    next: u32,
    /// What came and is no whole message yet.
    rest: Vec<u8>,
}

impl Stream {
    fn take(&mut self, segment: &Segment) -> io::Result<()> {
        let start = segment.sequence.wrapping_add(u32::from(segment.begins));
        // Octets that came before come again when their acknowledgement is late.
        let known = self.next.wrapping_sub(start);
        if known > u32::MAX / 2 && !segment.octets.is_empty() {
            return Err(io::Error::other(format!("octets of {} are missing", segment.source)));
        }
        let new = segment.octets.get(known as usize..).unwrap_or_default();
        self.next = self.next.wrapping_add(new.len() as u32);
        self.rest.extend(new);
        Ok(())
    }

    fn message(&mut self) -> Option<Vec<u8>> {
        let length = self.rest.get(MARKER..)?.first_chunk()?;
        let length = usize::from(u16::from_be_bytes(*length));
        (length > MARKER && length <= self.rest.len()).then(|| self.rest.drain(..length).collect())
    }
}

#[cfg(test)]
mod tests {
    use bgp::types::Mac;

    use super::*;

    fn frame(sequence: u32, begins: bool, octets: &[u8]) -> Frame {
        let (source, destination) = (([10, 0, 0, 1], 179).into(), ([10, 0, 0, 2], 4000).into());
        let segment = Segment { source, destination, sequence, begins, octets: octets.to_vec() };
        Frame { source: Mac::ZERO, destination: Mac::ZERO, payload: Payload::Bgp(segment) }
    }

    fn keepalive() -> Vec<u8> {
        [&[0xff; 16][..], &[0, 19, 4]].concat()
    }

    #[test]
    fn messages_are_put_together_over_segments_and_the_numbers_end() {
        let two = keepalive().repeat(2);
        let frames = [
            frame(u32::MAX - 9, true, &[]),
            frame(u32::MAX - 8, false, &two[..25]),
            frame(u32::MAX - 8, false, &two[..30]),
            frame(21, false, &two[30..]),
        ];
        let messages = said(&frames).unwrap();
        assert_eq!(messages.len(), 2);
        assert!(messages.iter().all(|message| message.octets == keepalive()));
    }

    #[test]
    fn a_gap_is_an_error_and_a_connection_without_its_beginning_is_left_out() {
        assert_eq!(said(&[frame(7, false, &keepalive())]).unwrap(), []);
        assert!(said(&[frame(7, true, &[]), frame(9, false, &keepalive())]).is_err());
    }
}
