//! The API of a real linnetd: clients of other makes, and who may do what by which way.
#![allow(clippy::indexing_slicing, reason = "JSON values index to null")]

#[path = "../hub/mod.rs"]
mod hub;

mod certificates;
mod clients;
mod doors;

use anyhow::Result;
use hub::{BOUND, Hub};
use lab::wait_until;

/// linnetd alone, with a neighbour that never comes and this section `api`.
fn linnetd(api: &str) -> Result<Hub> {
    let neighbor = "address: 10.1.1.1, remote_as: 65000, password: hunter2";
    let hub = Hub::laid(&(hub::linnet(&[], &[neighbor]) + api), &[])?;
    // The address that is listened on has to be there before the daemon.
    hub.linnet.sh("ip link set lo up; ip addr add 192.0.2.1/32 dev lo")?;
    let hub = hub.start()?;
    wait_until(BOUND, "health", || hub.linnet.linnet("health"))?;
    Ok(hub)
}
