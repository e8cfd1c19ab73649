//! The hosts: the truth that all nodes must come to agree on.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use bgp::types::{Mac, Vni};

/// Where a host is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) node: usize,
    /// Which of the bridge's two ports.
    pub(crate) port: usize,
}

/// A host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Host {
    pub(crate) vni: Vni,
    pub(crate) mac: Mac,
    /// Its address, where it tells any.
    pub(crate) ip: Option<IpAddr>,
    pub(crate) place: Place,
    /// The operator pinned it: nobody else can have its MAC.
    pub(crate) sticky: bool,
}

/// All hosts that there are.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    pub(crate) alive: BTreeMap<usize, Host>,
    /// Numbers given to MACs and addresses so far.
    count: u16,
}

impl Hosts {
    /// A MAC that nobody had.
    pub(crate) fn fresh_mac(&mut self) -> Mac {
        self.count += 1;
        let [high, low] = self.count.to_be_bytes();
        Mac([0x02, 0, 0, 0, high, low])
    }

    /// An address that nobody had.
    pub(crate) fn fresh_ip(&mut self) -> IpAddr {
        self.count += 1;
        let [high, low] = self.count.to_be_bytes();
        Ipv4Addr::new(192, 168, high, low).into()
    }

    /// A new host.
    pub(crate) fn add(&mut self, vni: Vni, place: Place, sticky: bool) -> usize {
        let (mac, ip) = (self.fresh_mac(), Some(self.fresh_ip()));
        let number = usize::from(self.count);
        self.alive.insert(number, Host { vni, mac, ip, place, sticky });
        number
    }
}
