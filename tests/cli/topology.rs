//! A fabric with a reflector: what two leaves behind it are known by.

use api::{Answer, ApiError, Query, v1};

use crate::fake;

/// As the fake daemon, with the type 3 routes of two leaves and a session that says what the reflector is called.
pub(crate) fn answer(query: Query) -> Result<Answer, ApiError> {
    match query {
        Query::ListPaths(_) => {
            let paths = [("10.0.0.2", 100), ("10.0.0.2", 20_000), ("10.0.0.3", 100)];
            let paths = paths.into_iter().map(|(vtep, vni)| multicast(vtep, vni)).collect();
            Ok(v1::ListPathsResponse { paths, ..Default::default() }.into())
        }
        query => fake::answer(query),
    }
}

fn multicast(vtep: &str, vni: u32) -> v1::Path {
    v1::Path {
        family: "l2vpn-evpn".into(),
        route_type: v1::RouteType::Multicast.into(),
        nlri: format!("[3]:[{vtep}:{vni}]:[0]:[32]:[{vtep}]"),
        vni: Some(vni),
        next_hop: vtep.into(),
        originator_id: vtep.into(),
        cluster_list: vec!["10.0.1.1".into()],
        neighbor: "10.0.1.1".into(),
        best: true,
        valid: true,
        ..Default::default()
    }
}
