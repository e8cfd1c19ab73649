//! The keys that listening sockets have: who of those that connect must sign, and with what.
//!
//! The kernel checks signatures before a connection is there to be accepted, so a listener must know the keys of
//! all whom it may hear from. They are kept as what is wanted; a change of the configuration gives a new such
//! set, and the sockets are told only the difference. Connections that stand keep the key that they have: to
//! change that is their task's part.

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv6Addr;
use std::os::fd::BorrowedFd;

use ipnet::{IpNet, Ipv6Net};

use crate::config::{Authentication, BgpConfig, NeighborAddress};

use super::sockopt::{self, End};

/// Whose segments are signed, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Keys(BTreeMap<IpNet, Authentication>);

impl Keys {
    /// What a configuration asks for.
    pub(super) fn of(bgp: &BgpConfig) -> Keys {
        let named = bgp.neighbors.iter().map(|neighbor| (range(neighbor.address), &neighbor.authentication));
        let ranges = bgp.ranges.iter().map(|range| (range.range, &range.neighbor.authentication));
        Keys(
            ranges
                .chain(named)
                .filter(|(_, how)| **how != Authentication::None)
                .map(|(peer, how)| (peer, how.clone()))
                .collect(),
        )
    }

    /// These, but with this key for one peer; `None` where that is so already.
    pub(super) fn with(&self, peer: IpNet, how: &Authentication) -> Option<Keys> {
        if self.0.get(&peer).unwrap_or(&Authentication::None) == how {
            return None;
        }
        let mut keys = self.clone();
        match how {
            Authentication::None => keys.0.remove(&peer),
            how => keys.0.insert(peer, how.clone()),
        };
        Some(keys)
    }

    /// Has a listener go from `self` to `to`. Every key is tried; the errors name the peer.
    pub(super) fn change(&self, to: &Keys, listener: BorrowedFd<'_>, is_ipv4: bool) -> Vec<io::Error> {
        let none = &Authentication::None;
        // What goes, goes first: the kernel's room for keys is small.
        let gone =
            self.0.iter().filter(|(peer, _)| !to.0.contains_key(peer)).map(|(peer, from)| (peer, from, none));
        let come = to.0.iter().map(|(peer, to)| (peer, self.0.get(peer).unwrap_or(none), to));
        let changes =
            gone.chain(come).filter(|(peer, from, to)| from != to && peer.addr().is_ipv4() == is_ipv4);
        changes
            .filter_map(|(peer, from, to)| {
                sockopt::sign(listener, End::Listener, *peer, from, to)
                    .err()
                    .map(|error| explain(*peer, &error))
            })
            .collect()
    }
}

/// From where a neighbour's segments may come: of one that is known by its link, any address that a link gives.
pub(super) fn range(address: NeighborAddress) -> IpNet {
    match address.ip() {
        Some(ip) => ip.into(),
        None => IpNet::V6(LINK_LOCAL),
    }
}

/// RFC 4291 section 2.5.6.
const LINK_LOCAL: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10);

fn explain(peer: IpNet, error: &io::Error) -> io::Error {
    let hint = match error.raw_os_error() {
        Some(libc::ENOMEM) => "; net.core.optmem_max bounds the keys that a socket may have: raise it",
        Some(libc::ENOPROTOOPT) => "; this kernel is built without it",
        _ => "",
    };
    io::Error::new(error.kind(), format!("cannot give a listener the key of {peer}: {error}{hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;
    use crate::daemon::socket;
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};
    use std::os::fd::AsFd;
    use std::time::Duration;
    use tokio::io::AsyncReadExt;

    fn keys(list: &[(&str, &str)]) -> Keys {
        let md5 = |key: &str| Authentication::Md5(Secret::from(key.as_bytes()));
        Keys(list.iter().map(|(peer, key)| (peer.parse().unwrap(), md5(key))).collect())
    }

    fn signed(key: &str) -> Authentication {
        match key {
            "" => Authentication::None,
            _ => Authentication::Md5(Secret::from(key.as_bytes())),
        }
    }

    fn route(to: SocketAddr, from: u8) -> socket::Route {
        socket::Route {
            remote: socket::Remote::Address(to),
            local: Some(IpAddr::V4(Ipv4Addr::new(127, 0, 0, from))),
            hops: crate::config::Hops::Within(1),
        }
    }

    fn listen() -> tokio::net::TcpListener {
        let socket = socket::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), false).unwrap();
        socket::listen(socket).unwrap()
    }

    /// Whether a connection from 127.0.0.`from` with this key is made. One that is not is never refused: its
    /// segments are as good as lost, so what is waited for is short.
    async fn gets_in(listener: &tokio::net::TcpListener, from: u8, key: &str) -> bool {
        let route = route(listener.local_addr().unwrap(), from);
        let made =
            tokio::time::timeout(Duration::from_millis(300), socket::connect(route, signed(key))).await;
        matches!(made, Ok(Ok(_)))
    }

    #[tokio::test]
    async fn a_listener_takes_new_keys_and_the_longest_prefix_counts() {
        let listener = listen();
        let change = |from: &Keys, to: &Keys| {
            assert!(from.change(to, listener.as_fd(), true).is_empty());
        };
        let first = keys(&[("127.0.0.2/32", "two"), ("127.0.0.128/25", "range")]);
        change(&Keys::default(), &first);
        assert!(gets_in(&listener, 2, "two").await);
        assert!(!gets_in(&listener, 2, "three").await);
        assert!(!gets_in(&listener, 2, "").await);
        assert!(gets_in(&listener, 3, "").await, "nothing is asked of others");
        assert!(gets_in(&listener, 200, "range").await);
        assert!(!gets_in(&listener, 200, "").await);

        let second =
            keys(&[("127.0.0.3/32", "three"), ("127.0.0.128/25", "other"), ("127.0.0.200/32", "own")]);
        change(&first, &second);
        assert!(gets_in(&listener, 2, "").await);
        assert!(gets_in(&listener, 3, "three").await);
        assert!(gets_in(&listener, 200, "own").await);
        assert!(gets_in(&listener, 201, "other").await);
        assert!(!gets_in(&listener, 201, "range").await);
    }

    /// Both ends change their key while bytes are under way; a connection beside it does not notice.
    #[tokio::test]
    async fn a_connection_that_stands_changes_its_key() {
        let listener = listen();
        let before = keys(&[("127.0.0.2/32", "old"), ("127.0.0.3/32", "other")]);
        assert!(Keys::default().change(&before, listener.as_fd(), true).is_empty());
        let address = listener.local_addr().unwrap();
        let ours = socket::connect(route(address, 2), signed("old")).await.unwrap();
        let (theirs, from) = listener.accept().await.unwrap();
        let beside = socket::connect(route(address, 3), signed("other")).await.unwrap();
        let (other, _) = listener.accept().await.unwrap();

        let after = keys(&[("127.0.0.2/32", "new"), ("127.0.0.3/32", "other")]);
        assert!(before.change(&after, listener.as_fd(), true).is_empty());
        let (old, new) = (signed("old"), signed("new"));
        socket::sign_anew(&ours, &old, &new).unwrap();
        // Sent with the new key to an end that knows the old one only: dropped, and sent again later.
        ours.try_write(b"new").unwrap();
        assert_eq!(theirs.peer_addr().unwrap(), from);
        socket::sign_anew(&theirs, &old, &new).unwrap();
        beside.try_write(b"old").unwrap();
        for (mut stream, expected) in [(theirs, b"new"), (other, b"old")] {
            let mut octets = [0; 3];
            let arrived = tokio::time::timeout(Duration::from_secs(10), stream.read_exact(&mut octets)).await;
            arrived.expect("bytes within ten seconds").unwrap();
            assert_eq!(&octets, expected);
        }
    }
}
