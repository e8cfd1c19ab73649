//! Routes that programs put into the table: each stream of the API is a source of its own, and what it has brought goes
//! when it ends.
//!
//! A source is lent an id among the neighbours', so that the Rib keeps its routes apart from this speaker's own and
//! from those of other streams, and sweeps them as it does a lost neighbour's. Its kind is `Local`: the routes are
//! preferred and sent like what linnet originates. This node takes them as it takes what it receives: a Type 2 of a
//! VNI that it serves goes into the kernel. A prefix may have this node as its next hop, and then means nothing to its
//! kernel; an EVPN route may not.
//!
//! The server tells when a stream ends, also when its client is killed; a lease is for clients that hang.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::query::{ApiError, Injection, MAX_INJECTIONS};
use api::v1;
use bgp::rib::{Admission, Source, SourceKind};
use bgp::types::{Asn, Family, PeerId, Vni};
use bgp::wire::{
    Attrs, Community, EvpnBody, EvpnKey, ExtCommunity, NextHop, Nlris, PmsiTunnel, Route, RouteTarget,
    TunnelType,
};

use super::Core;
use crate::config::BgpConfig;

use super::answer::{Answered, AnyNlri, parse};

/// How many routes a stream may have: what a test of a full table needs.
const ROUTES: usize = 1 << 20;

/// The longest name.
const NAME: usize = 32;

/// A stream that brings routes.
#[derive(Debug)]
pub(super) struct Injector {
    stream: u64,
    id: PeerId,
    lease: Option<Duration>,
    /// When its routes go, unless it says something.
    ends: Option<Instant>,
}

impl Core {
    /// Does what a stream asks for, or ends what it has.
    pub(super) fn inject(&mut self, now: Instant, injection: &Injection) -> Answered<v1::InjectResponse> {
        let Injection { stream, request, ended } = injection;
        if *ended {
            self.end_injectors(|injector| injector.stream == *stream);
            return Ok(v1::InjectResponse::default());
        }
        let Some(request) = request else { return Err(invalid("an empty request")) };
        let asn = self.config.bgp.asn;
        let added: Vec<(Attrs, Nlris)> =
            request.add.iter().map(|added| route(added, asn)).collect::<Answered<_>>()?;
        let withdrawn: Vec<Nlris> = request
            .withdraw
            .iter()
            .map(|key| Ok(nlris(parse("withdraw", key)?, None)))
            .collect::<Answered<_>>()?;
        let id = self.injector(now, *stream, request)?;
        if self.injected(id) + added.len() > ROUTES {
            return Err(ApiError::Exhausted(format!("a stream may have {ROUTES} routes")));
        }
        withdrawn.iter().for_each(|routes| self.rib.withdraw(id, routes));
        let learned = self.clock(now);
        for ((attrs, routes), asked) in added.into_iter().zip(&request.add) {
            if let Err(reason) = self.rib.announce(id, learned, &Arc::new(attrs), &routes) {
                let (nlri, reason) = (&asked.nlri, reason.name());
                return Err(invalid(&format!("{nlri}: refused, as from a neighbour: {reason}")));
            }
        }
        Ok(v1::InjectResponse { paths: self.injected(id) as u64 })
    }

    /// The source of a stream, which is made by its first request; each renews its lease.
    fn injector(&mut self, now: Instant, stream: u64, request: &v1::InjectRequest) -> Answered<PeerId> {
        if let Some(injector) = self.injectors.iter_mut().find(|injector| injector.stream == stream) {
            injector.ends = injector.lease.map(|lease| now + lease);
            return Ok(injector.id);
        }
        if self.injectors.len() >= MAX_INJECTIONS {
            return Err(ApiError::Exhausted(format!("{MAX_INJECTIONS} streams inject already, no more may")));
        }
        check_name(&request.name)?;
        let lease = Duration::from_secs(request.lease_seconds.into());
        let lease = (!lease.is_zero()).then_some(lease);
        let id = self.peers.lend(&request.name);
        self.rib.peer_up(id, source(&self.config.bgp));
        self.injectors.push(Injector { stream, id, lease, ends: lease.map(|lease| now + lease) });
        Ok(id)
    }

    /// This speaker is somebody else now.
    pub(super) fn renew_injectors(&mut self) {
        let source = source(&self.config.bgp);
        self.injectors.iter().for_each(|injector| self.rib.peer_up(injector.id, source));
    }

    fn injected(&self, id: PeerId) -> usize {
        Family::ALL.into_iter().map(|family| self.rib.counts(id, family).paths).sum()
    }

    /// Withdraws what those streams have brought that say nothing any more.
    pub(super) fn end_overdue_injectors(&mut self, now: Instant) {
        self.end_injectors(|injector| injector.ends.is_some_and(|ends| ends <= now));
    }

    /// When the next lease is over.
    pub(super) fn leases_end(&self) -> Option<Instant> {
        self.injectors.iter().filter_map(|injector| injector.ends).min()
    }

    fn end_injectors(&mut self, over: impl Fn(&Injector) -> bool) {
        let ended: Vec<Injector> = self.injectors.extract_if(.., |injector| over(injector)).collect();
        for Injector { id, .. } in ended {
            self.rib.peer_down(id);
            self.peers.give_back(id);
        }
    }
}

/// A stream's source is this speaker under another id.
fn source(bgp: &BgpConfig) -> Source {
    Source {
        kind: SourceKind::Local,
        asn: bgp.asn,
        router_id: bgp.router_id,
        address: IpAddr::V4(bgp.router_id.0),
        client: false,
        weight: 0,
        local_pref: bgp.default_local_pref,
        admission: Admission::default(),
        local_as: None,
    }
}

fn invalid(what: &str) -> ApiError {
    ApiError::InvalidArgument(what.to_owned())
}

fn check_name(name: &str) -> Answered<()> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    match !name.is_empty() && name.len() <= NAME && name.chars().all(is_name) {
        true => Ok(()),
        false => Err(invalid(&format!("name: `{name}`: 1 to {NAME} letters, digits, `-`, `_` or `.`"))),
    }
}

/// What a request says of a route.
fn route(asked: &v1::InjectedRoute, asn: Asn) -> Answered<(Attrs, Nlris)> {
    let key: AnyNlri = parse("nlri", &asked.nlri)?;
    let address: IpAddr = parse("next_hop", &asked.next_hop)?;
    let vni = asked.vni.map(|vni| Vni::new(vni).ok_or_else(|| invalid("vni: 0 to 16777215"))).transpose()?;
    let mut attrs = Attrs::new(match address {
        IpAddr::V4(ip) => NextHop::Ipv4(ip),
        IpAddr::V6(ip) => NextHop::Ipv6(ip),
    });
    attrs.local_pref = asked.local_pref;
    attrs.med = asked.med;
    attrs.as_path = parse("as_path", &asked.as_path)?;
    attrs.communities = asked
        .communities
        .iter()
        .map(|text| parse::<Community>("communities", text))
        .collect::<Answered<_>>()?;
    if let AnyNlri::Evpn(key) = &key {
        describe_evpn(key, asked, vni, asn, &mut attrs)?;
    }
    Ok((attrs, nlris(key, vni)))
}

/// What EVPN wants besides (RFC 7432 section 7, RFC 8365 section 5.1.3).
fn describe_evpn(
    key: &EvpnKey,
    asked: &v1::InjectedRoute,
    vni: Option<Vni>,
    asn: Asn,
    attrs: &mut Attrs,
) -> Answered<()> {
    let needs_vni = matches!(key, EvpnKey::MacIp { .. } | EvpnKey::Imet { .. } | EvpnKey::IpPrefix { .. });
    let mut targets: Vec<RouteTarget> =
        asked.route_targets.iter().map(|text| parse("route_targets", text)).collect::<Answered<_>>()?;
    match vni {
        None if needs_vni => return Err(invalid(&format!("vni: {} needs one", asked.nlri))),
        Some(vni) if targets.is_empty() => targets.push(RouteTarget::As2(asn.0 as u16, vni.get())),
        _ => {}
    }
    let encapsulation = ExtCommunity::encapsulation(TunnelType::VXLAN);
    attrs.ext_communities = targets.into_iter().map(ExtCommunity::from).chain([encapsulation]).collect();
    if let (EvpnKey::Imet { originator, .. }, Some(vni)) = (key, vni) {
        attrs.pmsi = Some(Box::new(PmsiTunnel::ingress_replication(vni, *originator)));
    }
    Ok(())
}

fn nlris(key: AnyNlri, vni: Option<Vni>) -> Nlris {
    match key {
        AnyNlri::Prefix(prefix) => prefix.into(),
        AnyNlri::Evpn(nlri) => {
            // A Type 3 has its VNI in the tunnel attribute.
            let label = vni.filter(|_| !matches!(nlri, EvpnKey::Imet { .. })).unwrap_or_default();
            Nlris::Evpn(vec![Route::new(nlri, EvpnBody { label, ..EvpnBody::default() })])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::testing::Node;

    const HOST: &str = "[2]:[10.0.0.9:1]:[0]:[48]:[02:00:00:00:00:50]:[32]:[10.1.0.5]";

    fn added(nlri: &str) -> v1::InjectedRoute {
        v1::InjectedRoute {
            nlri: nlri.into(),
            next_hop: "10.0.0.9".into(),
            vni: Some(100),
            ..Default::default()
        }
    }

    fn say(node: &mut Node, stream: u64, request: v1::InjectRequest) -> Answered<u64> {
        let injection = Injection { stream, request: Some(request), ended: false };
        node.core.inject(node.now, &injection).map(|answer| answer.paths)
    }

    fn add(node: &mut Node, stream: u64, nlri: &str) -> Answered<u64> {
        let request =
            v1::InjectRequest { name: format!("test{stream}"), add: vec![added(nlri)], ..Default::default() };
        say(node, stream, request)
    }

    fn end(node: &mut Node, stream: u64) {
        node.core.inject(node.now, &Injection { stream, request: None, ended: true }).unwrap();
        node.run();
    }

    fn sources(node: &Node) -> Vec<String> {
        let Some((_, destination)) = node.core.rib.ipv4.get("10.7.0.0/16".parse().unwrap()) else {
            return vec![];
        };
        destination.paths().map(|path| node.core.source_name(path.source)).collect()
    }

    #[test]
    fn two_streams_have_the_same_route_and_each_takes_its_own_away() {
        let mut node = Node::new();
        assert_eq!((add(&mut node, 1, "10.7.0.0/16"), add(&mut node, 2, "10.7.0.0/16")), (Ok(1), Ok(1)));
        assert_eq!(add(&mut node, 1, HOST), Ok(2));
        let mut both = sources(&node);
        both.sort();
        assert_eq!(both, ["injected by test1", "injected by test2"]);
        end(&mut node, 1);
        assert_eq!(sources(&node), ["injected by test2"]);
        let request = v1::InjectRequest { withdraw: vec!["10.7.0.0/16".into()], ..Default::default() };
        assert_eq!(say(&mut node, 2, request), Ok(0));
        end(&mut node, 2);
        assert_eq!(sources(&node), [] as [&str; 0]);
        assert!(node.core.injectors.is_empty());
    }

    #[test]
    fn a_prefix_may_be_said_to_be_here() {
        let mut node = Node::native("", &[]);
        let mut here = added("10.7.0.0/16");
        here.next_hop = "10.0.1.254".into();
        let request = v1::InjectRequest { name: "a".into(), add: vec![here], ..Default::default() };
        assert_eq!(say(&mut node, 1, request), Ok(1));
        node.run();
        assert_eq!(sources(&node), ["injected by a"]);
        let refused = node.core.native.as_ref().map(|native| native.refused());
        assert_eq!(refused, Some(1), "it is not for this node's kernel");
    }

    #[test]
    fn a_lease_ends_unless_something_is_said() {
        let mut node = Node::new();
        let lease =
            |add| v1::InjectRequest { name: "a".into(), lease_seconds: 10, add, ..Default::default() };
        say(&mut node, 1, lease(vec![added("10.7.0.0/16")])).unwrap();
        node.now += Duration::from_secs(9);
        say(&mut node, 1, lease(vec![])).unwrap();
        node.now += Duration::from_secs(9);
        node.run();
        assert_eq!(sources(&node).len(), 1);
        assert!(node.core.poll_timeout(node.now) <= Some(node.now + Duration::from_secs(1)));
        node.now += Duration::from_secs(1);
        node.run();
        assert_eq!(sources(&node).len(), 0);
    }

    #[test]
    fn what_is_wrong_is_said_and_takes_nothing() {
        let mut node = Node::new();
        let wrong = |change: fn(&mut v1::InjectedRoute)| {
            let mut route = added("10.7.0.0/16");
            change(&mut route);
            v1::InjectRequest {
                name: "a".into(),
                add: vec![added("10.8.0.0/16"), route],
                ..Default::default()
            }
        };
        for (request, word) in [
            (wrong(|route| route.nlri = "x".into()), "nlri"),
            (wrong(|route| route.next_hop.clear()), "next_hop"),
            (wrong(|route| (route.nlri, route.vni) = (HOST.into(), None)), "vni"),
            (wrong(|route| route.communities = vec!["x".into()]), "communities"),
            (v1::InjectRequest { name: "a b".into(), ..Default::default() }, "name"),
        ] {
            let said = say(&mut node, 1, request).unwrap_err().to_string();
            assert!(said.contains(word), "{said}");
        }
        assert_eq!(node.core.rib.ipv4.paths(), 0);
        for stream in 0..MAX_INJECTIONS as u64 {
            add(&mut node, stream, "10.7.0.0/16").unwrap();
        }
        assert!(matches!(add(&mut node, 99, "10.7.0.0/16"), Err(ApiError::Exhausted(_))));
    }
}
