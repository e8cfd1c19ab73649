//! Native routing's routes.

use std::iter::once;

use api::v1;

use super::kernel;
use crate::cli::output::Row;
use crate::cli::table::Column;

impl Row for v1::Route {
    type Line = Self;
    const NAME: &'static str = "routes";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::text("Prefix", |route| (&route.prefix).into()),
        Column::text("Next-Hop", |route| next_hops(route).into()),
        Column::text("From", |route| neighbors(route).into()),
        Column::wide_number("Table", |route| route.table.into()),
        Column::wide_number("Metric", |route| route.metric.into()),
        Column::wide_number("Proto", |route| route.protocol.into()),
        Column::text("Kernel", |route| kernel(route.state, &route.reason)),
    ];

    fn lines(self) -> impl Iterator<Item = Self> {
        once(self)
    }
}

/// `10.0.0.2,fe80::1%eth0,vxlan 10.1.0.3`, one behind the other; `blackhole` for packets that end here.
fn next_hops(route: &v1::Route) -> String {
    if route.blackhole {
        return "blackhole".to_owned();
    }
    let one = |hop: &v1::RouteNextHop| match (hop.device.as_str(), hop.encapsulation.as_str()) {
        ("", "") => hop.address.clone(),
        ("", wrapped) => format!("{wrapped} {}", hop.address),
        (device, _) => format!("{}%{device}", hop.address),
    };
    route.next_hops.iter().map(one).collect::<Vec<_>>().join(",")
}

/// Who announced the next hops, in the same order.
fn neighbors(route: &v1::Route) -> String {
    route.next_hops.iter().map(|hop| hop.neighbor.as_str()).collect::<Vec<_>>().join(",")
}
