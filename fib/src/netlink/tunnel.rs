//! The device of the fallback tunnel, through `rtnetlink`.

use std::net::{IpAddr, Ipv4Addr};

use netlink_packet_route::link::{InfoData, InfoVxlan, LinkAttribute, LinkInfo, LinkMessage};
use rtnetlink::{Error, LinkUnspec, LinkVxlan};

use super::device::{Devices, bears, fault, overhead, with_local};
use super::link::TUNNEL_MARK;
use crate::op::{Fault, TunnelDevice};

impl Devices {
    /// Makes the device, or sets right the one that an earlier call has made.
    pub(super) async fn create_tunnel(&self, tunnel: &TunnelDevice) -> Result<(), Fault> {
        let there = self.find(&tunnel.name).await.map_err(|error| fault(&error))?;
        let (index, has_mac) = match there {
            Some(link) if !bears(&link, TUNNEL_MARK) => return Err(namesake(tunnel)),
            Some(link) if is_such(&link, tunnel) => {
                let mac = LinkAttribute::Address(tunnel.mac.0.to_vec());
                (link.header.index, link.attributes.contains(&mac))
            }
            Some(link) => {
                let deleted = self.handle.link().del(link.header.index).execute().await;
                deleted.map_err(|error| fault(&error))?;
                (self.make(tunnel).await?, false)
            }
            None => (self.make(tunnel).await?, false),
        };
        self.set_right(index, tunnel, has_mac).await.map_err(|error| fault(&error))
    }

    async fn make(&self, tunnel: &TunnelDevice) -> Result<u32, Fault> {
        let builder = LinkVxlan::new(&tunnel.name, tunnel.vni.get()).port(tunnel.port).learning(false);
        let message = with_local(builder, tunnel.local).build();
        self.add_unless_there(&tunnel.name, message, TUNNEL_MARK).await.map_err(|error| match fault(&error) {
            Fault { errno: libc::EEXIST, .. } => taken(tunnel),
            other => other,
        })
    }

    /// The MAC is only set where it is another one: that costs the device its neighbours.
    async fn set_right(&self, index: u32, tunnel: &TunnelDevice, has_mac: bool) -> Result<(), Error> {
        let mtu = match tunnel.mtu {
            Some(mtu) => mtu,
            // Packets leave by whichever device leads to a VTEP.
            None => {
                let local = tunnel.local.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
                self.smallest_mtu(tunnel.is_ipv4()).await?.saturating_sub(overhead(local))
            }
        };
        let message = LinkUnspec::new_with_index(index).mtu(mtu);
        let message = if has_mac { message } else { message.address(tunnel.mac.0.to_vec()) };
        self.handle.link().set(message.build()).execute().await?;
        self.deny_addresses(index).await;
        self.handle.link().set(LinkUnspec::new_with_index(index).up().build()).execute().await
    }
}

/// Whether a device has all that cannot be changed.
fn is_such(link: &LinkMessage, tunnel: &TunnelDevice) -> bool {
    let infos = link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::LinkInfo(infos) => Some(infos),
        _ => None,
    });
    let data = infos.into_iter().flatten().find_map(|info| match info {
        LinkInfo::Data(InfoData::Vxlan(data)) => Some(data),
        _ => None,
    });
    let Some(data) = data else { return false };
    let local = data.iter().find_map(|info| match info {
        InfoVxlan::Local(local) => Some((*local).into()),
        InfoVxlan::Local6(local) => Some((*local).into()),
        _ => None,
    });
    data.contains(&InfoVxlan::Id(tunnel.vni.get()))
        && data.contains(&InfoVxlan::Port(tunnel.port))
        && data.contains(&InfoVxlan::Learning(false))
        && local == tunnel.local
}

fn namesake(tunnel: &TunnelDevice) -> Fault {
    let text = format!("there is a device {} already that linnet has not made", tunnel.name);
    Fault { errno: libc::EEXIST, text: Some(text.into()) }
}

fn taken(tunnel: &TunnelDevice) -> Fault {
    let text = format!("another VXLAN device has VNI {} and port {}", tunnel.vni, tunnel.port);
    Fault { errno: libc::EEXIST, text: Some(text.into()) }
}
