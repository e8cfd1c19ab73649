use std::fmt;
use std::net::Ipv4Addr;

/// A BGP identifier (RFC 6286): four octets, written like an IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouterId(pub Ipv4Addr);

impl fmt::Display for RouterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The small index of a configured neighbour. It lives as long as the neighbour is configured, across its
/// sessions, and is never given to two at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u32);

impl PeerId {
    /// Stands for this daemon itself where a path's source is asked for.
    pub const LOCAL: PeerId = PeerId(u32::MAX);
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            PeerId::LOCAL => f.write_str("local"),
            PeerId(index) => write!(f, "peer {index}"),
        }
    }
}

/// A path identifier (RFC 7911 section 3): tells several paths to one destination from one peer apart.
/// 0 where ADD-PATH is not negotiated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathId(pub u32);
