//! Who a neighbour is: its address and link as they are written, and what of them cannot be.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};

use super::address::{AddressValue, NeighborAddress};
use super::authentication::Authentication;
use super::checker::Checker;
use super::fault::Path;
use super::file::{Neighbor, PeerSettings};
use super::{Hops, NeighborConfig};

/// Stands in for an address that is missing.
const NOBODY: NeighborAddress = NeighborAddress::Ip(IpAddr::V4(Ipv4Addr::UNSPECIFIED));

impl Checker {
    /// Who the neighbour is; `seen` has those before it.
    pub(super) fn identity(
        &mut self,
        at: &Path,
        neighbor: &Neighbor,
        seen: &mut HashSet<NeighborAddress>,
    ) -> NeighborAddress {
        let Some(address) = self.address_and_link(at, neighbor) else { return NOBODY };
        if !seen.insert(address) {
            let key = if neighbor.address.is_some() { "address" } else { "interface" };
            self.find(at.key(key), format!("{address} is configured already"));
        }
        if address.ip().is_some_and(|ip| ip.is_unspecified() || ip.is_multicast()) {
            self.find(at.key("address"), format!("{address} is nobody's address"));
        }
        address
    }

    fn address_and_link(&mut self, at: &Path, neighbor: &Neighbor) -> Option<NeighborAddress> {
        let address = neighbor.address.map(|AddressValue(address)| address);
        match (address, neighbor.interface) {
            (None, None) => {
                self.find(at.key("address"), "the key `address` is missing, or `interface` in its place");
                None
            }
            (None, Some(link)) => Some(NeighborAddress::Interface(link)),
            (Some(NeighborAddress::Ip(IpAddr::V6(ip))), Some(link)) if ip.is_unicast_link_local() => {
                Some(NeighborAddress::OnLink(ip, link))
            }
            (Some(address), Some(_)) => {
                self.find(at.key("interface"), "beside an address only where that is link-local");
                Some(address)
            }
            (Some(address @ NeighborAddress::Ip(IpAddr::V6(ip))), None) if ip.is_unicast_link_local() => {
                let message = format!("every link has link-local addresses: say on which, as in {ip}%eth0");
                self.find(at.key("address"), message);
                Some(address)
            }
            (Some(address), None) => Some(address),
        }
    }

    /// What a neighbour's settings say of addresses, beside who it is.
    pub(super) fn own_addresses(&mut self, at: &Path, address: NeighborAddress, settings: &PeerSettings) {
        if address.ip().is_none() && settings.local_address.is_some() {
            self.find(
                at.key("local_address"),
                "of a link that leads to a neighbour the address is its link-local one",
            );
        } else if settings.local_address.is_some_and(|local| local.is_ipv6() != address.is_ipv6()) {
            self.find(at.key("local_address"), "of another family than the neighbour's address");
        }
    }

    /// The kernel asks for signatures by address, and those at the end of a link are not known beforehand: they
    /// all have to sign alike.
    pub(super) fn signatures_on_links(&mut self, neighbors: &[(Path, &NeighborConfig)]) {
        let mut on_links = neighbors.iter().filter(|(_, neighbor)| neighbor.address.ip().is_none());
        let Some((_, first)) = on_links.next() else { return };
        for (at, neighbor) in on_links.filter(|(_, n)| n.authentication != first.authentication) {
            let message = format!(
                "signs otherwise than {}: neighbours that are known by their link have to sign alike",
                first.address
            );
            let key = if neighbor.authentication == Authentication::None { "interface" } else { "password" };
            self.find(at.key(key), message);
        }
    }

    /// What a neighbour on a link cannot have: nobody there is more than one hop away, and BFD has nowhere to begin
    /// before a session has found it.
    pub(super) fn on_link(&mut self, at: &Path, config: &NeighborConfig) {
        if config.bfd.is_some_and(|bfd| bfd.strict) && config.address.interface().is_some() {
            self.find(
                at.key("bfd"),
                "strict is not for a neighbour on a link; without it BFD begins with the session",
            );
        }
        let far = matches!(config.hops, Hops::Reach(hops) | Hops::Within(hops) if hops > 1);
        if far && config.address.interface().is_some() {
            self.find(
                at.clone(),
                "a neighbour on a link is one hop away: neither multihop nor ttl_security can be more",
            );
        }
    }
}
