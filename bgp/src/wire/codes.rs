//! NOTIFICATION codes and subcodes by name (RFC 4271 section 4.5 and those it grew since, IANA).

use std::fmt;

/// `Cease: Administrative Shutdown`; numbers where there is no name.
pub(super) struct Name {
    pub(super) code: u8,
    pub(super) subcode: u8,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((code, subcodes)) = names(self.code) else {
            return write!(f, "code {}, subcode {}", self.code, self.subcode);
        };
        f.write_str(code)?;
        match (self.subcode, subcodes.get(usize::from(self.subcode).wrapping_sub(1))) {
            (0, _) => Ok(()),
            (_, Some(name)) if !name.is_empty() => write!(f, ": {name}"),
            (subcode, _) => write!(f, ": subcode {subcode}"),
        }
    }
}

/// A code's name and those of its subcodes, from 1 on; an empty one is not assigned any more.
fn names(code: u8) -> Option<(&'static str, &'static [&'static str])> {
    Some(match code {
        1 => ("Message Header Error", &HEADER),
        2 => ("OPEN Message Error", &OPEN),
        3 => ("UPDATE Message Error", &UPDATE),
        4 => ("Hold Timer Expired", &[]),
        5 => ("Finite State Machine Error", &FSM),
        6 => ("Cease", &CEASE),
        7 => ("ROUTE-REFRESH Message Error", &["Invalid Message Length"]),
        8 => ("Send Hold Timer Expired", &[]),
        _ => return None,
    })
}

const HEADER: [&str; 3] = ["Connection Not Synchronized", "Bad Message Length", "Bad Message Type"];

const OPEN: [&str; 11] = [
    "Unsupported Version Number",
    "Bad Peer AS",
    "Bad BGP Identifier",
    "Unsupported Optional Parameter",
    "",
    "Unacceptable Hold Time",
    "Unsupported Capability",
    "",
    "",
    "",
    "Role Mismatch",
];

const UPDATE: [&str; 11] = [
    "Malformed Attribute List",
    "Unrecognized Well-known Attribute",
    "Missing Well-known Attribute",
    "Attribute Flags Error",
    "Attribute Length Error",
    "Invalid ORIGIN Attribute",
    "",
    "Invalid NEXT_HOP Attribute",
    "Optional Attribute Error",
    "Invalid Network Field",
    "Malformed AS_PATH",
];

/// RFC 6608.
const FSM: [&str; 3] = ["Unexpected in OpenSent", "Unexpected in OpenConfirm", "Unexpected in Established"];

/// RFC 4486, RFC 8538, RFC 9384.
const CEASE: [&str; 10] = [
    "Maximum Number of Prefixes Reached",
    "Administrative Shutdown",
    "Peer De-configured",
    "Administrative Reset",
    "Connection Rejected",
    "Other Configuration Change",
    "Connection Collision Resolution",
    "Out of Resources",
    "Hard Reset",
    "BFD Down",
];
