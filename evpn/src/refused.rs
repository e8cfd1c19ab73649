//! The routes that a VNI's route targets let in and that cannot be used there: which they are, and how many there are
//! for each reason.
//!
//! It says what is so now, not what has happened: a route that goes, or becomes usable, is not counted any more. There
//! are no more of them than routes in the table.

use std::collections::BTreeMap;

use bgp::types::Vni;
use bgp::wire::EvpnKey;
use hashbrown::HashMap;
use smallvec::SmallVec;

use crate::action::Unusable;

/// The refused routes of all VNIs.
#[derive(Debug, Default)]
pub(crate) struct Refused {
    routes: HashMap<EvpnKey, SmallVec<[(Vni, Unusable); 1]>>,
    counts: BTreeMap<(Vni, Unusable), u64>,
}

impl Refused {
    /// A VNI cannot use a route, which it has not been noted of since it was last forgotten.
    pub(crate) fn note(&mut self, key: EvpnKey, vni: Vni, reason: Unusable) {
        self.routes.entry(key).or_default().push((vni, reason));
        *self.counts.entry((vni, reason)).or_default() += 1;
    }

    /// A route is looked at anew, or gone.
    pub(crate) fn forget(&mut self, key: &EvpnKey) {
        for refusal in self.routes.remove(key).into_iter().flatten() {
            if let Some(count) = self.counts.get_mut(&refusal) {
                *count -= 1;
                if *count == 0 {
                    self.counts.remove(&refusal);
                }
            }
        }
    }

    /// A VNI takes no routes any more.
    pub(crate) fn forget_vni(&mut self, vni: Vni) {
        if self.of(vni).next().is_none() {
            return;
        }
        self.counts.retain(|(of, _), _| *of != vni);
        self.routes.retain(|_, refusals| {
            refusals.retain(|(of, _)| *of != vni);
            !refusals.is_empty()
        });
    }

    /// How many routes a VNI cannot use, by reason.
    pub(crate) fn of(&self, vni: Vni) -> impl Iterator<Item = (Unusable, u64)> + '_ {
        let first_to_last = (vni, Unusable::Encapsulation)..=(vni, Unusable::Pmsi);
        self.counts.range(first_to_last).map(|((_, reason), count)| (*reason, *count))
    }

    /// Whether any VNI cannot use some route for this reason.
    pub(crate) fn any(&self, reason: Unusable) -> bool {
        self.counts.keys().any(|(_, refused)| *refused == reason)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use bgp::types::{EthernetTag, Rd};

    use super::*;

    fn key(n: u8) -> EvpnKey {
        let originator = Ipv4Addr::new(10, 0, 0, n).into();
        EvpnKey::Imet { rd: Rd([n; 8]), tag: EthernetTag(0), originator }
    }

    #[test]
    fn what_is_counted_is_what_is_refused_now() {
        let [a, b] = [100, 200].map(|number| Vni::new(number).unwrap());
        let mut refused = Refused::default();
        let of = |refused: &Refused, vni| refused.of(vni).collect::<Vec<_>>();
        refused.note(key(1), a, Unusable::Pmsi);
        refused.note(key(1), b, Unusable::Label);
        refused.note(key(2), a, Unusable::Pmsi);
        refused.note(key(3), a, Unusable::Encapsulation);
        assert_eq!(of(&refused, a), [(Unusable::Encapsulation, 1), (Unusable::Pmsi, 2)]);
        assert_eq!(of(&refused, b), [(Unusable::Label, 1)]);
        refused.forget(&key(1));
        assert_eq!((of(&refused, a).len(), of(&refused, b)), (2, vec![]));
        assert!(refused.any(Unusable::Pmsi) && !refused.any(Unusable::Label));
        refused.forget_vni(a);
        assert!(refused.routes.is_empty() && refused.counts.is_empty());
    }
}
