//! `inject`.

use std::net::IpAddr;

use bgp::types::Mac;
use clap::Args;

use super::value::{seconds, vni};

/// Arguments of `inject`.
#[derive(Debug, Args)]
pub struct InjectArgs {
    /// A prefix; `evpn macip`; `evpn multicast`; or an EVPN key, such as `[5]:[10.0.0.1:1]:[0]:[24]:[10.1.0.0]`
    #[arg(value_name = "WHAT", required = true)]
    pub what: Vec<String>,
    /// Next hop; for EVPN the VTEP
    #[arg(long, value_name = "ADDR")]
    pub next_hop: IpAddr,
    /// Route distinguisher
    #[arg(long)]
    pub rd: Option<String>,
    /// Network
    #[arg(long, value_parser = vni())]
    pub vni: Option<u32>,
    /// With `evpn macip`: the host's MAC
    #[arg(long)]
    pub mac: Option<Mac>,
    /// With `evpn macip`: the host's address; with `evpn multicast`: the originator, the next hop unless given
    #[arg(long)]
    pub ip: Option<IpAddr>,
    /// Route targets; the speaker's AS and the VNI unless given
    #[arg(long = "route-target", value_name = "RT", value_delimiter = ',')]
    pub route_targets: Vec<String>,
    /// LOCAL_PREF
    #[arg(long)]
    pub local_pref: Option<u32>,
    /// MULTI_EXIT_DISC
    #[arg(long)]
    pub med: Option<u32>,
    /// AS numbers with blanks between them
    #[arg(long, default_value = "", hide_default_value = true)]
    pub as_path: String,
    /// Communities
    #[arg(long = "community", value_name = "COMMUNITY", value_delimiter = ',')]
    pub communities: Vec<String>,
    /// What the source is called where the route is shown
    #[arg(long, default_value = "linnet")]
    pub name: String,
    /// End after this time, not only at Ctrl-C: `60`, `60s`, `5m`, `1h`
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub lease: Option<u32>,
}
