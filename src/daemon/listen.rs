//! Accepting connections: each goes to the task of the neighbour whose address it comes from, and to nobody
//! else. What comes from elsewhere is closed at once.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use nix::net::if_::if_indextoname;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tracing::{debug, info, warn};

use crate::config::{Authentication, InterfaceName, NeighborAddress};

use super::keys::Keys;
use super::socket;

/// Whom accepted connections are given to: shared between those who listen and who starts the neighbours' tasks.
#[derive(Clone, Default)]
pub(super) struct Doors(Arc<Mutex<DoorsByAddress>>);

type DoorsByAddress = HashMap<NeighborAddress, mpsc::Sender<TcpStream>>;

impl Doors {
    /// Connections from this address or link are a neighbour's from now on.
    pub(super) fn open(&self, address: NeighborAddress, door: mpsc::Sender<TcpStream>) {
        self.locked().insert(address, door);
    }

    /// Connections from this address or link are nobody's any more.
    pub(super) fn close(&self, address: NeighborAddress) {
        self.locked().remove(&address);
    }

    /// The door for a connection from there: of a neighbour with that address, or else with that link.
    fn door(&self, from: SocketAddr) -> Option<mpsc::Sender<TcpStream>> {
        let doors = self.locked();
        match (from, link_of(from)) {
            (SocketAddr::V6(from), Some(link)) => doors
                .get(&NeighborAddress::OnLink(*from.ip(), link))
                .or_else(|| doors.get(&NeighborAddress::Interface(link)))
                .cloned(),
            _ => doors.get(&from.ip().into()).cloned(),
        }
    }

    /// Nobody waits while it is locked, and a map that somebody died with is whole.
    fn locked(&self) -> MutexGuard<'_, DoorsByAddress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The link that a link-local address is on.
fn link_of(from: SocketAddr) -> Option<InterfaceName> {
    let SocketAddr::V6(from) = from else { return None };
    let name = if_indextoname(Some(from.scope_id()).filter(|index| *index != 0)?).ok()?;
    InterfaceName::new(name.to_str().ok()?)
}

/// After an error of `accept` itself (no descriptor left, say), trying again at once would only burn a core.
const PAUSE: Duration = Duration::from_millis(100);

/// The sockets that listen, and the keys that they have.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    sockets: Vec<(SocketAddr, Arc<TcpListener>)>,
    keys: Keys,
}

impl Listeners {
    /// Begins to listen on every address.
    ///
    /// # Errors
    /// The kernel's, with the address; or a key that it does not take, with whose it is.
    pub(super) fn start(addresses: &[SocketAddr], keys: Keys, doors: &Doors) -> io::Result<Listeners> {
        let mut listeners = Listeners::default();
        for &address in addresses {
            let listener = socket::listen(address).map_err(|error| {
                io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
            })?;
            listeners.sockets.push((address, Arc::new(listener)));
        }
        if let Some(error) = listeners.set_keys(keys).into_iter().next() {
            return Err(error);
        }
        // Nobody is let in before all keys are there.
        for (address, listener) in &listeners.sockets {
            info!(%address, "listening");
            tokio::spawn(accept(listener.clone(), doors.clone()));
        }
        Ok(listeners)
    }

    /// Has every listener ask one peer for this key from now on; what the kernel refuses is told.
    pub(super) fn set_key(&mut self, peer: IpNet, how: &Authentication) -> Vec<io::Error> {
        match self.keys.with(peer, how) {
            Some(keys) => self.set_keys(keys),
            None => Vec::new(),
        }
    }

    /// Has every listener ask for these keys from now on. What the kernel refuses is told and does not keep the
    /// others from their keys.
    pub(super) fn set_keys(&mut self, keys: Keys) -> Vec<io::Error> {
        let change = |(address, listener): &(SocketAddr, Arc<TcpListener>)| {
            self.keys.change(&keys, listener.as_fd(), address.is_ipv4())
        };
        let errors = self.sockets.iter().flat_map(change).collect();
        self.keys = keys;
        errors
    }
}

async fn accept(listener: Arc<TcpListener>, doors: Doors) {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => admit(stream, from, &doors),
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn admit(stream: TcpStream, from: SocketAddr, doors: &Doors) {
    let Some(door) = doors.door(from) else {
        debug!(%from, "connection refused: no such neighbour");
        return;
    };
    // A neighbour that connects faster than its task looks has its newest connection closed.
    if door.try_send(stream).is_err() {
        debug!(%from, "connection refused: others of this neighbour are waiting");
    }
}
