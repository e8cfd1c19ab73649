//! The IPv4 addresses of this node's bridges. A host is asked from one that is in its network, as the kernel would ask it
//! (`arp_tell`): there are hosts that do not answer a question from nowhere.
//!
//! They are read when somebody is asked, and not again for a while: an address that is new is missed for that long, and its
//! bridge's hosts are asked as if there were none.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use fib::IfIndex;
use ipnet::Ipv4Net;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::if_nametoindex;
use tracing::debug;

/// So long what was read holds.
const FRESH: Duration = Duration::from_secs(5);

/// The addresses, as they were when they were last read.
#[derive(Debug, Default)]
pub(super) struct Senders {
    read: Option<Instant>,
    of: HashMap<IfIndex, Vec<Ipv4Net>>,
}

impl Senders {
    /// Reads them anew if it is time.
    pub(super) async fn renew(&mut self, now: Instant) {
        if self.read.is_some_and(|read| now.duration_since(read) < FRESH) {
            return;
        }
        self.read = Some(now);
        match tokio::task::spawn_blocking(read).await {
            Ok(Ok(addresses)) => self.of = addresses,
            Ok(Err(error)) => debug!(%error, "the bridges' addresses cannot be read"),
            Err(error) => debug!(%error, "the bridges' addresses were not read"),
        }
    }

    /// The address of a bridge that a host is to be asked from.
    pub(super) fn towards(&self, bridge: IfIndex, host: IpAddr) -> Option<Ipv4Addr> {
        let IpAddr::V4(host) = host else { return None };
        let addresses = self.of.get(&bridge)?;
        let near = addresses.iter().filter(|own| own.contains(&host) && own.addr() != host);
        near.max_by_key(|own| own.prefix_len()).map(Ipv4Net::addr)
    }
}

fn read() -> nix::Result<HashMap<IfIndex, Vec<Ipv4Net>>> {
    let mut all = HashMap::<IfIndex, Vec<Ipv4Net>>::new();
    for device in getifaddrs()? {
        let address = device.address.as_ref().and_then(|address| address.as_sockaddr_in());
        let mask = device.netmask.as_ref().and_then(|mask| mask.as_sockaddr_in());
        let (Some(address), Some(mask)) = (address, mask) else { continue };
        let Ok(own) = Ipv4Net::with_netmask(address.ip(), mask.ip()) else { continue };
        // One that has just gone has no index any more.
        if let Ok(index) = if_nametoindex(device.interface_name.as_str()) {
            all.entry(IfIndex(index)).or_default().push(own);
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_the_hosts_network_asks() {
        let own = ["10.1.0.1/24", "10.1.0.129/25", "172.16.0.1/32"].map(|own| own.parse().unwrap());
        let senders = Senders { read: None, of: [(IfIndex(7), own.to_vec())].into() };
        let towards = |bridge, host: &str| senders.towards(IfIndex(bridge), host.parse().unwrap());
        assert_eq!(towards(7, "10.1.0.9"), Some(Ipv4Addr::new(10, 1, 0, 1)));
        assert_eq!(towards(7, "10.1.0.200"), Some(Ipv4Addr::new(10, 1, 0, 129)), "the nearer one");
        for (bridge, host) in [(7, "10.2.0.9"), (8, "10.1.0.9"), (7, "fd00::9"), (7, "172.16.0.1")] {
            assert_eq!(towards(bridge, host), None, "{host}");
        }
    }

    #[tokio::test]
    async fn this_machines_are_read() {
        let mut senders = Senders::default();
        senders.renew(Instant::now()).await;
        let loopback = if_nametoindex("lo").unwrap();
        assert_eq!(
            senders.towards(IfIndex(loopback), "127.0.0.9".parse().unwrap()),
            Some(Ipv4Addr::LOCALHOST)
        );
    }
}
