//! Paths of a neighbour to which this speaker is of another AS than its own: that AS is put in front of them when
//! they come in, as if they had passed through it.

use std::sync::Arc;

use crate::intern::Interner;
use crate::types::PeerId;
use crate::wire::Attrs;

use super::tables::Rib;

impl Rib {
    /// The attributes as they are from here on; `None` where they stay as they came. Equal sets share an allocation,
    /// as they did when they came.
    pub(super) fn prepended(&mut self, peer: PeerId, attrs: &Attrs) -> Option<Arc<Attrs>> {
        let local = self.decision.sources.get(peer).local_as.filter(|local| local.prepends)?;
        let as_path = attrs.as_path.prepend(local.asn, 1);
        let interner = self.prepended.slot(peer).get_or_insert_with(Box::<Interner>::default);
        Some(interner.intern(Attrs { as_path, ..attrs.clone() }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{attrs, key, rib, route, source};
    use super::*;
    use crate::rib::Source;
    use crate::types::{Asn, LocalAs};
    use crate::wire::Nlris;

    const EBGP: PeerId = PeerId(3);

    #[test]
    fn the_way_through_the_other_as_shows_and_is_shared() {
        let mut rib = rib(4);
        let neighbor = source(EBGP).asn;
        let shown = |rib: &Rib, n| rib.ipv4.get(key(n)).unwrap().1.best().unwrap().attrs.clone();
        for (prepends, path) in [(false, vec![neighbor]), (true, vec![Asn(7), neighbor])] {
            let local_as = Some(LocalAs { asn: Asn(7), prepends, replaces: false });
            rib.peer_up(EBGP, Source { local_as, ..source(EBGP) });
            for n in [0, 1] {
                let came = Arc::new(attrs(&[neighbor.0]));
                assert_eq!(rib.announce(EBGP, 0, &came, &Nlris::Ipv4(vec![route(n)])), Ok(()));
            }
            assert_eq!(shown(&rib, 0).as_path.asns().collect::<Vec<_>>(), path);
            assert_eq!(Arc::ptr_eq(&shown(&rib, 0), &shown(&rib, 1)), prepends);
        }
    }
}
