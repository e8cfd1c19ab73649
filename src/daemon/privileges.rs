//! What this process may do: as much of root's power as its work takes.
//!
//! Three capabilities (capabilities(7)) are all that linnetd needs, whoever it runs as. What it has beyond them it gives
//! up itself, for good, before it reads a file or hears a peer: a fault in it is then a fault of a process that can
//! neither read what is not its own, nor load a module, nor become somebody else.
//!
//! A capability belongs to a thread and is inherited by those that it begins, so all of this is done while there is
//! one. It takes two steps: [`limit`] comes first of all, and keeps CAP_CHOWN, by which the API's sockets are given to
//! their groups; [`settle`] gives up that, too. Configuration and secrets are read in between, with the rights that a
//! reload will have: what could be read at the start can be read later.

use std::io;

use anyhow::Context;
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};

use crate::config::Config;

/// Routes, forwarding rows and neighbours are written with CAP_NET_ADMIN, BGP's port is listened on with
/// CAP_NET_BIND_SERVICE, and ICMPv6 and ARP are heard and sent with CAP_NET_RAW.
const NEEDED: CapabilitySet =
    CapabilitySet::NET_ADMIN.union(CapabilitySet::NET_BIND_SERVICE).union(CapabilitySet::NET_RAW);

/// The first of the ports that anybody may listen on, unless the machine says otherwise (ip(7)).
const UNPRIVILEGED: u16 = 1024;

/// Gives up what linnetd does not need, but for CAP_CHOWN. To be called before there is a second thread.
///
/// # Errors
/// The kernel refuses it, which it has no reason to.
pub fn limit() -> anyhow::Result<()> {
    give_up(NEEDED | CapabilitySet::CHOWN).context("cannot give up the privileges that are not needed")
}

/// Gives up CAP_CHOWN as well: the sockets have their groups. As above.
pub(super) fn settle() -> anyhow::Result<()> {
    give_up(NEEDED).context("cannot give up the privileges that are not needed any more")
}

/// Keeps these capabilities, as far as they are there, and no way to others.
fn give_up(kept: CapabilitySet) -> io::Result<()> {
    let now = capabilities(None)?;
    // Only who has CAP_SETPCAP may narrow the bound. Who has not is bound by `no_new_privs`.
    if now.effective.contains(CapabilitySet::SETPCAP) {
        let every = (0..u64::BITS).map(|number| CapabilitySet::from_bits_retain(1 << number));
        for capability in every.filter(|capability| !NEEDED.contains(*capability)) {
            // The kernel knows fewer than a set has bits.
            if capability_is_in_bounding_set(capability).unwrap_or(false) {
                remove_capability_from_bounding_set(capability)?;
            }
        }
    }
    clear_ambient_capability_set()?;
    let left = now.permitted & kept;
    set_capabilities(
        None,
        CapabilitySets { effective: left, permitted: left, inheritable: CapabilitySet::empty() },
    )?;
    // No program that this one might be made to run gets more by a set-user-ID bit.
    Ok(set_no_new_privs(true)?)
}

/// What of the configuration will not work for want of a capability, one sentence each.
pub(super) fn missing(config: &Config) -> Vec<String> {
    let have = capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.effective);
    lacking(config, have)
}

fn lacking(config: &Config, have: CapabilitySet) -> Vec<String> {
    let mut lacking = Vec::new();
    let mut needs = |capability, name: &str, what: &str| {
        if !have.contains(capability) {
            lacking.push(format!(
                "{name} is missing: {what}; start linnetd as root, or with AmbientCapabilities={name} in its unit"
            ));
        }
    };
    let installs = config.native.as_ref().is_some_and(|native| native.kernel.install);
    if config.evpn.is_some() || installs {
        needs(CapabilitySet::NET_ADMIN, "CAP_NET_ADMIN", "nothing can be written into the kernel's tables");
    }
    if let Some(address) = config.bgp.listen.iter().find(|address| address.port() < UNPRIVILEGED) {
        let what = format!("port {} can be listened on only where everybody may", address.port());
        needs(CapabilitySet::NET_BIND_SERVICE, "CAP_NET_BIND_SERVICE", &what);
    }
    let by_link = config.bgp.neighbors.iter().find(|neighbor| neighbor.address.interface().is_some());
    if let Some(neighbor) = by_link {
        let what = format!("router advertisements are neither sent nor heard on {}", neighbor.address);
        needs(CapabilitySet::NET_RAW, "CAP_NET_RAW", &what);
    }
    if config.evpn.is_some() {
        let what = "hosts that say nothing are not asked whether they are still there";
        needs(CapabilitySet::NET_RAW, "CAP_NET_RAW", what);
    }
    lacking
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str = "
bgp:
  asn: 65000
  router_id: 10.0.0.1
  listen: { addresses: [0.0.0.0], port: 179 }
  neighbors: [{ interface: eth1, remote_as: external }]
evpn: { vtep: 10.0.0.1, advertise_all_vni: true }
";

    fn said(text: &str, have: CapabilitySet) -> Vec<String> {
        let said = lacking(&Config::parse("test", text).unwrap(), have);
        said.iter().map(|line| line.split(';').next().unwrap().to_owned()).collect()
    }

    #[test]
    fn what_is_missing_is_named_with_what_it_is_for() {
        assert_eq!(
            said(ALL, CapabilitySet::empty()),
            [
                "CAP_NET_ADMIN is missing: nothing can be written into the kernel's tables",
                "CAP_NET_BIND_SERVICE is missing: port 179 can be listened on only where everybody may",
                "CAP_NET_RAW is missing: router advertisements are neither sent nor heard on eth1",
                "CAP_NET_RAW is missing: hosts that say nothing are not asked whether they are still there",
            ]
        );
        assert_eq!(said(ALL, NEEDED), [] as [&str; 0]);
    }

    #[test]
    fn what_is_not_needed_is_not_missed() {
        let reflector =
            "bgp: { asn: 65000, router_id: 10.0.0.1, listen: { addresses: [0.0.0.0], port: 1179 } }";
        assert_eq!(said(reflector, CapabilitySet::empty()), [] as [&str; 0]);
    }

    /// In a thread of its own, which takes what it gives up along.
    #[test]
    fn what_was_given_up_is_gone_for_good() {
        let left = std::thread::spawn(|| {
            let before = capabilities(None).unwrap();
            limit().unwrap();
            let between = capabilities(None).unwrap();
            assert_eq!(between.permitted, before.permitted & (NEEDED | CapabilitySet::CHOWN));
            settle().unwrap();
            let after = capabilities(None).unwrap();
            assert_eq!(after.permitted, before.permitted & NEEDED);
            assert_eq!((after.effective, after.inheritable), (after.permitted, CapabilitySet::empty()));
            set_capabilities(None, before)
        });
        let regained = left.join().unwrap();
        assert_eq!(regained.is_ok(), NEEDED.contains(capabilities(None).unwrap().permitted));
    }
}
