//! Which networks are ours to serve, and what may be changed on their devices.

use std::net::IpAddr;
use std::time::Duration;

use bgp::types::Vni;

use crate::op::Create;

/// The protocol id in our neighbours (`NDA_PROTOCOL`), by which a later run knows them again.
pub const PROTOCOL: u8 = 108;

/// What `Fib` is told at its start, and by [`Fib::configure`](crate::Fib::configure).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FibConfig {
    /// Serve every VXLAN device that is a port of a bridge. Otherwise only the VNIs in `vnis`.
    pub all_vnis: bool,
    /// VNIs with settings of their own.
    pub vnis: Vec<ManagedVni>,
    /// May turn neighbour suppression on, and learning off, on the VXLAN device's bridge port. Without the
    /// former nothing is suppressed; with the latter the bridge would learn remote hosts from data frames.
    pub configure_ports: bool,
    /// The tunnel address of devices that we create.
    pub vtep: Option<IpAddr>,
    /// The protocol id to put into our neighbours and to know them by.
    pub protocol: u8,
    /// How long a round takes in which each network's tables are looked at though the kernel told nothing; `None`: they
    /// are not.
    pub audit_interval: Option<Duration>,
}

impl Default for FibConfig {
    fn default() -> Self {
        FibConfig {
            all_vnis: true,
            vnis: Vec::new(),
            configure_ports: true,
            vtep: None,
            protocol: PROTOCOL,
            audit_interval: None,
        }
    }
}

impl FibConfig {
    /// The settings of one VNI, if it has any.
    pub fn managed(&self, vni: Vni) -> Option<&ManagedVni> {
        self.vnis.iter().find(|managed| managed.vni == vni)
    }

    /// The devices to make for a VNI where they are missing, if that is wanted.
    pub(crate) fn creation(&self, vni: Vni) -> Option<Create> {
        let managed = self.managed(vni).filter(|managed| managed.create)?;
        Some(Create {
            vni,
            vxlan: managed.vxlan_name(),
            bridge: managed.bridge_name(),
            local: self.vtep,
            port: managed.port,
            mtu: managed.mtu,
        })
    }
}

/// One VNI in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedVni {
    /// The network.
    pub vni: Vni,
    /// Only this VXLAN device serves it; `None`: any that carries the VNI.
    pub vxlan: Option<String>,
    /// Only as a port of this bridge; `None`: of any.
    pub bridge: Option<String>,
    /// Make the devices where they are missing.
    pub create: bool,
    /// The MTU of devices that we create; `None`: what is left of the underlay's after encapsulation.
    pub mtu: Option<u32>,
    /// The UDP port of devices that we create (RFC 7348: 4789).
    pub port: u16,
}

impl ManagedVni {
    /// The VNI with every setting left to its default.
    pub fn new(vni: Vni) -> Self {
        ManagedVni { vni, vxlan: None, bridge: None, create: false, mtu: None, port: VXLAN_PORT }
    }

    /// The VXLAN device's name, given or by convention.
    pub fn vxlan_name(&self) -> String {
        self.vxlan.clone().unwrap_or_else(|| format!("vxlan{}", self.vni))
    }

    /// The bridge's name, given or by convention.
    pub fn bridge_name(&self) -> String {
        self.bridge.clone().unwrap_or_else(|| format!("br{}", self.vni))
    }
}

/// IANA's port for VXLAN (RFC 7348 section 4.1).
pub const VXLAN_PORT: u16 = 4789;
