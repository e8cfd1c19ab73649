//! How large the packets may be that carry a tunnel's: the MTU of the devices by which they leave.
//!
//! Where the tunnel's address is on a link, they leave by that. An address that is on none (a loopback's, or one with a
//! prefix of its own, as on a dummy device) says nothing: then the devices count that lead to other nodes. Where several
//! do the smallest counts, for nobody knows here behind which of them a VTEP will be.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use futures_util::TryStreamExt;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::AddressMessage;
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_packet_route::route::{RouteAttribute, RouteHeader, RouteMessage, RouteType};
use rtnetlink::{Error, RouteMessageBuilder};

use super::device::{Devices, absent_is_none, bears};
use super::link::{MARK, TUNNEL_MARK};

/// Where no device tells: Ethernet's.
const USUAL: u32 = 1500;

impl Devices {
    /// The MTU between a tunnel's local address and other nodes. `None` where the address is not there yet and nothing
    /// leads to it.
    pub(super) async fn underlay_mtu(&self, local: IpAddr) -> Result<Option<u32>, Error> {
        let addresses = self.handle.address().get().set_address_filter(local).execute();
        let addresses: Vec<AddressMessage> = addresses.try_collect().await?;
        let Some(address) = addresses.first().map(|address| &address.header) else {
            return self.route_mtu(local).await;
        };
        let link = self.link(address.index).await?.filter(|link| !is_loopback(link));
        let own = link.as_ref().and_then(mtu_of);
        let is_alone = address.prefix_len == if local.is_ipv4() { 32 } else { 128 };
        if let Some(mtu) = own.filter(|_| !is_alone) {
            return Ok(Some(mtu));
        }
        let to_others = self.smallest(&self.ways_out(local.is_ipv4()).await?).await?;
        Ok(to_others.or(own).or(Some(USUAL)))
    }

    /// The smallest MTU of the devices that have an address of this family.
    pub(super) async fn smallest_mtu(&self, is_ipv4: bool) -> Result<u32, Error> {
        let family = if is_ipv4 { AddressFamily::Inet } else { AddressFamily::Inet6 };
        let addresses: Vec<AddressMessage> = self.handle.address().get().execute().try_collect().await?;
        let of_family = addresses.iter().filter(|address| address.header.family == family);
        let devices: BTreeSet<u32> = of_family.map(|address| address.header.index).collect();
        Ok(self.smallest(&devices).await?.unwrap_or(USUAL))
    }

    /// The devices that routes by routers lead over; where there are none but default routes, those of these.
    async fn ways_out(&self, is_ipv4: bool) -> Result<BTreeSet<u32>, Error> {
        let request = match is_ipv4 {
            true => RouteMessageBuilder::<Ipv4Addr>::new().build(),
            false => RouteMessageBuilder::<Ipv6Addr>::new().build(),
        };
        let mut routes = self.handle.route().get(request).execute();
        let (mut ways, mut by_default) = (BTreeSet::new(), BTreeSet::new());
        while let Some(route) = routes.try_next().await? {
            let RouteHeader { table, kind, destination_prefix_length, .. } = route.header;
            if table == RouteHeader::RT_TABLE_MAIN && kind == RouteType::Unicast {
                let found = if destination_prefix_length == 0 { &mut by_default } else { &mut ways };
                found.extend(devices_to_routers(&route));
            }
        }
        Ok(if ways.is_empty() { by_default } else { ways })
    }

    /// Of some devices, without loopbacks and what is a tunnel's itself.
    async fn smallest(&self, devices: &BTreeSet<u32>) -> Result<Option<u32>, Error> {
        let links: Vec<LinkMessage> = self.handle.link().get().execute().try_collect().await?;
        let is_ours = |link: &LinkMessage| bears(link, MARK) || bears(link, TUNNEL_MARK);
        let counts = |link: &&LinkMessage| {
            devices.contains(&link.header.index) && !is_loopback(link) && !is_ours(link)
        };
        Ok(links.iter().filter(counts).filter_map(mtu_of).min())
    }

    async fn route_mtu(&self, to: IpAddr) -> Result<Option<u32>, Error> {
        let route = match to {
            IpAddr::V4(ip) => RouteMessageBuilder::<Ipv4Addr>::new().destination_prefix(ip, 32).build(),
            IpAddr::V6(ip) => RouteMessageBuilder::<Ipv6Addr>::new().destination_prefix(ip, 128).build(),
        };
        let found = absent_is_none(self.handle.route().get(route).execute().try_next().await)?;
        match found.as_ref().and_then(|route| route.attributes.iter().find_map(device_of)) {
            Some(index) => Ok(self.link(index).await?.as_ref().and_then(mtu_of)),
            None => Ok(None),
        }
    }

    async fn link(&self, index: u32) -> Result<Option<LinkMessage>, Error> {
        absent_is_none(self.handle.link().get().match_index(index).execute().try_next().await)
    }
}

fn is_loopback(link: &LinkMessage) -> bool {
    link.header.flags.contains(LinkFlags::Loopback)
}

fn mtu_of(link: &LinkMessage) -> Option<u32> {
    link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::Mtu(mtu) => Some(*mtu),
        _ => None,
    })
}

fn device_of(attribute: &RouteAttribute) -> Option<u32> {
    match attribute {
        RouteAttribute::Oif(index) => Some(*index),
        _ => None,
    }
}

/// The devices of a route's ways that are no link's own route.
fn devices_to_routers(route: &RouteMessage) -> Vec<u32> {
    let is_router =
        |attribute: &RouteAttribute| matches!(attribute, RouteAttribute::Gateway(_) | RouteAttribute::Via(_));
    let single = route.attributes.iter().filter_map(device_of);
    let single = single.filter(|_| route.attributes.iter().any(is_router));
    let several = route.attributes.iter().filter_map(|attribute| match attribute {
        RouteAttribute::MultiPath(hops) => Some(hops.iter().map(|hop| hop.interface_index)),
        _ => None,
    });
    single.chain(several.flatten()).collect()
}
