//! What UPDATE carries routes of: one trait for the three kinds of key, and lists of them.

use std::fmt::{Debug, Display};
use std::hash::Hash;

use bytes::{BufMut, BytesMut};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use nom::Parser;
use nom::combinator::cond;
use nom::number::complete::be_u32;

use crate::types::{Family, Mac, PathId, Vni};

use super::parse::{Flaw, Parsed};
use super::verdicts::Condition;
use super::{EvpnBody, EvpnKey, evpn, prefix};

/// A route's identity within its family; tables are indexed by it.
pub trait Nlri: Copy + Eq + Ord + Hash + Debug + Display + Send + Sync + 'static {
    /// What a route carries besides its identity and its attributes.
    type Body: Copy + Eq + Debug + Default + Send + Sync + 'static;
    /// The family it belongs to.
    const FAMILY: Family;

    /// Writes it as it stands in an UPDATE, without path identifier.
    fn emit(&self, body: &Self::Body, out: &mut BytesMut);

    /// What can be asked of it without knowing its family.
    fn parts(&self, body: &Self::Body) -> Parts;

    /// Routes of this kind as routes of some kind.
    fn list(routes: Vec<Route<Self>>) -> Nlris;

    /// Those of some routes that are of this kind.
    fn listed(routes: &Nlris) -> &[Route<Self>];
}

/// What a route has of that which routes of any family may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// The prefix: of a unicast route, of a Type 5; of a Type 2 with an address that address, in full length.
    pub prefix: Option<IpNet>,
    /// The EVPN route type.
    pub route_type: Option<u8>,
    /// The MAC of a Type 2.
    pub mac: Option<Mac>,
    /// The first label, in VXLAN the VNI.
    pub vni: Option<Vni>,
}

/// One route of an UPDATE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route<N: Nlri> {
    /// Its identity.
    pub nlri: N,
    /// Tells paths of one peer apart; 0 without ADD-PATH.
    pub path_id: PathId,
    /// The rest. Meaningless in a withdrawal.
    pub body: N::Body,
}

/// Routes of one family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nlris {
    /// IPv4 unicast.
    Ipv4(Vec<Route<Ipv4Net>>),
    /// IPv6 unicast.
    Ipv6(Vec<Route<Ipv6Net>>),
    /// EVPN.
    Evpn(Vec<Route<EvpnKey>>),
}

impl<N: Nlri> Route<N> {
    /// A route without path identifier.
    pub fn new(nlri: N, body: N::Body) -> Route<N> {
        Route { nlri, path_id: PathId::default(), body }
    }

    /// Writes it as it stands in an UPDATE.
    pub(super) fn emit(&self, add_path: bool, out: &mut BytesMut) {
        if add_path {
            out.put_u32(self.path_id.0);
        }
        self.nlri.emit(&self.body, out);
    }
}

impl Nlris {
    /// The family of the routes.
    pub fn family(&self) -> Family {
        match self {
            Nlris::Ipv4(_) => Family::Ipv4Unicast,
            Nlris::Ipv6(_) => Family::Ipv6Unicast,
            Nlris::Evpn(_) => Family::L2vpnEvpn,
        }
    }

    /// How many routes.
    pub fn len(&self) -> usize {
        match self {
            Nlris::Ipv4(routes) => routes.len(),
            Nlris::Ipv6(routes) => routes.len(),
            Nlris::Evpn(routes) => routes.len(),
        }
    }

    /// Whether there is no route.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One unicast route.
impl From<IpNet> for Nlris {
    fn from(prefix: IpNet) -> Nlris {
        match prefix {
            IpNet::V4(nlri) => Nlris::Ipv4(vec![Route::new(nlri, ())]),
            IpNet::V6(nlri) => Nlris::Ipv6(vec![Route::new(nlri, ())]),
        }
    }
}

impl Nlri for Ipv4Net {
    type Body = ();
    const FAMILY: Family = Family::Ipv4Unicast;

    fn emit(&self, (): &(), out: &mut BytesMut) {
        prefix::put(out, self.prefix_len(), &self.network().octets());
    }

    fn parts(&self, (): &()) -> Parts {
        Parts { prefix: Some(IpNet::V4(*self)), ..Parts::default() }
    }

    fn list(routes: Vec<Route<Self>>) -> Nlris {
        Nlris::Ipv4(routes)
    }

    fn listed(routes: &Nlris) -> &[Route<Self>] {
        if let Nlris::Ipv4(routes) = routes { routes } else { &[] }
    }
}

impl Nlri for Ipv6Net {
    type Body = ();
    const FAMILY: Family = Family::Ipv6Unicast;

    fn emit(&self, (): &(), out: &mut BytesMut) {
        prefix::put(out, self.prefix_len(), &self.network().octets());
    }

    fn parts(&self, (): &()) -> Parts {
        Parts { prefix: Some(IpNet::V6(*self)), ..Parts::default() }
    }

    fn list(routes: Vec<Route<Self>>) -> Nlris {
        Nlris::Ipv6(routes)
    }

    fn listed(routes: &Nlris) -> &[Route<Self>] {
        if let Nlris::Ipv6(routes) = routes { routes } else { &[] }
    }
}

impl Nlri for EvpnKey {
    type Body = EvpnBody;
    const FAMILY: Family = Family::L2vpnEvpn;

    fn emit(&self, body: &EvpnBody, out: &mut BytesMut) {
        evpn::emit::put(self, body, out);
    }

    fn parts(&self, body: &EvpnBody) -> Parts {
        let (prefix, mac) = match *self {
            EvpnKey::MacIp { mac, ip, .. } => (ip.map(IpNet::from), Some(mac)),
            EvpnKey::IpPrefix { prefix, .. } => (Some(prefix), None),
            _ => (None, None),
        };
        let vni = (body.label != Vni::default()).then_some(body.label);
        Parts { prefix, route_type: Some(self.route_type()), mac, vni }
    }

    fn list(routes: Vec<Route<Self>>) -> Nlris {
        Nlris::Evpn(routes)
    }

    fn listed(routes: &Nlris) -> &[Route<Self>] {
        if let Nlris::Evpn(routes) = routes { routes } else { &[] }
    }
}

/// An NLRI, or what is wrong with one that can be stepped over.
pub(super) type Decoded<N> = Result<(N, <N as Nlri>::Body), Flaw<N>>;

/// An NLRI that can be read. Apart from [`Nlri`] since nobody outside reads single ones.
pub(super) trait Decode: Nlri {
    /// About how many octets one takes, to size lists by the octets that are there.
    const TYPICAL_LEN: usize;

    /// What is wrong with one that has no key.
    const KEYLESS: Condition;

    /// Reads one. An error means that the extent of what stands there is unknown (RFC 7606 section 5.3).
    fn parse(input: &[u8]) -> Parsed<'_, Decoded<Self>>;
}

impl Decode for Ipv4Net {
    const TYPICAL_LEN: usize = 4;
    const KEYLESS: Condition = Condition::Multicast;

    fn parse(input: &[u8]) -> Parsed<'_, Decoded<Self>> {
        prefix::ipv4.map(|net| unicast(net, net.addr().is_multicast())).parse(input)
    }
}

impl Decode for Ipv6Net {
    const TYPICAL_LEN: usize = 9;
    const KEYLESS: Condition = Condition::Multicast;

    fn parse(input: &[u8]) -> Parsed<'_, Decoded<Self>> {
        prefix::ipv6.map(|net| unicast(net, net.addr().is_multicast())).parse(input)
    }
}

/// RFC 4271 section 6.3: a prefix that cannot be meant is ignored.
fn unicast<N: Nlri<Body = ()>>(net: N, is_multicast: bool) -> Decoded<N> {
    if is_multicast {
        Err(Flaw { key: None, what: "a network of multicast addresses" })
    } else {
        Ok((net, ()))
    }
}

impl Decode for EvpnKey {
    const TYPICAL_LEN: usize = 35;
    const KEYLESS: Condition = Condition::UnknownRoute;

    fn parse(input: &[u8]) -> Parsed<'_, Decoded<Self>> {
        evpn::parse::nlri(input)
    }
}

/// One NLRI with the path identifier before it, and the octets of both.
pub(super) fn one<N: Decode>(add_path: bool, input: &[u8]) -> Parsed<'_, (PathId, Decoded<N>)> {
    let (rest, path_id) = cond(add_path, be_u32).parse(input)?;
    let (rest, decoded) = N::parse(rest)?;
    Ok((rest, (PathId(path_id.unwrap_or_default()), decoded)))
}
