//! What the two codecs do not agree on. The generator can come up with each of it; `agreed_...` turns a value into
//! one that both take the same way, so that whatever else differs is a finding.

use bgp::types::{Afi, Family, Rd, Safi};
use bgp::wire::{Attrs, Capability, EvpnKey, ExtCommunity, Open};
use bytes::BytesMut;

/// A row.
#[derive(Clone, Copy, Debug)]
pub struct Disagreement {
    /// The value.
    pub about: &'static str,
    /// What linnet does with it.
    pub linnet: &'static str,
    /// What the other does.
    pub netgauze: &'static str,
    /// Who is right, and where that is written.
    pub right: &'static str,
}

/// The table.
pub const DISAGREEMENTS: &[Disagreement] = &[
    Disagreement {
        about: "a route distinguisher of a type beyond 2",
        linnet: "takes it: eight octets that tell routes apart",
        netgauze: "refuses the message",
        right: "linnet: a receiver does not look into it (RFC 4364 section 4.1), and the other routes cost nothing (RFC 7606 section 5.4)",
    },
    Disagreement {
        about: "attributes 29 and 40 as anybody's unknown optional transitive ones",
        linnet: "keeps them to be passed on",
        netgauze: "reads their values, and refuses wrong flags",
        right: "both: who does not know an attribute goes by its flags (RFC 4271 section 5), who does by its document (RFC 7606 section 3 c)",
    },
    Disagreement {
        about: "reserved octets of an extended community",
        linnet: "passes them on as they came",
        netgauze: "writes zeroes",
        right: "linnet: a community that is passed on is not rewritten (RFC 4360 section 2); zeroes are for who makes it (RFC 7432 section 7.7)",
    },
    Disagreement {
        about: "extended community 0x02/0x09, source AS",
        linnet: "passes it on",
        netgauze: "reads it, and writes 0x02/0x02, a route target",
        right: "linnet (RFC 6514 section 6): it is another community",
    },
    Disagreement {
        about: "a capability with a family that IANA does not list",
        linnet: "keeps and shows it",
        netgauze: "refuses the message",
        right: "linnet: a capability that is not understood is ignored (RFC 5492 section 3)",
    },
    Disagreement {
        about: "capability 128 with a value",
        linnet: "keeps and shows it",
        netgauze: "refuses the message",
        right: "linnet: it is nobody's standard, so nobody's error (RFC 5492 section 3)",
    },
    Disagreement {
        about: "parameters beyond 255 octets",
        linnet: "writes and reads the long form",
        netgauze: "refuses the message",
        right: "linnet (RFC 9072 section 2)",
    },
];

/// A route that both take.
pub fn agreed_route(key: EvpnKey) -> EvpnKey {
    let mut key = key;
    let (EvpnKey::EthernetAd { rd, .. }
    | EvpnKey::MacIp { rd, .. }
    | EvpnKey::Imet { rd, .. }
    | EvpnKey::EthernetSegment { rd, .. }
    | EvpnKey::IpPrefix { rd, .. }) = &mut key;
    *rd = agreed_rd(*rd);
    key
}

/// A capability that both take.
fn agreed_capability(mut capability: Capability) -> Capability {
    match &mut capability {
        Capability::Multiprotocol(afi, safi) => agree(afi, safi),
        Capability::ExtendedNextHop(list) => list.fill((Afi(1), Safi(1), Afi(2))),
        Capability::AddPath(list) => list.iter_mut().for_each(|(afi, safi, _)| agree(afi, safi)),
        Capability::GracefulRestart { families, .. } => {
            families.iter_mut().for_each(|(afi, safi, _)| agree(afi, safi));
        }
        Capability::LongLivedGracefulRestart(list) => {
            list.iter_mut().for_each(|family| agree(&mut family.afi, &mut family.safi));
        }
        // The route refresh of before RFC 2918, which has no value there.
        Capability::Unknown { code: 128, value } => value.clear(),
        _ => {}
    }
    capability
}

/// An OPEN that both take: as many of its capabilities as the short form of parameters can hold.
pub fn agreed_open(open: Open) -> Open {
    let mut capabilities: Vec<Capability> =
        open.capabilities.iter().cloned().map(agreed_capability).collect();
    loop {
        let open = Open { capabilities, ..open };
        if emitted_length(&open) <= SHORT_OPEN {
            return open;
        }
        capabilities = open.capabilities;
        let last =
            capabilities.iter().rposition(|capability| !matches!(capability, Capability::FourOctetAs(_)));
        last.map(|at| capabilities.remove(at));
    }
}

fn emitted_length(open: &Open) -> usize {
    let mut out = BytesMut::new();
    open.emit(&mut out);
    out.len()
}

/// Header, fixed part, and parameters of 255 octets.
const SHORT_OPEN: usize = 19 + 10 + 255;

/// Makes one of the families that linnet speaks of any pair of numbers.
fn agree(afi: &mut Afi, safi: &mut Safi) {
    let number = usize::from(afi.0) + usize::from(safi.0);
    let family = Family::ALL.into_iter().cycle().nth(number % 3).unwrap_or(Family::Ipv4Unicast);
    (*afi, *safi) = (family.afi(), family.safi());
}

fn agreed_rd(rd: Rd) -> Rd {
    let Rd([_, kind, a, b, c, d, e, f]) = rd;
    Rd([0, kind % 3, a, b, c, d, e, f])
}

/// Attributes that both take.
pub fn agreed_attrs(attrs: Attrs) -> Attrs {
    // BGP-LS attribute (29) and BGP Prefix-SID (40).
    let known_there = [29, 40];
    let unknown =
        attrs.unknown.iter().filter(|unknown| !known_there.contains(&unknown.kind)).cloned().collect();
    let ext_communities =
        attrs.ext_communities.iter().map(|community| agreed_community(*community)).collect();
    Attrs { unknown, ext_communities, ..attrs }
}

/// One with nothing in the octets that are reserved, and of a subtype that both pass on.
fn agreed_community(community: ExtCommunity) -> ExtCommunity {
    let [kind, flags, a, b, c, d, e, f] = community.0;
    ExtCommunity(match kind % 10 {
        0 => [0, 2, a, b, c, d, e, f],
        1 => [1, 2, a, b, c, d, e, f],
        2 => [2, 2, a, b, c, d, e, f],
        3 => [6, 0, flags, 0, c, d, e, f],
        4 => [6, 1, flags, 0, 0, d, e, f],
        5 => [6, 2, a, b, c, d, e, f],
        6 => [6, 3, a, b, c, d, e, f],
        7 => [3, 0x0c, 0, 0, 0, 0, e, f],
        8 => [0, 3, a, b, c, d, e, f],
        _ => [0x8f, flags, a, b, c, d, e, f],
    })
}
