//! Making and changing devices, through `rtnetlink`.

use std::io;
use std::net::IpAddr;

use futures_util::TryStreamExt;
use netlink_packet_route::link::{AfSpecInet6, AfSpecUnspec, In6AddrGenMode, LinkAttribute, LinkMessage};
use rtnetlink::{Error, Handle, LinkBridge, LinkBridgePort, LinkMessageBuilder, LinkUnspec, LinkVxlan};

use super::link::{MARK, TUNNEL_MARK};
use crate::op::{Action, Create, Fault};
use crate::row::IfIndex;

/// What VXLAN adds to a packet: outer Ethernet, IP and UDP headers and its own (RFC 7348 section 5).
const OVERHEAD_V4: u32 = 50;
const OVERHEAD_V6: u32 = 70;

/// A connection for requests about devices.
#[derive(Clone, Debug)]
pub(super) struct Devices {
    pub(super) handle: Handle,
}

impl Devices {
    /// Connects; the connection is a task of the current runtime and ends with the last clone of this.
    pub(super) fn open() -> io::Result<Devices> {
        let (connection, handle, _) = rtnetlink::new_connection()?;
        tokio::spawn(connection);
        Ok(Devices { handle })
    }

    /// Does what an op says about devices. Doing it twice does no harm. Devices are the operator's to see: what we
    /// change of them is logged.
    pub(super) async fn change(&self, action: &Action) -> Result<(), Fault> {
        tracing::info!(?action, "changing devices");
        let result = match action {
            Action::SetPort { vxlan } => self.set_port(*vxlan).await.map_err(|error| fault(&error)),
            Action::Create(create) => self.create(create).await.map_err(|error| fault(&error)),
            Action::CreateTunnel(tunnel) => self.create_tunnel(tunnel).await,
            Action::Remove { names } => self.remove(names).await.map_err(|error| fault(&error)),
            _ => Ok(()),
        };
        if let Err(fault) = &result {
            tracing::warn!(?action, %fault, "could not change devices");
        }
        result
    }

    /// Suppression needs the one, and the bridge must not learn remote hosts from data frames: evpn tells.
    async fn set_port(&self, IfIndex(vxlan): IfIndex) -> Result<(), Error> {
        let port = LinkBridgePort::new(vxlan).neigh_suppress(true).learning(false).build();
        self.handle.link().set_port(port).execute().await
    }

    async fn create(&self, create: &Create) -> Result<(), Error> {
        let mtu = match (create.mtu, create.local) {
            (Some(mtu), _) => Some(mtu),
            (None, Some(local)) => {
                let overhead = overhead(local);
                self.underlay_mtu(local).await?.map(|mtu| mtu.saturating_sub(overhead))
            }
            (None, None) => None,
        };
        let bridge = self.create_bridge(&create.bridge, mtu).await?;
        let vxlan = self.create_vxlan(create, mtu).await?;
        let enslaved = LinkUnspec::new_with_index(vxlan).controller(bridge).build();
        self.handle.link().set(enslaved).execute().await?;
        self.set_port(IfIndex(vxlan)).await?;
        self.deny_addresses(vxlan).await;
        for index in [bridge, vxlan] {
            self.handle.link().set(LinkUnspec::new_with_index(index).up().build()).execute().await?;
        }
        Ok(())
    }

    /// A VXLAN device has no use for an IPv6 address of its own, and checking one for duplicates is flooded to all.
    pub(super) async fn deny_addresses(&self, index: u32) {
        let none = AfSpecUnspec::Inet6(vec![AfSpecInet6::AddrGenMode(In6AddrGenMode::None)]);
        let spec = LinkAttribute::AfSpecUnspec(vec![none]);
        let message = LinkUnspec::new_with_index(index).append_extra_attribute(spec).build();
        // Where the kernel has no IPv6, there is nothing to deny.
        let _ = self.handle.link().set(message).execute().await;
    }

    async fn create_bridge(&self, name: &str, mtu: Option<u32>) -> Result<u32, Error> {
        let message = with_mtu(LinkBridge::new(name), mtu).build();
        self.add_unless_there(name, message, MARK).await
    }

    async fn create_vxlan(&self, create: &Create, mtu: Option<u32>) -> Result<u32, Error> {
        let builder = LinkVxlan::new(&create.vxlan, create.vni.get()).port(create.port).learning(false);
        let message = with_mtu(with_local(builder, create.local), mtu).build();
        self.add_unless_there(&create.vxlan, message, MARK).await
    }

    /// The index of the device, made now and marked so, or there before.
    pub(super) async fn add_unless_there(
        &self,
        name: &str,
        message: LinkMessage,
        mark: &str,
    ) -> Result<u32, Error> {
        if let Some(link) = self.find(name).await? {
            return Ok(link.header.index);
        }
        self.handle.link().add(message).execute().await?;
        let made = self.find(name).await?.ok_or(Error::RequestFailed)?;
        let index = made.header.index;
        // The kernel takes no alias together with a new device.
        self.handle.link().set(LinkUnspec::new_with_index(index).alias(mark).build()).execute().await?;
        Ok(index)
    }

    pub(super) async fn find(&self, name: &str) -> Result<Option<LinkMessage>, Error> {
        absent_is_none(self.handle.link().get().match_name(name).execute().try_next().await)
    }

    /// Removes devices that carry a mark of ours; an operator's namesakes stay.
    async fn remove(&self, names: &[String]) -> Result<(), Error> {
        for name in names {
            let Some(link) = self.find(name).await? else { continue };
            if bears(&link, MARK) || bears(&link, TUNNEL_MARK) {
                self.handle.link().del(link.header.index).execute().await?;
            }
        }
        Ok(())
    }
}

fn with_mtu<T>(builder: LinkMessageBuilder<T>, mtu: Option<u32>) -> LinkMessageBuilder<T> {
    match mtu {
        Some(mtu) => builder.mtu(mtu),
        None => builder,
    }
}

pub(super) fn with_local(
    builder: LinkMessageBuilder<LinkVxlan>,
    local: Option<IpAddr>,
) -> LinkMessageBuilder<LinkVxlan> {
    match local {
        Some(IpAddr::V4(local)) => builder.local(local),
        Some(IpAddr::V6(local)) => builder.local6(local),
        None => builder,
    }
}

/// How many octets a VXLAN device that tunnels between addresses of this family adds to an IP packet that it takes.
pub fn overhead(local: IpAddr) -> u32 {
    if local.is_ipv4() { OVERHEAD_V4 } else { OVERHEAD_V6 }
}

/// Whether a device carries such a mark.
pub(super) fn bears(link: &LinkMessage, mark: &str) -> bool {
    link.attributes.contains(&LinkAttribute::IfAlias(mark.to_owned()))
}

pub(super) fn absent_is_none<T>(found: Result<Option<T>, Error>) -> Result<Option<T>, Error> {
    match found {
        Err(Error::NetlinkError(message)) if is_absence(message.raw_code()) => Ok(None),
        other => other,
    }
}

/// No such device, no such address, no route there.
fn is_absence(code: i32) -> bool {
    matches!(-code, libc::ENODEV | libc::ENOENT | libc::ENETUNREACH)
}

pub(super) fn fault(error: &Error) -> Fault {
    match error {
        Error::NetlinkError(message) => Fault::errno(message.raw_code().saturating_neg()),
        other => Fault { errno: 0, text: Some(other.to_string().into()) },
    }
}
