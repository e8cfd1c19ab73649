//! The devices that routes lead over, and this node's addresses.

use std::collections::BTreeMap;

use ipnet::IpNet;

use crate::addresses::Addresses;
use crate::row::IfIndex;

/// Devices by index, and the addresses on them.
#[derive(Debug, Default)]
pub(super) struct Devices {
    devices: BTreeMap<IfIndex, Device>,
    pub(super) addresses: Addresses,
}

/// Seen since the running dump began.
type Fresh = bool;

#[derive(Debug)]
struct Device {
    name: Box<str>,
    up: bool,
    carrier: bool,
    mtu: u32,
    fresh: Fresh,
}

/// What became of a device, or may have become of it unseen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct DeviceNews {
    /// It carries packets now and did not, or the other way round.
    pub(super) usable: bool,
    /// It is down: the kernel has dropped routes over it, and says nothing of those of IPv4.
    pub(super) down: bool,
    /// Its name is new.
    pub(super) name: bool,
}

impl Devices {
    /// Takes note of a device.
    pub(super) fn see(&mut self, index: IfIndex, name: Box<str>, up: bool, carrier: bool) -> DeviceNews {
        let before = self.devices.get(&index);
        let news = DeviceNews {
            usable: before.is_some_and(Device::is_usable) != (up && carrier),
            down: before.is_some_and(|device| device.up) && !up,
            name: before.is_none_or(|device| device.name != name),
        };
        let mtu = before.map_or(0, |device| device.mtu);
        self.devices.insert(index, Device { name, up, carrier, mtu, fresh: true });
        news
    }

    /// Takes note of the MTU of a device that was seen; says whether it is new.
    pub(super) fn see_mtu(&mut self, index: IfIndex, mtu: u32) -> bool {
        let device = self.devices.get_mut(&index);
        device.is_some_and(|device| std::mem::replace(&mut device.mtu, mtu) != mtu)
    }

    /// The smallest MTU of the devices that have an address of this family, but for one.
    pub(super) fn smallest_mtu(&self, is_ipv4: bool, but: Option<IfIndex>) -> Option<u32> {
        let of_family =
            self.addresses.iter().filter(|(_, address)| matches!(address, IpNet::V4(_)) == is_ipv4);
        let devices = of_family.map(|(index, _)| index).filter(|index| Some(*index) != but);
        devices.filter_map(|index| self.devices.get(&index)).map(|device| device.mtu).min()
    }

    /// A device is no longer there; says whether it was.
    pub(super) fn remove(&mut self, index: IfIndex) -> bool {
        self.addresses.remove_device(index);
        self.devices.remove(&index).is_some()
    }

    /// Is up and has a carrier.
    pub(super) fn is_usable(&self, index: IfIndex) -> bool {
        self.devices.get(&index).is_some_and(Device::is_usable)
    }

    /// Is up, with a carrier or without: the kernel keeps routes over it.
    pub(super) fn is_up(&self, index: IfIndex) -> bool {
        self.devices.get(&index).is_some_and(|device| device.up)
    }

    pub(super) fn name(&self, index: IfIndex) -> Option<&str> {
        self.devices.get(&index).map(|device| &*device.name)
    }

    /// A dump of the devices begins.
    pub(super) fn begin_devices(&mut self) {
        self.devices.values_mut().for_each(|device| device.fresh = false);
    }

    /// Those that it should have shown and did not.
    pub(super) fn missed_devices(&self) -> Vec<IfIndex> {
        let missed = self.devices.iter().filter(|(_, device)| !device.fresh);
        missed.map(|(index, _)| *index).collect()
    }
}

impl Device {
    fn is_usable(&self) -> bool {
        self.up && self.carrier
    }
}
