//! One VNI: its hosts, its flood list, and who this node is in it.
//!
//! An instance lives as long as the dataplane has the VNI and the configuration wants it served. News comes
//! from three sides, each with its file: [`local`] (the dataplane saw something), [`remote`] (BGP did),
//! [`identity`] (the operator or the device changed who we are). All of them only write down what they heard
//! and then call [`settle`], the one place that decides who has a MAC or an address, and tells BGP and the
//! dataplane of it. What moves too often goes through [`duplicates`] on the way, addresses that several MACs claim
//! through [`claims`]; Type 3 and the flood list are apart ([`flooding`]).
//!
//! What was told last stands with each MAC and address, so what is told is always the difference.

mod claims;
mod duplicates;
mod flooding;
mod identity;
mod local;
mod remote;
mod rows;
mod settle;

use std::net::IpAddr;
use std::time::Instant;

use bgp::types::{Mac, Rd, Vni};
use hashbrown::HashSet;

use crate::action::Unusable;
use crate::config::ImportTarget;
use crate::contest::Contests;
use crate::duplicates::{DuplicateRules, Moves, Recoveries};
use crate::feed::Changed;
use crate::flood::FloodList;
use crate::mac_table::{MacEntry, MacId};
use crate::neigh::{NeighborEntry, NeighborId};
use crate::origin::Origins;
use crate::originate::Originator;
use crate::outbox::Outbox;
use crate::rows::VniState;
use crate::table::Table;
use crate::teardown::Teardown;

pub(crate) use identity::Plan;

/// How many (route distinguisher, reason) pairs are remembered so as not to repeat a notice.
const NOTICED_MAX: usize = 1024;

/// A VNI that the dataplane has.
#[derive(Debug)]
pub(crate) struct Instance {
    vni: Vni,
    device: Device,
    state: VniState,
    import: Vec<ImportTarget>,
    /// Who we are; `None` while something needed for that is missing.
    ours: Option<Originator>,
    macs: Table<MacEntry>,
    neighbors: Table<NeighborEntry>,
    flood: FloodList,
    moves: Moves,
    contests: Contests,
    counts: Counts,
    noticed: HashSet<(Rd, Unusable)>,
}

/// What the dataplane said of the VNI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Device {
    pub(crate) local: Option<IpAddr>,
    pub(crate) bridge_mac: Mac,
}

/// What an instance works with that is not its own.
pub(crate) struct Context<'a> {
    pub(crate) now: Instant,
    pub(crate) rules: DuplicateRules,
    pub(crate) recoveries: &'a mut Recoveries,
    pub(crate) origins: &'a mut Origins,
    /// This node's addresses, in order.
    pub(crate) addresses: &'a [IpAddr],
    pub(crate) out: &'a mut Outbox,
}

/// How many hosts are where.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    local_macs: usize,
    remote_macs: usize,
    local_neighbors: usize,
    remote_neighbors: usize,
}

impl Instance {
    /// With nothing known but the device. A [`Plan`] brings it to life.
    pub(crate) fn new(vni: Vni, device: Device) -> Instance {
        Instance {
            vni,
            device,
            state: VniState::NoDevice,
            import: Vec::new(),
            ours: None,
            macs: Table::default(),
            neighbors: Table::default(),
            flood: FloodList::default(),
            moves: Moves::default(),
            contests: Contests::default(),
            counts: Counts::default(),
            noticed: HashSet::new(),
        }
    }

    /// What is left to be undone when it is no longer served.
    pub(crate) fn into_teardown(self) -> Teardown {
        let flood: Vec<_> = self.flood.flooded().collect();
        Teardown {
            vni: self.vni,
            ours: self.ours,
            flood_origins: self.flood.origins().collect(),
            neighbors: self.neighbors.into_entries(),
            macs: self.macs.into_entries(),
            flood: flood.into_iter(),
            announced: self.flood.is_on(),
        }
    }

    fn mac_id(&mut self, mac: Mac) -> MacId {
        self.macs.find_or_insert(mac, || MacEntry::new(mac))
    }

    fn neighbor_id(&mut self, ip: IpAddr) -> NeighborId {
        self.neighbors.find_or_insert(ip, || NeighborEntry::new(ip))
    }

    fn bind(&mut self, mac: MacId, neighbor: NeighborId) {
        if let Some(entry) = self.macs.get_mut(mac) {
            entry.bind(neighbor);
        }
    }

    /// Lets go of a MAC's neighbour if nobody binds them together any more.
    fn unbind(&mut self, mac: MacId, neighbor: NeighborId) {
        let bound = self.neighbors.get(neighbor).is_some_and(|entry| entry.is_bound_to(mac));
        if let Some(entry) = self.macs.get_mut(mac).filter(|_| !bound) {
            entry.unbind(neighbor);
        }
    }

    /// Forgets a MAC that nothing hangs on any more.
    fn sweep_mac(&mut self, cx: &mut Context<'_>, id: MacId) {
        if self.macs.get(id).is_some_and(MacEntry::is_unused)
            && let Some(entry) = self.macs.remove(id)
        {
            cx.out.feed.push(Changed::Mac(self.vni, entry.mac));
        }
    }

    /// A MAC, and with it what hangs on it, may show something else.
    fn mac_changed(&self, cx: &mut Context<'_>, id: MacId) {
        let feed = &mut cx.out.feed;
        if !feed.is_on() {
            return;
        }
        if let Some(entry) = self.macs.get(id) {
            feed.push(Changed::Mac(self.vni, entry.mac));
            let addresses = entry.neighbors.iter().filter_map(|id| self.neighbors.get(*id));
            addresses.for_each(|neighbor| feed.push(Changed::Neighbor(self.vni, neighbor.ip)));
        }
    }
}
