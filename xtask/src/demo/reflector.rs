//! The demo's route reflector: linnetd, FRR or GoBGP, each with the same two clients.

use std::path::Path;

use anyhow::Result;
use lab::{Daemon, Node, NodeSpec, Nursery};

use super::Reflector;

impl Reflector {
    pub(super) fn daemon(self) -> Daemon {
        match self {
            Reflector::Linnet => Daemon::Linnet,
            Reflector::Frr => Daemon::Frr,
            Reflector::Gobgp => Daemon::Gobgp,
        }
    }

    fn files(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Reflector::Linnet => &[("/etc/linnet/linnet.yaml", LINNET)],
            Reflector::Frr => &[("/etc/frr/frr.conf", FRR), ("/etc/frr/daemons", "bgpd=yes\n")],
            Reflector::Gobgp => &[("/etc/gobgp/gobgp.toml", GOBGP)],
        }
    }
}

/// The reflector's node, configured; not connected and not started.
pub(super) fn node(reflector: Reflector, nursery: &Nursery) -> Result<Node> {
    let spec = NodeSpec { daemon: Some(reflector.daemon()), ..NodeSpec::default() };
    let node = Node::new("reflector", &spec, nursery)?;
    for (path, contents) in reflector.files() {
        node.write_file(Path::new(path), contents.as_bytes())?;
    }
    Ok(node)
}

const LINNET: &str = "bgp:
  asn: 65000
  router_id: 10.0.0.100
  listen: { addresses: [10.0.0.100] }
  peer_groups:
    - { name: leaves, remote_as: 65000, families: [l2vpn-evpn], connect_retry: 1 }
  neighbors:
    - { address: 10.0.0.1, peer_group: leaves, route_reflector_client: true }
    - { address: 10.0.0.2, peer_group: leaves, route_reflector_client: true }
";

const FRR: &str = "router bgp 65000
 bgp router-id 10.0.0.100
 no bgp default ipv4-unicast
 neighbor leaves peer-group
 neighbor leaves remote-as 65000
 neighbor leaves timers connect 1
 neighbor 10.0.0.1 peer-group leaves
 neighbor 10.0.0.2 peer-group leaves
 address-family l2vpn evpn
  neighbor leaves activate
  neighbor leaves route-reflector-client
 exit-address-family
";

const GOBGP: &str = r#"[global.config]
as = 65000
router-id = "10.0.0.100"

[[peer-groups]]
[peer-groups.config]
peer-group-name = "leaves"
peer-as = 65000
[peer-groups.timers.config]
connect-retry = 1
[peer-groups.route-reflector.config]
route-reflector-client = true
route-reflector-cluster-id = "10.0.0.100"
[[peer-groups.afi-safis]]
[peer-groups.afi-safis.config]
afi-safi-name = "l2vpn-evpn"

[[neighbors]]
[neighbors.config]
neighbor-address = "10.0.0.1"
peer-group = "leaves"
[[neighbors]]
[neighbors.config]
neighbor-address = "10.0.0.2"
peer-group = "leaves"
"#;
