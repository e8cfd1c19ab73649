//! The routes' reconciler against the fake kernel, case by case.

use super::*;
use crate::row::IfIndex;
use smallvec::SmallVec;

/// `PREFIX [via ADDRESS] [dev DEVICE] [metric M] [proto P] [table T] [onlink] [blackhole]`; several ways are joined
/// with `+`.
pub(super) fn route(text: &str) -> Route {
    let mut words = text.split(' ');
    let prefix = words.next().unwrap().parse().unwrap();
    let (mut metric, mut protocol, mut table, mut kind) = (0, 4, MAIN, RouteKind::Unicast);
    let blank = Hop { device: None, gateway: None, onlink: false, weight: 0 };
    let mut hops: Hops = SmallVec::from_iter([blank]);
    while let Some(word) = words.next() {
        let hop = hops.last_mut().unwrap();
        let mut number = || words.next().unwrap().parse().unwrap();
        match word {
            "via" => hop.gateway = words.next().unwrap().parse().ok(),
            "dev" => hop.device = Some(IfIndex(number())),
            "metric" => metric = number(),
            "proto" => protocol = number() as u8,
            "table" => table = number(),
            "onlink" => hop.onlink = true,
            "blackhole" => kind = RouteKind::Blackhole,
            "+" => hops.push(blank),
            other => panic!("{other}"),
        }
    }
    Route { table, prefix, metric, protocol, kind, hops }
}
