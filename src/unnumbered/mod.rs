//! Neighbours that are known by the link that leads to them: whoever is at its other end.
//!
//! A router says on each of its links that it is there, from its link-local address, which every IPv6 interface has
//! by itself (RFC 4861). So two routers at the ends of a cable find each other without an address being
//! configured, and BGP runs between those addresses; what their routes need of next hops is RFC 2545 and
//! RFC 8950. FRR calls that `neighbor eth1 interface`.
//!
//! Pure, like all that decides: [`advert`] is what is said, octet by octet; [`discovery`] is when to say it, and
//! who is taken to be the neighbour. Sockets and waiting are the daemon's.

pub mod advert;
pub mod discovery;
