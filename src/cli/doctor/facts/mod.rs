//! Facts, gathered before anything is judged: what the kernel has, what linnetd says, what the paths answer.

mod daemon;
mod echo;
mod firewall;
pub(super) mod kernel;
mod settings;
mod way;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use api::client::{Client, Endpoint};
use api::v1;

pub(super) use daemon::{Absence, Daemon, Evpn, Offer, Sample};
pub(super) use echo::Answer;
#[cfg(test)]
pub(super) use firewall::Ports;
pub(super) use firewall::{Firewall, Hit, Hook, Protocol};
use kernel::{Device, Kernel, Reader, Tables, Vxlan};
pub(super) use settings::Settings;
use way::Question;
pub(super) use way::Way;

use super::finding::Finding;
use super::rows;

/// After how long rows that differ are looked at again: news travels between kernel and linnetd all the time.
const SETTLE: Duration = Duration::from_secs(1);

/// VXLAN's UDP port (RFC 7348 section 8).
pub(super) const VXLAN_PORT: u16 = 4789;

/// Everything that is judged.
#[derive(Debug)]
pub(super) struct Facts {
    /// The kernel; why it cannot be read.
    pub(super) kernel: Result<Kernel, String>,
    /// linnetd; why it cannot be asked.
    pub(super) daemon: Result<Daemon, Absence>,
    /// What the configuration wants: the running one, or the file.
    pub(super) settings: Settings,
    /// Where linnetd's rows and the kernel's differ, and differed a moment before.
    pub(super) differences: Vec<rows::Difference>,
    /// The ways to others.
    pub(super) ways: Vec<Way>,
    /// Rules that drop; why they cannot be read.
    pub(super) firewall: Result<Firewall, String>,
}

/// A network with its devices, as far as there are any.
#[derive(Clone, Copy, Debug)]
pub(super) struct Network<'f> {
    /// Its number.
    pub(super) vni: u32,
    /// Its VXLAN device.
    pub(super) vxlan: Option<(&'f Device, Vxlan)>,
    /// The device that the VXLAN device is a port of.
    pub(super) bridge: Option<&'f Device>,
    /// What linnetd says of it.
    pub(super) said: Option<&'f v1::Vni>,
}

impl Facts {
    /// Looks at everything.
    pub(super) async fn gather(endpoint: &Endpoint, file: &Path) -> Facts {
        let (client, daemon) = match Daemon::ask(endpoint).await {
            Ok((client, daemon)) => (Some(client), Ok(daemon)),
            Err(absence) => (None, Err(absence)),
        };
        let settings = match &daemon {
            Ok(daemon) => Some(daemon.settings.clone()),
            // Without linnetd the file is what it would read.
            Err(_) => std::fs::read_to_string(file).ok().and_then(|text| Settings::read(&text)),
        };
        let mut facts = Facts {
            kernel: Err("not read".to_owned()),
            daemon,
            settings: settings.unwrap_or_default(),
            differences: Vec::new(),
            ways: Vec::new(),
            firewall: tokio::task::spawn_blocking(firewall::read)
                .await
                .unwrap_or_else(|error| Err(error.to_string())),
        };
        match Reader::open() {
            Ok(reader) => facts.read_kernel(&reader, client.as_ref()).await,
            Err(error) => facts.kernel = Err(format!("no netlink: {error}")),
        }
        facts
    }

    async fn read_kernel(&mut self, reader: &Reader, client: Option<&Client>) {
        self.kernel = reader.read().await.map_err(|error| kernel::words(&error));
        self.differences = self.differ();
        if let Some(client) = client.filter(|_| !self.differences.is_empty()) {
            tokio::time::sleep(SETTLE).await;
            self.look_again(reader, client).await;
        }
        let devices = self.kernel.as_ref().map(|kernel| kernel.devices.clone()).unwrap_or_default();
        let fits = |route: &kernel::Lookup, size| {
            let device = devices.get(&route.device).map_or(u32::MAX, |device| device.mtu);
            route.mtu.unwrap_or(device).min(device) >= size
        };
        self.ways = way::explore(reader, self.questions(), fits).await;
        // Whom the kernel asked for in vain it knows only now.
        self.take_tables(reader.tables().await.ok());
    }

    /// Keeps of the differences those that are there still.
    async fn look_again(&mut self, reader: &Reader, client: &Client) {
        self.take_tables(reader.tables().await.ok());
        if let (Ok(daemon), Ok(entries)) = (&mut self.daemon, daemon::entries(client).await)
            && let Some(evpn) = &mut daemon.evpn
        {
            evpn.entries = entries;
        }
        let now = self.differ();
        // They are in order.
        self.differences.retain(|difference| now.binary_search(difference).is_ok());
    }

    fn take_tables(&mut self, tables: Option<Tables>) {
        if let (Ok(kernel), Some(tables)) = (&mut self.kernel, tables) {
            kernel.tables = tables;
        }
    }

    fn differ(&self) -> Vec<rows::Difference> {
        match (&self.kernel, self.evpn()) {
            (Ok(kernel), Some(evpn)) => rows::differences(&evpn.entries, &self.networks(), &kernel.tables),
            _ => Vec::new(),
        }
    }

    /// Whom to ask: every VTEP, and every neighbour that there is no session with.
    fn questions(&self) -> Vec<Question> {
        let mut questions = BTreeMap::new();
        for (vtep, from, udp_port, largest) in self.tunnels() {
            let question = questions.entry(vtep).or_insert(Question {
                to: vtep,
                from,
                udp_port: Some(udp_port),
                largest: 0,
            });
            question.largest = question.largest.max(largest);
        }
        for neighbor in self.daemon.iter().flat_map(|daemon| &daemon.neighbors) {
            if let (false, Ok(to)) = (is_established(neighbor), neighbor.address.parse::<IpAddr>()) {
                let from = neighbor.local_address.parse().ok();
                questions.entry(to).or_insert(Question { to, from, udp_port: None, largest: 0 });
            }
        }
        questions.into_values().collect()
    }

    /// For each remote VTEP of each network, and each node behind the fallback: it, the address here, its UDP port, and the largest packet to it.
    fn tunnels(&self) -> Vec<(IpAddr, Option<IpAddr>, u16, u32)> {
        let mut tunnels = Vec::new();
        for network in self.networks() {
            let Some((device, vxlan)) = network.vxlan else { continue };
            let remote = match (self.evpn(), &self.kernel) {
                (Some(evpn), _) => evpn.remote_in(network.vni),
                (None, Ok(kernel)) => rows::remote(&kernel.tables, device.index),
                (None, Err(_)) => Vec::new(),
            };
            let tunnel = |vtep: IpAddr| {
                (vtep, vxlan.local, vxlan.udp_port, device.mtu + fib::netlink::vxlan_overhead(vtep))
            };
            tunnels.extend(remote.into_iter().map(tunnel));
        }
        tunnels.extend(self.fallback());
        tunnels
    }

    /// The same for each node that is reached through the fallback of native mode.
    fn fallback(&self) -> Vec<(IpAddr, Option<IpAddr>, u16, u32)> {
        let ends = self.daemon.iter().flat_map(|daemon| &daemon.tunnel);
        let tunnel = |end: &v1::TunnelEnd| {
            let device = self.kernel.as_ref().ok()?.named(&end.device)?;
            let (to, vxlan): (IpAddr, Vxlan) = (end.address.parse().ok()?, device.vxlan?);
            Some((to, vxlan.local, vxlan.udp_port, device.mtu + fib::netlink::vxlan_overhead(to)))
        };
        ends.filter(|end| !end.local).filter_map(tunnel).collect()
    }

    /// What linnetd says of EVPN, if it is there and serves any.
    pub(super) fn evpn(&self) -> Option<&Evpn> {
        self.daemon.as_ref().ok()?.evpn.as_ref()
    }

    /// The networks that linnetd serves or is to serve, in order: those that it speaks of, those that the
    /// configuration names, and, if it is to serve all or nothing is known of that, what the kernel has on a bridge.
    pub(super) fn networks(&self) -> Vec<Network<'_>> {
        let said = self.evpn().into_iter().flat_map(|evpn| &evpn.vnis).map(|vni| (vni.vni, Some(vni)));
        let configured = self.settings.evpn.iter().flat_map(|evpn| &evpn.vnis).map(|vni| (vni.vni, None));
        let serves_all = match &self.settings.evpn {
            Some(evpn) => evpn.advertise_all_vni,
            None => self.daemon.is_err(),
        };
        let devices = self.kernel.iter().flat_map(|kernel| kernel.devices.values());
        let found = devices
            .filter(|device| serves_all && device.master.is_some())
            .filter_map(|device| device.vxlan.filter(|vxlan| !vxlan.external))
            .map(|vxlan| (vxlan.vni, None));
        let mut all = BTreeMap::new();
        for (vni, said) in said.chain(configured).chain(found) {
            let known = all.entry(vni).or_insert(None);
            *known = known.or(said);
        }
        all.into_iter().map(|(vni, said)| self.network(vni, said)).collect()
    }

    fn network<'f>(&'f self, vni: u32, said: Option<&'f v1::Vni>) -> Network<'f> {
        let none = Network { vni, vxlan: None, bridge: None, said };
        let Ok(kernel) = &self.kernel else { return none };
        let configured = self.settings.evpn.iter().flat_map(|evpn| &evpn.vnis).find(|named| named.vni == vni);
        let name = said.map(|said| said.vxlan.as_str()).filter(|name| !name.is_empty());
        let name = name.or_else(|| configured.and_then(|named| named.vxlan.as_deref()));
        let of_vni = || {
            let mut all = kernel.devices.values().filter(|device| device.is_of(vni));
            let first = all.clone().next();
            all.find(|device| device.master.is_some()).or(first)
        };
        let device = name.and_then(|name| kernel.named(name)).or_else(of_vni);
        let vxlan = device.and_then(|device| Some((device, device.vxlan?)));
        let bridge = vxlan.and_then(|(device, _)| kernel.devices.get(&device.master?));
        Network { vxlan, bridge, ..none }
    }

    /// The kernel, or that a check cannot be made without it.
    pub(super) fn kernel(&self) -> Result<&Kernel, Finding> {
        let skipped = |why| Finding::skipped("kernel", format!("the kernel cannot be read: {why}"));
        self.kernel.as_ref().map_err(skipped)
    }

    /// linnetd, or that a check cannot be made without it.
    pub(super) fn daemon(&self) -> Result<&Daemon, Finding> {
        self.daemon.as_ref().map_err(|absence| Finding::skipped("linnetd", absence.why.as_str()))
    }

    /// What linnetd says of EVPN, or that there is nothing to be looked at.
    pub(super) fn evpn_or_none(&self) -> Result<&Evpn, Finding> {
        self.daemon()?;
        self.evpn().ok_or_else(no_evpn)
    }

    /// The networks, or that there is nothing to be looked at.
    pub(super) fn networks_or_none(&self) -> Result<Vec<Network<'_>>, Finding> {
        let networks = self.networks();
        match (networks.is_empty(), &self.daemon, self.evpn()) {
            (false, ..) => Ok(networks),
            (true, Ok(_), None) => Err(no_evpn()),
            (true, ..) => {
                Err(Finding::skipped("networks", "none is served, and no VXLAN device is on a bridge"))
            }
        }
    }
}

/// Whether there is a session.
pub(super) fn is_established(neighbor: &v1::Neighbor) -> bool {
    neighbor.state() == v1::NeighborState::Established
}

/// What is not asked for cannot be wrong.
fn no_evpn() -> Finding {
    Finding::ok("evpn", "EVPN is not configured")
}
