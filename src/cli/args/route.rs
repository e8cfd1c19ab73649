//! `route`.

use std::str::FromStr;

use bgp::types::Family;
use clap::Args;
use clap_complete::{ArgValueCandidates, ArgValueCompleter};
use ipnet::IpNet;

use super::value::{families, family};
use crate::cli::complete;

/// Arguments of `route`.
#[derive(Debug, Args)]
pub struct RouteArgs {
    /// `diff`: only routes that the kernel does not have, for whatever reason; or one prefix
    #[arg(value_name = "WHAT", add = ArgValueCompleter::new(complete::prefixes))]
    pub what: Option<RouteWhat>,
    /// Only these families: ipv4, ipv6
    #[arg(short = 'a', long = "family", value_name = "FAMILY", value_delimiter = ',', value_parser = family, add = ArgValueCandidates::new(families))]
    pub families: Vec<Family>,
}

/// Which routes to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteWhat {
    /// Those that the kernel does not have.
    Diff,
    /// The one to this prefix.
    Prefix(IpNet),
}

impl FromStr for RouteWhat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "diff" => Ok(RouteWhat::Diff),
            prefix => prefix
                .parse()
                .map(|prefix: IpNet| RouteWhat::Prefix(prefix.trunc()))
                .map_err(|_| "expected diff, or a prefix such as 10.244.1.0/24"),
        }
    }
}
