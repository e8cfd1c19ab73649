use std::fmt;

/// A VXLAN network identifier: the raw 24-bit value of a label field (RFC 8365 section 5.1.3).
///
/// MPLS labels in routes that pass through are kept in the same raw form, unshifted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vni(u32);

impl Vni {
    /// The largest value that 24 bits hold.
    pub const MAX: Vni = Vni(0xff_ffff);

    /// `None` where the number needs more than 24 bits.
    pub fn new(number: u32) -> Option<Vni> {
        (number <= Self::MAX.0).then_some(Vni(number))
    }

    /// From the three octets of a label field.
    pub fn from_octets([a, b, c]: [u8; 3]) -> Vni {
        Vni(u32::from_be_bytes([0, a, b, c]))
    }

    /// The three octets of a label field.
    pub fn octets(self) -> [u8; 3] {
        let [_, a, b, c] = self.0.to_be_bytes();
        [a, b, c]
    }

    /// The number itself.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Vni {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An Ethernet tag (RFC 7432 section 5): 0 in the VLAN-based service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EthernetTag(pub u32);

impl fmt::Display for EthernetTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_24_bits() {
        assert_eq!(Vni::new(0x01_0203).map(Vni::octets), Some([1, 2, 3]));
        assert_eq!(Vni::from_octets([1, 2, 3]).get(), 0x01_0203);
        assert_eq!(Vni::new(1 << 24), None);
    }
}
