//! How far a reader has come: the whole of what is known of it between two of its requests, and it is the
//! reader that keeps it, as an opaque token.

use std::fmt::{self, Display};
use std::net::IpAddr;
use std::str::{FromStr, Split};

use api::query::ApiError;
use bgp::types::{Family, Vni};
use evpn::RowId;
use fib::RowPlace;
use fib::routes::RoutePlace;

/// What can be followed on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topic {
    Rib(Family),
    Neighbor,
    Evpn,
    Fib,
}

impl Topic {
    /// Those without a change log of their own.
    pub(super) const RECORDED: [Topic; 3] = [Topic::Neighbor, Topic::Evpn, Topic::Fib];

    /// Its place in [`Topic::RECORDED`].
    pub(super) fn place(self) -> Option<usize> {
        Topic::RECORDED.iter().position(|topic| *topic == self)
    }

    const fn bit(self) -> u8 {
        match self {
            Topic::Rib(Family::Ipv4Unicast) => 1,
            Topic::Rib(Family::Ipv6Unicast) => 2,
            Topic::Rib(Family::L2vpnEvpn) => 4,
            Topic::Neighbor => 8,
            Topic::Evpn => 16,
            Topic::Fib => 32,
        }
    }
}

/// A set of topics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Scope(u8);

impl Scope {
    pub(super) const fn of(topic: Topic) -> Scope {
        Scope(topic.bit())
    }

    pub(super) const fn with(self, topic: Topic) -> Scope {
        Scope(self.0 | topic.bit())
    }

    pub(super) const fn and(self, other: Scope) -> Scope {
        Scope(self.0 | other.0)
    }

    pub(super) fn everything() -> Scope {
        let recorded = Topic::RECORDED.into_iter().chain(Family::ALL.map(Topic::Rib));
        recorded.fold(Scope::default(), Scope::with)
    }

    pub(super) fn has(self, topic: Topic) -> bool {
        self.0 & topic.bit() != 0
    }

    pub(super) fn is_recorded(self) -> bool {
        Topic::RECORDED.into_iter().any(|topic| self.has(topic))
    }
}

/// A reader's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Tells streams apart.
    pub(super) stream: u64,
    pub(super) scope: Scope,
    /// What was read of the changes.
    pub(super) read: Position,
    /// The present state is complete once this is reached; `None` when it has been.
    pub(super) goal: Option<Position>,
    /// Where the walk through the tables stands; `None` once it is over.
    pub(super) walk: Option<Walk>,
}

/// A position in everything that changes are numbered in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// In the record.
    pub(super) record: u64,
    /// In the tables, in the order of [`Family::ALL`].
    pub(super) versions: [u64; Family::ALL.len()],
}

impl Position {
    /// The later of two, in each of the tables.
    pub(super) fn later(&self, other: &Position) -> Position {
        let ([a, b, c], [d, e, f]) = (self.versions, other.versions);
        Position { record: self.record.max(other.record), versions: [a.max(d), b.max(e), c.max(f)] }
    }

    /// Whether `other` has been reached, as far as `scope` goes.
    pub(super) fn has_reached(&self, other: &Position, scope: Scope) -> bool {
        let tables = Family::ALL.into_iter().zip(self.versions.iter().zip(&other.versions));
        (!scope.is_recorded() || self.record >= other.record)
            && tables
                .into_iter()
                .all(|(family, (mine, theirs))| !scope.has(Topic::Rib(family)) || mine >= theirs)
    }
}

/// The next row of the tables that have no change log, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Walk {
    Neighbors(u32),
    Vnis(Vni),
    Macs(Vni, RowId),
    Arps(Vni, RowId),
    /// Behind this VTEP.
    Vteps(Vni, Option<IpAddr>),
    Fib(RowPlace),
    Routes(RoutePlace),
}

impl Walk {
    pub(super) const START: Walk = Walk::Neighbors(0);

    pub(super) fn topic(self) -> Topic {
        match self {
            Walk::Neighbors(_) => Topic::Neighbor,
            Walk::Vnis(_) | Walk::Macs(..) | Walk::Arps(..) | Walk::Vteps(..) => Topic::Evpn,
            Walk::Fib(_) | Walk::Routes(_) => Topic::Fib,
        }
    }

    /// The next table, from its beginning.
    pub(super) fn next_table(self) -> Option<Walk> {
        let (vni, row) = (Vni::default(), RowId::default());
        Some(match self {
            Walk::Neighbors(_) => Walk::Vnis(vni),
            Walk::Vnis(_) => Walk::Macs(vni, row),
            Walk::Macs(..) => Walk::Arps(vni, row),
            Walk::Arps(..) => Walk::Vteps(vni, None),
            Walk::Vteps(..) => Walk::Fib(RowPlace::default()),
            Walk::Fib(_) => Walk::Routes(RoutePlace::default()),
            Walk::Routes(_) => return None,
        })
    }
}

const SEPARATOR: char = '/';

impl Place {
    /// The token of a place in the run of the daemon that is called `run`.
    pub(super) fn token(&self, run: u64) -> String {
        let mut text = format!("{run:x}/{:x}/{:x}/{}", self.stream, self.scope.0, self.read);
        let goal = self.goal.map(|goal| goal.to_string());
        let walk = self.walk.map(|walk| walk.to_string());
        for part in goal.into_iter().chain(walk) {
            text.push(SEPARATOR);
            text.push_str(&part);
        }
        text
    }

    /// Reads a token.
    ///
    /// # Errors
    /// [`ApiError::Expired`] if it is of another run, [`ApiError::InvalidArgument`] if it is no token.
    pub(super) fn parse(token: &str, run: u64) -> Result<Place, ApiError> {
        let wrong =
            || ApiError::InvalidArgument(format!("resume_token: `{token}` is not from an earlier watch"));
        let mut parts = token.split(SEPARATOR);
        if number(&mut parts).ok_or_else(wrong)? != run {
            return Err(ApiError::Expired("the token is from another run of linnetd: watch anew".to_owned()));
        }
        Place::parse_parts(&mut parts).filter(|_| parts.next().is_none()).ok_or_else(wrong)
    }

    fn parse_parts(parts: &mut Split<'_, char>) -> Option<Place> {
        let stream = number(parts)?;
        let scope = Scope(number(parts)?.try_into().ok()?);
        let read = Position::parse(parts.next()?)?;
        let goal = parts.next().map(Position::parse).map_or(Some(None), |goal| goal.map(Some))?;
        let walk = parts.next().map(Walk::parse).map_or(Some(None), |walk| walk.map(Some))?;
        Some(Place { stream, scope, read, goal, walk })
    }
}

fn number(parts: &mut Split<'_, char>) -> Option<u64> {
    u64::from_str_radix(parts.next()?, 16).ok()
}

impl Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [ipv4, ipv6, evpn] = self.versions;
        write!(f, "{:x},{ipv4:x},{ipv6:x},{evpn:x}", self.record)
    }
}

impl Position {
    fn parse(text: &str) -> Option<Position> {
        let numbers: Option<Vec<u64>> =
            text.split(',').map(|part| u64::from_str_radix(part, 16).ok()).collect();
        let [record, ipv4, ipv6, evpn] = numbers?.try_into().ok()?;
        Some(Position { record, versions: [ipv4, ipv6, evpn] })
    }
}

impl Display for Walk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Walk::Neighbors(next) => write!(f, "neighbor,{next}"),
            Walk::Vnis(vni) => write!(f, "vni,{vni}"),
            Walk::Macs(vni, row) => write!(f, "mac,{vni},{}", row.0),
            Walk::Arps(vni, row) => write!(f, "arp,{vni},{}", row.0),
            Walk::Vteps(vni, None) => write!(f, "vtep,{vni}"),
            Walk::Vteps(vni, Some(vtep)) => write!(f, "vtep,{vni},{vtep}"),
            Walk::Fib(RowPlace { vni, table, row }) => write!(f, "fib,{vni},{table},{row}"),
            Walk::Routes(RoutePlace(route)) => write!(f, "route,{route}"),
        }
    }
}

impl Walk {
    fn parse(text: &str) -> Option<Walk> {
        let parts: Vec<&str> = text.split(',').collect();
        let vni = |text: &str| Vni::new(text.parse().ok()?);
        Some(match parts.as_slice() {
            ["neighbor", next] => Walk::Neighbors(parsed(next)?),
            ["vni", next] => Walk::Vnis(vni(next)?),
            ["mac", of, row] => Walk::Macs(vni(of)?, RowId(parsed(row)?)),
            ["arp", of, row] => Walk::Arps(vni(of)?, RowId(parsed(row)?)),
            ["vtep", of] => Walk::Vteps(vni(of)?, None),
            ["vtep", of, vtep] => Walk::Vteps(vni(of)?, Some(parsed(vtep)?)),
            ["fib", of, table, row] => {
                Walk::Fib(RowPlace { vni: vni(of)?, table: parsed(table)?, row: parsed(row)? })
            }
            ["route", route] => Walk::Routes(RoutePlace(parsed(route)?)),
            _ => return None,
        })
    }
}

fn parsed<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_lead_back() {
        let vni = Vni::new(100).unwrap();
        let read = Position { record: 7, versions: [1, 0, u64::MAX] };
        let walks = [
            Walk::START,
            Walk::Vnis(vni),
            Walk::Macs(vni, RowId(3)),
            Walk::Arps(vni, RowId(4)),
            Walk::Vteps(vni, None),
            Walk::Vteps(vni, "2001:db8::1".parse().ok()),
            Walk::Fib(RowPlace { vni, table: 2, row: 9 }),
            Walk::Routes(RoutePlace(7)),
        ];
        let begun =
            walks.map(|walk| Place { stream: 5, scope: Scope(63), read, goal: Some(read), walk: Some(walk) });
        let synced = Place { stream: 6, scope: Scope(4), read, goal: None, walk: None };
        let reached = Place { goal: Some(read), ..synced };
        for place in begun.into_iter().chain([synced, reached]) {
            assert_eq!(Place::parse(&place.token(9), 9), Ok(place));
            assert!(matches!(Place::parse(&place.token(9), 8), Err(ApiError::Expired(_))));
        }
        for wrong in [
            "",
            "9",
            "9/1/1/1,2,3,4/",
            "9/1/1/1,2,3",
            "9/1/100/1,2,3,4",
            "9/1/1/1,2,3,4/1,2,3,4/x,1",
            "9/1/1/1,2,3,4/1,2,3,4/vni,1/",
        ] {
            assert!(matches!(Place::parse(wrong, 9), Err(ApiError::InvalidArgument(_))), "{wrong}");
        }
    }

    #[test]
    fn a_position_is_reached_as_far_as_the_scope_goes() {
        let (low, high) = (Position::default(), Position { record: 1, versions: [0, 2, 0] });
        assert!(!low.has_reached(&high, Scope::of(Topic::Evpn)));
        assert!(!low.has_reached(&high, Scope::of(Topic::Rib(Family::Ipv6Unicast))));
        assert!(low.has_reached(&high, Scope::of(Topic::Rib(Family::L2vpnEvpn))));
        assert!(high.has_reached(&high, Scope(63)));
    }
}
