//! What the tests of silent hosts do to containerlab/evpn-mixed: its linnet leaf set up otherwise, its hosts silenced.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::indexing_slicing, reason = "JSON values index to null")]

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use bgp::types::Mac;
use lab::packet::{Capture, Inner, Payload, announce_crowd};
use lab::{Lab, Node, Recording, daemon, wait_until};

use crate::fabric::{CONVERGE, Host};

pub(crate) const TOPOLOGY: &str = "containerlab/evpn-mixed/evpn-mixed.clab.yml";
/// Of leaf1's bridge.
pub(crate) const BRIDGE_MAC: Mac = Mac([2, 0, 0, 1, 0, 1]);
/// Where linnetd writes down who there is, unless told otherwise.
const STATE_FILE: &str = "/run/linnet/hosts";

/// The linnet leaf.
pub(crate) struct Leaf<'l> {
    pub(crate) node: &'l Node,
}

impl Leaf<'_> {
    pub(crate) fn of(lab: &Lab) -> Result<Leaf<'_>> {
        Ok(Leaf { node: lab.node("leaf1")? })
    }

    /// Adds keys of `evpn` to its configuration, while it runs. Nobody keeps its routes when it goes: what comes back is
    /// seen to come back.
    pub(crate) fn configure(&self, keys: &str) -> Result<()> {
        let keys: String = keys.split(", ").map(|key| format!("  {key}\n")).collect();
        let text = format!(
            "bgp:
  asn: 65000
  router_id: 10.0.0.1
  graceful_restart: {{ enabled: false }}
  neighbors:
    - {{ address: 10.1.1.0, remote_as: 65000, families: [l2vpn-evpn], hold_time: 9, keepalive: 3, connect_retry: 1 }}
evpn:
  vtep: 10.0.0.1
{keys}  vnis:
    - {{ vni: 100, vxlan: vxlan100, bridge: br100, create: true }}
"
        );
        self.node.write_file(Path::new("/etc/linnet/linnet.yaml"), text.as_bytes())?;
        let linnet = daemon::linnet_cli()?;
        for command in [&["config", "reload"][..], &["neighbor", "10.1.1.0", "reset"]] {
            self.node.output(&[&[&*linnet.to_string_lossy()], command].concat())?;
        }
        Ok(())
    }

    /// Has the bridge forget a MAC after three seconds.
    pub(crate) fn shorten_memory(&self) -> Result<()> {
        self.node.sh("ip link set br100 type bridge ageing_time 300").map(drop)
    }

    /// Leaves the bridge without any address.
    pub(crate) fn strip_addresses(&self) -> Result<()> {
        self.node.sh("ip addr flush dev br100 && sysctl -q -w net.ipv6.conf.br100.disable_ipv6=1").map(drop)
    }

    /// What linnet counts of the hosts of VNI 100.
    pub(crate) fn count(&self, what: &str) -> Result<u64> {
        let vnis = self.node.linnet("evpn vni")?;
        vnis[0]["hosts"][what].as_u64().with_context(|| format!("no count `{what}`: {vnis:#}"))
    }

    pub(crate) fn wait_for_count(&self, what: &str, least: u64) -> Result<()> {
        wait_until(CONVERGE, &format!("{least} {what}"), || {
            let count = self.count(what)?;
            ensure!(count >= least, "{:#}", self.node.linnet("evpn vni")?);
            Ok(())
        })
        .with_context(|| self.node.log())
    }

    /// Waits until linnetd has written a host down for a later run.
    pub(crate) fn wait_until_written_down(&self, host: Host) -> Result<()> {
        self.wait_until_line_written_down(&format!("100 {} {}", host.ip, host.mac))
    }

    /// The same, by the line.
    pub(crate) fn wait_until_line_written_down(&self, line: &str) -> Result<()> {
        wait_until(CONVERGE, STATE_FILE, || {
            let text = self.node.netns().run(|| std::fs::read_to_string(STATE_FILE))??;
            ensure!(text.lines().any(|known| known == line), "{text}");
            Ok::<_, anyhow::Error>(())
        })
    }
}

/// Has a host answer nothing any more, its cable in place.
pub(crate) fn silence(lab: &Lab, host: Host) -> Result<()> {
    let node = lab.node(host.node)?;
    node.sh("sysctl -q -w net.ipv4.conf.eth1.arp_ignore=8 net.ipv6.conf.eth1.disable_ipv6=1").map(drop)
}

/// Has it answer again.
pub(crate) fn wake(lab: &Lab, host: Host) -> Result<()> {
    lab.node(host.node)?.sh("sysctl -q -w net.ipv4.conf.eth1.arp_ignore=0").map(drop)
}

/// What was taken out of a kernel of a host since the recording began.
pub(crate) fn removals(recording: &Recording, host: Host) -> Result<Vec<String>> {
    let (mac, ip) = (host.mac.to_string(), format!("{} ", host.ip));
    let text = recording.text()?;
    let of_host = |line: &&str| line.contains(&mac) || line.contains(&ip);
    let removed = text.lines().filter(|line| line.contains("Deleted")).filter(of_host);
    Ok(removed.map(ToOwned::to_owned).collect())
}

/// So many hosts behind one cable announce their addresses, and never say anything again.
pub(crate) fn crowd(lab: &Lab, node: &str, hosts: u16) -> Result<()> {
    let of = |n: u16| {
        let [high, low] = n.to_be_bytes();
        (Mac([2, 0, 0, 7, high, low]), Ipv4Addr::new(192, 168, 128 + high, low))
    };
    lab.node(node)?.netns().run(|| announce_crowd("eth1", (0..hosts).map(of)))??;
    Ok(())
}

/// How many of the bridge's questions a capture saw in the tunnel.
pub(crate) fn questions_in_tunnel(capture: &Capture, leaf: Ipv4Addr) -> Result<usize> {
    let is_question = |inner: &Inner| {
        inner.from == IpAddr::from(leaf) && inner.frame.source == BRIDGE_MAC && inner.frame.resolves_address()
    };
    Ok(capture.count(|frame| frame.inner().is_some_and(is_question))?)
}

/// How many ARP requests of the bridge have arrived that come from an address.
pub(crate) fn questions_from(capture: &Capture, address: Ipv4Addr) -> Result<usize> {
    let is_question =
        |payload: &Payload| matches!(payload, Payload::ArpRequest { sender, .. } if *sender == address);
    Ok(capture.count(|frame| frame.source == BRIDGE_MAC && is_question(&frame.payload))?)
}

/// How many ARP requests of the bridge have arrived.
pub(crate) fn questions(capture: &Capture) -> Result<usize> {
    let is_question = |payload: &Payload| matches!(payload, Payload::ArpRequest { .. });
    Ok(capture.count(|frame| frame.source == BRIDGE_MAC && is_question(&frame.payload))?)
}
