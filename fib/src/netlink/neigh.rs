//! Rows as the kernel's neighbour messages (`RTM_NEWNEIGH` and its kin), both ways.
//!
//! ```text
//! family u8 | 0 u8 | 0 u16 | device u32 | state u16 | flags u8 | type u8 | attributes
//! ```
//! One message type serves three tables. Family `AF_BRIDGE` with a destination is a VXLAN device's row, with a
//! master a bridge's; the IP families are ARP and ND. Written by hand because this is the hot path: a hundred
//! thousand MACs are a hundred thousand of these messages out, and twice that in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bgp::types::Mac;

use super::wire::{self, attributes, put_attribute, put_message, u16_at, u32_at};
use crate::config;
use crate::op::{Action, Dump, Half, KERNEL_PROTOCOL, Table};
use crate::row::{BridgeRow, BridgeRowKind, IfIndex, NeighborRow, NeighborState, Row, TunnelRow};

pub(super) const NEW: u16 = 28;
pub(super) const DELETE: u16 = 29;
const GET: u16 = 30;

const HEADER: usize = 12;
const AF_INET: u8 = 2;
pub(super) const AF_BRIDGE: u8 = 7;
const AF_INET6: u8 = 10;

// Attributes, `NDA_*`.
const DST: u16 = 1;
const LLADDR: u16 = 2;
const VLAN: u16 = 5;
const IFINDEX: u16 = 8;
const MASTER: u16 = 9;
const PROTOCOL: u16 = 12;

// Flags, `NTF_*`. The first two say which of a MAC's rows is meant.
pub(super) const SELF: u8 = 0x02;
const AT_MASTER: u8 = 0x04;
const PROXY: u8 = 0x08;
pub(super) const EXT_LEARNED: u8 = 0x10;
const STICKY: u8 = 0x40;
const ROUTER: u8 = 0x80;

// States, `NUD_*`: a set.
const PROBE: u16 = 0x10;
const NOARP: u16 = 0x40;
const PERMANENT: u16 = 0x80;
const REACHABLE: u16 = 0x02;
/// With `NUD_STALE` and `NUD_DELAY`.
const STALE: u16 = 0x04 | 0x08 | PROBE;
/// Of a VXLAN device's row that neither ages nor goes when the link goes down.
const FIRM: u16 = NOARP | PERMANENT;

/// Tells our rows of a VXLAN device from another control plane's. The kernel keeps no protocol with them (`NDA_PROTOCOL`
/// is dropped), but it keeps the state as it was written, and the states that there are take the lower octet only. In
/// the upper one stands what would be the protocol.
const MARK: u16 = (config::PROTOCOL as u16) << 8;
const MARKED: u16 = 0xff00;

/// A message to be written. What is `None` is left out.
#[derive(Clone, Copy, Debug, Default)]
struct Request {
    kind: u16,
    flags: u16,
    family: u8,
    device: IfIndex,
    state: u16,
    row_flags: u8,
    dst: Option<IpAddr>,
    lladdr: Option<Mac>,
    protocol: Option<u8>,
    /// Dumps only: rows of this bridge's ports.
    master: Option<IfIndex>,
    /// Dumps only: rows of this device.
    only: Option<IfIndex>,
}

/// Appends the message for an op on a row, or for a dump of rows. Ops on devices have none.
pub(super) fn put_action(out: &mut Vec<u8>, sequence: u32, action: &Action) {
    if let Some(request) = request(action) {
        request.put(out, sequence);
    }
}

fn request(action: &Action) -> Option<Request> {
    Some(match *action {
        Action::SetMac { vxlan, mac, vtep, half } => Request {
            row_flags: half_flags(half) | EXT_LEARNED,
            dst: (half != Half::Bridge).then_some(vtep),
            ..fdb(NEW, wire::CREATE | wire::REPLACE, vxlan, mac)
        },
        Action::SetSticky { vxlan, mac } => Request {
            state: NOARP,
            row_flags: AT_MASTER | STICKY,
            // Only where there is a row: one made by this would lack our mark.
            ..fdb(NEW, wire::REPLACE, vxlan, mac)
        },
        Action::DeleteMac { vxlan, mac, vtep, half } => {
            Request { row_flags: half_flags(half), dst: vtep, ..fdb(DELETE, 0, vxlan, mac) }
        }
        Action::AddFlood { vxlan, vtep } => Request {
            row_flags: SELF | EXT_LEARNED,
            dst: Some(vtep),
            ..fdb(NEW, wire::CREATE | wire::APPEND, vxlan, Mac::ZERO)
        },
        // Never without its destination: that would delete the whole list.
        Action::DeleteFlood { vxlan, vtep } => {
            Request { row_flags: SELF, dst: Some(vtep), ..fdb(DELETE, 0, vxlan, Mac::ZERO) }
        }
        Action::SetNeighbor { bridge, ip, mac, router, replace, protocol } => Request {
            state: NOARP,
            row_flags: EXT_LEARNED | if router { ROUTER } else { 0 },
            lladdr: Some(mac),
            protocol: Some(protocol),
            ..neighbor(NEW, creation(replace), bridge, ip)
        },
        Action::ProbeNeighbor { bridge, ip, mac, replace } => Request {
            state: PROBE,
            lladdr: Some(mac),
            // Nought would leave ours there.
            protocol: Some(KERNEL_PROTOCOL),
            ..neighbor(NEW, creation(replace), bridge, ip)
        },
        Action::DeleteNeighbor { bridge, ip } => neighbor(DELETE, 0, bridge, ip),
        Action::Dump(dump) => dump_request(dump)?,
        Action::SetPort { .. } | Action::Create(_) | Action::CreateTunnel(_) | Action::Remove { .. } => {
            return None;
        }
    })
}

fn fdb(kind: u16, flags: u16, vxlan: IfIndex, mac: Mac) -> Request {
    let lladdr = Some(mac);
    Request {
        kind,
        flags,
        family: AF_BRIDGE,
        device: vxlan,
        state: FIRM | MARK,
        lladdr,
        ..Request::default()
    }
}

fn neighbor(kind: u16, flags: u16, bridge: IfIndex, ip: IpAddr) -> Request {
    let family = if ip.is_ipv4() { AF_INET } else { AF_INET6 };
    Request { kind, flags, family, device: bridge, dst: Some(ip), ..Request::default() }
}

fn creation(replace: bool) -> u16 {
    wire::CREATE | if replace { wire::REPLACE } else { wire::EXCLUSIVE }
}

fn half_flags(half: Half) -> u8 {
    match half {
        Half::Both => SELF | AT_MASTER,
        Half::Tunnel => SELF,
        Half::Bridge => AT_MASTER,
    }
}

/// Appends the request for the rows that one device has in a table: no bridge and no port of one.
pub(super) fn put_dump_of(out: &mut Vec<u8>, sequence: u32, table: Table, device: IfIndex) {
    if let Some(all) = dump_request(Dump { table, bridge: None }) {
        Request { only: Some(device), ..all }.put(out, sequence);
    }
}

/// Of rows only; devices and addresses have messages of their own.
fn dump_request(dump: Dump) -> Option<Request> {
    let all = Request { kind: GET, flags: wire::DUMP, ..Request::default() };
    match dump.table {
        Table::Links | Table::Addresses => None,
        Table::Fdb => Some(Request { family: AF_BRIDGE, master: dump.bridge, ..all }),
        Table::Neighbors4 => Some(Request { family: AF_INET, only: dump.bridge, ..all }),
        Table::Neighbors6 => Some(Request { family: AF_INET6, only: dump.bridge, ..all }),
    }
}

impl Request {
    fn put(&self, out: &mut Vec<u8>, sequence: u32) {
        put_message(out, self.kind, wire::REQUEST | self.flags, sequence, |out| {
            out.extend([self.family, 0, 0, 0]);
            out.extend(self.device.0.to_ne_bytes());
            out.extend(self.state.to_ne_bytes());
            out.extend([self.row_flags, 0]);
            self.put_attributes(out);
        });
    }

    fn put_attributes(&self, out: &mut Vec<u8>) {
        match self.dst {
            Some(IpAddr::V4(ip)) => put_attribute(out, DST, &ip.octets()),
            Some(IpAddr::V6(ip)) => put_attribute(out, DST, &ip.octets()),
            None => {}
        }
        if let Some(Mac(octets)) = self.lladdr {
            put_attribute(out, LLADDR, &octets);
        }
        if let Some(protocol) = self.protocol {
            put_attribute(out, PROTOCOL, &[protocol]);
        }
        if let Some(IfIndex(bridge)) = self.master {
            put_attribute(out, MASTER, &bridge.to_ne_bytes());
        }
        if let Some(IfIndex(device)) = self.only {
            put_attribute(out, IFINDEX, &device.to_ne_bytes());
        }
    }
}

/// The attributes that matter of a received row.
#[derive(Default)]
struct Fields {
    dst: Option<IpAddr>,
    lladdr: Option<Mac>,
    master: Option<IfIndex>,
    vlan: u16,
    protocol: u8,
}

/// The row in a received message. `None` for what is nobody's here: rows without an address of a known length,
/// proxy entries, multicast filters of devices, and rows of a VLAN.
pub(super) fn parse(payload: &[u8]) -> Option<Row> {
    let (family, device) = (*payload.first()?, IfIndex(u32_at(payload, 4)?));
    let (state, flags) = (u16_at(payload, 8)?, *payload.get(10)?);
    let fields = fields(payload.get(HEADER..)?);
    match family {
        AF_BRIDGE if flags & SELF != 0 => tunnel_row(device, state, flags, &fields),
        AF_BRIDGE => bridge_row(device, state, flags, &fields),
        AF_INET | AF_INET6 if flags & PROXY == 0 => neighbor_row(device, state, flags, &fields),
        _ => None,
    }
}

fn fields(bytes: &[u8]) -> Fields {
    let mut fields = Fields::default();
    for (kind, value) in attributes(bytes) {
        match kind {
            DST => fields.dst = address(value),
            LLADDR => fields.lladdr = <[u8; 6]>::try_from(value).ok().map(Mac),
            MASTER => fields.master = u32_at(value, 0).map(IfIndex),
            VLAN => fields.vlan = u16_at(value, 0).unwrap_or_default(),
            PROTOCOL => fields.protocol = value.first().copied().unwrap_or_default(),
            _ => {}
        }
    }
    fields
}

/// An IP address of either family.
pub(super) fn address(value: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(value).map(|octets| IpAddr::V4(Ipv4Addr::from(octets)));
    four.or_else(|_| <[u8; 16]>::try_from(value).map(|octets| IpAddr::V6(Ipv6Addr::from(octets)))).ok()
}

fn tunnel_row(vxlan: IfIndex, state: u16, flags: u8, fields: &Fields) -> Option<Row> {
    Some(Row::Tunnel(TunnelRow {
        vxlan,
        mac: fields.lladdr?,
        vtep: fields.dst?,
        external: flags & EXT_LEARNED != 0,
        ours: flags & EXT_LEARNED != 0 && state & MARKED == MARK,
        firm: state & FIRM != 0,
    }))
}

fn bridge_row(port: IfIndex, state: u16, flags: u8, fields: &Fields) -> Option<Row> {
    let kind = match state {
        _ if state & PERMANENT != 0 => BridgeRowKind::Own,
        _ if state & NOARP != 0 => BridgeRowKind::Static,
        _ => BridgeRowKind::Dynamic,
    };
    let row = BridgeRow {
        bridge: fields.master?,
        port,
        mac: fields.lladdr?,
        kind,
        external: flags & EXT_LEARNED != 0,
        sticky: flags & STICKY != 0,
    };
    (fields.vlan == 0).then_some(Row::Bridge(row))
}

fn neighbor_row(device: IfIndex, state: u16, flags: u8, fields: &Fields) -> Option<Row> {
    let state = match state {
        _ if state & PERMANENT != 0 => NeighborState::Permanent,
        _ if state & NOARP != 0 => NeighborState::NoArp,
        _ if state & REACHABLE != 0 => NeighborState::Usable,
        _ if state & STALE != 0 => NeighborState::Stale,
        _ => NeighborState::Unusable,
    };
    Some(Row::Neighbor(NeighborRow {
        device,
        ip: fields.dst?,
        mac: fields.lladdr,
        state,
        external: flags & EXT_LEARNED != 0,
        router: flags & ROUTER != 0,
        protocol: fields.protocol,
    }))
}

#[cfg(test)]
mod tests {
    use super::super::wire::messages;
    use super::*;
    use proptest::prelude::*;

    const MAC: Mac = Mac([2, 0, 0, 0, 0, 0x50]);
    const VTEP: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 99, 1, 1));

    fn hex(action: &Action) -> String {
        let mut bytes = Vec::new();
        put_action(&mut bytes, 0x0102_0304, action);
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Reads what was written, as if the kernel had echoed it.
    fn echo(action: &Action) -> Row {
        let mut bytes = Vec::new();
        put_action(&mut bytes, 1, action);
        parse(messages(&bytes).next().unwrap().payload).unwrap()
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn a_remote_mac_is_one_message_of_48_octets() {
        let vxlan = IfIndex(7);
        let text = hex(&Action::SetMac { vxlan, mac: MAC, vtep: VTEP, half: Half::Both });
        let header = "30000000 1c00 0105 04030201 00000000";
        let row = "07 00 0000 07000000 c06c 16 00";
        let attributes = "0800 0100 0a630101 0a00 0200 020000000050 0000";
        assert_eq!(text, [header, row, attributes].concat().replace(' ', ""));
    }

    #[test]
    fn what_is_written_reads_as_the_row_that_it_is_to_make() {
        let (vxlan, bridge, ip) = (IfIndex(7), IfIndex(8), "fd00::5".parse().unwrap());
        let replace = true;
        for action in [
            Action::SetMac { vxlan, mac: MAC, vtep: VTEP, half: Half::Tunnel },
            Action::AddFlood { vxlan, vtep: ip },
            Action::SetNeighbor { bridge, ip, mac: MAC, router: true, replace, protocol: 108 },
            Action::ProbeNeighbor { bridge, ip: VTEP, mac: MAC, replace },
        ] {
            assert_eq!(Some(echo(&action)), action.rows(bridge).next());
        }
    }

    #[test]
    fn what_is_nobodys_is_left() {
        let mut bytes = Vec::new();
        let odd = Request { lladdr: None, dst: None, ..fdb(NEW, 0, IfIndex(7), MAC) };
        odd.put(&mut bytes, 1);
        assert_eq!(parse(messages(&bytes).next().unwrap().payload), None);
    }

    proptest! {
        #[test]
        fn any_payload_is_read_without_panic(bytes: Vec<u8>) {
            parse(&bytes);
        }
    }
}
