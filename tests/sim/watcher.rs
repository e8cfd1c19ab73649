//! A reader that follows a node through all that befalls it, and must end up knowing what the node lists.
//!
//! It reads at its own pace: what changes twice between two readings it hears of once. What it hears of a table
//! comes in the order of versions, and none is told twice.

use std::collections::BTreeMap;
use std::time::Duration;

use api::query::ChangesRequest;
use api::v1::change::Row;
use api::{Answer, ApiError, Query, v1};
use tokio::sync::oneshot;

use crate::check::{Listed, all_paths, listed};
use crate::node::Node;
use crate::sim::Sim;

type Rows = BTreeMap<String, String>;

/// The reader of one node.
#[derive(Debug)]
pub(crate) struct Watcher {
    node: usize,
    watch: v1::WatchRequest,
    rows: Rows,
    /// The newest version heard of, in each family's table.
    versions: BTreeMap<String, u64>,
    asked: Option<oneshot::Receiver<Result<Answer, ApiError>>>,
    faults: Vec<String>,
}

/// By so many readings it has caught up.
const READINGS: usize = 1000;

/// How many changes it takes at once: less than come at times.
const MOST: usize = 20;

impl Watcher {
    pub(crate) fn new(node: usize) -> Watcher {
        let topics = [v1::Topic::Rib, v1::Topic::Evpn, v1::Topic::Fib].map(|topic| topic.into()).to_vec();
        let watch = v1::WatchRequest { topics, ..Default::default() };
        let (rows, versions) = (Rows::new(), BTreeMap::new());
        Watcher { node, watch, rows, versions, asked: None, faults: Vec::new() }
    }

    /// Takes an answer that has come, or asks. Says whether anything was new.
    fn read(&mut self, node: &mut Node) -> bool {
        let Some(asked) = &mut self.asked else {
            let watch = self.watch.clone();
            self.asked = Some(node.request(Query::Changes(ChangesRequest { watch, max: MOST })));
            return true;
        };
        match asked.try_recv() {
            Ok(Ok(Answer::Changes(response))) => self.apply(*response),
            Ok(Err(ApiError::Expired(_))) => self.begin_anew(),
            Ok(answer) => self.faults.push(format!("watch: {answer:?}")),
            // The daemon has died with the question.
            Err(oneshot::error::TryRecvError::Closed) => {}
            Err(oneshot::error::TryRecvError::Empty) => return false,
        }
        self.asked = None;
        true
    }

    fn apply(&mut self, response: v1::WatchResponse) {
        self.watch.resume_token = response.resume_token;
        for change in response.changes {
            let Some(row) = &change.row else { continue };
            if let Row::Path(path) = row {
                let newest = self.versions.entry(path.family.clone()).or_default();
                if change.version <= *newest {
                    self.faults.push(format!("watch: version {} after {newest}", change.version));
                }
                *newest = change.version;
            }
            let (name, looks) = digest(row);
            match change.kind() {
                v1::ChangeKind::Put => self.rows.insert(name, looks),
                _ => self.rows.remove(&name),
            };
        }
    }

    fn begin_anew(&mut self) {
        self.rows.clear();
        self.versions.clear();
        self.watch.resume_token.clear();
    }
}

/// What a row is called, and how it looks.
fn digest(row: &Row) -> (String, String) {
    match row {
        Row::Path(path) => {
            (format!("path {} {}", path.family, path.nlri), format!("{} {}", path.neighbor, path.next_hop))
        }
        Row::Neighbor(neighbor) => (format!("neighbor {}", neighbor.address), String::new()),
        Row::Vni(vni) => (format!("vni {}", vni.vni), format!("{:?} {}", vni.state(), vni.rd)),
        Row::Mac(mac) => {
            let looks = format!("{:?} {} {:?} {}", mac.r#type(), mac.vtep, mac.kernel(), mac.port);
            (format!("mac {} {}", mac.vni, mac.mac), looks)
        }
        Row::Arp(arp) => {
            let looks = format!("{} {:?} {} {:?}", arp.mac, arp.r#type(), arp.vtep, arp.kernel());
            (format!("arp {} {}", arp.vni, arp.ip), looks)
        }
        Row::Vtep(vtep) => {
            (format!("vtep {} {}", vtep.vni, vtep.vtep), format!("{} {:?}", vtep.flood, vtep.kernel()))
        }
        Row::FibEntry(entry) => {
            let name = format!("fib {:?} {} {}", entry.kind(), entry.vni(), entry.key);
            (name, format!("{} {} {:?}", entry.wanted, entry.seen, entry.state()))
        }
    }
}

/// What a node lists, as a reader would have it.
fn rows_of(node: &mut Node) -> Rows {
    let Listed { vnis, macs, arps, vteps, fib_entries } = listed(node);
    let paths = all_paths(node, v1::Table::Local, None).into_iter().map(Row::Path);
    let evpn = vnis.into_iter().map(Row::Vni).chain(macs.into_iter().map(Row::Mac));
    let evpn = evpn.chain(arps.into_iter().map(Row::Arp)).chain(vteps.into_iter().map(Row::Vtep));
    let all = paths.chain(evpn).chain(fib_entries.into_iter().map(Row::FibEntry));
    all.map(|row| digest(&row)).collect()
}

impl Sim {
    /// Has somebody follow a node.
    pub(crate) fn watch(&mut self, node: usize) {
        self.watchers.push(Watcher::new(node));
    }

    /// Every reader looks once.
    pub(crate) fn read_watches(&mut self) {
        let mut watchers = std::mem::take(&mut self.watchers);
        for watcher in watchers.iter_mut().filter(|watcher| !self.paused.contains_key(&watcher.node)) {
            if self.nodes[watcher.node].is_running() {
                watcher.read(&mut self.nodes[watcher.node]);
            }
        }
        self.watchers = watchers;
    }

    /// Readers that have caught up and know something else than is listed, or were told it in a wrong order.
    pub(crate) fn watch_faults(&mut self) -> Vec<String> {
        let mut faults = Vec::new();
        for mut watcher in std::mem::take(&mut self.watchers) {
            if !self.nodes[watcher.node].is_running() {
                continue;
            }
            let mut readings = 0;
            while readings < READINGS && watcher.read(&mut self.nodes[watcher.node]) {
                self.run(Duration::from_millis(50));
                readings += 1;
            }
            if readings == READINGS {
                faults.push(format!("watch: node {} always has news", watcher.node));
            }
            let (known, listed) = (&watcher.rows, rows_of(&mut self.nodes[watcher.node]));
            let missed = listed.iter().filter(|(name, looks)| known.get(*name) != Some(*looks));
            faults.extend(missed.map(|(name, looks)| {
                format!("watch: {name} is {looks}, and its reader has {:?}", known.get(name))
            }));
            let gone = known.keys().filter(|name| !listed.contains_key(*name));
            faults.extend(gone.map(|name| format!("watch: the reader was not told that {name} is gone")));
            faults.append(&mut watcher.faults);
            self.watchers.push(watcher);
        }
        faults
    }
}
