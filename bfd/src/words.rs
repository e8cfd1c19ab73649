//! The small words of BFD: states and diagnostics.

use std::fmt;

/// The state of a session, on either side (RFC 5880 section 4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Held down by an operator; says nothing about the path.
    AdminDown,
    /// The neighbour is not heard, or has been lost.
    #[default]
    Down,
    /// The neighbour is heard, and not known to hear us.
    Init,
    /// Both hear each other.
    Up,
}

impl State {
    /// From the two bits of a packet; others are cut off.
    pub(crate) fn from_bits(bits: u8) -> State {
        match bits & 3 {
            0 => State::AdminDown,
            1 => State::Down,
            2 => State::Init,
            _ => State::Up,
        }
    }

    /// The name, as RFC 5880 writes it.
    pub fn name(self) -> &'static str {
        match self {
            State::AdminDown => "AdminDown",
            State::Down => "Down",
            State::Init => "Init",
            State::Up => "Up",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a session is not Up (RFC 5880 section 4.1). A number, because those that are not assigned yet
/// are to be passed on as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Diagnostic(pub u8);

impl Diagnostic {
    /// It is Up, or never was.
    pub const NONE: Diagnostic = Diagnostic(0);
    /// Nothing was heard for the Detection Time.
    pub const DETECTION_TIME_EXPIRED: Diagnostic = Diagnostic(1);
    /// The neighbour said that its side is down.
    pub const NEIGHBOR_SIGNALED_DOWN: Diagnostic = Diagnostic(3);
    /// An operator took it down.
    pub const ADMINISTRATIVELY_DOWN: Diagnostic = Diagnostic(7);
}

/// In the words of RFC 5880; `diagnostic 17` where there are none.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WORDS: [&str; 9] = [
            "no diagnostic",
            "control detection time expired",
            "echo function failed",
            "neighbor signaled session down",
            "forwarding plane reset",
            "path down",
            "concatenated path down",
            "administratively down",
            "reverse concatenated path down",
        ];
        match WORDS.get(usize::from(self.0)) {
            Some(words) => f.write_str(words),
            None => write!(f, "diagnostic {}", self.0),
        }
    }
}

/// Why a packet was not taken, though it was meant for a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discard {
    /// It names the session by number and is from somebody else.
    Source,
    /// It came to the port for one hop, and the session is over several, or the other way round.
    Hops,
    /// It has come from farther than the session reaches.
    Ttl,
    /// It is authenticated, and there is no authentication here.
    Authentication,
}

impl fmt::Display for Discard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Discard::Source => "from another address than the neighbor's",
            Discard::Hops => "one side is single hop and the other is multihop",
            Discard::Ttl => "from too many hops away",
            Discard::Authentication => "authenticated, which is not supported",
        })
    }
}
