//! What is known, and what is looked at.

use std::collections::HashMap;
use std::time::Instant;

use api::v1;

use super::happenings::Happenings;
use super::input::{Input, Key, Outcome};
use super::meter::Meter;
use super::order::{NEIGHBOR_ORDERS, Sort, VNI_ORDERS};

/// What linnetd was asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) status: v1::Status,
    pub(super) neighbors: Vec<v1::Neighbor>,
    pub(super) vnis: Vec<v1::Vni>,
    /// Of the network that is looked at.
    pub(super) hosts: Option<Hosts>,
}

/// The first of a network's hosts and VTEPs.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts {
    pub(super) vni: u32,
    pub(super) macs: Vec<v1::Mac>,
    pub(super) vteps: Vec<v1::Vtep>,
}

/// What is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum View {
    Overview,
    /// The neighbor of this address.
    Neighbor(String),
    /// The network of this number.
    Vni(u32),
}

/// The lists of the overview.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Pane {
    Neighbors,
    Vnis,
    Happenings,
}

/// How it stands with linnetd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Connecting,
    Up,
    /// Since then, for this reason.
    Lost(Instant, String),
}

/// Messages and routes, in and out.
pub(super) type NeighborRates = [f64; 4];

/// Rows that PageUp and PageDown go.
const PAGE: usize = 10;

/// The whole of it.
#[derive(Debug)]
pub(super) struct Model {
    /// Where linnetd listens, in words.
    pub(super) endpoint: String,
    pub(super) facts: Facts,
    pub(super) link: Link,
    /// Why linnetd tells of no changes, if it does not.
    pub(super) unwatched: String,
    pub(super) happenings: Happenings,
    pub(super) view: View,
    pub(super) focus: Pane,
    pub(super) help: bool,
    /// The first line that is shown of a view that is longer than the screen.
    pub(super) scroll: usize,
    sorts: HashMap<Pane, Sort>,
    /// The rows that are selected, by what identifies them; the first where that is not there.
    selected: HashMap<Pane, String>,
    neighbors: HashMap<String, Meter<4>>,
    daemon: Meter<5>,
}

impl Model {
    pub(super) fn new(endpoint: String) -> Model {
        Model {
            endpoint,
            facts: Facts::default(),
            link: Link::Connecting,
            unwatched: String::new(),
            happenings: Happenings::default(),
            view: View::Overview,
            focus: Pane::Neighbors,
            help: false,
            scroll: 0,
            sorts: HashMap::new(),
            selected: HashMap::new(),
            neighbors: HashMap::new(),
            daemon: Meter::default(),
        }
    }

    /// Takes an input in.
    pub(super) fn update(&mut self, now: Instant, input: Input) -> Outcome {
        match input {
            Input::Key(key) => return self.key(key),
            Input::Facts(facts) => self.learn(now, *facts),
            Input::Changes(changes) => changes.iter().for_each(|change| self.happenings.take(change)),
            Input::Lost(why) => self.lose(now, &why),
            Input::Unwatched(why) => self.unwatched = why,
            Input::Clock => {}
        }
        Outcome::Continue
    }

    /// The network whose hosts linnetd is to be asked for.
    pub(super) fn asked(&self) -> Option<u32> {
        match self.view {
            View::Vni(vni) => Some(vni),
            View::Overview | View::Neighbor(_) => None,
        }
    }

    /// Messages and routes a second, in and out.
    pub(super) fn neighbor_rates(&self, address: &str) -> Option<NeighborRates> {
        self.neighbors.get(address)?.rates()
    }

    /// Best paths that changed a second, by table, and changes in the kernel: of entries, and of routes.
    pub(super) fn daemon_rates(&self) -> Option<[f64; 5]> {
        self.daemon.rates()
    }

    pub(super) fn sort(&self, pane: Pane) -> Sort {
        self.sorts.get(&pane).copied().unwrap_or_default()
    }

    /// The place of the selected row in a list of rows that are identified so.
    pub(super) fn place<'a>(&self, pane: Pane, mut keys: impl Iterator<Item = &'a str>) -> usize {
        let selected = self.selected.get(&pane);
        selected.and_then(|selected| keys.position(|key| key == selected)).unwrap_or(0)
    }

    /// Whether the daemon forwards for EVPN at all.
    pub(super) fn has_vnis(&self) -> bool {
        !self.facts.vnis.is_empty() || self.facts.status.vnis > 0
    }

    fn learn(&mut self, now: Instant, facts: Facts) {
        if facts.status.pid != self.facts.status.pid {
            (self.neighbors, self.daemon) = (HashMap::new(), Meter::default());
        }
        self.daemon.read(now, daemon_counters(&facts.status));
        self.neighbors.retain(|address, _| facts.neighbors.iter().any(|row| row.address == *address));
        for row in &facts.neighbors {
            self.neighbors.entry(row.address.clone()).or_default().read(now, neighbor_counters(row));
        }
        (self.facts, self.link) = (facts, Link::Up);
    }

    fn lose(&mut self, now: Instant, why: &str) {
        let since = match self.link {
            Link::Lost(since, _) => since,
            Link::Connecting | Link::Up => now,
        };
        // Advice may stand below: there is no room for that.
        self.link = Link::Lost(since, why.lines().next().unwrap_or_default().to_owned());
    }

    fn key(&mut self, key: Key) -> Outcome {
        match key {
            Key::Interrupt => return Outcome::Quit,
            Key::Char('?') => self.help = !self.help,
            Key::Escape | Key::Char('q') if self.help => self.help = false,
            Key::Char('q') => return Outcome::Quit,
            _ if self.help => {}
            Key::Escape => self.look_at(View::Overview),
            _ if self.view != View::Overview => self.scroll = moved(key, self.scroll, usize::MAX),
            Key::Tab => self.focus = self.neighbour_of(self.focus, true),
            Key::BackTab => self.focus = self.neighbour_of(self.focus, false),
            Key::Enter => self.drill_down(),
            Key::Char('s') => self.sort_by_next(),
            Key::Char('r') => self.change_sort(|sort| sort.reversed = !sort.reversed),
            key => self.step(key),
        }
        Outcome::Continue
    }

    fn neighbour_of(&self, pane: Pane, forward: bool) -> Pane {
        let vnis = if self.has_vnis() { Pane::Vnis } else { Pane::Neighbors };
        match (pane, forward) {
            (Pane::Neighbors, true) | (Pane::Happenings, false) if vnis == Pane::Vnis => Pane::Vnis,
            (Pane::Neighbors | Pane::Vnis, true) | (Pane::Neighbors, false) => Pane::Happenings,
            (Pane::Happenings, _) | (Pane::Vnis, false) => Pane::Neighbors,
        }
    }

    fn drill_down(&mut self) {
        let Some(key) = self.keys().into_iter().nth(self.selected_place()) else { return };
        match self.focus {
            Pane::Neighbors => self.look_at(View::Neighbor(key)),
            Pane::Vnis => self.look_at(key.parse().map_or(View::Overview, View::Vni)),
            Pane::Happenings => {}
        }
    }

    fn look_at(&mut self, view: View) {
        (self.view, self.scroll) = (view, 0);
    }

    fn step(&mut self, key: Key) {
        let keys = self.keys();
        let place = moved(key, self.selected_place(), keys.len().saturating_sub(1));
        if let Some(key) = keys.into_iter().nth(place) {
            self.selected.insert(self.focus, key);
        }
    }

    fn selected_place(&self) -> usize {
        self.place(self.focus, self.keys().iter().map(String::as_str))
    }

    /// What identifies the rows of the list that has the focus, in the order in which they are shown.
    fn keys(&self) -> Vec<String> {
        match self.focus {
            Pane::Neighbors => self.sorted_neighbors().iter().map(|row| row.address.clone()).collect(),
            Pane::Vnis => self.sorted_vnis().iter().map(|row| row.vni.to_string()).collect(),
            Pane::Happenings => (0..self.happenings.len()).map(|place| place.to_string()).collect(),
        }
    }

    fn change_sort(&mut self, change: impl FnOnce(&mut Sort)) {
        change(self.sorts.entry(self.focus).or_default());
    }

    fn sort_by_next(&mut self) {
        let columns = match self.focus {
            Pane::Neighbors => NEIGHBOR_ORDERS.len(),
            Pane::Vnis => VNI_ORDERS.len(),
            Pane::Happenings => return,
        };
        self.change_sort(|sort| *sort = Sort { column: (sort.column + 1) % columns, reversed: false });
    }
}

/// Where a key leads from a place.
fn moved(key: Key, place: usize, last: usize) -> usize {
    let to = match key {
        Key::Up | Key::Char('k') => place.saturating_sub(1),
        Key::Down | Key::Char('j') => place.saturating_add(1),
        Key::PageUp => place.saturating_sub(PAGE),
        Key::PageDown => place.saturating_add(PAGE),
        Key::Home => 0,
        Key::End if last < usize::MAX => last,
        _ => place,
    };
    to.min(last)
}

/// Routes of a neighbor that may be chosen, of all families.
pub(super) fn accepted(row: &v1::Neighbor) -> u64 {
    row.families.iter().map(|family| family.accepted).sum()
}

/// Routes that a neighbor was sent, of all families.
pub(super) fn advertised(row: &v1::Neighbor) -> u64 {
    row.families.iter().map(|family| family.advertised).sum()
}

fn neighbor_counters(row: &v1::Neighbor) -> [u64; 4] {
    let total = |counts: Option<&v1::MessageCounts>| {
        counts.map_or(0, |c| c.open + c.update + c.notification + c.keepalive + c.route_refresh)
    };
    let messages = [row.messages_received.as_ref(), row.messages_sent.as_ref()].map(total);
    let [received, sent] = messages;
    [received, sent, row.routes_received, row.routes_sent]
}

fn daemon_counters(status: &v1::Status) -> [u64; 5] {
    let version =
        |name: &str| status.tables.iter().find(|table| table.family == name).map_or(0, |t| t.version);
    let fib = status.fib.as_ref().map_or(0, |fib| fib.operations);
    let routes = status.routes.as_ref().map_or(0, |routes| routes.operations);
    [version("ipv4-unicast"), version("ipv6-unicast"), version("l2vpn-evpn"), fib, routes]
}
