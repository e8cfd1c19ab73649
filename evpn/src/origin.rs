//! Who says what: the sources of remote routes, each written down once.
//!
//! A route names its source by eight octets of route distinguisher and a VTEP address. Ten thousand routes of
//! a VNI come from a handful of sources, so a claim holds a four-octet [`OriginId`] instead. The same book
//! answers which VNIs hold anything under a route distinguisher, which is what a withdrawal must know: it
//! does not repeat the route targets that once let the route in.

use std::net::IpAddr;
use std::num::NonZeroU32;

use bgp::types::{Rd, Vni};
use hashbrown::HashMap;
use smallvec::SmallVec;

use crate::table::{Keyed, Table};

/// The number of an [`Origin`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct OriginId(NonZeroU32);

/// A source of routes in a VNI.
#[derive(Debug)]
pub(crate) struct Origin {
    /// The route distinguisher that the routes carry.
    pub(crate) rd: Rd,
    /// Where their hosts are.
    pub(crate) vtep: IpAddr,
    vni: Vni,
    routes: u32,
}

/// All sources that some VNI holds a route of.
#[derive(Debug, Default)]
pub(crate) struct Origins {
    table: Table<Origin>,
    /// The VNIs that hold something under a route distinguisher, each with the number of its origins.
    holders: HashMap<Rd, SmallVec<[(Vni, u32); 1]>>,
}

impl Keyed for Origin {
    type Key = (Rd, IpAddr, Vni);

    fn key(&self) -> Self::Key {
        (self.rd, self.vtep, self.vni)
    }
}

impl Origins {
    /// The origin of one more route. Each call is to be met by a [`release`](Self::release).
    pub(crate) fn hold(&mut self, rd: Rd, vtep: IpAddr, vni: Vni) -> OriginId {
        let id = self.table.find_or_insert((rd, vtep, vni), || Origin { rd, vtep, vni, routes: 0 });
        if let Some(origin) = self.table.get_mut(id) {
            origin.routes = origin.routes.saturating_add(1);
            if origin.routes == 1 {
                self.add_holder(rd, vni);
            }
        }
        OriginId(NonZeroU32::MIN.saturating_add(id))
    }

    /// A route of it is gone.
    pub(crate) fn release(&mut self, id: OriginId) {
        let Some(origin) = self.table.get_mut(id.index()) else { return };
        origin.routes = origin.routes.saturating_sub(1);
        if origin.routes == 0 {
            let (rd, vni) = (origin.rd, origin.vni);
            self.table.remove(id.index());
            self.remove_holder(rd, vni);
        }
    }

    pub(crate) fn get(&self, id: OriginId) -> Option<&Origin> {
        self.table.get(id.index())
    }

    pub(crate) fn vtep(&self, id: OriginId) -> Option<IpAddr> {
        self.get(id).map(|origin| origin.vtep)
    }

    /// Whether the routes of an origin carry this route distinguisher.
    pub(crate) fn has_rd(&self, id: OriginId, rd: Rd) -> bool {
        self.get(id).is_some_and(|origin| origin.rd == rd)
    }

    /// The VNIs that hold a route under this route distinguisher.
    pub(crate) fn holders(&self, rd: Rd) -> impl Iterator<Item = Vni> + '_ {
        self.holders.get(&rd).into_iter().flatten().map(|&(vni, _)| vni)
    }

    /// Whether some source has this VTEP.
    pub(crate) fn name(&self, vtep: IpAddr) -> bool {
        self.table.iter_from(0).any(|(_, origin)| origin.vtep == vtep)
    }

    fn add_holder(&mut self, rd: Rd, vni: Vni) {
        let vnis = self.holders.entry(rd).or_default();
        match vnis.iter_mut().find(|(held, _)| *held == vni) {
            Some((_, origins)) => *origins += 1,
            None => vnis.push((vni, 1)),
        }
    }

    fn remove_holder(&mut self, rd: Rd, vni: Vni) {
        let Some(vnis) = self.holders.get_mut(&rd) else { return };
        vnis.retain(|(held, origins)| {
            *origins -= u32::from(*held == vni);
            *origins > 0
        });
        if vnis.is_empty() {
            self.holders.remove(&rd);
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }
}

impl OriginId {
    fn index(self) -> u32 {
        self.0.get() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_as_long_as_a_route_is() {
        let (rd, vni) = (Rd([1; 8]), Vni::new(100).unwrap());
        let [a, b]: [IpAddr; 2] = ["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
        let mut origins = Origins::default();
        let first = origins.hold(rd, a, vni);
        assert_eq!(origins.hold(rd, a, vni), first);
        let moved = origins.hold(rd, b, vni);
        assert_ne!(moved, first);
        assert_eq!(origins.holders(rd).collect::<Vec<_>>(), [vni]);
        [first, first].into_iter().for_each(|id| origins.release(id));
        assert_eq!((origins.vtep(first), origins.vtep(moved)), (None, Some(b)));
        assert_eq!(origins.holders(rd).count(), 1);
        origins.release(moved);
        assert_eq!((origins.holders(rd).count(), origins.len()), (0, 0));
    }
}
