//! What the configuration wants, as far as the kernel is judged by it.
//!
//! Read leniently: secrets in the running text are covered, and a fault in the file is `config check`'s to tell.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Which networks, and which routes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    /// The section `evpn`.
    pub(crate) evpn: Option<Evpn>,
    /// The section `native`.
    pub(crate) native: Option<Native>,
}

/// The section `evpn`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Evpn {
    /// Every VXLAN device on a bridge is served.
    pub(crate) advertise_all_vni: bool,
    /// Networks that are named.
    pub(crate) vnis: Vec<Vni>,
}

/// A network that is named.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Vni {
    /// Its number.
    pub(crate) vni: u32,
    /// Its VXLAN device's name.
    #[serde(default)]
    pub(crate) vxlan: Option<String>,
    /// The UDP port.
    #[serde(default)]
    pub(crate) port: Option<u16>,
}

/// The section `native`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Native {
    /// Received routes go into the kernel.
    pub(crate) install: bool,
    /// The protocol id that they are ours by.
    pub(crate) protocol: u8,
}

impl Default for Native {
    fn default() -> Self {
        Native { install: true, protocol: fib::config::PROTOCOL }
    }
}

impl Settings {
    /// Reads a text; `None` for one that has not the shape of a configuration.
    pub(super) fn read(text: &str) -> Option<Settings> {
        serde_yaml::from_str(text).ok()
    }

    /// The UDP port of each network that is named with one.
    pub(crate) fn ports(&self) -> BTreeMap<u32, u16> {
        let vnis = self.evpn.iter().flat_map(|evpn| &evpn.vnis);
        vnis.filter_map(|vni| Some((vni.vni, vni.port?))).collect()
    }

    /// The protocol id of our routes and neighbours.
    pub(crate) fn protocol(&self) -> u8 {
        self.native.as_ref().map_or(fib::config::PROTOCOL, |native| native.protocol)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_asked_for_is_read() {
        let text = "bgp: { asn: 65000, neighbors: [{ address: 10.0.0.1, password: '*****' }] }\n\
                    evpn: { vtep: 10.0.0.9, vnis: [{ vni: 100, create: true, port: 8472 }, { vni: 200 }] }\n\
                    native: { protocol: 200, table: main }\n";
        let settings = Settings::read(text).unwrap();
        assert_eq!(settings.ports(), BTreeMap::from([(100, 8472)]));
        assert_eq!(settings.protocol(), 200);
        assert_eq!(Settings::read("bgp: {}").unwrap().protocol(), fib::config::PROTOCOL);
        assert_eq!(Settings::read("- 1"), None);
    }
}
