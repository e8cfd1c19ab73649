//! VNIs by number and range.

use std::fmt;
use std::str::FromStr;

use crate::types::Vni;

/// A VNI, or all from one to another: `200-299`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VniRange {
    first: Vni,
    last: Vni,
}

impl VniRange {
    /// Whether `vni` is in it.
    pub fn contains(&self, vni: Vni) -> bool {
        (self.first..=self.last).contains(&vni)
    }
}

impl FromStr for VniRange {
    type Err = String;

    fn from_str(text: &str) -> Result<VniRange, String> {
        let fault = || format!("`{text}` is no VNI (0 to 16777215), nor a range of them such as 200-299");
        let vni = |text: &str| text.trim().parse().ok().and_then(Vni::new).ok_or_else(fault);
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let range = VniRange { first: vni(first)?, last: vni(last)? };
        if range.first > range.last {
            return Err(format!("{} is above {}: no VNI is in the range", range.first, range.last));
        }
        Ok(range)
    }
}

/// As it is read.
impl fmt::Display for VniRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first == self.last {
            true => self.first.fmt(f),
            false => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ranges() {
        for (text, inside, outside) in [("100", 100, 101), ("200-299", 299, 300), ("200-299", 200, 199)] {
            let range: VniRange = text.parse().unwrap();
            assert!(range.contains(Vni::new(inside).unwrap()) && !range.contains(Vni::new(outside).unwrap()));
            assert_eq!(range.to_string(), text);
        }
        for text in ["", "x", "16777216", "5-", "9-5", "1-2-3"] {
            assert!(text.parse::<VniRange>().is_err(), "{text}");
        }
    }
}
