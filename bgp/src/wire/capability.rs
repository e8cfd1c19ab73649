//! Capabilities (RFC 5492): what a speaker can do, said in its OPEN.

use crate::types::{Afi, Asn, Safi};

/// One capability. Families stay numbers here: those not spoken are kept and shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Capability {
    /// 1, multiprotocol (RFC 4760).
    Multiprotocol(Afi, Safi),
    /// 2, route refresh (RFC 2918).
    RouteRefresh,
    /// 6, messages beyond 4096 octets (RFC 8654).
    ExtendedMessage,
    /// 64, graceful restart (RFC 4724, RFC 8538).
    GracefulRestart {
        /// R: the sender has restarted.
        restarting: bool,
        /// N: a NOTIFICATION is to be survived too.
        notification: bool,
        /// Seconds that the sender needs to come back, 0 to 4095.
        time: u16,
        /// The families it keeps, each with whether forwarding state was preserved.
        families: Vec<(Afi, Safi, bool)>,
    },
    /// 65, four-octet AS numbers (RFC 6793).
    FourOctetAs(Asn),
    /// 69, ADD-PATH (RFC 7911).
    AddPath(Vec<(Afi, Safi, AddPathMode)>),
    /// Anything else, kept to be shown.
    Unknown {
        /// Its code.
        code: u8,
        /// Its value.
        value: Vec<u8>,
    },
}

/// The direction that an ADD-PATH capability offers for a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddPathMode {
    /// 1: can receive several paths.
    Receive,
    /// 2: can send several paths.
    Send,
    /// 3: both.
    Both,
}
