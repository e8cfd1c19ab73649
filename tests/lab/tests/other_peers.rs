//! BIRD and GoBGP in the lab.

mod fabric;

use anyhow::{Result, ensure};
use fabric::CONVERGE;
use lab::{Lab, skip_if, wait_until};

#[test]
fn bird_tells_gobgp_a_route() -> Result<()> {
    let topology = fabric::topology("tests/lab/tests/bird-gobgp/bird-gobgp.clab.yml")?;
    skip_if!(topology.missing());
    let lab = Lab::up(&topology)?;
    wait_until(CONVERGE, "route in GoBGP", || {
        let rib = lab.node("gobgp")?.gobgp("global rib")?;
        ensure!(rib.get("10.244.1.0/24").is_some(), "{rib:#}");
        Ok(())
    })?;
    let protocol = lab.node("bird")?.birdc("show protocols peer")?;
    assert!(protocol.contains("Established"), "{protocol}");
    Ok(())
}
