//! Making and changing interfaces.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsFd, AsRawFd};

use bgp::types::Mac;
use ipnet::IpNet;
use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{
    AfSpecInet6, AfSpecUnspec, In6AddrGenMode, InfoBridgePort, InfoData, InfoKind, InfoPortData,
    InfoPortKind, InfoVeth, InfoVxlan, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};

use super::{change, exchange};

const NEW: u16 = NLM_F_CREATE | NLM_F_EXCL;

/// An interface of the namespace that the calling thread is in.
#[derive(Clone, Debug)]
pub struct Link {
    index: u32,
    mac: Mac,
}

/// What a VXLAN device is made of.
#[derive(Clone, Copy, Debug)]
pub struct Vxlan {
    /// The network.
    pub vni: u32,
    /// The tunnel's local address.
    pub local: Ipv4Addr,
    /// The UDP port; 4789 by RFC 7348.
    pub port: u16,
}

/// A cable: `name` in the calling thread's namespace, `peer` in the one that `peer_netns` is open on.
pub fn veth(name: &str, peer: &str, peer_netns: impl AsFd) -> io::Result<()> {
    let far_end = message(vec![
        LinkAttribute::IfName(peer.into()),
        LinkAttribute::NetNsFd(peer_netns.as_fd().as_raw_fd()),
    ]);
    create(name, InfoKind::Veth, Some(InfoData::Veth(InfoVeth::Peer(far_end))))
}

impl Link {
    /// The interface called `name`.
    pub fn named(name: &str) -> io::Result<Link> {
        let request = message(vec![LinkAttribute::IfName(name.into())]);
        let answers = exchange(RouteNetlinkMessage::GetLink(request), NLM_F_ACK)?;
        let answer = answers.into_iter().find_map(|answer| match answer {
            RouteNetlinkMessage::NewLink(link) => Some(link),
            _ => None,
        });
        let link = answer.ok_or_else(|| io::Error::other(format!("the kernel told nothing of {name}")))?;
        let mac = link.attributes.iter().find_map(|attribute| match attribute {
            LinkAttribute::Address(octets) => <[u8; 6]>::try_from(octets.as_slice()).ok().map(Mac),
            _ => None,
        });
        Ok(Link { index: link.header.index, mac: mac.unwrap_or(Mac::ZERO) })
    }

    /// Makes a bridge.
    pub fn bridge(name: &str) -> io::Result<Link> {
        create(name, InfoKind::Bridge, None)?;
        Link::named(name)
    }

    /// Makes a VXLAN device that learns nothing by itself and says nothing of its own.
    pub fn vxlan(name: &str, Vxlan { vni, local, port }: Vxlan) -> io::Result<Link> {
        let data = vec![
            InfoVxlan::Id(vni),
            InfoVxlan::Local(local),
            InfoVxlan::Port(port),
            InfoVxlan::Learning(false),
        ];
        create(name, InfoKind::Vxlan, Some(InfoData::Vxlan(data)))?;
        let link = Link::named(name)?;
        let no_address = AfSpecUnspec::Inet6(vec![AfSpecInet6::AddrGenMode(In6AddrGenMode::None)]);
        // Where the kernel has no IPv6, it is silent already.
        let _ = link.set(vec![LinkAttribute::AfSpecUnspec(vec![no_address])]);
        Ok(link)
    }

    /// Its index.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// The MAC it had when it was looked up.
    pub fn mac(&self) -> Mac {
        self.mac
    }

    /// Brings it up.
    pub fn up(&self) -> io::Result<()> {
        self.set_flags(LinkFlags::Up)
    }

    /// Takes it down.
    pub fn down(&self) -> io::Result<()> {
        self.set_flags(LinkFlags::empty())
    }

    /// Removes it; of a veth, the other end too.
    pub fn delete(&self) -> io::Result<()> {
        change(RouteNetlinkMessage::DelLink(self.message(vec![])), 0)
    }

    /// Gives it a MAC.
    pub fn set_mac(&self, mac: Mac) -> io::Result<()> {
        self.set(vec![LinkAttribute::Address(mac.0.to_vec())])
    }

    /// Gives it an MTU.
    pub fn set_mtu(&self, mtu: u32) -> io::Result<()> {
        self.set(vec![LinkAttribute::Mtu(mtu)])
    }

    /// Makes it a port of `bridge`.
    pub fn set_master(&self, bridge: &Link) -> io::Result<()> {
        self.set(vec![LinkAttribute::Controller(bridge.index)])
    }

    /// Takes it from its bridge.
    pub fn clear_master(&self) -> io::Result<()> {
        self.set(vec![LinkAttribute::Controller(0)])
    }

    /// As a bridge port: answer ARP and ND for known neighbours, and learn no MACs from traffic.
    pub fn suppress_neighbors(&self) -> io::Result<()> {
        let port = vec![InfoBridgePort::NeighSupress(true), InfoBridgePort::Learning(false)];
        self.set(vec![LinkAttribute::LinkInfo(vec![
            LinkInfo::PortKind(InfoPortKind::Bridge),
            LinkInfo::PortData(InfoPortData::BridgePort(port)),
        ])])
    }

    /// Gives it an address with its prefix length.
    pub fn add_address(&self, address: IpNet) -> io::Result<()> {
        change(RouteNetlinkMessage::NewAddress(self.address_message(address)), NEW)
    }

    /// Takes an address from it.
    pub fn remove_address(&self, address: IpNet) -> io::Result<()> {
        change(RouteNetlinkMessage::DelAddress(self.address_message(address)), 0)
    }

    fn address_message(&self, address: IpNet) -> AddressMessage {
        let mut message = AddressMessage::default();
        message.header.family = family(address.addr());
        message.header.prefix_len = address.prefix_len();
        message.header.index = self.index;
        message.attributes =
            vec![AddressAttribute::Local(address.addr()), AddressAttribute::Address(address.addr())];
        message
    }

    fn set(&self, attributes: Vec<LinkAttribute>) -> io::Result<()> {
        change(RouteNetlinkMessage::SetLink(self.message(attributes)), 0)
    }

    fn set_flags(&self, flags: LinkFlags) -> io::Result<()> {
        let mut message = self.message(vec![]);
        message.header.flags = flags;
        message.header.change_mask = LinkFlags::Up;
        change(RouteNetlinkMessage::SetLink(message), 0)
    }

    fn message(&self, attributes: Vec<LinkAttribute>) -> LinkMessage {
        let mut message = message(attributes);
        message.header.index = self.index;
        message
    }
}

fn create(name: &str, kind: InfoKind, data: Option<InfoData>) -> io::Result<()> {
    let mut info = vec![LinkInfo::Kind(kind)];
    info.extend(data.map(LinkInfo::Data));
    let attributes = vec![LinkAttribute::IfName(name.into()), LinkAttribute::LinkInfo(info)];
    change(RouteNetlinkMessage::NewLink(message(attributes)), NEW)
        .map_err(|error| io::Error::new(error.kind(), format!("cannot make interface {name}: {error}")))
}

fn message(attributes: Vec<LinkAttribute>) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.attributes = attributes;
    message
}

fn family(address: IpAddr) -> AddressFamily {
    if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
}
