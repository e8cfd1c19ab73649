//! What core and the task of the BFD sessions say to each other, and what the log hears of it.

use std::net::{IpAddr, SocketAddr};

use bfd::{Diagnostic, Info};
use bgp::types::PeerId;

use crate::config::BfdConfig;

/// What core wants of a neighbour's BFD session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BfdCommand {
    /// It is to run like this; in place of the one that runs, if it differs.
    Run(BfdTarget),
    /// It is to end.
    End,
}

/// Where a BFD session is to lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BfdTarget {
    /// The neighbour's address, with the link of a link-local one. The port says nothing.
    pub remote: SocketAddr,
    /// The address to send from; `None`: whichever the kernel takes.
    pub local: Option<IpAddr>,
    /// How to hold it.
    pub config: BfdConfig,
}

/// What became of a neighbour's BFD session since the last news of it.
#[derive(Clone, Debug)]
pub struct BfdNews {
    /// The neighbour.
    pub peer: PeerId,
    /// It was Up and was lost meanwhile, even if it is Up again.
    pub lost: Option<Diagnostic>,
    /// How it looks now.
    pub picture: BfdPicture,
}

/// How a BFD session looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BfdPicture {
    /// The session; `None` while it cannot be opened.
    pub info: Option<Info>,
    /// The address it sends from.
    pub local: Option<IpAddr>,
    /// Whether it leads over several hops.
    pub multihop: bool,
    /// What keeps it from working: an address or port that cannot be had, no way to the neighbour.
    pub error: Option<String>,
}

/// A line for the log about a BFD session.
#[derive(Debug)]
pub enum BfdLine {
    /// It came up.
    Up,
    /// It was lost.
    Lost(Diagnostic),
    /// The neighbour's operator took it down.
    TakenDown,
    /// It does not work.
    Failed(String),
}
