//! Devices, as far as the checks ask after them.

use std::net::IpAddr;

use rtnetlink::packet_route::link::{
    BridgePortState, InfoBridge, InfoBridgePort, InfoData, InfoPortData, InfoVxlan, LinkAttribute, LinkFlags,
    LinkInfo, LinkMessage,
};

/// A device of this node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Device {
    /// Its index.
    pub(crate) index: u32,
    /// Its name.
    pub(crate) name: String,
    /// Administratively up.
    pub(crate) up: bool,
    /// Has a carrier.
    pub(crate) carrier: bool,
    /// The largest packet that it takes.
    pub(crate) mtu: u32,
    /// The bridge that it is a port of.
    pub(crate) master: Option<u32>,
    /// Of one end of a cable: the other end's index, and the kernel's number for the namespace that it is in, where
    /// that is another one.
    pub(crate) other_end: Option<(u32, Option<i32>)>,
    /// It is a VXLAN device.
    pub(crate) vxlan: Option<Vxlan>,
    /// It is a bridge.
    pub(crate) bridge: Option<Bridge>,
    /// What it does as a bridge's port.
    pub(crate) port: Option<Port>,
}

/// A VXLAN device's settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Vxlan {
    /// Its network; 0 where it carries many.
    pub(crate) vni: u32,
    /// Its tunnel address.
    pub(crate) local: Option<IpAddr>,
    /// Where it sends what it has no row for; a multicast group, or one VTEP.
    pub(crate) remote: Option<IpAddr>,
    /// The UDP port that it sends to and listens on.
    pub(crate) udp_port: u16,
    /// Takes from traffic behind which VTEP a MAC is.
    pub(crate) learning: bool,
    /// Is told its VNI with each packet.
    pub(crate) external: bool,
}

/// A bridge's settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bridge {
    /// Keeps VLANs apart.
    pub(crate) vlan_filtering: bool,
}

/// A bridge port's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Port {
    /// It forwards, as far as spanning tree is concerned.
    pub(crate) forwarding: bool,
    /// Takes from traffic which MAC is behind it.
    pub(crate) learning: bool,
    /// Answers ARP and ND for known neighbours.
    pub(crate) suppress: bool,
    /// Frames for a MAC that nobody knows leave by it.
    pub(crate) unicast_flood: bool,
    /// So do broadcasts.
    pub(crate) broadcast_flood: bool,
    /// And multicasts.
    pub(crate) multicast_flood: bool,
}

/// As the kernel makes a port: what a message leaves out is so.
impl Default for Port {
    fn default() -> Self {
        Port {
            forwarding: true,
            learning: true,
            suppress: false,
            unicast_flood: true,
            broadcast_flood: true,
            multicast_flood: true,
        }
    }
}

impl Device {
    /// Whether it is the VXLAN device of a network.
    pub(crate) fn is_of(&self, vni: u32) -> bool {
        self.vxlan.is_some_and(|vxlan| vxlan.vni == vni && !vxlan.external)
    }

    /// Reads it from the kernel's message.
    pub(super) fn of(message: &LinkMessage) -> Device {
        let mut device = Device {
            index: message.header.index,
            up: message.header.flags.contains(LinkFlags::Up),
            carrier: message.header.flags.contains(LinkFlags::LowerUp),
            ..Device::default()
        };
        let (mut link, mut namespace) = (None, None);
        for attribute in &message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => device.name.clone_from(name),
                LinkAttribute::Mtu(mtu) => device.mtu = *mtu,
                LinkAttribute::Controller(master) => device.master = Some(*master),
                LinkAttribute::Link(index) => link = Some(*index),
                LinkAttribute::LinkNetNsId(id) => namespace = Some(*id),
                LinkAttribute::LinkInfo(infos) => infos.iter().for_each(|info| device.take(info)),
                _ => {}
            }
        }
        device.other_end = link.map(|link| (link, namespace));
        device
    }

    fn take(&mut self, info: &LinkInfo) {
        match info {
            LinkInfo::Data(InfoData::Vxlan(data)) => self.vxlan = Some(Vxlan::of(data)),
            LinkInfo::Data(InfoData::Bridge(data)) => {
                let filters = |part: &InfoBridge| matches!(part, InfoBridge::VlanFiltering(true));
                self.bridge = Some(Bridge { vlan_filtering: data.iter().any(filters) });
            }
            LinkInfo::PortData(InfoPortData::BridgePort(data)) => self.port = Some(Port::of(data)),
            _ => {}
        }
    }
}

impl Vxlan {
    fn of(data: &[InfoVxlan]) -> Vxlan {
        let mut vxlan = Vxlan::default();
        for part in data {
            match part {
                InfoVxlan::Id(vni) => vxlan.vni = *vni,
                InfoVxlan::Local(ip) => vxlan.local = Some((*ip).into()),
                InfoVxlan::Local6(ip) => vxlan.local = Some((*ip).into()),
                InfoVxlan::Group(ip) => vxlan.remote = Some((*ip).into()),
                InfoVxlan::Group6(ip) => vxlan.remote = Some((*ip).into()),
                InfoVxlan::Port(port) => vxlan.udp_port = *port,
                InfoVxlan::Learning(learning) => vxlan.learning = *learning,
                InfoVxlan::CollectMetadata(external) => vxlan.external = *external,
                _ => {}
            }
        }
        let specified = |ip: Option<IpAddr>| ip.filter(|ip| !ip.is_unspecified());
        Vxlan { local: specified(vxlan.local), remote: specified(vxlan.remote), ..vxlan }
    }
}

impl Port {
    fn of(data: &[InfoBridgePort]) -> Port {
        let mut port = Port::default();
        for part in data {
            match part {
                InfoBridgePort::State(state) => port.forwarding = *state == BridgePortState::Forwarding,
                InfoBridgePort::Learning(on) => port.learning = *on,
                InfoBridgePort::NeighSupress(on) => port.suppress = *on,
                InfoBridgePort::UnicastFlood(on) => port.unicast_flood = *on,
                InfoBridgePort::BroadcastFlood(on) => port.broadcast_flood = *on,
                InfoBridgePort::MulticastFlood(on) => port.multicast_flood = *on,
                _ => {}
            }
        }
        port
    }
}
