//! Accepting connections: each goes to the task of the neighbour whose address it comes from, or waits for core's
//! word where it comes from a range. What comes from elsewhere is closed at once.
//!
//! Where connections are accepted can change while linnetd runs. Sockets are bound when a configuration is read, so that
//! one that cannot be had is a fault of the configuration, and listen once it is taken; the former ones are closed after
//! that.

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use socket2::{SockRef, Socket};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tracing::{debug, info, warn};

use crate::config::Authentication;
use crate::core::Event;

use super::doors::{Admission, Doors};
use super::keys::Keys;
use super::socket;

/// After an error of `accept` itself (no descriptor left, say), trying again at once would only burn a core.
const PAUSE: Duration = Duration::from_millis(100);

/// The sockets that listen, and the keys that they have. Who reads configurations and who carries them out share it.
#[derive(Clone)]
pub(super) struct Listeners {
    doors: Doors,
    core: mpsc::Sender<Event>,
    sockets: Arc<Mutex<Sockets>>,
}

#[derive(Default)]
struct Sockets {
    open: Vec<Open>,
    /// Bound for a configuration that core has not spoken about yet. They do not listen.
    ready: Vec<Ready>,
    keys: Keys,
}

struct Open {
    address: SocketAddr,
    listener: Arc<TcpListener>,
    accepting: AbortHandle,
}

struct Ready {
    address: SocketAddr,
    socket: Socket,
    keys: Keys,
}

impl Listeners {
    /// None yet. Connections are for the doors, or core is asked about them.
    pub(super) fn new(doors: Doors, core: mpsc::Sender<Event>) -> Listeners {
        Listeners { doors, core, sockets: Arc::default() }
    }

    /// Begins to listen on every address.
    ///
    /// # Errors
    /// The kernel's, with the address; or a key that it does not take, with whose it is.
    pub(super) fn start(&self, addresses: &[SocketAddr], keys: Keys) -> io::Result<()> {
        self.prepare(addresses, &keys)?;
        self.locked().keys = keys;
        self.listen(addresses).into_iter().next().map_or(Ok(()), Err)
    }

    /// Gets sockets ready for those addresses at which nothing listens yet, so that [`Listeners::listen`] has only to
    /// put them to use.
    ///
    /// # Errors
    /// The kernel's, with the address; or a key that it does not take, with whose it is. Then nothing is ready.
    pub(super) fn prepare(&self, addresses: &[SocketAddr], keys: &Keys) -> io::Result<()> {
        let mut sockets = self.locked();
        sockets.ready.clear();
        let missing = addresses.iter().filter(|address| !sockets.is_open(**address));
        let ready = missing.map(|address| sockets.bind(*address, keys.clone())).collect::<io::Result<_>>()?;
        sockets.ready = ready;
        Ok(())
    }

    /// Listens at these addresses from now on, and at no others; what cannot be done is told. Connections that stand
    /// stay, and where an address is listened at already nothing happens.
    pub(super) fn listen(&self, addresses: &[SocketAddr]) -> Vec<io::Error> {
        let mut sockets = self.locked();
        let mut errors = Vec::new();
        for &address in addresses {
            if sockets.is_open(address) {
                continue;
            }
            match sockets.begin(address) {
                Ok(listener) => {
                    info!(%address, "listening");
                    let accepting = accept(Arc::clone(&listener), self.doors.clone(), self.core.clone());
                    let accepting = tokio::spawn(accepting).abort_handle();
                    sockets.open.push(Open { address, listener, accepting });
                }
                Err(error) => errors.push(error),
            }
        }
        for gone in sockets.open.extract_if(.., |open| !addresses.contains(&open.address)) {
            info!(address = %gone.address, "listening no more");
            // Its task ends when it has its turn; nobody is let in until then.
            if let Err(error) = SockRef::from(&gone.listener).shutdown(Shutdown::Read) {
                errors.push(explain(gone.address, &error));
            }
            gone.accepting.abort();
        }
        sockets.ready.clear();
        sockets.share_no_more();
        errors
    }

    /// Has every listener ask one peer for this key from now on; what the kernel refuses is told.
    pub(super) fn set_key(&self, peer: IpNet, how: &Authentication) -> Vec<io::Error> {
        let mut sockets = self.locked();
        let Some(keys) = sockets.keys.with(peer, how) else { return Vec::new() };
        // What the kernel refuses does not keep the others from their keys.
        let change = |open: &Open| sockets.keys.change(&keys, open.listener.as_fd(), open.address.is_ipv4());
        let errors = sockets.open.iter().flat_map(change).collect();
        sockets.keys = keys;
        errors
    }

    /// Nobody waits for anything while it is locked, and what somebody died in is whole.
    fn locked(&self) -> MutexGuard<'_, Sockets> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sockets {
    fn is_open(&self, address: SocketAddr) -> bool {
        self.open.iter().any(|open| open.address == address)
    }

    /// Binds a socket that is to listen. All keys are there before it does, so that nobody is let in without.
    fn bind(&self, address: SocketAddr, keys: Keys) -> io::Result<Ready> {
        // A listener of ours at all addresses and one at a single address may have the same port, while the one is to
        // follow the other.
        let beside: Vec<&Open> = self.open.iter().filter(|open| overlap(open.address, address)).collect();
        let share = |open: &&Open| SockRef::from(&open.listener).set_reuse_port(true);
        let bound =
            beside.iter().try_for_each(share).and_then(|()| socket::bind(address, !beside.is_empty()));
        let socket = bound.map_err(|error| explain(address, &error))?;
        match Keys::default().change(&keys, socket.as_fd(), address.is_ipv4()).into_iter().next() {
            Some(error) => Err(error),
            None => Ok(Ready { address, socket, keys }),
        }
    }

    /// Begins to listen at an address, with the socket that is ready, if one is.
    fn begin(&mut self, address: SocketAddr) -> io::Result<Arc<TcpListener>> {
        let place = self.ready.iter().position(|ready| ready.address == address);
        let ready = match place {
            Some(place) => self.ready.swap_remove(place),
            None => self.bind(address, self.keys.clone())?,
        };
        // The configuration that it was made ready for may have been followed by others since.
        let errors = ready.keys.change(&self.keys, ready.socket.as_fd(), address.is_ipv4());
        if let Some(error) = errors.into_iter().next() {
            return Err(error);
        }
        let listener = socket::listen(ready.socket).map_err(|error| explain(address, &error))?;
        Ok(Arc::new(listener))
    }

    /// Nobody else can listen where we do: a second linnetd is to notice that it is one.
    fn share_no_more(&self) {
        for open in &self.open {
            if let Err(error) = SockRef::from(&open.listener).set_reuse_port(false) {
                warn!(address = %open.address, %error, "the port can be taken by others");
            }
        }
    }
}

/// Whether two sockets cannot listen beside each other unless they agree to.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let is_any = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && one.is_ipv4() == other.is_ipv4() && is_any
}

fn explain(address: SocketAddr, error: &io::Error) -> io::Error {
    let hint = match error.raw_os_error() {
        Some(libc::EADDRINUSE) => "; another program listens there: `ss -ltnp` names it",
        Some(libc::EADDRNOTAVAIL) => "; no device of this node has that address",
        Some(libc::EACCES) => "; ports below 1024 take CAP_NET_BIND_SERVICE",
        _ => "",
    };
    io::Error::new(error.kind(), format!("bgp.listen: cannot listen on {address}: {error}{hint}"))
}

async fn accept(listener: Arc<TcpListener>, doors: Doors, core: mpsc::Sender<Event>) {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => admit(stream, from, &doors, &core).await,
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn admit(stream: TcpStream, from: SocketAddr, doors: &Doors, core: &mpsc::Sender<Event>) {
    match doors.admit(stream, from) {
        Admission::Given => {}
        // Without a core nobody is let in any more.
        Admission::Waits(from) => drop(core.send(Event::Knock { from }).await),
        Admission::Unknown => debug!(%from, "connection refused: no such neighbour"),
        Admission::Crowded => debug!(%from, "connection refused: others are waiting"),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::AsyncReadExt;

    use super::*;

    fn at(ip: [u8; 4], port: u16) -> SocketAddr {
        (Ipv4Addr::from(ip), port).into()
    }

    /// A port that is free now.
    fn free_port() -> u16 {
        let listener = std::net::TcpListener::bind(at([0; 4], 0)).unwrap();
        listener.local_addr().unwrap().port()
    }

    async fn gets_in(to: SocketAddr) -> bool {
        let Ok(mut stream) = TcpStream::connect(to).await else { return false };
        // Who is no neighbour is let in and closed.
        stream.read_u8().await.is_err()
    }

    fn listeners() -> Listeners {
        let (core, inbox) = mpsc::channel(8);
        // It stays open for as long as the test.
        std::mem::forget(inbox);
        Listeners::new(Doors::default(), core)
    }

    #[tokio::test]
    async fn addresses_come_and_go_and_one_follows_all_on_the_same_port() {
        let (port, listeners) = (free_port(), listeners());
        let (all, one, two) = (at([0; 4], port), at([127, 0, 0, 1], port), at([127, 0, 0, 2], port));
        listeners.start(&[all], Keys::default()).unwrap();
        assert!(gets_in(one).await && gets_in(two).await);
        for (addresses, reached) in [
            (&[two][..], [false, true]),
            (&[one, two], [true, true]),
            (&[all], [true, true]),
            (&[], [false, false]),
        ] {
            listeners.prepare(addresses, &Keys::default()).unwrap();
            assert_eq!(listeners.listen(addresses).len(), 0, "{addresses:?}");
            assert_eq!([gets_in(one).await, gets_in(two).await], reached, "{addresses:?}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_had_is_said_and_changes_nothing() {
        let (port, listeners) = (free_port(), listeners());
        let one = at([127, 0, 0, 1], port);
        listeners.start(&[one], Keys::default()).unwrap();
        let taken = std::net::TcpListener::bind(at([127, 0, 0, 2], 0)).unwrap();
        let foreign = at([192, 0, 2, 1], port);
        for (address, word) in [(taken.local_addr().unwrap(), "ss -ltnp"), (foreign, "no device")] {
            let error = listeners.prepare(&[one, address], &Keys::default()).unwrap_err().to_string();
            assert!(error.contains(word) && error.contains(&address.to_string()), "{error}");
        }
        assert!(gets_in(one).await);
        let second = Listeners::new(Doors::default(), listeners.core.clone());
        assert!(second.start(&[one], Keys::default()).is_err(), "a second linnetd notices that it is one");
    }
}
