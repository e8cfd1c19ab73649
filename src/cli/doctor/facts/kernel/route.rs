//! Routes: those that daemons have put in, and which one a packet takes.

use std::net::IpAddr;

use ipnet::IpNet;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteMessage, RouteMetric, RouteProtocol, RouteType,
};

/// A route of the kernel's tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// Where it leads.
    pub(crate) prefix: IpNet,
    /// The table that it is in.
    pub(crate) table: u32,
    /// The protocol id of who made it.
    pub(crate) protocol: u8,
}

/// The route that packets to an address take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lookup {
    /// The device that they leave by.
    pub(crate) device: u32,
    /// The router that they are handed to; `None` on the link itself.
    pub(crate) gateway: Option<IpAddr>,
    /// The largest packet that passes, where the route says so or the path has shown it.
    pub(crate) mtu: Option<u32>,
    /// The address is this node's own.
    pub(crate) local: bool,
}

impl Route {
    /// Reads it from the kernel's message; `None` for what is no route to a prefix.
    pub(super) fn of(message: &RouteMessage) -> Option<Route> {
        let header = &message.header;
        let (mut address, mut table) = (unspecified(header.address_family)?, u32::from(header.table));
        for attribute in &message.attributes {
            match attribute {
                RouteAttribute::Destination(destination) => address = ip(destination)?,
                RouteAttribute::Table(number) => table = *number,
                _ => {}
            }
        }
        let prefix = IpNet::new(address, header.destination_prefix_length).ok()?;
        Some(Route { prefix, table, protocol: RouteProtocol::into(header.protocol) })
    }
}

impl Lookup {
    /// Reads it from the kernel's answer.
    pub(super) fn of(message: &RouteMessage) -> Lookup {
        let mut lookup = Lookup { local: message.header.kind == RouteType::Local, ..Lookup::default() };
        for attribute in &message.attributes {
            match attribute {
                RouteAttribute::Oif(index) => lookup.device = *index,
                RouteAttribute::Gateway(gateway) => lookup.gateway = ip(gateway),
                RouteAttribute::Metrics(metrics) => {
                    lookup.mtu = metrics.iter().find_map(|metric| match metric {
                        RouteMetric::Mtu(mtu) => Some(*mtu),
                        _ => None,
                    });
                }
                _ => {}
            }
        }
        lookup
    }
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(ip) => Some((*ip).into()),
        RouteAddress::Inet6(ip) => Some((*ip).into()),
        _ => None,
    }
}

/// A default route has no destination.
fn unspecified(family: AddressFamily) -> Option<IpAddr> {
    match family {
        AddressFamily::Inet => Some(IpAddr::from([0; 4])),
        AddressFamily::Inet6 => Some(IpAddr::from([0; 16])),
        _ => None,
    }
}

/// A question for the route to `to`, of packets that leave from `from`.
pub(super) fn question(to: IpAddr, from: Option<IpAddr>) -> RouteMessage {
    let mut message = RouteMessage::default();
    let (family, bits) = if to.is_ipv4() { (AddressFamily::Inet, 32) } else { (AddressFamily::Inet6, 128) };
    message.header.address_family = family;
    message.header.destination_prefix_length = bits;
    message.attributes.push(RouteAttribute::Destination(to.into()));
    if let Some(from) = from.filter(|from| from.is_ipv4() == to.is_ipv4()) {
        message.header.source_prefix_length = bits;
        message.attributes.push(RouteAttribute::Source(from.into()));
    }
    message
}

/// A question for all routes of a family.
pub(super) fn all(family: AddressFamily) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = family;
    message
}
