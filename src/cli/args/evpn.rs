//! `evpn`.

use std::net::IpAddr;

use bgp::types::Mac;
use clap::{Args, Subcommand};
use clap_complete::ArgValueCompleter;
use evpn::Suspect;

use super::examples;
use super::value::vni;
use crate::cli::complete;

/// Commands of `evpn`.
#[derive(Debug, Subcommand)]
pub enum EvpnCommand {
    /// Networks
    #[command(after_help = examples::EVPN_VNI)]
    Vni(EvpnArgs),
    /// MACs, local and remote
    #[command(visible_alias = "macs")]
    #[command(after_help = examples::EVPN_MAC)]
    Mac(HostArgs),
    /// ARP and ND bindings, local and remote
    #[command(visible_aliases = ["arp-cache", "neigh"])]
    #[command(after_help = examples::EVPN_ARP)]
    Arp {
        /// Which.
        #[command(flatten)]
        hosts: HostArgs,
        /// Only this address
        #[arg(long, add = ArgValueCompleter::new(complete::hosts))]
        ip: Option<IpAddr>,
    },
    /// Remote tunnel endpoints
    #[command(visible_alias = "vteps")]
    #[command(after_help = examples::EVPN_VTEP)]
    Vtep(EvpnArgs),
    /// MACs and addresses that moved too often: two hosts may have one
    #[command(visible_alias = "dup-addr")]
    #[command(after_help = examples::EVPN_DUPLICATES)]
    Duplicates(DuplicatesArgs),
}

/// Arguments of `evpn duplicates`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct DuplicatesArgs {
    /// Only this network
    #[arg(long, value_parser = vni(), add = ArgValueCompleter::new(complete::vnis))]
    pub vni: Option<u32>,
    /// What to do with them.
    #[command(subcommand)]
    pub command: Option<DuplicatesCommand>,
}

/// Commands of `evpn duplicates`.
#[derive(Debug, Subcommand)]
pub enum DuplicatesCommand {
    /// Have them count as one host again: all, or those that are named
    #[command(after_help = examples::EVPN_DUPLICATES_CLEAR)]
    Clear {
        /// Only this network's
        #[arg(long, value_parser = vni(), add = ArgValueCompleter::new(complete::vnis))]
        vni: Option<u32>,
        /// Only this MAC or address
        #[arg(value_name = "MAC or IP", add = ArgValueCompleter::new(complete::duplicates))]
        host: Option<Suspect>,
    },
}

/// Arguments of `evpn vni` and `evpn vtep`.
#[derive(Debug, Args)]
pub struct EvpnArgs {
    /// Only this network
    #[arg(long, value_parser = vni(), add = ArgValueCompleter::new(complete::vnis))]
    pub vni: Option<u32>,
}

/// Arguments that `evpn mac` and `evpn arp` have in common.
#[derive(Debug, Args)]
pub struct HostArgs {
    /// Only this network
    #[arg(long, value_parser = vni(), add = ArgValueCompleter::new(complete::vnis))]
    pub vni: Option<u32>,
    /// Only this MAC
    #[arg(long, add = ArgValueCompleter::new(complete::macs))]
    pub mac: Option<Mac>,
    /// Only hosts behind this VTEP
    #[arg(long, value_name = "ADDR", add = ArgValueCompleter::new(complete::vteps))]
    pub vtep: Option<IpAddr>,
    /// Only hosts attached to this node
    #[arg(long, conflicts_with = "remote")]
    pub local: bool,
    /// Only hosts elsewhere
    #[arg(long)]
    pub remote: bool,
}
