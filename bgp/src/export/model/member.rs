//! Whom the model sends to: which peer is what, and by which policy.

use std::collections::BTreeMap;

use super::super::{MemberSpec, PathsSent, Role};
use super::{FAMILY, POLICIES};
use crate::policy::testing::{adds, chain, communities, prefixes, statement};
use crate::policy::{Chain, Changes, Statement, Verdict};
use crate::rib::SourceKind;
use crate::rib::testing::{US, source};
use crate::types::PeerId;
use crate::wire::NextHop;
use crate::wire::update::Encoding;

/// Peers 2, 3, 6 and 7 are sent several paths, the last two of them the same; peers 3 and 4 are else alike, and peer
/// 5 may not be sent anything (RFC 8212).
pub(super) fn spec(peer: PeerId, policies: &BTreeMap<PeerId, u32>) -> MemberSpec {
    let role = match source(peer) {
        s if s.client => Role::Client,
        s if s.kind == SourceKind::Ibgp => Role::NonClient,
        _ => Role::Ebgp { local_as: US, behind: None },
    };
    let next_hop = NextHop::Ipv4([10, 0, 0, 1].into());
    let paths = if peer == PeerId(3) { PathsSent::Best(2) } else { PathsSent::All };
    MemberSpec {
        role,
        bgp_role: None,
        next_hop,
        next_hop_mode: Default::default(),
        encoding: encoding(peer),
        paths,
        between_clients: true,
        export: peer != PeerId(5),
        long_lived: peer == PeerId(1),
        policy: policies.get(&peer).and_then(|&n| policy(n)),
    }
}

/// One of few policies: none, one that asks of the prefixes, one that asks of the attributes.
fn policy(n: u32) -> Option<Chain> {
    let accept = |name| statement(name, Verdict::Accept);
    let statements = match n % POLICIES {
        0 => return None,
        1 => vec![
            Statement { of_route: vec![prefixes(&["11.0.0.0/22 le 24"])], ..statement("a", Verdict::Reject) },
            Statement {
                of_route: vec![prefixes(&["11.0.4.0/22 le 24"])],
                changes: adds("7:7"),
                ..accept("b")
            },
            accept("c"),
        ],
        _ => vec![
            Statement { of_attrs: vec![communities("0:1")], ..statement("a", Verdict::Reject) },
            Statement { changes: med_and_next_hop(), ..accept("b") },
        ],
    };
    Some(chain(statements, Verdict::Reject))
}

fn med_and_next_hop() -> Changes {
    let (med, next_hop) = ("+7".parse().ok(), "10.0.0.77".parse().ok());
    Changes { med, next_hop, ..Changes::default() }
}

/// As a peer is sent routes.
pub(super) fn encoding(peer: PeerId) -> Encoding {
    let several = [2, 3, 6, 7].contains(&peer.0).then_some(FAMILY);
    Encoding { add_path: several.into_iter().collect(), ..Encoding::default() }
}
