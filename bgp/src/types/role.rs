use std::fmt;
use std::str::FromStr;

use super::ParseError;

/// What a speaker is to a neighbour in another AS: who pays whom (RFC 9234 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BgpRole {
    /// 0: it gives transit to the neighbour.
    Provider = 0,
    /// 1: a route server at an exchange.
    RouteServer = 1,
    /// 2: a client of a route server.
    RouteServerClient = 2,
    /// 3: it gets transit from the neighbour.
    Customer = 3,
    /// 4: both exchange their own and their customers' routes.
    Peer = 4,
}

impl BgpRole {
    /// Every role, by number.
    pub const ALL: [BgpRole; 5] = [
        BgpRole::Provider,
        BgpRole::RouteServer,
        BgpRole::RouteServerClient,
        BgpRole::Customer,
        BgpRole::Peer,
    ];

    /// The role of this number (RFC 9234 section 4.1).
    pub fn new(number: u8) -> Option<BgpRole> {
        Self::ALL.into_iter().find(|role| *role as u8 == number)
    }

    /// What the neighbour of a speaker in this role is.
    #[must_use]
    pub fn counterpart(self) -> BgpRole {
        match self {
            BgpRole::Provider => BgpRole::Customer,
            BgpRole::RouteServer => BgpRole::RouteServerClient,
            BgpRole::RouteServerClient => BgpRole::RouteServer,
            BgpRole::Customer => BgpRole::Provider,
            BgpRole::Peer => BgpRole::Peer,
        }
    }

    /// The name in configuration and API, such as `rs_client`.
    pub fn name(self) -> &'static str {
        match self {
            BgpRole::Provider => "provider",
            BgpRole::RouteServer => "rs_server",
            BgpRole::RouteServerClient => "rs_client",
            BgpRole::Customer => "customer",
            BgpRole::Peer => "peer",
        }
    }
}

impl fmt::Display for BgpRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for BgpRole {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Self, ParseError> {
        let expected = "one of provider, customer, peer, rs_server, rs_client";
        Self::ALL.into_iter().find(|role| role.name() == s).ok_or(ParseError { expected })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_numbers_and_counterparts_lead_back() {
        for role in BgpRole::ALL {
            assert_eq!(role.name().parse(), Ok(role));
            assert_eq!(BgpRole::new(role as u8), Some(role));
            assert_eq!(role.counterpart().counterpart(), role);
        }
        assert_eq!(BgpRole::new(5), None);
    }
}
