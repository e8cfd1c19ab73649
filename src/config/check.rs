//! What the keys of the file mean together, and everything that contradicts in them.

use std::collections::HashSet;
use std::net::IpAddr;
use std::time::Duration;

use bgp::rib::DEFAULT_LOCAL_PREF;
use bgp::types::RouterId;

use super::checker::Checker;
use super::fault::{Finding, Path};
use super::mesh::OwnAddresses;
use super::neighbor::{self, Context};
use super::policy;
use super::secret::SecretFiles;
use super::{BgpConfig, Config, NeighborConfig, NextHopTracking, Text, file, groups};

/// How long neighbours that go stay for those that come: a few tries to connect, with what these then have to say.
const HANDOVER: Duration = Duration::from_secs(30);

/// What the file means on a machine of these addresses, and everything that is wrong with it.
pub(super) fn check(file: file::File, text: Text, host: &[IpAddr]) -> (Config, Vec<Finding>) {
    let mut findings = Vec::new();
    let policies = policy::check(&file.policy, file.bgp.asn.0, &mut findings);
    let mut checker = Checker { findings, policies, secrets: SecretFiles::default() };
    let native = file.native.map(|native| checker.native(&native, &file.bgp, file.evpn.as_ref()));
    let bgp = checker.bgp(file.bgp, native.as_ref().is_some_and(|native| native.kernel.install), host);
    let evpn = file.evpn.map(|evpn| checker.evpn(evpn));
    let api = checker.api(&file.api);
    let config = Config { bgp, evpn, native, api, warnings: checker.secrets.warnings, text };
    (config, checker.findings)
}

impl Checker {
    fn bgp(&mut self, bgp: file::Bgp, installs: bool, host: &[IpAddr]) -> BgpConfig {
        let path = Path::from("bgp");
        if bgp.router_id.is_unspecified() {
            self.find(
                path.key("router_id"),
                "0.0.0.0 identifies nobody (RFC 6286); take an address of this node",
            );
        }
        let decision = self.decision(&path, &bgp);
        let default_local_pref = bgp.default_local_pref.unwrap_or(DEFAULT_LOCAL_PREF);
        let next_hop_tracking = self.next_hop_tracking(&path, &bgp, installs);
        let listen = self.listen(&path, bgp.listen);
        self.graceful_restart(&path, &bgp.graceful_restart);
        let groups = groups::resolve(self, &path.key("peer_groups"), &bgp.peer_groups);
        self.bfd(&path.key("bfd"), &bgp.bfd);
        let context = Context {
            asn: bgp.asn.0,
            router_id: RouterId(bgp.router_id),
            ebgp_default: bgp.ebgp_default,
            default_local_pref,
            client_to_client: bgp.client_to_client_reflection,
            listens: !listen.is_empty(),
            groups,
            graceful_restart: &bgp.graceful_restart,
            bfd: &bgp.bfd,
        };
        let mut neighbors = self.neighbors(&path.key("neighbors"), &bgp.neighbors, &context);
        if let Some(mesh) = &bgp.mesh {
            let listen: Vec<IpAddr> = listen.iter().map(|socket| socket.ip()).collect();
            let own = OwnAddresses { router_id: bgp.router_id, listen: &listen, host };
            let nodes = self.mesh(&path.key("mesh"), mesh, &own, &neighbors, &context);
            neighbors.extend(nodes);
        }
        let mut ranges = self.ranges(&path.key("dynamic_neighbors"), &bgp.dynamic_neighbors, &context);
        let cluster_id = bgp.cluster_id.unwrap_or(bgp.router_id);
        let of_ranges = ranges.iter_mut().map(|range| &mut range.neighbor);
        neighbor::join_cluster(
            &mut neighbors.iter_mut().chain(of_ranges).collect::<Vec<_>>(),
            context.asn,
            cluster_id,
        );
        let policies = self.policies.list.clone();
        BgpConfig {
            asn: context.asn,
            router_id: context.router_id,
            cluster_id,
            decision,
            default_local_pref,
            next_hop_tracking,
            listen,
            neighbors,
            ranges,
            handover_time: bgp.handover_time.map_or(HANDOVER, |seconds| Duration::from_secs(seconds.into())),
            policies,
        }
    }

    /// Those that are named, one by one.
    fn neighbors(
        &mut self,
        at: &Path,
        named: &[file::Neighbor],
        context: &Context<'_>,
    ) -> Vec<NeighborConfig> {
        let mut seen = HashSet::new();
        let mut neighbors = Vec::new();
        for (i, neighbor) in named.iter().enumerate() {
            let at = at.index(i);
            let address = self.identity(&at, neighbor, &mut seen);
            neighbors.push(self.neighbor(&at, address, neighbor, context));
        }
        let places = (0..).map(|i| at.index(i));
        self.signatures_on_links(&places.zip(&neighbors).collect::<Vec<_>>());
        neighbors
    }

    /// Routes that go into the kernel (`installs`) are of no use while their next hops are not.
    fn next_hop_tracking(&mut self, path: &Path, bgp: &file::Bgp, installs: bool) -> Option<NextHopTracking> {
        let tracks = bgp.next_hop_tracking.unwrap_or(installs);
        if bgp.next_hop_via_default.is_some() && !tracks && !installs {
            self.find(path.key("next_hop_via_default"), "says nothing without `next_hop_tracking: true`");
        }
        let via_default = bgp.next_hop_via_default.unwrap_or(true);
        tracks.then_some(NextHopTracking { via_default })
    }

    fn listen(&mut self, path: &Path, listen: Option<file::Listen>) -> Vec<std::net::SocketAddr> {
        let Some(file::Listen { addresses, port: Some(port) }) = listen else { return Vec::new() };
        if port == 0 {
            self.find(
                path.key("listen").key("port"),
                "0 is no port to be found at; 179 is BGP's, null is none",
            );
        }
        addresses.into_iter().map(|address| (address, port).into()).collect()
    }
}
