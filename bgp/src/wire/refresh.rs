//! ROUTE-REFRESH (RFC 2918, RFC 7313).

use crate::types::{Afi, Safi};

/// A request to send all routes of a family again, or a mark around such a resend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteRefresh {
    /// The family asked for; may be one that is not spoken.
    pub afi: Afi,
    /// The family asked for.
    pub safi: Safi,
    /// 0 request, 1 begin, 2 end (RFC 7313); others are to be ignored.
    pub subtype: u8,
}
