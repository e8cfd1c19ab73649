//! NOTIFICATION (RFC 4271 section 4.5): why a session ends.

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
