//! How the segments of a neighbour's connections are signed, and from how far away they may come.

use super::secret::Secret;

/// How segments are signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Authentication {
    /// Not at all.
    #[default]
    None,
    /// With TCP-MD5 (RFC 2385).
    Md5(Secret),
    /// With TCP-AO (RFC 5925), by one of these keys; a connection that we make begins with the first.
    Ao(Vec<AoKey>),
}

/// A key of TCP-AO: a master key tuple (RFC 5925 section 3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AoKey {
    /// The id that our segments carry; the neighbour's `recv_id`.
    pub send_id: u8,
    /// The id that the neighbour's segments carry; its `send_id`.
    pub recv_id: u8,
    /// What makes the signature.
    pub algorithm: AoAlgorithm,
    /// The master key.
    pub secret: Secret,
}

/// The two algorithms that everybody has (RFC 5926 section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
pub enum AoAlgorithm {
    /// HMAC with SHA-1, cut to 96 bits.
    #[serde(rename = "hmac-sha-1-96")]
    HmacSha1,
    /// CMAC with AES-128, 96 bits.
    #[serde(rename = "aes-128-cmac-96")]
    AesCmac,
}

/// How far away a neighbour may be, as its packets show it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hops {
    /// Anywhere.
    #[default]
    Unlimited,
    /// What we send reaches no further than so many hops.
    Reach(u8),
    /// What comes must have come so few hops, 1 on the link (GTSM, RFC 5082).
    Within(u8),
}

impl Authentication {
    /// Whether a connection that stands can go on when it is to be signed like `new`: TCP-AO neither begins nor
    /// ends there (RFC 5925 section 7.1).
    pub fn can_become(&self, new: &Authentication) -> bool {
        matches!(self, Authentication::Ao(_)) == matches!(new, Authentication::Ao(_))
    }

    /// Its name, as shown; empty for none.
    pub fn name(&self) -> &'static str {
        match self {
            Authentication::None => "",
            Authentication::Md5(_) => "tcp-md5",
            Authentication::Ao(_) => "tcp-ao",
        }
    }
}

impl Hops {
    /// How many hops a neighbour may be away at most, where its packets have to prove it.
    pub fn limit(self) -> Option<u8> {
        match self {
            Hops::Within(hops) => Some(hops),
            Hops::Unlimited | Hops::Reach(_) => None,
        }
    }
}

impl AoKey {
    /// Both ids, ours first.
    pub fn ids(&self) -> (u8, u8) {
        (self.send_id, self.recv_id)
    }
}
