//! What wants a kernel with all features: an underlay that delays, loses, doubles and reorders (netem), VRFs, bridges that
//! keep VLANs apart. `cargo xtask test` boots such a kernel for this program where the machine's own is none.
#![allow(clippy::indexing_slicing, reason = "JSON values index to null")]

#[path = "../fabric/mod.rs"]
mod fabric;
#[path = "../hub/mod.rs"]
mod hub;
#[path = "../lan/mod.rs"]
mod lan;

mod crowd;
mod evpn;
mod native;
mod underlay;
mod vlans;
mod vrf;
