//! Why a destination stands as it does: each path with its reason, what the node makes of the best one, and
//! what the kernel has because of it.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Instant;

use ::evpn::dataplane::WantedKey;
use ::evpn::{Place, Remote};
use api::query::ApiError;
use api::v1;
use bgp::rib::{DestinationId, Explained, Path, Reason, Table};
use bgp::types::{Family, Mac, PeerId, Vni};
use bgp::wire::{EvpnKey, Nlri};
use ipnet::IpNet;

use crate::core::Core;
use crate::core::forward::Forwarding;

use super::Answered;
use super::describe::{AnyNlri, Describe};
use super::fib::{entry, route_entry};
use super::filter::longest_match;
use super::verdicts::Allowance;

/// Explanations in one answer.
const EXPLAINED: usize = 100;

/// Destinations of the EVPN table that are looked at for a MAC or an address which no VNI uses: a turn of core
/// must end, and what a VNI does use is found without looking.
const SCANNED: u32 = 1 << 16;

/// What is to be explained.
enum Key {
    Nlri(AnyNlri),
    Mac(Mac),
    Address(IpAddr),
}

impl Core {
    pub(super) fn explain(&self, now: Instant, query: &v1::ExplainRequest) -> Answered<v1::ExplainResponse> {
        let (keys, mut truncated) = match parse_key(&query.key)? {
            Key::Nlri(nlri) => (vec![nlri], false),
            Key::Mac(mac) => self.with_mac(mac),
            Key::Address(ip) => self.with_address(ip),
        };
        let mut allowance = Allowance::default();
        let mut explanations: Vec<_> =
            keys.iter().filter_map(|key| self.explain_one(now, key, &mut allowance)).collect();
        truncated |= explanations.len() > EXPLAINED;
        explanations.truncate(EXPLAINED);
        Ok(v1::ExplainResponse { explanations, truncated })
    }

    /// The words for why a path is, or is not, the best of its destination.
    pub(super) fn reason<N: Describe>(&self, table: &Table<N>, key: N, path: &Path<N>) -> String {
        let explained = table.explain(&self.rib.decision, key);
        let is_it = |e: &&Explained<'_, N>| e.path.source == path.source && e.path.path_id == path.path_id;
        explained.iter().find(is_it).map(|e| reason_text(e, &explained).to_owned()).unwrap_or_default()
    }

    /// The EVPN destinations that speak of a MAC.
    fn with_mac(&self, mac: Mac) -> (Vec<AnyNlri>, bool) {
        let used = self.forwarding.iter().flat_map(|forwarding| forwarding.evpn.routes_of_mac(mac));
        self.and_unused(used, |key| key.described().mac == Some(mac))
    }

    /// The destinations that speak of an address, and the longest prefix that it is in.
    fn with_address(&self, ip: IpAddr) -> (Vec<AnyNlri>, bool) {
        let used = self.forwarding.iter().flat_map(|forwarding| forwarding.evpn.routes_of_ip(ip));
        let (mut keys, truncated) = self.and_unused(used, |key| key.described().ip == Some(ip));
        keys.extend(longest_match(&self.rib, ip).map(AnyNlri::Prefix));
        (keys, truncated)
    }

    /// The routes that VNIs use, and what else there is, as far as that may be looked for. Says whether it was cut
    /// off.
    fn and_unused(
        &self,
        used: impl Iterator<Item = EvpnKey>,
        fits: impl Fn(&EvpnKey) -> bool,
    ) -> (Vec<AnyNlri>, bool) {
        let table = &self.rib.evpn;
        let all = table.page(DestinationId(0), SCANNED as usize).map(|(_, destination)| destination.nlri());
        let refused = self.rib.refusals().flat_map(|refusal| EvpnKey::listed(&refusal.routes));
        let unused = all.chain(refused.map(|route| route.nlri)).filter(fits);
        let keys: BTreeSet<EvpnKey> = used.chain(unused).take(2 * EXPLAINED).collect();
        (keys.into_iter().map(AnyNlri::Evpn).collect(), table.id_limit().0 > SCANNED)
    }

    fn explain_one(&self, now: Instant, key: &AnyNlri, allowance: &mut Allowance) -> Option<v1::Explanation> {
        match key {
            AnyNlri::Prefix(IpNet::V4(prefix)) => {
                self.explain_prefix(now, &self.rib.ipv4, *prefix, allowance)
            }
            AnyNlri::Prefix(IpNet::V6(prefix)) => {
                self.explain_prefix(now, &self.rib.ipv6, *prefix, allowance)
            }
            AnyNlri::Evpn(key) => self.explain_evpn(now, key, allowance),
        }
    }

    fn explain_prefix<N: Describe + Into<IpNet>>(
        &self,
        now: Instant,
        table: &Table<N>,
        key: N,
        allowance: &mut Allowance,
    ) -> Option<v1::Explanation> {
        let explanation = self.explain_paths(now, table, key, allowance)?;
        let outcome = match table.get(key).and_then(|(_, destination)| destination.best()) {
            None => unused(&explanation),
            Some(best) if best.source == PeerId::LOCAL => OURS.to_owned(),
            Some(_) => self.explain_route(key.into()),
        };
        let routes = self.native.as_ref().map(|native| &native.routes);
        let row = routes.and_then(|routes| Some((routes, routes.find_row(&key.into())?)));
        let fib = row.map(|(routes, row)| route_entry(routes, &row)).into_iter().collect();
        Some(v1::Explanation { outcome, fib, ..explanation })
    }

    /// What became of a received route in the kernel.
    fn explain_route(&self, prefix: IpNet) -> String {
        let Some(row) = self.route_row(prefix) else {
            return "advertised to neighbors; the kernel's routes are not linnet's".to_owned();
        };
        match row.state() {
            v1::KernelState::Refused => format!("kept out of the kernel: {}", row.reason),
            v1::KernelState::Unreachable => format!("not in the kernel: {}", row.reason),
            _ => format!("wanted in the kernel's table {} with metric {}", row.table, row.metric),
        }
    }

    fn explain_evpn(
        &self,
        now: Instant,
        key: &EvpnKey,
        allowance: &mut Allowance,
    ) -> Option<v1::Explanation> {
        let mut explanation = self.explain_paths(now, &self.rib.evpn, *key, allowance)?;
        let Some(best) = self.rib.evpn.get(*key).and_then(|(_, destination)| destination.best()) else {
            return Some(v1::Explanation { outcome: unused(&explanation), ..explanation });
        };
        match &self.forwarding {
            None => explanation.outcome = "advertised to neighbors; EVPN is not configured here".to_owned(),
            Some(forwarding) if best.source == PeerId::LOCAL => {
                // What is ours says in which VNI it is.
                explanation.outcome = format!("{OURS}{}", contest(forwarding, best.body.label, key));
            }
            Some(forwarding) => explain_import(forwarding, key, best, &mut explanation),
        }
        Some(explanation)
    }

    /// The paths of a destination, and what policies say of them; `None` if there are none.
    fn explain_paths<N: Describe>(
        &self,
        now: Instant,
        table: &Table<N>,
        key: N,
        allowance: &mut Allowance,
    ) -> Option<v1::Explanation> {
        let now = self.clock(now);
        let explained = table.explain(&self.rib.decision, key);
        let version = table.get(key).map_or(0, |(_, destination)| destination.version().0);
        let row = |entry: &Explained<'_, N>| v1::Path {
            best: entry.lost.is_none(),
            stale: table.is_stale(entry.path),
            version,
            reason: reason_text(entry, &explained).to_owned(),
            policy_statement: self.let_in_by(key, entry.path),
            ..self.path_row(&key, entry.path, now, true)
        };
        let paths: Vec<v1::Path> = explained.iter().map(row).collect();
        let rejected = self.rejected(now, table, key);
        (!paths.is_empty() || !rejected.is_empty()).then(|| v1::Explanation {
            family: Family::name(N::FAMILY).to_owned(),
            nlri: key.to_string(),
            paths,
            rejected,
            tellings: self.tellings(table, key, allowance),
            ..v1::Explanation::default()
        })
    }
}

const OURS: &str = "originated by this node";

/// Why there is no best path.
fn unused(explanation: &v1::Explanation) -> String {
    match explanation.paths.is_empty() {
        true => "not used: no path was let in".to_owned(),
        false => "not used: there is no way to the next hop of any path".to_owned(),
    }
}

fn parse_key(text: &str) -> Answered<Key> {
    let key = text.parse().map(Key::Nlri).ok();
    let key = key.or_else(|| text.parse().map(Key::Mac).ok()).or_else(|| text.parse().map(Key::Address).ok());
    key.ok_or_else(|| {
        let expected = "expected a prefix, an EVPN key as `linnet rib` shows it, a MAC, or an IP address";
        ApiError::InvalidArgument(format!("key: `{text}`: {expected}"))
    })
}

/// What the VNIs make of a route, and the kernel's rows that follow from it.
fn explain_import(
    forwarding: &Forwarding,
    key: &EvpnKey,
    best: &Path<EvpnKey>,
    explanation: &mut v1::Explanation,
) {
    if !matches!(key, EvpnKey::MacIp { .. } | EvpnKey::Imet { .. }) {
        explanation.outcome = "advertised to neighbors; linnet makes no use of this route type".to_owned();
        return;
    }
    let takers = forwarding.evpn.explain(key, Remote { attrs: &best.attrs, body: best.body, local: false });
    let mut outcomes = Vec::new();
    for (vni, fault) in takers {
        let by = imported_by(forwarding, vni, best);
        outcomes.push(match fault {
            Some(fault) => format!("let into VNI {vni} by {by}, but refused: {fault}"),
            None => {
                let (standing, contest) =
                    (standing(forwarding, vni, key, best), contest(forwarding, vni, key));
                format!("imported into VNI {vni} by {by}{standing}{contest}")
            }
        });
        let rows = wanted_keys(vni, key).into_iter().flatten().filter_map(|key| forwarding.fib.find_row(key));
        explanation.fib.extend(rows.map(|row| entry(&forwarding.fib, &row)));
    }
    explanation.outcome = match outcomes.is_empty() {
        true => not_imported(best),
        false => outcomes.join("; "),
    };
}

fn not_imported(best: &Path<EvpnKey>) -> String {
    let targets: Vec<String> = best.attrs.route_targets().map(|target| format!("RT:{target}")).collect();
    match targets.is_empty() {
        true => "not imported: it carries no route target".to_owned(),
        false => format!("not imported: no VNI that is up imports {}", targets.join(" or ")),
    }
}

/// The route target that lets a route into a VNI.
fn imported_by(forwarding: &Forwarding, vni: Vni, best: &Path<EvpnKey>) -> String {
    let imports = forwarding.evpn.vni(vni).map(|row| row.import_rt).unwrap_or_default();
    let mut targets = best.attrs.route_targets();
    let target = targets.find(|target| imports.iter().any(|import| import.takes(*target)));
    target.map(|target| format!("RT:{target}")).unwrap_or_default()
}

/// How the election between this route and others for its MAC went, if it lost.
fn standing(forwarding: &Forwarding, vni: Vni, key: &EvpnKey, best: &Path<EvpnKey>) -> String {
    let EvpnKey::MacIp { mac, .. } = *key else { return String::new() };
    let Some(row) = forwarding.evpn.mac(vni, mac) else { return String::new() };
    let place = match row.place {
        Place::Remote(vtep) if vtep == best.attrs.next_hop.address() => return String::new(),
        Place::Remote(vtep) => format!("behind {vtep}"),
        Place::Local => "here".to_owned(),
        Place::Nowhere => return ", but the MAC is the bridge's own".to_owned(),
    };
    if row.frozen {
        return format!(", but the MAC is a duplicate and frozen {place}");
    }
    let sequence = row.local_seq.max(row.remote_seq).unwrap_or_default();
    format!(", but the MAC is {place}, with sequence {sequence}")
}

/// How the address of a route went to one of the MACs that claim it, where there are several.
fn contest(forwarding: &Forwarding, vni: Vni, key: &EvpnKey) -> String {
    let EvpnKey::MacIp { mac, ip: Some(ip), .. } = *key else { return String::new() };
    let claims = forwarding.evpn.claims(vni, ip);
    let [first, second, ..] = claims[..] else { return String::new() };
    let by = match () {
        () if first.seq > second.seq => format!("sequence {} over {}", first.seq, second.seq),
        () if first.place != second.place => "the lower VTEP".to_owned(),
        () => "the lower MAC".to_owned(),
    };
    match mac == first.mac {
        true => format!("; {second} claims {ip} as well, and this one has it by {by}"),
        false => format!("; but {first} has {ip}, by {by}"),
    }
}

/// What is asked of the kernel because of a route.
fn wanted_keys(vni: Vni, key: &EvpnKey) -> [Option<WantedKey>; 2] {
    match *key {
        EvpnKey::MacIp { mac, ip, .. } => {
            [Some(WantedKey::Mac { vni, mac }), ip.map(|ip| WantedKey::Neighbor { vni, ip })]
        }
        EvpnKey::Imet { originator, .. } => [Some(WantedKey::Flood { vni, vtep: originator }), None],
        _ => [None, None],
    }
}

/// Why a path lost, or by what the best one beat the one that came closest.
fn reason_text<N: Nlri>(entry: &Explained<'_, N>, all: &[Explained<'_, N>]) -> &'static str {
    match (entry.lost, all.iter().filter_map(|other| other.lost).max()) {
        (Some(reason), _) => lost_by(reason),
        (None, Some(reason)) => won_by(reason),
        (None, None) => "only path",
    }
}

fn lost_by(reason: Reason) -> &'static str {
    match reason {
        Reason::NextHopUnreachable => "next hop unreachable",
        Reason::LongLivedStale => "its neighbor has been away for long",
        Reason::LocalOrigin => "another is this node's own",
        Reason::Weight => "lower weight",
        Reason::LocalPref => "lower local preference",
        Reason::AsPathLength => "longer AS path",
        Reason::Origin => "higher origin",
        Reason::Med => "higher MED",
        Reason::EbgpOverIbgp => "internal, and another is external",
        Reason::IgpMetric => "next hop farther away",
        Reason::RouterId => "higher router ID",
        Reason::ClusterListLength => "longer cluster list",
        Reason::PeerAddress => "higher neighbor address",
        Reason::PathId => "higher path ID",
    }
}

/// By what a path beat another that lost at such a step.
pub(in crate::core) fn won_by(reason: Reason) -> &'static str {
    match reason {
        Reason::NextHopUnreachable => "next hop reachable",
        Reason::LongLivedStale => "the others' neighbors have been away for long",
        Reason::LocalOrigin => "this node's own",
        Reason::Weight => "higher weight",
        Reason::LocalPref => "higher local preference",
        Reason::AsPathLength => "shorter AS path",
        Reason::Origin => "lower origin",
        Reason::Med => "lower MED",
        Reason::EbgpOverIbgp => "external, and others are internal",
        Reason::IgpMetric => "next hop nearer",
        Reason::RouterId => "lower router ID",
        Reason::ClusterListLength => "shorter cluster list",
        Reason::PeerAddress => "lower neighbor address",
        Reason::PathId => "lower path ID",
    }
}

#[cfg(test)]
mod tests {
    use api::Query;
    use api::query::Answer;
    use bgp::types::RouterId;
    use bgp::wire::Attrs;

    use super::*;
    use crate::core::testing::*;

    fn explained(node: &mut Node, key: &str) -> Vec<v1::Explanation> {
        let answer = node.ask(Query::Explain(v1::ExplainRequest { key: key.to_owned() }));
        let Ok(Answer::Explain(response)) = answer else { panic!("{answer:?}") };
        assert!(!response.truncated);
        response.explanations
    }

    fn outcome(node: &mut Node, key: &EvpnKey) -> String {
        let [explanation] = &explained(node, &key.to_string())[..] else { panic!("one destination") };
        explanation.outcome.clone()
    }

    /// With one host behind 10.0.0.2 that both reflectors tell of, one after the other.
    fn node() -> (Node, EvpnKey) {
        let mut node = Node::new();
        let (vni, key) = (vni(100), mac_ip(vni(100), 2, mac(1), Some(host(5))));
        for peer in [0, 1] {
            node.up(peer);
            let cluster_list = vec![vtep(200); peer as usize + 1].into();
            let originator_id = Some(RouterId(vtep(2)));
            node.tell(peer, key, Some(Attrs { originator_id, cluster_list, ..attrs(vni, 2, 0) }));
        }
        node.run();
        (node, key)
    }

    #[test]
    fn each_path_has_its_reason_and_the_best_its_outcome() {
        let (mut node, key) = node();
        for text in [key.to_string(), mac(1).to_string(), host(5).to_string()] {
            let [explanation] = &explained(&mut node, &text)[..] else { panic!("{text}") };
            let reasons: Vec<_> =
                explanation.paths.iter().map(|path| (path.best, path.reason.as_str())).collect();
            assert_eq!(reasons, [(true, "shorter cluster list"), (false, "longer cluster list")]);
            assert_eq!(explanation.outcome, "imported into VNI 100 by RT:65000:100");
            let rows: Vec<_> = explanation.fib.iter().map(|row| (row.key.clone(), row.state())).collect();
            let programmed = |key: String| (key, v1::KernelState::Programmed);
            assert_eq!(rows, [programmed(mac(1).to_string()), programmed(host(5).to_string())]);
        }
    }

    #[test]
    fn why_a_route_is_not_used() {
        let (mut node, _) = node();
        let unwanted = mac_ip(vni(100), 3, mac(2), None);
        node.tell(0, unwanted, Some(attrs(vni(900), 3, 0)));
        let own = mac_ip(vni(100), 4, mac(3), None);
        node.tell(0, own, Some(attrs(vni(200), 4, 0)));
        let beaten = mac_ip(vni(100), 5, mac(1), None);
        node.tell(0, beaten, Some(attrs(vni(100), 5, 0)));
        node.run();
        assert_eq!(outcome(&mut node, &unwanted), "not imported: no VNI that is up imports RT:65000:900");
        assert_eq!(
            outcome(&mut node, &own),
            "let into VNI 200 by RT:65000:200, but refused: its label is another VNI"
        );
        assert_eq!(
            outcome(&mut node, &beaten),
            "imported into VNI 100 by RT:65000:100, but the MAC is behind 10.0.0.2, with sequence 0"
        );
        let unused: Vec<_> =
            explained(&mut node, &mac(2).to_string()).into_iter().map(|one| one.nlri).collect();
        assert_eq!(unused, [unwanted.to_string()], "found though no VNI has it");
    }

    #[test]
    fn an_address_is_in_its_longest_prefix() {
        let (mut node, _) = node();
        for prefix in ["10.0.0.0/8", "10.9.0.0/16", "10.9.1.0/24"] {
            let route =
                bgp::wire::Route { nlri: prefix.parse().unwrap(), path_id: Default::default(), body: () };
            node.tell_routes(0, bgp::wire::Nlris::Ipv4(vec![route]), Some(attrs(vni(1), 2, 0)));
        }
        let found: Vec<_> = explained(&mut node, "10.9.2.1").into_iter().map(|one| one.nlri).collect();
        assert_eq!(found, ["10.9.0.0/16"]);
        assert!(explained(&mut node, "192.0.2.1").is_empty());
        let wrong = node.ask(Query::Explain(v1::ExplainRequest { key: "pod1".to_owned() }));
        assert!(matches!(wrong, Err(ApiError::InvalidArgument(_))));
    }

    #[test]
    fn what_is_ours_is_said_to_be() {
        let (mut node, _) = node();
        node.local_mac(vni(100), mac(9), 0, true);
        node.run();
        let [ours] = &explained(&mut node, &mac(9).to_string())[..] else { panic!("one destination") };
        assert_eq!((ours.outcome.as_str(), ours.paths.len()), ("originated by this node", 1));
    }
}
