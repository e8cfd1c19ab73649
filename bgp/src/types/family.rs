use std::fmt;
use std::str::FromStr;

use super::ParseError;

/// An address family number (IANA). Any value may arrive in a capability; few are spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Afi(pub u16);

impl Afi {
    /// IPv4.
    pub const IPV4: Afi = Afi(1);
    /// IPv6.
    pub const IPV6: Afi = Afi(2);
    /// Layer 2 VPN information.
    pub const L2VPN: Afi = Afi(25);
}

/// A subsequent address family number (IANA).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Safi(pub u8);

impl Safi {
    /// Unicast forwarding.
    pub const UNICAST: Safi = Safi(1);
    /// Ethernet VPN (RFC 7432 section 7).
    pub const EVPN: Safi = Safi(70);
}

/// The families that linnet speaks. Others are numbers in a capability and nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// AFI 1, SAFI 1.
    Ipv4Unicast,
    /// AFI 2, SAFI 1.
    Ipv6Unicast,
    /// AFI 25, SAFI 70.
    L2vpnEvpn,
}

impl Family {
    /// Every family, in the order in which tables are walked and shown.
    pub const ALL: [Family; 3] = [Family::Ipv4Unicast, Family::Ipv6Unicast, Family::L2vpnEvpn];

    /// The family of these numbers, if linnet speaks it.
    pub fn new(afi: Afi, safi: Safi) -> Option<Family> {
        Self::ALL.into_iter().find(|f| f.afi() == afi && f.safi() == safi)
    }

    /// Its AFI.
    pub fn afi(self) -> Afi {
        match self {
            Family::Ipv4Unicast => Afi::IPV4,
            Family::Ipv6Unicast => Afi::IPV6,
            Family::L2vpnEvpn => Afi::L2VPN,
        }
    }

    /// Its SAFI.
    pub fn safi(self) -> Safi {
        match self {
            Family::Ipv4Unicast | Family::Ipv6Unicast => Safi::UNICAST,
            Family::L2vpnEvpn => Safi::EVPN,
        }
    }

    /// The name in configuration, API and metrics, such as `l2vpn-evpn`.
    pub fn name(self) -> &'static str {
        match self {
            Family::Ipv4Unicast => "ipv4-unicast",
            Family::Ipv6Unicast => "ipv6-unicast",
            Family::L2vpnEvpn => "l2vpn-evpn",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Family {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Self, ParseError> {
        Self::ALL
            .into_iter()
            .find(|f| f.name() == s)
            .ok_or(ParseError { expected: "one of ipv4-unicast, ipv6-unicast, l2vpn-evpn" })
    }
}

/// A set of families, as negotiated or configured.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct FamilySet(u8);

impl FamilySet {
    /// No family.
    pub const EMPTY: FamilySet = FamilySet(0);

    /// Whether `family` is in it.
    pub fn contains(self, family: Family) -> bool {
        self.0 & Self::bit(family) != 0
    }

    /// Puts `family` in.
    pub fn insert(&mut self, family: Family) {
        self.0 |= Self::bit(family);
    }

    /// Takes `family` out; says whether it was in.
    pub fn remove(&mut self, family: Family) -> bool {
        let had = self.contains(family);
        self.0 &= !Self::bit(family);
        had
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(self, other: FamilySet) -> FamilySet {
        FamilySet(self.0 & other.0)
    }

    /// Whether nothing is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its members, in the order of [`Family::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Family> {
        Family::ALL.into_iter().filter(move |f| self.contains(*f))
    }

    fn bit(family: Family) -> u8 {
        1 << family as u8
    }
}

impl FromIterator<Family> for FamilySet {
    fn from_iter<I: IntoIterator<Item = Family>>(families: I) -> Self {
        let mut set = Self::EMPTY;
        families.into_iter().for_each(|f| set.insert(f));
        set
    }
}

impl fmt::Debug for FamilySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_lead_back() {
        for family in Family::ALL {
            assert_eq!(Family::new(family.afi(), family.safi()), Some(family));
            assert_eq!(family.name().parse(), Ok(family));
        }
        assert_eq!(Family::new(Afi(1), Safi(128)), None);
    }

    #[test]
    fn sets() {
        let mut set: FamilySet = [Family::L2vpnEvpn, Family::Ipv4Unicast].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [Family::Ipv4Unicast, Family::L2vpnEvpn]);
        assert!(set.remove(Family::L2vpnEvpn) && !set.remove(Family::L2vpnEvpn));
        assert!(!set.is_empty());
    }
}
