//! All BGP protocols together: the `bgp` section.

mod head;
mod neighbor;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};

use super::condition::Origin;
use super::ledger::Id;
use super::peer::{Book, Peer};
use super::policy::{Chosen, Policies};
use super::tree::Statement;
use super::yaml::{Line, Map, Node};

use head::Head;
use neighbor::{decide, families, identity, is_internal, local_as, password, reach, written};

/// A file that has to be made by hand, as a password is printed nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// Where BIRD's file has the password: file, line and column.
    pub place: String,
    /// The file that it belongs into.
    pub file: String,
}

/// What BIRD's protocols for BGP are.
#[derive(Debug, Default)]
pub(super) struct Bgp<'s> {
    templates: Vec<Peer<'s>>,
    protocols: Vec<Peer<'s>>,
}

/// What the file says of this speaker outside of any protocol.
#[derive(Debug, Default)]
pub(super) struct Speaker {
    pub(super) router_id: Option<(Ipv4Addr, Id)>,
    /// BIRD 1's `listen bgp`.
    pub(super) listen: Option<(Vec<IpAddr>, Option<u16>, Id)>,
    pub(super) bfd: Map,
    pub(super) multipath: Option<(u16, Id)>,
}

impl<'s> Bgp<'s> {
    /// Reads the protocols and the templates that they take from.
    pub(super) fn read(statements: &'s [Statement], book: &mut Book<'_>) -> Bgp<'s> {
        let heads: Vec<Head<'s>> = statements.iter().filter_map(Head::of).collect();
        let templates: HashMap<&str, &Head<'_>> =
            heads.iter().filter(|head| head.is_template).map(|head| (head.name.as_str(), head)).collect();
        let mut used = HashSet::new();
        for head in heads.iter().filter(|head| !head.is_template) {
            let mut next = head.from;
            while let Some(template) =
                next.filter(|name| used.insert(*name)).and_then(|name| templates.get(name))
            {
                next = template.from;
            }
        }
        let mut bgp = Bgp::default();
        for head in &heads {
            if head.is_template && !used.contains(head.name.as_str()) {
                book.ledger.needless(head.statement.id, "no protocol takes from this template");
                continue;
            }
            let template =
                head.from.and_then(|from| bgp.templates.iter().find(|template| template.name == from));
            let whole = template.map(|template| template.whole.clone()).unwrap_or_default();
            if head.from.is_some() && template.is_none() {
                book.ledger.dropped(head.statement.id, "takes from a template that stands nowhere above it");
            }
            book.ledger.carried(head.statement.id);
            let from = template.map(|template| template.name.clone());
            let peer = Peer::read(head.statement, head.name.clone(), from, whole, book);
            if head.is_template { bgp.templates.push(peer) } else { bgp.protocols.push(peer) }
        }
        bgp
    }

    /// Whose routes are those of which protocol.
    pub(super) fn origins(&self) -> impl Iterator<Item = (String, Origin)> {
        self.protocols
            .iter()
            .filter_map(|peer| Some((peer.name.clone(), Origin::Neighbor(peer.whole.address?))))
    }

    /// The AS that most protocols are of, and the statement that says so first.
    fn asn(&self) -> Option<(u32, Id)> {
        let mut counts: BTreeMap<u32, (usize, Id)> = BTreeMap::new();
        for (asn, id) in self.protocols.iter().filter_map(|peer| peer.whole.local_as) {
            counts.entry(asn).or_insert((0, id)).0 += 1;
        }
        let most = counts.iter().max_by_key(|(asn, (count, _))| (*count, std::cmp::Reverse(**asn)));
        most.map(|(asn, (_, id))| (*asn, *id))
    }

    /// The section.
    pub(super) fn section(
        mut self,
        speaker: Speaker,
        policies: &mut Policies<'s>,
        secrets: &mut Vec<Secret>,
        book: &mut Book<'_>,
    ) -> Map {
        let mut section = Map::new();
        let asn = self.asn();
        section.push((
            "asn".into(),
            match asn {
                Some((asn, id)) => Node::number(asn).with(book.comment(id)),
                None => Node::number(65_000_u32).with("REPLACE: no `protocol bgp` says which AS this is"),
            },
        ));
        section.push(("router_id".into(), self.router_id(&speaker, book)));
        self.listen(&speaker, &mut section, book);
        self.cluster(&mut section, book);
        if let Some((paths, id)) = speaker.multipath {
            let paths = |_| Node::number(paths).plain();
            let multipath = ["ebgp", "ibgp"].map(|key| (key.to_owned(), paths(key)));
            section.push(("multipath".into(), Node::Map(multipath.into()).with(book.comment(id))));
        }
        if !speaker.bfd.is_empty() {
            section.push(("bfd".into(), Node::Map(speaker.bfd).plain()));
        }
        let asn = asn.map(|(asn, _)| asn);
        let chosen = self.groups(asn, policies, &mut section, book);
        self.neighbors(asn, &chosen, policies, secrets, &mut section, book);
        section
    }

    fn router_id(&self, speaker: &Speaker, book: &Book<'_>) -> Line {
        if let Some((id, statement)) = speaker.router_id {
            return Node::text(&id.to_string()).with(book.comment(statement));
        }
        let source = self.protocols.iter().find_map(|peer| match peer.whole.source {
            Some(IpAddr::V4(source)) => Some(source),
            _ => None,
        });
        match source {
            Some(source) => Node::text(&source.to_string()).with("BIRD took an address of an interface"),
            None => Node::text("192.0.2.1")
                .with("REPLACE by an address of this node: BIRD took one of an interface"),
        }
    }

    /// BIRD listens at all addresses unless it is told otherwise.
    fn listen(&self, speaker: &Speaker, section: &mut Map, book: &mut Book<'_>) {
        let all = || vec![Ipv4Addr::UNSPECIFIED.into(), std::net::Ipv6Addr::UNSPECIFIED.into()];
        let (addresses, mut port, mut from) = match &speaker.listen {
            Some((addresses, port, id)) if addresses.is_empty() => (all(), *port, Some(*id)),
            Some((addresses, port, id)) => (addresses.clone(), *port, Some(*id)),
            None => (all(), None, None),
        };
        for (own, id) in self.templates.iter().chain(&self.protocols).filter_map(|peer| peer.own.port) {
            match port {
                Some(port) if port != own => {
                    book.ledger
                        .dropped(id, "listened at another port than other protocols; linnetd listens at one");
                }
                _ => (port, from) = (Some(own), Some(id)),
            }
        }
        let mut listen =
            vec![("addresses".to_owned(), Node::texts(addresses.iter().map(IpAddr::to_string)).plain())];
        listen.extend(port.map(|port| ("port".to_owned(), Node::number(port).plain())));
        let comment = from.map_or_else(|| "as BIRD does".to_owned(), |id| book.comment(id));
        section.push(("listen".into(), Node::Map(listen).with(comment)));
    }

    fn cluster(&self, section: &mut Map, book: &mut Book<'_>) {
        let mut ids = self.templates.iter().chain(&self.protocols).filter_map(|peer| peer.own.cluster);
        let Some((id, statement)) = ids.next() else { return };
        section.push(("cluster_id".into(), Node::text(&id.to_string()).with(book.comment(statement))));
        for (_, statement) in ids.filter(|(other, _)| *other != id) {
            book.ledger.dropped(
                statement,
                "is another cluster than that of other protocols; a linnetd is of one, bgp.cluster_id",
            );
        }
    }

    /// The peer groups; says which policies each has, for import and export.
    fn groups(
        &mut self,
        asn: Option<u32>,
        policies: &mut Policies<'s>,
        section: &mut Map,
        book: &mut Book<'_>,
    ) -> HashMap<String, [Option<Chosen>; 2]> {
        let mut chosen: HashMap<String, [Option<Chosen>; 2]> = HashMap::new();
        let mut list = Vec::new();
        let internal = self.internal_templates(asn);
        for mut peer in std::mem::take(&mut self.templates) {
            let inherited =
                peer.template.as_ref().and_then(|name| chosen.get(name)).cloned().unwrap_or_default();
            let internal = internal.contains(&peer.name);
            let says = [peer.own.import || peer.own.channels, peer.own.export || peer.own.channels];
            let own = decide(&mut peer, says, inherited, internal, policies, book);
            chosen.insert(peer.name.clone(), own);
            reach(&mut peer, book);
            families(&mut peer);
            password(&mut peer, &mut Vec::new(), book);
            let name = peer.name.clone();
            peer.set("name", Node::text(&name).plain());
            list.push(written(peer, book));
        }
        if !list.is_empty() {
            section.push(("peer_groups".into(), Node::List(list).plain()));
        }
        chosen
    }

    /// Templates that only neighbours in this AS take from.
    fn internal_templates(&self, asn: Option<u32>) -> HashSet<String> {
        let mut all: HashMap<&str, bool> = HashMap::new();
        for peer in &self.protocols {
            let internal = is_internal(&peer.whole, asn);
            let mut next = peer.template.as_deref();
            let mut steps = 0_usize;
            while let Some(name) = next.filter(|_| steps <= self.templates.len()) {
                *all.entry(name).or_insert(true) &= internal;
                next = self
                    .templates
                    .iter()
                    .find(|template| template.name == name)
                    .and_then(|t| t.template.as_deref());
                steps += 1;
            }
        }
        all.into_iter().filter(|(_, internal)| *internal).map(|(name, _)| name.to_owned()).collect()
    }

    fn neighbors(
        self,
        asn: Option<u32>,
        chosen: &HashMap<String, [Option<Chosen>; 2]>,
        policies: &mut Policies<'s>,
        secrets: &mut Vec<Secret>,
        section: &mut Map,
        book: &mut Book<'_>,
    ) {
        let (mut named, mut ranges) = (Vec::new(), Vec::new());
        let mut seen = HashSet::new();
        for mut peer in self.protocols {
            let internal = is_internal(&peer.whole, asn);
            let Some(is_range) = identity(&mut peer, &mut seen, book) else { continue };
            let inherited =
                peer.template.as_ref().and_then(|name| chosen.get(name)).cloned().unwrap_or_default();
            decide(&mut peer, [true, true], inherited, internal, policies, book);
            local_as(&mut peer, asn, internal, book);
            reach(&mut peer, book);
            families(&mut peer);
            password(&mut peer, secrets, book);
            if let Some(group) = peer.template.clone() {
                peer.set("peer_group", Node::text(&group).plain());
            }
            let name = peer.name.clone();
            let description = peer.own.description.take().unwrap_or_else(|| Node::text(&name).plain());
            peer.set("description", description);
            if is_range { &mut ranges } else { &mut named }.push(written(peer, book));
        }
        for (key, list) in [("neighbors", named), ("dynamic_neighbors", ranges)] {
            if !list.is_empty() {
                section.push((key.into(), Node::List(list).plain()));
            }
        }
    }
}
