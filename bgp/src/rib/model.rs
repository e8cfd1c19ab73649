//! The table against a naive model: random histories of sources and readers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use ipnet::Ipv4Net;
use proptest::collection::vec;
use proptest::prelude::*;

use super::testing::{VARIANTS, decision, key, route, variant};
use super::{Budget, CursorId, Decision, DestinationId, PeerCounts, Sources, Table, Version};
use crate::types::{PathId, PeerId};
use crate::wire::Route;

const PEERS: u32 = 5;
const KEYS: u32 = 12;

#[derive(Clone, Debug)]
enum Op {
    Announce {
        peer: u32,
        key: u32,
        path_id: u32,
        variant: u32,
    },
    Withdraw {
        peer: u32,
        key: u32,
        path_id: u32,
    },
    MarkStale(u32),
    DiscardStale(u32),
    Sweep(usize),
    /// A reader begins, of best paths or of all.
    Open {
        all: bool,
    },
    Read {
        reader: usize,
        limit: usize,
    },
    Close(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let path = || (0..PEERS, 0..KEYS, 0..2u32);
    prop_oneof![
        8 => (path(), 0..VARIANTS).prop_map(|((peer, key, path_id), variant)|
            Op::Announce { peer, key, path_id, variant }),
        6 => path().prop_map(|(peer, key, path_id)| Op::Withdraw { peer, key, path_id }),
        1 => (0..PEERS).prop_map(Op::MarkStale),
        1 => (0..PEERS).prop_map(Op::DiscardStale),
        1 => (0..20usize).prop_map(Op::Sweep),
        1 => any::<bool>().prop_map(|all| Op::Open { all }),
        4 => (0..4usize, 1..12usize).prop_map(|(reader, limit)| Op::Read { reader, limit }),
        1 => (0..4usize).prop_map(Op::Close),
    ]
}

/// A path's identity and content, as a reader may know it.
type Seen = (PeerId, PathId, u32);

#[derive(Default)]
struct Model {
    /// By key and identity: content, and whether it is stale.
    paths: BTreeMap<(u32, PeerId, PathId), (u32, bool)>,
    discarding: BTreeMap<PeerId, bool>,
}

struct Reader {
    cursor: CursorId,
    all: bool,
    at: Version,
    view: View,
}

/// What a reader has made of what it was told: of each destination the key, and its paths by what identifies
/// them; of a reader of best paths, the best.
type View = BTreeMap<DestinationId, (Ipv4Net, BTreeSet<Seen>)>;

struct World {
    table: Table<Ipv4Net>,
    decision: Decision,
    model: Model,
    readers: Vec<Reader>,
}

impl World {
    fn new() -> World {
        let readers = Vec::new();
        World { table: Table::new(1), decision: decision(PEERS), model: Model::default(), readers }
    }

    fn step(&mut self, op: &Op) {
        match *op {
            Op::Announce { peer, key, path_id, variant: v } => {
                let route = Route { path_id: PathId(path_id), ..route(key) };
                // MED makes the difference between these; the content is told apart by it and the rest.
                self.table.announce(&self.decision, PeerId(peer), v, &variant(v), &[route]);
                self.model.announce(key, PeerId(peer), PathId(path_id), v);
            }
            Op::Withdraw { peer, key, path_id } => {
                let route = Route { path_id: PathId(path_id), ..route(key) };
                self.table.withdraw(&self.decision, PeerId(peer), &[route]);
                self.model.paths.remove(&(key, PeerId(peer), PathId(path_id)));
            }
            Op::MarkStale(peer) => {
                self.table.mark_stale(PeerId(peer));
                self.model.mark_stale(PeerId(peer));
            }
            Op::DiscardStale(peer) => {
                self.table.discard_stale(PeerId(peer));
                // Swept to the end, as the model knows no half: slices are tested beside the sweep.
                while self.table.sweep(&self.decision, &mut Budget::new(3)) {}
                self.model.paths.retain(|(_, source, _), (_, stale)| *source != PeerId(peer) || !*stale);
            }
            Op::Sweep(budget) => drop(self.table.sweep(&self.decision, &mut Budget::new(budget))),
            Op::Open { all } => {
                let cursor = match all {
                    true => self.table.open_paths_cursor(Version(0)),
                    false => self.table.open_cursor(Version(0)),
                };
                self.readers.push(Reader { cursor, all, at: Version(0), view: BTreeMap::new() });
            }
            Op::Read { reader, limit } => {
                if let Some(reader) = self.readers.get_mut(reader) {
                    reader.read(&mut self.table, limit);
                }
            }
            Op::Close(reader) => {
                if reader < self.readers.len() {
                    self.table.close_cursor(self.readers.swap_remove(reader).cursor);
                }
            }
        }
    }

    fn check(&mut self) {
        let expected = self.model.best(&self.decision.sources);
        let best: BTreeMap<_, _> = self
            .table
            .page(DestinationId(0), usize::MAX)
            .filter_map(|(_, d)| Some((d.nlri(), seen(d.best()?))))
            .collect();
        assert_eq!(best, expected);
        assert_eq!(self.table.destinations(), expected.len());
        assert_eq!(self.table.paths(), self.model.paths.len());
        for peer in (0..PEERS).map(PeerId) {
            assert_eq!(self.table.counts(peer), self.model.counts(peer));
        }
    }

    /// Every reader, and one that starts now, ends with the right table.
    fn finish(mut self) {
        self.step(&Op::Open { all: false });
        self.step(&Op::Open { all: true });
        let expected = self.model.best(&self.decision.sources);
        let newest = self.table.changes(Version(0), usize::MAX).filter(|c| c.best.is_some()).count();
        assert_eq!(newest, expected.len(), "each destination once");
        for reader in &mut self.readers {
            while reader.at < self.table.head() {
                reader.read(&mut self.table, 5);
            }
            let view: BTreeMap<_, _> = reader.view.values().cloned().collect();
            match reader.all {
                true => assert_eq!(view, self.model.all()),
                false => assert_eq!(
                    view,
                    expected.iter().map(|(&key, &best)| (key, [best].into())).collect::<BTreeMap<_, _>>()
                ),
            }
        }
        while self.table.sweep(&self.decision, &mut Budget::new(3)) {}
        let kept = self.table.page(DestinationId(0), usize::MAX).count();
        assert_eq!(kept, expected.len(), "what all have seen go is free");
    }
}

impl Model {
    fn announce(&mut self, key: u32, peer: PeerId, path_id: PathId, variant: u32) {
        self.paths.insert((key, peer, path_id), (variant, false));
    }

    fn mark_stale(&mut self, peer: PeerId) {
        let of_peer = self.paths.iter_mut().filter(|((_, source, _), _)| *source == peer);
        of_peer.for_each(|(_, (_, stale))| *stale = true);
        self.discarding.remove(&peer);
    }

    fn counts(&self, peer: PeerId) -> PeerCounts {
        let of_peer = || self.paths.iter().filter(|((_, source, _), _)| *source == peer);
        PeerCounts { paths: of_peer().count(), stale: of_peer().filter(|(_, (_, stale))| *stale).count() }
    }

    /// All paths of each destination.
    fn all(&self) -> BTreeMap<Ipv4Net, BTreeSet<Seen>> {
        let mut all = BTreeMap::<_, BTreeSet<_>>::new();
        for (&(k, source, path_id), &(variant, _)) in &self.paths {
            all.entry(key(k)).or_default().insert(content((source, path_id, variant)));
        }
        all
    }

    fn best(&self, sources: &Sources) -> BTreeMap<Ipv4Net, Seen> {
        let mut best = BTreeMap::new();
        for k in 0..KEYS {
            let paths: Vec<Seen> = self
                .paths
                .range((k, PeerId(0), PathId(0))..(k + 1, PeerId(0), PathId(0)))
                .map(|((_, source, path_id), (variant, _))| (*source, *path_id, *variant))
                .collect();
            if let Some(winner) = winner(&paths, sources) {
                best.insert(key(k), content(winner));
            }
        }
        best
    }
}

impl Reader {
    fn read(&mut self, table: &mut Table<Ipv4Net>, limit: usize) {
        let mut changes = match self.all {
            true => table.path_changes(self.at, limit),
            false => table.changes(self.at, limit),
        };
        let mut last = self.at;
        for change in changes.by_ref() {
            assert!(change.version > last, "in order of version");
            last = change.version;
            if let Some((nlri, _)) = self.view.remove(&change.id) {
                assert_eq!(nlri, change.nlri, "an id is not given away before all know");
            }
            let paths: BTreeSet<_> = match self.all {
                true => change.destination.paths().map(seen).collect(),
                false => change.best.map(seen).into_iter().collect(),
            };
            if !paths.is_empty() {
                self.view.insert(change.id, (change.nlri, paths));
            }
        }
        assert!(changes.seen() <= limit);
        self.at = changes.reached();
        table.advance(&self.cursor, self.at);
    }
}

/// The `learned` field carries the variant in this test; an equal announcement keeps the older one, so what
/// is compared is what the variant stands for.
fn seen(path: &super::Path<Ipv4Net>) -> Seen {
    content((path.source, path.path_id, path.learned))
}

/// The smallest variant with the same attributes.
fn content((source, path_id, v): Seen) -> Seen {
    static SMALLEST: LazyLock<Vec<u32>> = LazyLock::new(|| {
        let smallest = |v| (0..=v).find(|&smaller| variant(smaller) == variant(v)).unwrap_or(v);
        (0..VARIANTS).map(smallest).collect()
    });
    (source, path_id, SMALLEST[v as usize])
}

/// RFC 4271 section 9.1.2 word for word, and slowly: steps a to c and LOCAL_PREF strike out, the rest sorts.
fn winner(paths: &[Seen], sources: &Sources) -> Option<Seen> {
    let attrs = |p: &Seen| variant(p.2);
    let first = |p: &Seen| {
        let attrs = attrs(p);
        (std::cmp::Reverse(attrs.local_pref.unwrap_or(100)), attrs.as_path.hops(), attrs.origin)
    };
    let lowest = paths.iter().map(first).min()?;
    let equal: Vec<_> = paths.iter().filter(|p| first(p) == lowest).collect();
    let survives_med = |p: &Seen| {
        equal.iter().all(|other| {
            let (a, b) = (attrs(other), attrs(p));
            a.as_path.neighbor() != b.as_path.neighbor() || a.med.unwrap_or(0) >= b.med.unwrap_or(0)
        })
    };
    let last = |p: &Seen| {
        let source = sources.get(p.0);
        (source.kind != super::SourceKind::Ebgp, source.router_id, source.address, p.0, p.1)
    };
    equal.iter().copied().copied().filter(survives_med).min_by_key(last)
}

proptest! {
    #[test]
    fn table_and_log_agree_with_the_model(ops in vec(op(), 1..200)) {
        let mut world = World::new();
        for op in &ops {
            world.step(op);
            world.check();
        }
        world.finish();
    }
}
