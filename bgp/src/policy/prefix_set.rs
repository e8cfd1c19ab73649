//! Prefixes, each with the lengths that count as in it.

use std::fmt;
use std::str::FromStr;

use ipnet::IpNet;

/// A prefix and which of the prefixes in it are meant: `10.244.0.0/16` itself, or with `ge 24`, `le 28`, or both
/// those of such lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PrefixRange {
    prefix: IpNet,
    /// Lengths from here ...
    least: u8,
    /// ... to here.
    most: u8,
}

/// Some ranges under one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixSet {
    name: Box<str>,
    /// Sorted, so that those of one prefix stand together.
    ranges: Box<[PrefixRange]>,
    /// The lengths that the ranges' prefixes have, of IPv4 and of IPv6: each costs a search.
    lengths: [Box<[u8]>; 2],
}

impl PrefixRange {
    /// Every prefix within `prefix`, whatever its length: what a list of addresses means.
    pub fn within(prefix: IpNet) -> PrefixRange {
        PrefixRange { prefix: prefix.trunc(), least: prefix.prefix_len(), most: prefix.max_prefix_len() }
    }

    /// Whether it is of IPv4.
    pub fn is_ipv4(&self) -> bool {
        matches!(self.prefix, IpNet::V4(_))
    }
}

impl FromStr for PrefixRange {
    type Err = String;

    fn from_str(text: &str) -> Result<PrefixRange, String> {
        let mut words = text.split_whitespace();
        let prefix = words.next().unwrap_or_default();
        let prefix: IpNet = prefix.parse().map_err(|_| format!("`{prefix}` is no prefix; {EXPECTED}"))?;
        if prefix != prefix.trunc() {
            return Err(format!("{prefix} has bits behind its length; {} is meant?", prefix.trunc()));
        }
        let (mut least, mut most) = (None, None);
        while let Some(word) = words.next() {
            let bound = match word {
                "ge" => &mut least,
                "le" => &mut most,
                _ => return Err(format!("`{word}` is neither ge nor le; {EXPECTED}")),
            };
            let length = words.next().and_then(|number| number.parse().ok());
            let length = length.ok_or_else(|| format!("`{word}` needs a length behind it; {EXPECTED}"))?;
            if bound.replace(length).is_some() {
                return Err(format!("`{word}` stands here twice"));
            }
        }
        PrefixRange::bounded(prefix, least, most)
    }
}

const EXPECTED: &str = "such as 10.244.0.0/16, 10.244.0.0/16 le 28 or fd00:244::/48 ge 64 le 80";

impl PrefixRange {
    /// As FRR's prefix lists understand it: `ge` alone goes up to a host's length, `le` alone begins at the prefix.
    fn bounded(prefix: IpNet, ge: Option<u8>, le: Option<u8>) -> Result<PrefixRange, String> {
        let (own, full) = (prefix.prefix_len(), prefix.max_prefix_len());
        let least = ge.unwrap_or(own);
        let most = le.unwrap_or(if ge.is_some() { full } else { own });
        if least > most {
            return Err(format!("ge {least} is above le {most}: no prefix can be both"));
        }
        if least < own || most > full {
            return Err(format!("lengths within {prefix} are {own} to {full}"));
        }
        Ok(PrefixRange { prefix, least, most })
    }
}

/// As it is read.
impl fmt::Display for PrefixRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (own, full) = (self.prefix.prefix_len(), self.prefix.max_prefix_len());
        write!(f, "{}", self.prefix)?;
        if self.least > own {
            write!(f, " ge {}", self.least)?;
        }
        let implied = if self.least > own { full } else { own };
        if self.most != implied { write!(f, " le {}", self.most) } else { Ok(()) }
    }
}

impl PrefixSet {
    /// A set that is shown by this name.
    pub fn new(name: impl Into<Box<str>>, ranges: impl IntoIterator<Item = PrefixRange>) -> PrefixSet {
        let mut ranges: Vec<PrefixRange> = ranges.into_iter().collect();
        ranges.sort_unstable();
        ranges.dedup();
        let lengths = [true, false].map(|ipv4| {
            let of_family = ranges.iter().filter(|range| range.is_ipv4() == ipv4);
            let mut lengths: Vec<u8> = of_family.map(|range| range.prefix.prefix_len()).collect();
            lengths.sort_unstable();
            lengths.dedup();
            lengths.into()
        });
        PrefixSet { name: name.into(), ranges: ranges.into(), lengths }
    }

    /// Its ranges.
    pub fn ranges(&self) -> &[PrefixRange] {
        &self.ranges
    }

    /// Whether `prefix` is in one of its ranges. Costs a binary search for each length that its ranges' prefixes
    /// have, however many they are.
    pub fn contains(&self, prefix: IpNet) -> bool {
        let [ipv4, ipv6] = &self.lengths;
        let lengths = if matches!(prefix, IpNet::V4(_)) { ipv4 } else { ipv6 };
        let enclosing = lengths.iter().take_while(|length| **length <= prefix.prefix_len());
        enclosing.filter_map(|&length| IpNet::new(prefix.addr(), length).ok()).any(|wider| {
            let wider = wider.trunc();
            let first = self.ranges.partition_point(|range| range.prefix < wider);
            let same = self.ranges.iter().skip(first).take_while(|range| range.prefix == wider);
            same.into_iter().any(|range| (range.least..=range.most).contains(&prefix.prefix_len()))
        })
    }
}

/// Its name.
impl fmt::Display for PrefixSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ranges: &[&str]) -> PrefixSet {
        PrefixSet::new("s", ranges.iter().map(|text| text.parse().unwrap()))
    }

    #[test]
    fn lengths_within_a_prefix() {
        let set =
            set(&["10.244.0.0/16 le 28", "10.0.0.0/8", "192.0.2.0/24 ge 32", "fd00:244::/48 ge 64 le 80"]);
        for (prefix, inside) in [
            ("10.244.0.0/16", true),
            ("10.244.1.0/28", true),
            ("10.244.1.0/29", false),
            ("10.245.0.0/16", false),
            ("10.0.0.0/8", true),
            ("10.0.0.0/9", false),
            ("192.0.2.7/32", true),
            ("192.0.2.0/24", false),
            ("0.0.0.0/0", false),
            ("fd00:244:0:1::/64", true),
            ("fd00:244::/48", false),
            ("fd00:245:0:1::/64", false),
            ("::/0", false),
        ] {
            assert_eq!(set.contains(prefix.parse().unwrap()), inside, "{prefix}");
        }
    }

    #[test]
    fn one_prefix_may_stand_in_several_ranges() {
        let set = set(&["10.0.0.0/8 ge 10 le 12", "10.0.0.0/8 ge 20 le 22"]);
        let inside = |length: u8| set.contains(format!("10.0.0.0/{length}").parse().unwrap());
        assert_eq!((8..=24).filter(|&length| inside(length)).collect::<Vec<_>>(), [10, 11, 12, 20, 21, 22]);
    }

    #[test]
    fn text_leads_back() {
        for text in ["10.0.0.0/8", "10.0.0.0/8 le 32", "10.0.0.0/8 ge 16", "fd00::/8 ge 16 le 64"] {
            assert_eq!(text.parse::<PrefixRange>().map(|range| range.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn not_ranges() {
        for (text, why) in [
            ("", "no prefix"),
            ("pods", "no prefix"),
            ("10.0.0.0/33", "no prefix"),
            ("10.1.0.0/8", "10.0.0.0/8 is meant"),
            ("10.0.0.0/8 ge", "needs a length"),
            ("10.0.0.0/8 le x", "needs a length"),
            ("10.0.0.0/8 lt 9", "neither ge nor le"),
            ("10.0.0.0/8 ge 24 le 16", "ge 24 is above le 16"),
            ("10.0.0.0/8 le 33", "8 to 32"),
            ("10.0.0.0/8 ge 7", "8 to 32"),
            ("10.0.0.0/8 le 9 le 10", "twice"),
        ] {
            let fault = text.parse::<PrefixRange>().unwrap_err();
            assert!(fault.contains(why), "{text}: {fault}");
        }
    }
}
