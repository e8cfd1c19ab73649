//! NOTIFICATION (RFC 4271 section 4.5): why a session ends.
//!
//! ```text
//! octets  1     1        the rest
//!         code  subcode  data
//! ```

use std::fmt;

use bytes::{BufMut, BytesMut};
use nom::combinator::{map, rest};
use nom::number::complete::be_u8;

use crate::types::Family;

use super::codes::Name;
use super::emit::cut;
use super::error::WireError;
use super::header::{self, HEADER_LEN, MessageType};
use super::parse::{Malformed, run, sized_u8, whole};

/// The last message of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Error code.
    pub code: u8,
    /// Error subcode.
    pub subcode: u8,
    /// What the code defines, often the offending octets.
    pub data: Vec<u8>,
}

/// Those that carry no data; the others come of a [`WireError`] or have a function below.
impl Notification {
    /// The peer's AS is not the configured one (RFC 4271 section 6.2).
    pub const BAD_PEER_AS: Notification = Notification::new(2, 2);
    /// The peer's identifier cannot be (RFC 4271 section 6.2, RFC 6286).
    pub const BAD_BGP_IDENTIFIER: Notification = Notification::new(2, 3);
    /// The peer's hold time is refused (RFC 4271 section 6.2).
    pub const UNACCEPTABLE_HOLD_TIME: Notification = Notification::new(2, 6);
    /// The peer's role does not go with ours (RFC 9234 section 4.2).
    pub const ROLE_MISMATCH: Notification = Notification::new(2, 11);
    /// Nothing was heard for the hold time (RFC 4271 section 6.5).
    pub const HOLD_TIMER_EXPIRED: Notification = Notification::new(4, 0);
    /// A message that OpenSent does not wait for (RFC 6608).
    pub const UNEXPECTED_IN_OPEN_SENT: Notification = Notification::new(5, 1);
    /// A message that OpenConfirm does not wait for (RFC 6608).
    pub const UNEXPECTED_IN_OPEN_CONFIRM: Notification = Notification::new(5, 2);
    /// A message that Established does not wait for (RFC 6608).
    pub const UNEXPECTED_IN_ESTABLISHED: Notification = Notification::new(5, 3);
    /// The peer has sent more prefixes than it may (RFC 4486 section 4); with the limit:
    /// [`Notification::maximum_prefixes`].
    pub const MAXIMUM_PREFIXES: Notification = Notification::new(6, 1);
    /// The session is shut down (RFC 4486 section 4); with a text: [`Notification::shutdown`].
    pub const ADMINISTRATIVE_SHUTDOWN: Notification = Notification::new(6, 2);
    /// The neighbour is no longer configured (RFC 4486 section 4).
    pub const PEER_DECONFIGURED: Notification = Notification::new(6, 3);
    /// The session begins anew (RFC 4486 section 4); with a text: [`Notification::reset`].
    pub const ADMINISTRATIVE_RESET: Notification = Notification::new(6, 4);
    /// The connection is not wanted (RFC 4486 section 4).
    pub const CONNECTION_REJECTED: Notification = Notification::new(6, 5);
    /// The configuration has changed (RFC 4486 section 4).
    pub const CONFIGURATION_CHANGE: Notification = Notification::new(6, 6);
    /// The other connection was kept (RFC 4271 section 6.8, RFC 4486 section 4).
    pub const COLLISION: Notification = Notification::new(6, 7);
    /// There is no room (RFC 4486 section 4).
    pub const OUT_OF_RESOURCES: Notification = Notification::new(6, 8);
    /// BFD has found that the peer cannot be reached (RFC 9384).
    pub const BFD_DOWN: Notification = Notification::new(6, 10);
    /// The peer has not taken anything for too long (RFC 9687 section 3).
    pub const SEND_HOLD_TIMER_EXPIRED: Notification = Notification::new(8, 0);

    /// Code of a cease.
    const CEASE: u8 = 6;
    /// Subcode of a hard reset (RFC 8538 section 3).
    const HARD_RESET: u8 = 9;
    /// How long a shutdown text may be (RFC 9003 section 2).
    const MAX_TEXT: usize = 255;

    /// One without data.
    pub const fn new(code: u8, subcode: u8) -> Notification {
        Notification { code, subcode, data: Vec::new() }
    }

    /// Administrative shutdown, telling the peer's operator why (RFC 9003). A text that is too long is cut.
    pub fn shutdown(text: &str) -> Notification {
        Notification { data: shutdown_data(text), ..Self::ADMINISTRATIVE_SHUTDOWN }
    }

    /// Administrative reset, telling the peer's operator why (RFC 9003). A text that is too long is cut.
    pub fn reset(text: &str) -> Notification {
        Notification { data: shutdown_data(text), ..Self::ADMINISTRATIVE_RESET }
    }

    /// The peer has sent more prefixes than it may, and how many it may (RFC 4486 section 4).
    pub fn maximum_prefixes(family: Family, limit: u32) -> Notification {
        let (afi, safi) = (family.afi().0.to_be_bytes(), family.safi().0);
        let data = [&afi[..], &[safi], &limit.to_be_bytes()].concat();
        Notification { data, ..Self::MAXIMUM_PREFIXES }
    }

    /// The same, but not to be survived by graceful restart (RFC 8538 section 3).
    #[must_use]
    pub fn hard(self) -> Notification {
        let data = [&[self.code, self.subcode], &self.data[..]].concat();
        Notification { code: Self::CEASE, subcode: Self::HARD_RESET, data }
    }

    /// Whether it is not to be survived by graceful restart (RFC 8538 section 3).
    pub fn is_hard_reset(&self) -> bool {
        (self.code, self.subcode) == (Self::CEASE, Self::HARD_RESET)
    }

    /// What a hard reset is about, if it says so.
    pub fn inner(&self) -> Option<Notification> {
        self.is_hard_reset().then(|| Self::parse(&self.data).ok()).flatten()
    }

    /// What the peer's operator wants to say (RFC 9003), unless it is not UTF-8.
    pub fn text(&self) -> Option<&str> {
        let shutdown = self.code == Self::CEASE && matches!(self.subcode, 2 | 4);
        let (_, text) = shutdown.then(|| run(sized_u8, &self.data).ok()).flatten()?;
        std::str::from_utf8(text).ok().filter(|text| !text.is_empty())
    }

    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Notification, WireError> {
        let fields = map((be_u8, be_u8, rest), |(code, subcode, data): (u8, u8, &[u8])| Notification {
            code,
            subcode,
            data: data.to_vec(),
        });
        let short = |e: Malformed<'_>| WireError::new(1, 2, HEADER_LEN as u16, e.what);
        whole(fields, body).map_err(short)
    }

    /// Writes the whole message.
    pub fn emit(&self, out: &mut BytesMut) {
        header::emit(out, MessageType::Notification, |out| {
            out.put_slice(&[self.code, self.subcode]);
            out.put_slice(&self.data);
        });
    }
}

impl WireError {
    /// What to send before closing.
    pub fn notification(&self) -> Notification {
        Notification { code: self.code, subcode: self.subcode, data: self.data.octets().to_vec() }
    }
}

/// RFC 9003 section 2: a length and UTF-8, cut between characters.
fn shutdown_data(text: &str) -> Vec<u8> {
    let text = cut(text, Notification::MAX_TEXT);
    [&[text.len() as u8], text.as_bytes()].concat()
}

/// `Cease: Administrative Shutdown, "for maintenance"`, a hard reset with what it is about, other data in
/// hexadecimal. Nothing that the peer wrote can do anything to a terminal: control characters are escaped.
impl fmt::Display for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Name { code: self.code, subcode: self.subcode }.fmt(f)?;
        // One within one is said once: a peer can nest as many as fit into a message.
        if let Some(inner) = self.inner().filter(|inner| !inner.is_hard_reset()) {
            return write!(f, " ({inner})");
        }
        match self.text() {
            Some(text) => write!(f, ", {text:?}"),
            None if self.data.is_empty() => Ok(()),
            None => put_hex(f, &self.data),
        }
    }
}

fn put_hex(f: &mut fmt::Formatter<'_>, data: &[u8]) -> fmt::Result {
    const SHOWN: usize = 32;
    f.write_str(", data")?;
    data.iter().take(SHOWN).try_for_each(|octet| write!(f, " {octet:02x}"))?;
    if data.len() > SHOWN { write!(f, " and {} more octets", data.len() - SHOWN) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (code, subcode, text) in [
            (4, 0, "Hold Timer Expired"),
            (6, 7, "Cease: Connection Collision Resolution"),
            (6, 10, "Cease: BFD Down"),
            (3, 7, "UPDATE Message Error: subcode 7"),
            (3, 200, "UPDATE Message Error: subcode 200"),
            (8, 0, "Send Hold Timer Expired"),
            (9, 1, "code 9, subcode 1"),
            (0, 0, "code 0, subcode 0"),
        ] {
            assert_eq!(Notification::new(code, subcode).to_string(), text);
        }
    }

    #[test]
    fn shutdown_texts_are_shown_safely() {
        let text = "reboot \u{1b}[2J\n\u{202e}now";
        let shown = r#"Cease: Administrative Shutdown, "reboot \u{1b}[2J\n\u{202e}now""#;
        assert_eq!(Notification::shutdown(text).to_string(), shown);
        assert_eq!(Notification::shutdown(text).text(), Some(text));
    }

    #[test]
    fn shutdown_texts_are_cut_between_characters() {
        let cut = Notification::reset(&"\u{e9}".repeat(200));
        assert_eq!(cut.text().map(str::len), Some(254));
        assert_eq!(cut.data.len(), 255);
    }

    #[test]
    fn what_is_no_text_is_shown_as_octets() {
        for (data, shown) in [
            (&[5, b'a'][..], ", data 05 61"),
            (&[1, 0xff], ", data 01 ff"),
            (&[0], ", data 00"),
            (
                &[0xab; 34],
                ", data ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab \
             ab ab ab ab and 2 more octets",
            ),
        ] {
            let notification = Notification { data: data.to_vec(), ..Notification::ADMINISTRATIVE_SHUTDOWN };
            assert_eq!(notification.to_string(), format!("Cease: Administrative Shutdown{shown}"));
        }
    }

    #[test]
    fn hard_resets_say_what_they_are_about() {
        let hard = Notification::shutdown("bye").hard();
        assert!(hard.is_hard_reset());
        assert_eq!(hard.inner(), Some(Notification::shutdown("bye")));
        assert_eq!(hard.to_string(), "Cease: Hard Reset (Cease: Administrative Shutdown, \"bye\")");
        assert_eq!(Notification::new(6, 9).to_string(), "Cease: Hard Reset");
    }
}
