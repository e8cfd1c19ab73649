//! Which of the kernel's tables are looked at, and in which order: devices first, for rows mean nothing without.

use crate::dumps::Dumps;
use crate::op::{Dump, Table};
use crate::row::IfIndex;

/// With more bridges to look at, one look at everything is cheaper.
const MANY: usize = 24;

const ROWS: [Table; 3] = [Table::Fdb, Table::Neighbors4, Table::Neighbors6];

/// All that the kernel has.
pub(super) fn everything() -> impl Iterator<Item = Dump> {
    [Table::Links].into_iter().chain(ROWS).map(|table| Dump { table, bridge: None })
}

/// Looks at one bridge, its ports and its neighbours.
pub(super) fn look_at(dumps: &mut Dumps<Dump>, bridge: IfIndex) {
    if will_look_at(dumps, bridge) {
        return;
    }
    let is_cheaper = dumps.waiting().len() >= MANY;
    if is_cheaper {
        dumps.retain(|dump| dump.bridge.is_none());
    }
    let bridge = Some(bridge).filter(|_| !is_cheaper);
    dumps.look_at(ROWS.map(|table| Dump { table, bridge }));
}

/// Whether a look at this bridge is still to begin.
pub(super) fn will_look_at(dumps: &Dumps<Dump>, bridge: IfIndex) -> bool {
    let covers = |dump: &Dump| dump.table == Table::Fdb && dump.bridge.is_none_or(|only| only == bridge);
    dumps.waiting().any(covers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_bridges_are_looked_at_in_one_go() {
        let mut dumps = Dumps::new([]);
        (0..100).for_each(|bridge| look_at(&mut dumps, IfIndex(bridge)));
        assert!(dumps.waiting().len() <= MANY + ROWS.len());
        assert!((0..100).all(|bridge| will_look_at(&dumps, IfIndex(bridge))));
    }
}
