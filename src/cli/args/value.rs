//! Values that several commands take, and what is said of those that are none.

use bgp::types::Family;
use clap_complete::CompletionCandidate;

pub(super) fn vni() -> impl clap::builder::TypedValueParser<Value = u32> {
    clap::value_parser!(u32).range(0..=0xff_ffff)
}

/// A time in seconds, or with its unit.
pub(super) fn seconds(text: &str) -> Result<u32, &'static str> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.strip_prefix(digits) {
        Some("" | "s") => Some(1),
        Some("m") => Some(60),
        Some("h") => Some(3600),
        _ => None,
    };
    let time = digits.parse::<u32>().ok().zip(unit).and_then(|(number, unit)| number.checked_mul(unit));
    time.filter(|time| *time > 0).ok_or("expected a time such as 60s, 5m or 1h")
}

/// The short names that every tool has, and the names of the configuration.
pub(super) fn family(text: &str) -> Result<Family, String> {
    match text {
        "evpn" => Ok(Family::L2vpnEvpn),
        "ipv4" => Ok(Family::Ipv4Unicast),
        "ipv6" => Ok(Family::Ipv6Unicast),
        name => name.parse().map_err(|_| "expected evpn, ipv4 or ipv6".to_owned()),
    }
}

/// The short names.
pub(super) fn families() -> Vec<CompletionCandidate> {
    ["evpn", "ipv4", "ipv6"].map(CompletionCandidate::new).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (text, expected) in [("60", Some(60)), ("60s", Some(60)), ("5m", Some(300)), ("1h", Some(3600))] {
            assert_eq!(seconds(text).ok(), expected, "{text}");
        }
        ["", "s", "0", "5d", "-1", "99999999h"]
            .into_iter()
            .for_each(|text| assert!(seconds(text).is_err(), "{text}"));
    }
}
