//! MACs by their first octets.

use std::fmt;
use std::str::FromStr;

use crate::types::Mac;

/// A MAC, or all that begin with the same whole octets: `02:00:*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MacPattern {
    mac: Mac,
    /// How many octets count.
    octets: usize,
}

impl MacPattern {
    /// Whether `mac` is meant.
    pub fn matches(&self, mac: Mac) -> bool {
        mac.0.iter().zip(&self.mac.0).take(self.octets).all(|(a, b)| a == b)
    }
}

impl FromStr for MacPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<MacPattern, String> {
        let fault = || {
            format!("`{text}` is no MAC such as 02:00:00:00:00:50, nor the beginning of one such as 02:00:*")
        };
        let Some(beginning) = text.strip_suffix('*') else {
            return text.parse().map(|mac| MacPattern { mac, octets: 6 }).map_err(|_| fault());
        };
        let octets = beginning.matches(':').count();
        // What is missing is filled up, so that a MAC's own parser reads it.
        let missing = 6_usize.checked_sub(octets).filter(|missing| *missing > 0).ok_or_else(fault)?;
        let filled = format!("{beginning}{}", vec!["00"; missing].join(":"));
        filled.parse().map(|mac| MacPattern { mac, octets }).map_err(|_| fault())
    }
}

/// As it is read.
impl fmt::Display for MacPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.octets == 6 {
            return self.mac.fmt(f);
        }
        self.mac.0.iter().take(self.octets).try_for_each(|octet| write!(f, "{octet:02x}:"))?;
        f.write_str("*")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings() {
        let mac: Mac = "02:00:5e:00:00:01".parse().unwrap();
        for (text, matches) in [
            ("02:00:5e:00:00:01", true),
            ("02:00:5e:00:00:02", false),
            ("02:00:*", true),
            ("02:01:*", false),
            ("02:00:5e:00:00:*", true),
            ("*", true),
        ] {
            let pattern: MacPattern = text.parse().unwrap();
            assert_eq!(pattern.matches(mac), matches, "{text}");
            assert_eq!(pattern.to_string(), text);
        }
        for text in ["", "02:0*", "02:00*", "zz:*", "02:00:00:00:00:50:*", ":*"] {
            assert!(text.parse::<MacPattern>().is_err(), "{text}");
        }
    }
}
