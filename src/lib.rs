//! linnetd, a BGP EVPN control-plane daemon, and linnet, its command line.
//!
//! - [`config`]: what the file may say, and what it means.
//! - [`core`]: all routing state in one pure value, composed of the `bgp`, `evpn` and `fib` crates.
//! - [`peer`]: what is done for one neighbour: its session and its connections.
//! - [`presence`]: which hosts are attached, though they say nothing.
//! - [`unnumbered`]: who is at the other end of a link.
//! - [`daemon`]: the tasks and sockets around it.
//! - [`from_bird`]: from BIRD's configuration to linnet's.
//! - [`cli`]: the `linnet` command.

pub mod cli;
pub mod config;
pub mod core;
pub mod daemon;
pub mod from_bird;
pub mod peer;
pub mod presence;
pub mod unnumbered;
