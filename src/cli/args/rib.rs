//! `rib`.

use std::net::IpAddr;
use std::str::FromStr;

use api::v1;
use bgp::types::{Family, Mac};
use bgp::wire::RouteTarget;
use clap::{Args, ValueEnum};
use clap_complete::{ArgValueCandidates, ArgValueCompleter, CompletionCandidate};
use ipnet::IpNet;

use super::value::{families, family, vni};
use crate::cli::complete;
use crate::config::NeighborAddress;

/// Arguments of `rib`.
#[derive(Debug, Args)]
pub struct RibArgs {
    /// `summary`; EVPN route types: macip, multicast, ead, es, prefix, or 1 to 5; one destination; or an address, for the longest
    /// prefix that covers it
    #[arg(value_name = "WHAT", value_delimiter = ',', add = ArgValueCandidates::new(words))]
    pub what: Vec<RibWhat>,
    /// Only these families: evpn, ipv4, ipv6
    #[arg(short = 'a', long = "family", value_name = "FAMILY", value_delimiter = ',', value_parser = family, add = ArgValueCandidates::new(families))]
    pub families: Vec<Family>,
    /// Only this route distinguisher
    #[arg(long)]
    pub rd: Option<String>,
    /// Only this VNI
    #[arg(long, value_parser = vni(), add = ArgValueCompleter::new(complete::vnis))]
    pub vni: Option<u32>,
    /// Only paths with this route target
    #[arg(long = "rt", value_name = "RT")]
    pub route_target: Option<RouteTarget>,
    /// Only prefixes within this one, or itself
    #[arg(long, value_name = "PREFIX", visible_alias = "longer")]
    pub within: Option<IpNet>,
    /// Only this MAC
    #[arg(long, add = ArgValueCompleter::new(complete::macs))]
    pub mac: Option<Mac>,
    /// Only this host address, or the originator of a multicast route
    #[arg(long, add = ArgValueCompleter::new(complete::hosts))]
    pub ip: Option<IpAddr>,
    /// Only paths from this neighbor; with `--adj out`, to it
    #[arg(long, value_name = "ADDR", add = ArgValueCompleter::new(complete::neighbors))]
    pub neighbor: Option<NeighborAddress>,
    /// What a neighbor sent, what it is sent, or the best paths
    #[arg(long, value_name = "TABLE", requires_ifs([("in", "neighbor"), ("out", "neighbor"), ("received", "neighbor")]))]
    pub adj: Option<Adj>,
    /// Every attribute of each path
    #[arg(long)]
    pub detail: bool,
}

/// The words for what to show.
fn words() -> Vec<CompletionCandidate> {
    ["summary", "macip", "multicast", "ead", "es", "prefix"].map(CompletionCandidate::new).into()
}

/// A table of RFC 4271 section 3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Adj {
    /// What a neighbor sent
    In,
    /// What a neighbor is sent
    Out,
    /// What a neighbor sent, as it came; only where that is kept
    Received,
    /// The best paths
    Local,
}

/// What to show of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RibWhat {
    /// Counts only.
    Summary,
    /// One EVPN route type.
    Type(v1::RouteType),
    /// One destination.
    Destination(String),
    /// The longest prefix that covers an address.
    Address(IpAddr),
}

impl FromStr for RibWhat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        use v1::RouteType::{Ead, Es, Macip, Multicast, Prefix};
        Ok(match text {
            "summary" => RibWhat::Summary,
            "ead" | "1" => RibWhat::Type(Ead),
            "macip" | "macadv" | "2" => RibWhat::Type(Macip),
            "multicast" | "imet" | "3" => RibWhat::Type(Multicast),
            "es" | "4" => RibWhat::Type(Es),
            "prefix" | "5" => RibWhat::Type(Prefix),
            key if key.starts_with('[') => RibWhat::Destination(key.to_owned()),
            other => match (other.parse::<IpNet>(), other.parse()) {
                (Ok(prefix), _) => RibWhat::Destination(prefix.trunc().to_string()),
                (_, Ok(address)) => RibWhat::Address(address),
                _ => Err(
                    "expected summary, a route type (macip, multicast, ead, es, prefix), a prefix or an address",
                )?,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_of_the_table() {
        let what = |text: &str| text.parse::<RibWhat>();
        assert_eq!(what("2"), Ok(RibWhat::Type(v1::RouteType::Macip)));
        assert_eq!(what("10.1.2.3/16"), Ok(RibWhat::Destination("10.1.0.0/16".into())));
        assert_eq!(what("[3]:[x]"), Ok(RibWhat::Destination("[3]:[x]".into())));
        assert_eq!(what("10.0.0.1"), Ok(RibWhat::Address([10, 0, 0, 1].into())));
        assert!(what("mcaip").is_err() && what("10.0.0.0.1").is_err());
    }
}
