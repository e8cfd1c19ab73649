//! This node's addresses, as the kernel tells of them.

use std::collections::BTreeMap;

use ipnet::IpNet;

use crate::row::IfIndex;

/// Seen since the running dump began.
type Fresh = bool;

/// Addresses, each on a device, with the prefix of its link.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    all: BTreeMap<(IfIndex, IpNet), Fresh>,
    /// Some have come or gone since [`Addresses::take_changed`].
    changed: bool,
}

impl Addresses {
    /// Says whether it is new.
    pub(crate) fn see(&mut self, index: IfIndex, address: IpNet) -> bool {
        let is_new = self.all.insert((index, address), true).is_none();
        self.changed |= is_new;
        is_new
    }

    /// Says whether it was there.
    pub(crate) fn remove(&mut self, index: IfIndex, address: IpNet) -> bool {
        let was_there = self.all.remove(&(index, address)).is_some();
        self.changed |= was_there;
        was_there
    }

    /// A device is gone, with its addresses.
    pub(crate) fn remove_device(&mut self, index: IfIndex) {
        let before = self.all.len();
        self.all.retain(|(device, _), _| *device != index);
        self.changed |= self.all.len() != before;
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (IfIndex, IpNet)> {
        self.all.keys().copied()
    }

    /// Whether they are others than when this was last asked.
    pub(crate) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// A dump begins.
    pub(crate) fn begin_dump(&mut self) {
        self.all.values_mut().for_each(|fresh| *fresh = false);
    }

    /// Those that it should have shown and did not.
    pub(crate) fn missed(&self) -> Vec<(IfIndex, IpNet)> {
        self.all.iter().filter(|(_, fresh)| !**fresh).map(|(address, _)| *address).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dump_does_not_show_is_missed() {
        let (mut addresses, [one, two]) = (Addresses::default(), [IfIndex(1), IfIndex(2)]);
        let net: IpNet = "10.0.0.1/24".parse().unwrap();
        assert!(addresses.see(one, net) && addresses.see(two, net) && !addresses.see(two, net));
        assert!(addresses.take_changed() && !addresses.take_changed());
        addresses.begin_dump();
        addresses.see(one, net);
        assert_eq!(addresses.missed(), [(two, net)]);
        assert!(!addresses.take_changed());
        assert!(addresses.remove(two, net) && !addresses.remove(two, net));
        assert!(addresses.take_changed());
        addresses.remove_device(one);
        assert!(addresses.take_changed() && addresses.iter().next().is_none());
    }
}
