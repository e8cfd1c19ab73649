//! `topology`.

use clap::{Args, ValueEnum};
use clap_complete::ArgValueCompleter;

use super::value::vni;
use crate::cli::complete;

/// Arguments of `topology`.
#[derive(Debug, Args)]
pub struct TopologyArgs {
    /// A table, or a drawing for Markdown, for Graphviz, or for a browser; `-o json` has the same as data
    #[arg(long, value_name = "FORM", default_value = "table")]
    pub format: Drawing,
    /// Only VTEPs of this network
    #[arg(long, value_parser = vni(), add = ArgValueCompleter::new(complete::vnis))]
    pub vni: Option<u32>,
}

/// A form of the topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Drawing {
    /// Aligned columns
    Table,
    /// A Mermaid flowchart
    Mermaid,
    /// Graphviz
    Dot,
    /// A picture
    Svg,
}
