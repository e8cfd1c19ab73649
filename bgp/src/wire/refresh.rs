//! ROUTE-REFRESH (RFC 2918, RFC 7313).

use bytes::{BufMut, BytesMut};
use nom::number::complete::{be_u8, be_u16};

use crate::types::{Afi, Family, Safi};

use super::WireError;
use super::header::{self, HEADER_LEN, MessageType};
use super::parse::run;

/// A request to send all routes of a family again, or a mark around such a resend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteRefresh {
    /// The family asked for; may be one that is not spoken.
    pub afi: Afi,
    /// The family asked for.
    pub safi: Safi,
    /// [`RouteRefresh::REQUEST`], [`RouteRefresh::BEGIN`] or [`RouteRefresh::END`]; others are to be ignored.
    pub subtype: u8,
}

impl RouteRefresh {
    /// All routes are to be sent again (RFC 2918).
    pub const REQUEST: u8 = 0;
    /// From here on they are (RFC 7313).
    pub const BEGIN: u8 = 1;
    /// They have been (RFC 7313).
    pub const END: u8 = 2;

    /// A message of this subtype about `family`.
    pub fn new(family: Family, subtype: u8) -> RouteRefresh {
        RouteRefresh { afi: family.afi(), safi: family.safi(), subtype }
    }

    /// Asks for all routes of `family`.
    pub fn request(family: Family) -> RouteRefresh {
        RouteRefresh::new(family, Self::REQUEST)
    }

    /// Reads a body. A request may be longer (RFC 5291): the filters are not asked for and not looked at.
    pub fn parse(body: &[u8]) -> Result<RouteRefresh, WireError> {
        let (rest, (afi, subtype, safi)) = run((be_u16, be_u8, be_u8), body).map_err(|_| bad_length(body))?;
        if !rest.is_empty() && matches!(subtype, Self::BEGIN | Self::END) {
            return Err(bad_length(body));
        }
        Ok(RouteRefresh { afi: Afi(afi), safi: Safi(safi), subtype })
    }

    /// Writes the whole message.
    pub fn emit(&self, out: &mut BytesMut) {
        header::emit(out, MessageType::RouteRefresh, |out| {
            out.put_u16(self.afi.0);
            out.put_slice(&[self.subtype, self.safi.0]);
        });
    }
}

/// RFC 7313 section 5: the data is the message.
fn bad_length(body: &[u8]) -> WireError {
    let mut whole = BytesMut::new();
    header::emit(&mut whole, MessageType::RouteRefresh, |out| out.put_slice(body));
    WireError::new(7, 1, HEADER_LEN as u16, "wrong length for this ROUTE-REFRESH").with_data(&whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let refresh = RouteRefresh::request(Family::L2vpnEvpn);
        let mut out = BytesMut::new();
        refresh.emit(&mut out);
        assert_eq!(out[16..], [0, 23, 5, 0, 25, 0, 70]);
        assert_eq!(RouteRefresh::parse(&out[HEADER_LEN..]), Ok(refresh));
    }

    #[test]
    fn only_a_request_may_be_longer() {
        assert!(RouteRefresh::parse(&[0, 1, 0, 1, 9, 9]).is_ok());
        let error = RouteRefresh::parse(&[0, 1, 2, 1, 9, 9]).unwrap_err();
        assert_eq!((error.code, error.subcode, error.data.octets().len()), (7, 1, 25));
    }
}
