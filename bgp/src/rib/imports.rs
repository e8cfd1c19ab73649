//! The Rib's side of import policies: who has one, and what it does to announcements.

use std::sync::Arc;

use crate::policy::{Chain, Hits};
use crate::types::PeerId;
use crate::wire::{Attrs, Nlri, Nlris, Route};

use super::Rejected;
use super::import::Import;
use super::tables::Rib;
use super::trail::Cause;

impl Rib {
    /// Lets `chain` decide from now on what is taken from a peer, or everything be taken. What was taken before
    /// stays: it is the caller's to have the peer's routes announced again.
    pub fn set_import_policy(&mut self, peer: PeerId, chain: Option<Chain>) {
        *self.imports.slot(peer) = chain.map(|chain| Box::new(Import::new(chain)));
    }

    /// The policy that decides what is taken from a peer, and what it has decided so far.
    pub fn import_policy(&self, peer: PeerId) -> Option<(&Chain, &Hits)> {
        let import = self.imports.get(peer)?.as_deref()?;
        Some((import.chain(), import.hits()))
    }

    /// Takes what the peer's policy accepts.
    pub(super) fn import(&mut self, peer: PeerId, learned: u32, attrs: &Arc<Attrs>, routes: &Nlris) {
        match routes {
            Nlris::Ipv4(routes) => self.import_of(peer, learned, attrs, routes),
            Nlris::Ipv6(routes) => self.import_of(peer, learned, attrs, routes),
            Nlris::Evpn(routes) => self.import_of(peer, learned, attrs, routes),
        }
    }

    fn import_of<N: Nlri>(&mut self, peer: PeerId, learned: u32, attrs: &Arc<Attrs>, routes: &[Route<N>]) {
        let context = self.decision.sources.get(peer).context(N::FAMILY);
        let Some(import) = self.imports.slot(peer) else { return };
        let sorted = import.sort(context, attrs, routes);
        for (attrs, routes) in sorted.accepted {
            self.insert(peer, learned, &attrs, &N::list(routes));
        }
        if !sorted.rejected.is_empty() {
            self.rejected.slot(peer).add(Rejected::Policy, sorted.rejected.len());
            self.take_out(peer, &N::list(sorted.rejected), Cause::Rejected(peer));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{attrs, key, rib, route};
    use super::*;
    use crate::policy::testing::{adds, chain, prefixes, statement};
    use crate::policy::{Statement, Verdict};
    use crate::types::Family;
    use crate::wire::Community;

    const PEER: PeerId = PeerId(0);

    #[test]
    fn what_the_policy_rejects_counts_as_withdrawn() {
        let mut rib = rib(2);
        let (routes, attrs) = (Nlris::Ipv4(vec![route(0), route(1)]), Arc::new(attrs(&[1])));
        for peer in [PEER, PeerId(1)] {
            rib.announce(peer, 0, &attrs, &routes).unwrap();
        }
        let only_the_first = Statement {
            of_route: vec![prefixes(&["11.0.0.0/24"])],
            changes: adds("7:7"),
            ..statement("first", Verdict::Accept)
        };
        rib.set_import_policy(PEER, Some(chain(vec![only_the_first], Verdict::Reject)));
        assert_eq!(rib.counts(PEER, Family::Ipv4Unicast).paths, 2, "as before until they come again");
        rib.announce(PEER, 0, &attrs, &routes).unwrap();
        assert_eq!(rib.counts(PEER, Family::Ipv4Unicast).paths, 1);
        assert_eq!(rib.counts(PeerId(1), Family::Ipv4Unicast).paths, 2, "nobody else's");
        assert_eq!(rib.rejected(PEER).get(Rejected::Policy), 1);
        let taken = rib.ipv4.get(key(0)).unwrap().1.paths().find(|path| path.source == PEER).unwrap();
        assert_eq!(*taken.attrs.communities, [Community(7 << 16 | 7)]);
        let (chain, hits) = rib.import_policy(PEER).unwrap();
        let counts: Vec<_> = chain.deciders(hits).map(|(who, count)| format!("{who} {count}")).collect();
        assert_eq!(counts, ["p/first 1", "p/default 1"]);
        rib.set_import_policy(PEER, None);
        rib.announce(PEER, 0, &attrs, &routes).unwrap();
        assert_eq!(rib.counts(PEER, Family::Ipv4Unicast).paths, 2);
    }
}
