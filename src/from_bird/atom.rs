//! What linnet's policies can ask of a route: one key of a statement's `match`, and several together.

use std::fmt;

use ipnet::IpNet;

/// One key of `match`; of its values any is enough.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Atom {
    Prefixes(Vec<Range>),
    Families(Vec<&'static str>),
    /// Addresses, or `local`.
    Neighbors(Vec<String>),
    NextHops(Vec<IpNet>),
    Communities(Vec<String>),
    AsPath(Vec<String>),
    Origin(&'static str),
}

/// A prefix and the lengths that are meant of those within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) net: IpNet,
    pub(super) least: u8,
    pub(super) most: u8,
}

/// Keys that must all hold; one atom a key.
pub(super) type Guard = Vec<Atom>;

impl Range {
    /// All within a prefix, itself too.
    pub(super) fn within(net: IpNet) -> Range {
        Range { net, least: net.prefix_len(), most: net.max_prefix_len() }
    }

    /// What BIRD means by a prefix with lengths, which may be shorter than the prefix: then those are meant that hold
    /// the prefix.
    pub(super) fn pattern(net: IpNet, least: u8, most: u8) -> Vec<Range> {
        let own = net.prefix_len();
        let wider = (least..=most.min(own.saturating_sub(1))).filter(|length| *length < own);
        let exact = |length| {
            let net = IpNet::new(net.addr(), length).map(|net| net.trunc()).ok()?;
            Some(Range { net, least: length, most: length })
        };
        let mut ranges: Vec<Range> = wider.filter_map(exact).collect();
        if most >= own && least <= most {
            ranges.push(Range { net, least: least.max(own), most });
        }
        ranges
    }

    pub(super) fn contains(&self, net: IpNet) -> bool {
        self.net.contains(&net) && (self.least..=self.most).contains(&net.prefix_len())
    }

    fn intersection(&self, other: &Range) -> Option<Range> {
        let net = if self.net.contains(&other.net) {
            other.net
        } else if other.net.contains(&self.net) {
            self.net
        } else {
            return None;
        };
        let (least, most) = (self.least.max(other.least), self.most.min(other.most));
        (least <= most).then_some(Range { net, least, most })
    }
}

/// As linnet's policies have it.
impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (own, full) = (self.net.prefix_len(), self.net.max_prefix_len());
        write!(f, "{}", self.net)?;
        if self.least > own {
            write!(f, " ge {}", self.least)?;
        }
        let implied = if self.least > own { full } else { own };
        if self.most == implied { Ok(()) } else { write!(f, " le {}", self.most) }
    }
}

impl Atom {
    /// The key in `match`.
    pub(super) fn key(&self) -> &'static str {
        match self {
            Atom::Prefixes(_) => "prefixes",
            Atom::Families(_) => "families",
            Atom::Neighbors(_) => "neighbors",
            Atom::NextHops(_) => "next_hops",
            Atom::Communities(_) => "communities",
            Atom::AsPath(_) => "as_path",
            Atom::Origin(_) => "origin",
        }
    }

    /// Its values, as they are written.
    pub(super) fn values(&self) -> Vec<String> {
        match self {
            Atom::Prefixes(ranges) => ranges.iter().map(Range::to_string).collect(),
            Atom::Families(names) => names.iter().map(|name| (*name).to_owned()).collect(),
            Atom::Neighbors(list) | Atom::Communities(list) | Atom::AsPath(list) => list.clone(),
            Atom::NextHops(nets) => nets.iter().map(|net| crate::from_bird::yaml::host(*net)).collect(),
            Atom::Origin(word) => vec![(*word).to_owned()],
        }
    }

    /// This or that; `None` where one key cannot say it.
    pub(super) fn or(&self, other: &Atom) -> Option<Atom> {
        fn both<T: Clone>(a: &[T], b: &[T]) -> Vec<T> {
            [a, b].concat()
        }
        match (self, other) {
            (Atom::Prefixes(a), Atom::Prefixes(b)) => Some(Atom::Prefixes(both(a, b))),
            (Atom::Families(a), Atom::Families(b)) => Some(Atom::Families(both(a, b))),
            (Atom::Neighbors(a), Atom::Neighbors(b)) => Some(Atom::Neighbors(both(a, b))),
            (Atom::NextHops(a), Atom::NextHops(b)) => Some(Atom::NextHops(both(a, b))),
            (Atom::Communities(a), Atom::Communities(b)) => Some(Atom::Communities(both(a, b))),
            (Atom::AsPath(a), Atom::AsPath(b)) => Some(Atom::AsPath(both(a, b))),
            _ => None,
        }
    }

    /// This and that, of the same key. Within, `None` where nothing can be both.
    ///
    /// # Errors
    /// One key cannot say it.
    fn and(&self, other: &Atom) -> Result<Option<Atom>, String> {
        fn common<T: Clone + PartialEq>(a: &[T], b: &[T]) -> Vec<T> {
            a.iter().filter(|one| b.contains(one)).cloned().collect()
        }
        fn some<T>(list: Vec<T>, atom: fn(Vec<T>) -> Atom) -> Option<Atom> {
            (!list.is_empty()).then(|| atom(list))
        }
        Ok(match (self, other) {
            (a, b) if a == b => Some(a.clone()),
            (Atom::Prefixes(a), Atom::Prefixes(b)) => {
                let pairs = a.iter().flat_map(|a| b.iter().filter_map(|b| a.intersection(b)));
                let mut ranges: Vec<Range> = Vec::new();
                pairs.for_each(|range| {
                    if !ranges.contains(&range) {
                        ranges.push(range);
                    }
                });
                some(ranges, Atom::Prefixes)
            }
            (Atom::Families(a), Atom::Families(b)) => some(common(a, b), Atom::Families),
            (Atom::Neighbors(a), Atom::Neighbors(b)) => some(common(a, b), Atom::Neighbors),
            (Atom::Origin(_), Atom::Origin(_)) => None,
            _ => {
                let key = self.key();
                return Err(format!(
                    "asks for two things of `{key}` at once, and of one key linnet asks for any of its values: write it as two statements, the first with `action: next`, or as one set"
                ));
            }
        })
    }
}

/// The guard with one more atom; within, `None` where no route meets it.
///
/// # Errors
/// A statement cannot say it.
pub(super) fn and(guard: &Guard, atom: &Atom) -> Result<Option<Guard>, String> {
    let mut guard = guard.clone();
    match guard.iter_mut().find(|own| own.key() == atom.key()) {
        Some(own) => match own.and(atom)? {
            Some(both) => *own = both,
            None => return Ok(None),
        },
        None => guard.push(atom.clone()),
    }
    Ok(Some(guard))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(net: &str, least: u8, most: u8) -> Vec<String> {
        Range::pattern(net.parse().unwrap(), least, most).iter().map(Range::to_string).collect()
    }

    #[test]
    fn lengths_as_bird_means_them() {
        assert_eq!(ranges("10.0.0.0/8", 8, 8), ["10.0.0.0/8"]);
        assert_eq!(ranges("10.0.0.0/8", 16, 24), ["10.0.0.0/8 ge 16 le 24"]);
        assert_eq!(ranges("10.0.0.0/8", 8, 32), ["10.0.0.0/8 le 32"]);
        assert_eq!(ranges("10.0.0.0/8", 9, 32), ["10.0.0.0/8 ge 9"]);
        assert_eq!(ranges("192.0.0.0/2", 0, 2), ["0.0.0.0/0", "128.0.0.0/1", "192.0.0.0/2"]);
        assert_eq!(ranges("10.0.0.0/8", 7, 9), ["10.0.0.0/7", "10.0.0.0/8 le 9"]);
        assert_eq!(ranges("0.0.0.0/0", 0, 0), ["0.0.0.0/0"]);
        assert!(ranges("10.0.0.0/8", 5, 3).is_empty());
    }

    #[test]
    fn two_ranges_at_once_are_a_range() {
        let atom = |net: &str| Atom::Prefixes(vec![Range::within(net.parse().unwrap())]);
        let guard = |nets: [&str; 2]| and(&vec![atom(nets[0])], &atom(nets[1])).unwrap();
        assert_eq!(guard(["10.0.0.0/8", "10.1.0.0/16"]), Some(vec![atom("10.1.0.0/16")]));
        assert_eq!(guard(["10.1.0.0/16", "10.0.0.0/8"]), Some(vec![atom("10.1.0.0/16")]));
        assert_eq!(guard(["10.1.0.0/16", "10.2.0.0/16"]), None);
        let community = |text: &str| Atom::Communities(vec![text.into()]);
        assert!(and(&vec![community("1:1")], &community("1:2")).is_err());
    }
}
