//! What this node's kernel has, read by this process: what linnetd believes of it is compared with this, so it is not
//! asked here, nor is its netlink code used.

mod link;
mod route;
mod sysctl;
mod table;

use std::collections::BTreeMap;
use std::net::IpAddr;

use futures_util::TryStreamExt;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::AddressAttribute;
use rtnetlink::packet_route::link::{LinkAttribute, LinkMessage};
use rtnetlink::{Error, Handle};

#[cfg(test)]
pub(crate) use link::Bridge;
pub(crate) use link::{Device, Port, Vxlan};
pub(crate) use route::{Lookup, Route};
pub(crate) use sysctl::Switches;
pub(crate) use table::{FdbRow, Neighbor};

/// What it has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kernel {
    /// Devices, by index.
    pub(crate) devices: BTreeMap<u32, Device>,
    /// This node's addresses, and the devices that they are on.
    pub(crate) addresses: Vec<(u32, IpAddr)>,
    /// Rows.
    pub(crate) tables: Tables,
    /// Routes that daemons put in, or administrators.
    pub(crate) routes: Vec<Route>,
    /// Switches.
    pub(crate) switches: Switches,
    /// The names of protocol ids.
    pub(crate) protocol_names: BTreeMap<u8, String>,
    /// The MTU at the other end of a bridge's port, where that is in another namespace: a pod's. By the port's index;
    /// why it could not be read otherwise.
    pub(crate) pods: BTreeMap<u32, Result<u32, String>>,
}

/// The rows that linnetd writes, among others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tables {
    /// Of the bridges' and the VXLAN devices' forwarding databases.
    pub(crate) fdb: Vec<FdbRow>,
    /// Neighbours.
    pub(crate) neighbors: Vec<Neighbor>,
}

impl Kernel {
    /// A device by name.
    pub(crate) fn named(&self, name: &str) -> Option<&Device> {
        self.devices.values().find(|device| device.name == name)
    }

    /// The ports of a bridge.
    pub(crate) fn ports(&self, bridge: u32) -> impl Iterator<Item = &Device> {
        self.devices.values().filter(move |device| device.master == Some(bridge))
    }

    /// The name of a device, for people.
    pub(crate) fn name(&self, index: u32) -> &str {
        self.devices.get(&index).map_or("a device that is gone", |device| &device.name)
    }
}

/// A connection with it.
#[derive(Clone, Debug)]
pub(super) struct Reader(Handle);

impl Reader {
    /// Connects; within a tokio runtime.
    pub(super) fn open() -> std::io::Result<Reader> {
        let (connection, handle, _) = rtnetlink::new_connection()?;
        tokio::spawn(connection);
        Ok(Reader(handle))
    }

    /// Everything but the ways to others.
    pub(super) async fn read(&self) -> Result<Kernel, Error> {
        let links: Vec<LinkMessage> = self.0.link().get().execute().try_collect().await?;
        let devices: BTreeMap<u32, Device> =
            links.iter().map(Device::of).map(|device| (device.index, device)).collect();
        let pods = self.pods(&devices).await;
        Ok(Kernel {
            addresses: self.addresses().await?,
            tables: self.tables().await?,
            routes: self.routes().await?,
            switches: Switches::read(devices.values().map(|device| device.name.as_str())),
            protocol_names: sysctl::protocol_names(),
            devices,
            pods,
        })
    }

    /// The rows as they are now.
    pub(super) async fn tables(&self) -> Result<Tables, Error> {
        let dump = |family| self.0.neighbours().get().set_address_family(family).execute().try_collect();
        let fdb: Vec<_> = dump(AddressFamily::Bridge).await?;
        let ipv4: Vec<_> = dump(AddressFamily::Inet).await?;
        let ipv6: Vec<_> = dump(AddressFamily::Inet6).await?;
        Ok(Tables {
            fdb: fdb.iter().filter_map(FdbRow::of).collect(),
            neighbors: ipv4.iter().chain(&ipv6).filter_map(Neighbor::of).collect(),
        })
    }

    /// The route to an address; the kernel's words where there is none.
    pub(super) async fn lookup(&self, to: IpAddr, from: Option<IpAddr>) -> Result<Lookup, String> {
        let request = self.0.route().get(route::question(to, from));
        match std::pin::pin!(request.execute()).try_next().await {
            Ok(Some(answer)) => Ok(Lookup::of(&answer)),
            Ok(None) => Err("the kernel said nothing".to_owned()),
            Err(error) => Err(words(&error)),
        }
    }

    async fn addresses(&self) -> Result<Vec<(u32, IpAddr)>, Error> {
        let all: Vec<_> = self.0.address().get().execute().try_collect().await?;
        // Of a point-to-point link `Address` is the other end's.
        let own = |attributes: &[AddressAttribute]| {
            let local = attributes.iter().find_map(|attribute| match attribute {
                AddressAttribute::Local(ip) => Some(*ip),
                _ => None,
            });
            let any = attributes.iter().find_map(|attribute| match attribute {
                AddressAttribute::Address(ip) => Some(*ip),
                _ => None,
            });
            local.or(any)
        };
        Ok(all.iter().filter_map(|message| Some((message.header.index, own(&message.attributes)?))).collect())
    }

    async fn routes(&self) -> Result<Vec<Route>, Error> {
        let mut routes = Vec::new();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let all: Vec<_> = self.0.route().get(route::all(family)).execute().try_collect().await?;
            routes.extend(all.iter().filter_map(Route::of));
        }
        Ok(routes)
    }

    /// Asks for the other end of every bridge port that is in another namespace.
    async fn pods(&self, devices: &BTreeMap<u32, Device>) -> BTreeMap<u32, Result<u32, String>> {
        let mut pods = BTreeMap::new();
        for port in devices.values().filter(|device| device.master.is_some() && device.vxlan.is_none()) {
            if let Some((index, Some(namespace))) = port.other_end {
                pods.insert(port.index, self.mtu_elsewhere(index, namespace).await);
            }
        }
        pods
    }

    async fn mtu_elsewhere(&self, index: u32, namespace: i32) -> Result<u32, String> {
        let mut request = self.0.link().get().match_index(index);
        request.message_mut().attributes.push(LinkAttribute::IfNetnsId(namespace));
        match std::pin::pin!(request.execute()).try_next().await {
            Ok(Some(message)) => Ok(Device::of(&message).mtu),
            Ok(None) => Err("the kernel said nothing".to_owned()),
            Err(error) => Err(words(&error)),
        }
    }
}

/// What the kernel says, without what rtnetlink says around it.
pub(super) fn words(error: &Error) -> String {
    match error {
        Error::NetlinkError(message) => message.to_io().to_string(),
        other => other.to_string(),
    }
}
