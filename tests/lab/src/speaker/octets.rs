//! What a speaker says, octet by octet.

use std::net::Ipv4Addr;

use bgp::types::Mac;
use ipnet::Ipv4Net;

/// The types of messages (RFC 4271 section 4.1, RFC 2918).
pub mod kind {
    /// OPEN
    pub const OPEN: u8 = 1;
    /// UPDATE
    pub const UPDATE: u8 = 2;
    /// NOTIFICATION
    pub const NOTIFICATION: u8 = 3;
    /// KEEPALIVE
    pub const KEEPALIVE: u8 = 4;
    /// ROUTE-REFRESH
    pub const ROUTE_REFRESH: u8 = 5;
}

/// AFI and SAFI of EVPN (RFC 7432 section 7).
const EVPN: [u8; 3] = [0, 25, 70];

/// A message: marker, length, type, body.
pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = (19 + body.len()) as u16;
    [&[0xff; 16][..], &length.to_be_bytes(), &[kind], body].concat()
}

/// What an OPEN says; EVPN and 4-octet AS numbers are announced.
#[derive(Clone, Copy, Debug)]
pub struct Open {
    /// The AS.
    pub asn: u32,
    /// The BGP identifier.
    pub id: Ipv4Addr,
    /// The hold time; 0 for no KEEPALIVEs at all.
    pub hold_time: u16,
}

impl Open {
    /// The body of the message.
    ///
    /// ```text
    /// version 1 | AS 2 | hold time 2 | identifier 4 | parameters' length 1 | parameters
    /// ```
    pub fn body(&self) -> Vec<u8> {
        self.body_with(&[])
    }

    /// The same with more capabilities, each with its code and length.
    pub fn body_with(&self, more: &[u8]) -> Vec<u8> {
        // Multiprotocol (1), route refresh (2), 4-octet AS (65).
        let mut capabilities = vec![1, 4, 0, 25, 0, 70, 2, 0, 65, 4];
        capabilities.extend(self.asn.to_be_bytes());
        capabilities.extend(more);
        let parameter = [&[2, capabilities.len() as u8], &capabilities[..]].concat();
        self.body_of([&[parameter.len() as u8], &parameter[..]].concat())
    }

    /// A body with these optional parameters, their length included.
    pub fn body_of(&self, parameters: Vec<u8>) -> Vec<u8> {
        let short = u16::try_from(self.asn).unwrap_or(23456);
        let mut body = vec![4];
        body.extend(short.to_be_bytes());
        body.extend(self.hold_time.to_be_bytes());
        body.extend(self.id.octets());
        body.extend(parameters);
        body
    }
}

/// An UPDATE that announces an IPv4 prefix (RFC 4271 section 4.3).
pub fn unicast(prefix: Ipv4Net, next_hop: Ipv4Addr) -> Vec<u8> {
    let attributes = [
        attribute(0x40, 1, &[0]),
        attribute(0x40, 2, &[]),
        attribute(0x40, 3, &next_hop.octets()),
        attribute(0x40, 5, &[0, 0, 0, 100]),
    ]
    .concat();
    let length = (attributes.len() as u16).to_be_bytes();
    let octets = prefix.network().octets();
    let (network, _) = octets.split_at(usize::from(prefix.prefix_len()).div_ceil(8));
    message(kind::UPDATE, &[&[0, 0], &length[..], &attributes, &[prefix.prefix_len()], network].concat())
}

/// An UPDATE with nothing but attributes.
pub fn update(attributes: &[Vec<u8>]) -> Vec<u8> {
    let attributes = attributes.concat();
    let length = (attributes.len() as u16).to_be_bytes();
    message(kind::UPDATE, &[&[0, 0], &length[..], &attributes].concat())
}

/// A path attribute; its length takes two octets where it must.
pub fn attribute(flags: u8, code: u8, value: &[u8]) -> Vec<u8> {
    match u8::try_from(value.len()) {
        Ok(length) => [&[flags, code, length], value].concat(),
        Err(_) => [&[flags | 0x10, code], &(value.len() as u16).to_be_bytes()[..], value].concat(),
    }
}

/// The end of EVPN's initial routes (RFC 4724 section 2).
pub fn end_of_rib() -> Vec<u8> {
    update(&[attribute(0x80, 15, &EVPN)])
}

/// A route of type 2 in VNI 100 that this speaker announces for a VTEP.
#[derive(Clone, Copy, Debug)]
pub struct MacIp {
    /// The VTEP.
    pub vtep: Ipv4Addr,
    /// The host's MAC.
    pub mac: Mac,
    /// The host's address.
    pub ip: Option<Ipv4Addr>,
    /// How often it has moved; 0 for no MAC mobility community (RFC 7432 section 7.7).
    pub sequence: u32,
}

impl MacIp {
    /// ```text
    /// type 1 | length 1 | RD 8 | ESI 10 | Ethernet tag 4 | 48 1 | MAC 6 | bits of IP 1 | IP | VNI 3
    /// ```
    pub fn nlri(&self) -> Vec<u8> {
        let ip = self.ip.map(|ip| ip.octets().to_vec()).unwrap_or_default();
        let mut route = vec![0, 1];
        route.extend(self.vtep.octets());
        route.extend([0, 100]);
        route.extend([0; 14]);
        route.push(48);
        route.extend(self.mac.0);
        route.push(8 * ip.len() as u8);
        route.extend(ip);
        route.extend([0, 0, 100]);
        [&[2, route.len() as u8], &route[..]].concat()
    }

    /// MP_REACH_NLRI with this route.
    pub fn reach(&self) -> Vec<u8> {
        reach(self.vtep, &self.nlri())
    }

    /// The attributes of a good UPDATE: MP_REACH_NLRI, ORIGIN, AS_PATH, LOCAL_PREF, and the communities route target
    /// 65000:100, encapsulation VXLAN and MAC mobility.
    pub fn attributes(&self) -> Vec<Vec<u8>> {
        let mut communities = [[0, 2, 0xfd, 0xe8, 0, 0, 0, 100], [3, 0x0c, 0, 0, 0, 0, 0, 8]].concat();
        if self.sequence > 0 {
            communities.extend([6, 0, 0, 0]);
            communities.extend(self.sequence.to_be_bytes());
        }
        vec![
            self.reach(),
            attribute(0x40, 1, &[0]),
            attribute(0x40, 2, &[]),
            attribute(0x40, 5, &[0, 0, 0, 100]),
            attribute(0xc0, 16, &communities),
        ]
    }

    /// A good UPDATE that announces it.
    pub fn announcement(&self) -> Vec<u8> {
        update(&self.attributes())
    }

    /// An UPDATE that withdraws it.
    pub fn withdrawal(&self) -> Vec<u8> {
        update(&[attribute(0x80, 15, &[&EVPN[..], &self.nlri()].concat())])
    }
}

/// MP_REACH_NLRI of EVPN with these routes.
pub fn reach(next_hop: Ipv4Addr, nlri: &[u8]) -> Vec<u8> {
    let value = [&EVPN[..], &[4], &next_hop.octets(), &[0], nlri].concat();
    attribute(0x80, 14, &value)
}

/// A route of type 3 in VNI 100 with its tunnel: flooded frames are to go to `vtep`.
pub fn flood(vtep: Ipv4Addr) -> Vec<u8> {
    flood_by(vtep, vtep)
}

/// The same, by another next hop.
pub fn flood_by(next_hop: Ipv4Addr, vtep: Ipv4Addr) -> Vec<u8> {
    let mut route = vec![0, 1];
    route.extend(vtep.octets());
    route.extend([0, 100, 0, 0, 0, 0, 32]);
    route.extend(vtep.octets());
    let nlri = [&[3, route.len() as u8], &route[..]].concat();
    let mac_ip = MacIp { vtep, mac: Mac::ZERO, ip: None, sequence: 0 };
    let mut attributes = mac_ip.attributes();
    // PMSI tunnel: ingress replication (6) with the VNI as label (RFC 6514 section 5, RFC 8365 section 9).
    let pmsi = [&[0, 6, 0, 0, 100][..], &vtep.octets()].concat();
    attributes.push(attribute(0xc0, 22, &pmsi));
    if let Some(first) = attributes.first_mut() {
        *first = reach(next_hop, &nlri);
    }
    update(&attributes)
}
