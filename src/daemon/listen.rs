//! Accepting connections: each goes to the task of the neighbour whose address it comes from, or waits for core's
//! word where it comes from a range. What comes from elsewhere is closed at once.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tracing::{debug, info, warn};

use crate::config::Authentication;
use crate::core::Event;

use super::doors::{Admission, Doors};
use super::keys::Keys;
use super::socket;

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
    pub(super) fn start(
        addresses: &[SocketAddr],
        keys: Keys,
        doors: &Doors,
        core: &mpsc::Sender<Event>,
    ) -> io::Result<Listeners> {
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
            tokio::spawn(accept(listener.clone(), doors.clone(), core.clone()));
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
