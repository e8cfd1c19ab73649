//! linnetd, a BGP EVPN control-plane daemon, and linnet, its command line.
//!
//! - [`config`]: what the file may say, and what it means.
//! - [`core`]: all routing state in one pure value, composed of the `bgp`, `evpn` and `fib` crates.
//! - [`peer`]: what is done for one neighbour: its session and its connections.
//! - [`unnumbered`]: who is at the other end of a link.
//! - [`daemon`]: the tasks and sockets around it.
//! - [`cli`]: the `linnet` command.

pub mod cli;
pub mod config;
pub mod core;
pub mod daemon;
pub mod peer;
pub mod unnumbered;
