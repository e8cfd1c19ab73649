//! Topologies: the file, and what is wrong with it.

mod check;
mod file;

pub use file::{Endpoint, LinkSpec, NodeSpec, Topology};
