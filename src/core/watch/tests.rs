//! Readers of every speed, beside lists of the same rows.

use std::collections::BTreeMap;
use std::time::Duration;

use api::query::{Answer, ApiError, ChangesRequest};
use api::v1::change::Row;
use api::{Query, v1};
use bgp::types::PathId;
use bgp::wire::{Nlris, Route};
use proptest::prelude::*;
use tokio::sync::oneshot;

use super::row::without_counters;
use crate::core::testing::*;

const TOPICS: [v1::Topic; 4] = [v1::Topic::Rib, v1::Topic::Evpn, v1::Topic::Fib, v1::Topic::Neighbor];

type Rows = BTreeMap<String, Row>;

/// Applies what it is told.
struct Reader {
    watch: v1::WatchRequest,
    max: usize,
    rows: Rows,
    synced: bool,
    /// How often it had to begin anew.
    expired: usize,
    asked: Option<oneshot::Receiver<Result<Answer, ApiError>>>,
}

impl Reader {
    fn new(topics: &[v1::Topic], max: usize) -> Reader {
        let topics = topics.iter().map(|topic| (*topic).into()).collect();
        let watch = v1::WatchRequest { topics, ..Default::default() };
        Reader { watch, max, rows: Rows::new(), synced: false, expired: 0, asked: None }
    }

    /// Asks unless it has asked already, and takes the answer if there is one. Says whether there was.
    fn read(&mut self, node: &mut Node) -> bool {
        let (watch, max) = (self.watch.clone(), self.max);
        let asked =
            self.asked.take().unwrap_or_else(|| node.request(Query::Changes(ChangesRequest { watch, max })));
        node.run();
        self.take(asked)
    }

    fn take(&mut self, mut asked: oneshot::Receiver<Result<Answer, ApiError>>) -> bool {
        match asked.try_recv() {
            Ok(Ok(Answer::Changes(response))) => self.apply(*response),
            Ok(Err(ApiError::Expired(_))) => self.begin_anew(),
            Ok(answer) => panic!("{answer:?}"),
            Err(_) => {
                self.asked = Some(asked);
                return false;
            }
        }
        true
    }

    fn apply(&mut self, response: v1::WatchResponse) {
        assert!(response.changes.len() <= self.max);
        assert!(response.synced || !self.synced, "once synced, always synced");
        self.synced = response.synced;
        self.watch.resume_token = response.resume_token;
        for change in response.changes {
            let row = comparable(change.row.clone().unwrap());
            match change.kind() {
                v1::ChangeKind::Put => self.rows.insert(name(&row), row),
                _ => self.rows.remove(&name(&row)),
            };
        }
    }

    fn begin_anew(&mut self) {
        self.rows.clear();
        (self.synced, self.expired) = (false, self.expired + 1);
        self.watch.resume_token.clear();
    }

    fn catch_up(&mut self, node: &mut Node) {
        let answers = (0..10_000).take_while(|_| self.read(node)).count();
        assert!(self.synced && answers < 10_000);
    }
}

fn name(row: &Row) -> String {
    match row {
        Row::Path(path) => format!("path {} {}", path.family, path.nlri),
        Row::Neighbor(neighbor) => format!("neighbor {}", neighbor.address),
        Row::Vni(vni) => format!("vni {}", vni.vni),
        Row::Mac(mac) => format!("mac {} {}", mac.vni, mac.mac),
        Row::Arp(arp) => format!("arp {} {}", arp.vni, arp.ip),
        Row::Vtep(vtep) => format!("vtep {} {}", vtep.vni, vtep.vtep),
        Row::FibEntry(entry) => format!("fib {} {} {}", entry.kind, entry.vni(), entry.key),
    }
}

/// Without what changes unannounced.
fn comparable(row: Row) -> Row {
    match without_counters(row) {
        Row::Path(path) => Row::Path(v1::Path { age_seconds: 0, stale: false, ..path }),
        row => row,
    }
}

/// Every page of a list.
macro_rules! list {
    ($node:expr, $list:ident, $request:ident { $($field:ident: $value:expr),* }, $rows:ident, $row:ident) => {{
        let (mut found, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = v1::$request { page_size: 3, page_token, $($field: $value,)* ..Default::default() };
            let Ok(Answer::$list(page)) = $node.ask(Query::$list(request)) else { panic!("no list") };
            found.extend(page.$rows.into_iter().map(Row::$row));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break found;
            }
        }
    }};
}

/// What the lists say of a topic.
fn listed(node: &mut Node, topic: v1::Topic) -> Vec<Row> {
    match topic {
        v1::Topic::Rib => {
            list!(node, ListPaths, ListPathsRequest { table: v1::Table::Local.into() }, paths, Path)
        }
        v1::Topic::Neighbor => list!(node, ListNeighbors, ListNeighborsRequest {}, neighbors, Neighbor),
        v1::Topic::Fib => list!(node, ListFibEntries, ListFibEntriesRequest {}, fib_entries, FibEntry),
        _ => {
            let vnis = list!(node, ListVnis, ListVnisRequest {}, vnis, Vni);
            let macs = list!(node, ListMacs, ListMacsRequest {}, macs, Mac);
            let arps = list!(node, ListArps, ListArpsRequest {}, arps, Arp);
            let vteps = list!(node, ListVteps, ListVtepsRequest {}, vteps, Vtep);
            [vnis, macs, arps, vteps].concat()
        }
    }
}

fn assert_agrees(reader: &Reader, node: &mut Node, topics: &[v1::Topic]) {
    let rows: Vec<Row> = topics.iter().flat_map(|topic| listed(node, *topic)).collect();
    let count = rows.len();
    let listed: Rows = rows.into_iter().map(comparable).map(|row| (name(&row), row)).collect();
    assert_eq!(listed.len(), count, "no row is listed twice");
    for (name, row) in &listed {
        assert_eq!(reader.rows.get(name), Some(row), "{name}");
    }
    let gone: Vec<_> = reader.rows.keys().filter(|name| !listed.contains_key(*name)).collect();
    assert!(gone.is_empty(), "not there any more: {gone:?}");
}

#[derive(Clone, Debug)]
enum Step {
    MacIp {
        peer: u32,
        vni: u32,
        vtep: u8,
        mac: u8,
        ip: Option<u8>,
        sequence: Option<u32>,
    },
    Imet {
        peer: u32,
        vni: u32,
        vtep: u8,
        there: bool,
    },
    Prefix {
        peer: u32,
        prefix: u8,
        there: bool,
    },
    LocalMac {
        vni: u32,
        mac: u8,
        port: usize,
        there: bool,
    },
    LocalNeighbor {
        vni: u32,
        mac: u8,
        ip: u8,
        there: bool,
    },
    Device {
        vni: u32,
        up: bool,
    },
    Session {
        peer: u32,
        up: bool,
    },
    Refuse(usize),
    Pass(u64),
    Run,
    Read {
        reader: usize,
        pages: usize,
    },
    /// A reader goes away while its request waits, and comes back with the last token that it has.
    Abandon(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let vni = prop::sample::select(VNIS.to_vec());
    let peer = 0..2u32;
    prop_oneof![
        6 => (peer.clone(), vni.clone(), 2..5u8, 0..6u8, prop::option::of(0..4u8), prop::option::of(0..4u32))
            .prop_map(|(peer, vni, vtep, mac, ip, sequence)| Step::MacIp { peer, vni, vtep, mac, ip, sequence }),
        2 => (peer.clone(), vni.clone(), 2..5u8, any::<bool>())
            .prop_map(|(peer, vni, vtep, there)| Step::Imet { peer, vni, vtep, there }),
        2 => (peer.clone(), 0..5u8, any::<bool>()).prop_map(|(peer, prefix, there)| Step::Prefix { peer, prefix, there }),
        4 => (vni.clone(), 0..6u8, 0..2usize, any::<bool>())
            .prop_map(|(vni, mac, port, there)| Step::LocalMac { vni, mac, port, there }),
        3 => (vni.clone(), 0..6u8, 0..4u8, any::<bool>())
            .prop_map(|(vni, mac, ip, there)| Step::LocalNeighbor { vni, mac, ip, there }),
        1 => (vni, any::<bool>()).prop_map(|(vni, up)| Step::Device { vni, up }),
        1 => (peer, any::<bool>()).prop_map(|(peer, up)| Step::Session { peer, up }),
        1 => (0..9usize).prop_map(Step::Refuse),
        1 => (0..80u64).prop_map(Step::Pass),
        2 => Just(Step::Run),
        10 => (0..READERS, 1..20usize).prop_map(|(reader, pages)| Step::Read { reader, pages }),
        1 => (0..READERS).prop_map(Step::Abandon),
    ]
}

const READERS: usize = 4;

fn readers() -> [(Vec<v1::Topic>, Reader); READERS] {
    let scopes = [
        TOPICS.to_vec(),
        vec![v1::Topic::Rib],
        vec![v1::Topic::Evpn, v1::Topic::Fib],
        vec![v1::Topic::Neighbor],
    ];
    [(0, 4), (1, 2), (2, 5), (3, 1)]
        .map(|(scope, max)| (scopes[scope].clone(), Reader::new(&scopes[scope], max)))
}

fn perform(node: &mut Node, step: &Step, readers: &mut [(Vec<v1::Topic>, Reader)]) {
    match *step {
        Step::MacIp { peer, vni: number, vtep, mac: n, ip, sequence } => {
            let vni = vni(number);
            let attrs = sequence.map(|sequence| attrs(vni, vtep, sequence));
            node.tell(peer, mac_ip(vni, vtep, mac(n), ip.map(host)), attrs);
        }
        Step::Imet { peer, vni: number, vtep, there } => {
            let vni = vni(number);
            node.tell(peer, imet(vni, vtep), there.then(|| attrs(vni, vtep, 0)));
        }
        Step::Prefix { peer, prefix, there } => {
            let nlri = format!("10.9.{prefix}.0/24").parse().unwrap();
            let routes = Nlris::Ipv4(vec![Route { nlri, path_id: PathId(0), body: () }]);
            node.tell_routes(peer, routes, there.then(|| attrs(vni(1), 2, 0)));
        }
        Step::LocalMac { vni: number, mac: n, port, there } => {
            node.local_mac(vni(number), mac(n), port, there);
        }
        Step::LocalNeighbor { vni: number, mac: n, ip, there } => {
            node.local_neighbor(vni(number), host(ip), mac(n), there);
        }
        Step::Device { vni: number, up } => node.device(vni(number), up),
        Step::Session { peer, up: true } => {
            node.down(peer);
            node.up(peer);
        }
        Step::Session { peer, up: false } => node.down(peer),
        Step::Refuse(ops) => node.refuse(ops),
        Step::Pass(seconds) => node.pass(Duration::from_secs(seconds)),
        Step::Run => node.run(),
        Step::Read { reader, pages } => _ = (0..pages).all(|_| readers[reader].1.read(node)),
        Step::Abandon(reader) => readers[reader].1.asked = None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_reader_ends_with_what_is_listed(steps in prop::collection::vec(step(), 1..200)) {
        let (mut node, mut readers) = (Node::new(), readers());
        node.up(0);
        node.up(1);
        for step in &steps {
            perform(&mut node, step, &mut readers);
        }
        node.refuse(0);
        node.pass(Duration::from_secs(100));
        for (topics, reader) in &mut readers {
            reader.catch_up(&mut node);
            assert_agrees(reader, &mut node, topics);
        }
    }
}

fn told_macs(reader: &Reader) -> Vec<&v1::Mac> {
    reader.rows.values().filter_map(|row| if let Row::Mac(mac) = row { Some(mac) } else { None }).collect()
}

#[test]
fn a_mac_that_moves_is_told_of() {
    let (mut node, vni) = (Node::new(), vni(100));
    node.up(0);
    let mut reader = Reader::new(&[v1::Topic::Evpn], 100);
    reader.catch_up(&mut node);
    node.tell(0, mac_ip(vni, 2, mac(1), None), Some(attrs(vni, 2, 0)));
    assert!(reader.read(&mut node));
    while reader.read(&mut node) {}
    let [remote] = told_macs(&reader)[..] else { panic!("one MAC") };
    assert_eq!((remote.vtep.as_str(), remote.kernel()), ("10.0.0.2", v1::KernelState::Programmed));

    node.local_mac(vni, mac(1), 0, true);
    while reader.read(&mut node) {}
    let [local] = told_macs(&reader)[..] else { panic!("one MAC") };
    assert_eq!((local.r#type(), local.local_sequence), (v1::HostType::Local, Some(1)));
    assert!(reader.asked.is_some(), "nothing more is told");
}

#[test]
fn nothing_is_told_when_nothing_changes() {
    let mut node = Node::new();
    node.up(0);
    let mut reader = Reader::new(&TOPICS, 100);
    reader.catch_up(&mut node);
    let route = || (mac_ip(vni(100), 2, mac(1), None), Some(attrs(vni(100), 2, 0)));
    let (key, attrs) = route();
    node.tell(0, key, attrs);
    reader.catch_up(&mut node);
    let (key, attrs) = route();
    node.tell(0, key, attrs);
    node.pass(Duration::from_secs(30));
    assert!(!reader.read(&mut node));
}

#[test]
fn changes_only_leaves_the_present_out() {
    let mut node = Node::new();
    node.up(0);
    node.tell(0, mac_ip(vni(100), 2, mac(1), None), Some(attrs(vni(100), 2, 0)));
    node.run();
    let mut reader = Reader::new(&TOPICS, 100);
    reader.watch.changes_only = true;
    assert!(reader.read(&mut node));
    assert!(reader.synced && reader.rows.is_empty());
    node.tell(0, mac_ip(vni(100), 2, mac(2), None), Some(attrs(vni(100), 2, 0)));
    reader.catch_up(&mut node);
    assert!(told_macs(&reader).iter().all(|told| told.mac == mac(2).to_string()));
}

#[test]
fn who_stays_away_for_long_begins_anew() {
    let mut node = Node::new();
    node.up(0);
    let key = mac_ip(vni(100), 2, mac(1), None);
    node.tell(0, key, Some(attrs(vni(100), 2, 0)));
    let mut reader = Reader::new(&[v1::Topic::Rib], 100);
    reader.catch_up(&mut node);
    reader.asked = None;
    // Its place is held for a while, and then what has gone is forgotten.
    node.pass(Duration::from_secs(30));
    node.tell(0, key, None);
    assert!(reader.read(&mut node));
    let ours = 2;
    assert_eq!((reader.expired, reader.rows.len()), (0, ours));
    node.tell(0, key, Some(attrs(vni(100), 2, 0)));
    reader.catch_up(&mut node);
    reader.asked = None;
    node.pass(Duration::from_secs(1));
    node.pass(Duration::from_secs(100));
    node.tell(0, key, None);
    (0..2).for_each(|_| node.run());
    reader.catch_up(&mut node);
    assert_eq!((reader.expired, reader.rows.len()), (1, ours));
}

#[test]
fn a_token_is_good_for_its_own_watch_only() {
    let mut node = Node::new();
    let mut reader = Reader::new(&[v1::Topic::Rib], 100);
    reader.catch_up(&mut node);
    let refused = |node: &mut Node, watch| {
        let mut asked = node.request(Query::Changes(ChangesRequest { watch, max: 10 }));
        asked.try_recv().unwrap().unwrap_err()
    };
    let other = v1::WatchRequest { topics: vec![v1::Topic::Fib.into()], ..reader.watch.clone() };
    assert!(matches!(refused(&mut node, other), ApiError::InvalidArgument(_)));
    let junk = v1::WatchRequest { resume_token: "junk".to_owned(), ..reader.watch.clone() };
    assert!(matches!(refused(&mut node, junk), ApiError::InvalidArgument(_)));
    let mut other_run = reader.watch.clone();
    other_run.resume_token.replace_range(0..1, "");
    assert!(matches!(refused(&mut node, other_run), ApiError::Expired(_)));
}
