//! Native routing: the routes that are for forwarding, and how the kernel stands to them.

use std::net::IpAddr;

use ::fib::IfIndex;
use ::fib::routes::{RoutePlace, RouteRow, RouteStatus, Routes, WantedRoute};
use api::query::{ApiError, page_size};
use api::v1;
use bgp::rib::{Destination, DestinationId, Path, Table};
use bgp::types::Family;
use bgp::wire::Nlri;
use ipnet::IpNet;

use crate::config::NativeKernel;
use crate::core::Core;
use crate::core::native::{Given, Native, Verdict, hop};

use super::{Answered, parse, parse_filter, parse_token, token};

/// Destinations, or places among the kernel's routes, that are looked at for one page.
const SCANNED: usize = 8192;

/// What the fallback tunnel wraps packets in.
const VXLAN: &str = "vxlan";

/// Where a page begins: first the tables, then what the kernel has that no table speaks of.
#[derive(Clone, Copy)]
enum Place {
    Ipv4(DestinationId),
    Ipv6(DestinationId),
    Kernel(RoutePlace),
}

impl Core {
    pub(super) fn list_routes(&self, query: &v1::ListRoutesRequest) -> Answered<v1::ListRoutesResponse> {
        let lister = self.lister()?;
        let filter = Filter::read(query)?;
        let mut page = Page { rows: Vec::new(), size: page_size(query.page_size), left: SCANNED };
        let mut place = if query.page_token.is_empty() && filter.prefix.is_some() {
            return Ok(v1::ListRoutesResponse {
                routes: lister.one(&filter),
                next_page_token: String::new(),
            });
        } else {
            Some(Place::parse(&query.page_token)?)
        };
        while let Some(from) = place.filter(|_| page.has_room()) {
            place = lister.fill(from, &filter, &mut page);
        }
        let next_page_token = place.map(Place::token).unwrap_or_default();
        Ok(v1::ListRoutesResponse { routes: page.rows, next_page_token })
    }

    /// The row of one prefix; `None` where there is nothing to be said of it.
    pub(in crate::core) fn route_row(&self, prefix: IpNet) -> Option<v1::Route> {
        self.lister().ok()?.row(prefix)
    }

    fn lister(&self) -> Answered<Lister<'_>> {
        let missing = "native routing is not configured: there is no `native` section";
        let both = self.native.as_ref().zip(self.config.native.as_ref());
        let both = both.map(|(native, config)| Lister { core: self, native, kernel: &config.kernel });
        both.ok_or_else(|| ApiError::FailedPrecondition(missing.to_owned()))
    }
}

impl Place {
    fn parse(text: &str) -> Answered<Place> {
        match parse_token(text)? {
            [0, from] => Ok(Place::Ipv4(DestinationId(from))),
            [1, from] => Ok(Place::Ipv6(DestinationId(from))),
            [2, from] => Ok(Place::Kernel(RoutePlace(from))),
            _ => Err(ApiError::InvalidArgument("page_token: there is no such place".to_owned())),
        }
    }

    fn token(self) -> String {
        token(match self {
            Place::Ipv4(DestinationId(from)) => [0, from],
            Place::Ipv6(DestinationId(from)) => [1, from],
            Place::Kernel(RoutePlace(from)) => [2, from],
        })
    }
}

/// Which routes are asked for.
struct Filter {
    families: Vec<Family>,
    prefix: Option<IpNet>,
    diff: bool,
}

impl Filter {
    fn read(query: &v1::ListRoutesRequest) -> Answered<Filter> {
        let families = query.families.iter().map(|family| parse("families", family));
        Ok(Filter {
            families: families.collect::<Answered<_>>()?,
            prefix: parse_filter("prefix", &query.prefix)?.map(|prefix: IpNet| prefix.trunc()),
            diff: query.diff,
        })
    }

    fn takes(&self, prefix: IpNet, row: &v1::Route) -> bool {
        self.asks_for(family_of(prefix)) && !(self.diff && row.state() == v1::KernelState::Programmed)
    }

    fn asks_for(&self, family: Family) -> bool {
        self.families.is_empty() || self.families.contains(&family)
    }
}

fn family_of(prefix: IpNet) -> Family {
    match prefix {
        IpNet::V4(_) => Family::Ipv4Unicast,
        IpNet::V6(_) => Family::Ipv6Unicast,
    }
}

/// What is collected for one page.
struct Page {
    rows: Vec<v1::Route>,
    size: usize,
    /// How much may still be looked at.
    left: usize,
}

impl Page {
    fn has_room(&self) -> bool {
        self.rows.len() < self.size && self.left > 0
    }
}

/// Makes rows.
struct Lister<'c> {
    core: &'c Core,
    native: &'c Native,
    kernel: &'c NativeKernel,
}

impl Lister<'_> {
    /// The one row that a filter with a prefix asks for.
    fn one(&self, filter: &Filter) -> Vec<v1::Route> {
        let row = filter.prefix.and_then(|prefix| Some((prefix, self.row(prefix)?)));
        row.filter(|(prefix, row)| filter.takes(*prefix, row)).map(|(_, row)| row).into_iter().collect()
    }

    fn row(&self, prefix: IpNet) -> Option<v1::Route> {
        let rib = &self.core.rib;
        let of_table = match prefix {
            IpNet::V4(prefix) => rib.ipv4.get(prefix).and_then(|(_, destination)| self.of_table(destination)),
            IpNet::V6(prefix) => rib.ipv6.get(prefix).and_then(|(_, destination)| self.of_table(destination)),
        };
        of_table.or_else(|| self.native.routes.find_row(&prefix).map(|row| self.of_kernel(&row)))
    }

    /// Adds rows from a place on; says where to go on, if not at the end.
    fn fill(&self, from: Place, filter: &Filter, page: &mut Page) -> Option<Place> {
        let rib = &self.core.rib;
        match from {
            Place::Ipv4(from) => {
                let next = self.fill_from(&rib.ipv4, from, filter, page).map(Place::Ipv4);
                next.or(Some(Place::Ipv6(DestinationId(0))))
            }
            Place::Ipv6(from) => {
                let next = self.fill_from(&rib.ipv6, from, filter, page).map(Place::Ipv6);
                next.or(Some(Place::Kernel(RoutePlace::default())))
            }
            Place::Kernel(from) => self.fill_from_kernel(from, filter, page).map(Place::Kernel),
        }
    }

    fn fill_from<N: Nlri + Into<IpNet>>(
        &self,
        table: &Table<N>,
        from: DestinationId,
        filter: &Filter,
        page: &mut Page,
    ) -> Option<DestinationId> {
        if !filter.asks_for(N::FAMILY) {
            return None;
        }
        for (id, destination) in table.page(from, page.left) {
            if !page.has_room() {
                return Some(id);
            }
            let row = self.of_table(destination);
            page.rows.extend(row.filter(|row| filter.takes(destination.nlri().into(), row)));
        }
        let reached = from.0.saturating_add(page.left as u32);
        page.left = page.left.saturating_sub(table.id_limit().0.saturating_sub(from.0) as usize);
        (reached < table.id_limit().0).then_some(DestinationId(reached))
    }

    fn fill_from_kernel(&self, from: RoutePlace, filter: &Filter, page: &mut Page) -> Option<RoutePlace> {
        let (limit, mut looked) = (page.left, 0);
        for (place, row) in self.native.routes.rows_from(from, limit) {
            if !page.has_room() {
                return Some(place);
            }
            looked += 1;
            let unspoken = row.filter(|row| !self.is_of_table(row.prefix));
            let row = unspoken.map(|row| (row.prefix, self.of_kernel(&row)));
            page.rows.extend(row.filter(|(prefix, row)| filter.takes(*prefix, row)).map(|(_, row)| row));
        }
        page.left = 0;
        (looked == limit).then_some(RoutePlace(from.0.saturating_add(limit as u32)))
    }

    /// The row of a destination; `None` where nothing of what others announce is for the kernel.
    fn of_table<N: Nlri + Into<IpNet>>(&self, destination: &Destination<N>) -> Option<v1::Route> {
        let import = self.native.import.as_ref()?;
        let prefix = destination.nlri().into();
        let (state, reason) = match import.verdict(destination, self.given()) {
            Verdict::Nothing => return None,
            Verdict::Refused(refusal) => (v1::KernelState::Refused, refusal.to_string()),
            Verdict::Wanted(WantedRoute::Blackhole) => return None,
            Verdict::Wanted(WantedRoute::Via(_)) => match self.native.routes.status(&prefix) {
                Some(status) => state(&status),
                None => (v1::KernelState::Pending, String::new()),
            },
        };
        let next_hops = self.next_hops(destination);
        Some(v1::Route { next_hops, state: state.into(), reason, ..self.bare(prefix) })
    }

    /// Whether a destination has a row of its own.
    fn is_of_table(&self, prefix: IpNet) -> bool {
        let Some(import) = &self.native.import else { return false };
        let rib = &self.core.rib;
        let verdict = match prefix {
            IpNet::V4(prefix) => rib.ipv4.get(prefix).map(|(_, d)| import.verdict(d, self.given())),
            IpNet::V6(prefix) => rib.ipv6.get(prefix).map(|(_, d)| import.verdict(d, self.given())),
        };
        verdict.is_some_and(|verdict| {
            !matches!(verdict, Verdict::Nothing | Verdict::Wanted(WantedRoute::Blackhole))
        })
    }

    /// The row of what no table speaks of.
    fn of_kernel(&self, row: &RouteRow) -> v1::Route {
        let (state, reason) = state(&row.status);
        let blackhole = row.wanted == Some(WantedRoute::Blackhole);
        v1::Route { state: state.into(), reason, blackhole, ..self.bare(row.prefix) }
    }

    fn given(&self) -> Given<'_> {
        let fallback = self.native.routes.tunnel().is_some();
        Given { peers: &self.core.peers, advertiser: self.core.advertiser.as_ref(), fallback }
    }

    fn bare(&self, prefix: IpNet) -> v1::Route {
        v1::Route {
            prefix: prefix.to_string(),
            table: self.kernel.table,
            metric: self.kernel.metric,
            protocol: self.kernel.protocol.into(),
            ..v1::Route::default()
        }
    }

    /// The next hops, each with the first neighbour that announced it.
    fn next_hops<N: Nlri>(&self, destination: &Destination<N>) -> Vec<v1::RouteNextHop> {
        let mut hops: Vec<v1::RouteNextHop> = Vec::new();
        for hop in destination.multipaths().filter_map(|path| self.next_hop(path)) {
            if !hops.iter().any(|known| (&known.address, &known.device) == (&hop.address, &hop.device)) {
                hops.push(hop);
            }
        }
        hops
    }

    fn next_hop<N: Nlri>(&self, path: &Path<N>) -> Option<v1::RouteNextHop> {
        let hop = hop(path, self.given())?;
        let device = hop.device.map(|device| match self.native.routes.device_name(device) {
            Some(name) => name.to_owned(),
            None => device.0.to_string(),
        });
        Some(v1::RouteNextHop {
            address: hop.address.to_string(),
            device: device.unwrap_or_default(),
            neighbor: self.core.source_name(path.source),
            encapsulation: if self.native.routes.is_tunnelled(&hop) {
                VXLAN.to_owned()
            } else {
                String::new()
            },
        })
    }
}

/// A status in the API's words.
pub(super) fn state(status: &RouteStatus) -> (v1::KernelState, String) {
    match status {
        RouteStatus::Programmed => (v1::KernelState::Programmed, String::new()),
        RouteStatus::Pending => (v1::KernelState::Pending, String::new()),
        RouteStatus::Unreachable => {
            (v1::KernelState::Unreachable, "no route leads to its next hop".to_owned())
        }
        RouteStatus::NoTunnel => {
            let reason = "its next hop is on no link, and the fallback tunnel is not there: see `linnet native tunnel`";
            (v1::KernelState::Unreachable, reason.to_owned())
        }
        RouteStatus::Swallowed => {
            let reason = "it covers the far end of the fallback tunnel that it would lead into";
            (v1::KernelState::Unreachable, reason.to_owned())
        }
        RouteStatus::Failed(reason) => (v1::KernelState::Failed, reason.clone()),
        RouteStatus::Conflict(conflict) => (v1::KernelState::Conflict, conflict.to_string()),
        RouteStatus::Stale => (v1::KernelState::Pending, "left by a former run, or about to go".to_owned()),
    }
}

/// What is wanted under a prefix, and what the kernel has of ours there, much as `ip route` prints it.
pub(super) fn both_sides(routes: &Routes, row: &RouteRow) -> (String, String) {
    let device = |index: IfIndex| match routes.device_name(index) {
        Some(name) => name.to_owned(),
        None => index.0.to_string(),
    };
    let way = |gateway: Option<IpAddr>, out: Option<IfIndex>| {
        let via = gateway.map(|gateway| format!("via {gateway}"));
        let dev = out.map(|out| format!("dev {}", device(out)));
        via.into_iter().chain(dev).collect::<Vec<_>>().join(" ")
    };
    let seen: Vec<String> = row.hops.iter().map(|hop| way(hop.gateway, hop.device)).collect();
    let is_blackhole = row.wanted == Some(WantedRoute::Blackhole);
    let wanted = match &row.wanted {
        None => Vec::new(),
        Some(WantedRoute::Blackhole) => vec!["blackhole".to_owned()],
        Some(WantedRoute::Via(hops)) => {
            let wrapped = |hop| if routes.is_tunnelled(hop) { format!("{VXLAN} ") } else { String::new() };
            hops.iter().map(|hop| wrapped(hop) + &way(Some(hop.address), hop.device)).collect()
        }
    };
    let seen = match is_blackhole && row.status == RouteStatus::Programmed {
        true => wanted.join(", "),
        false => seen.join(", "),
    };
    (wanted.join(", "), seen)
}
