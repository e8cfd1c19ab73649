//! Accepting connections: each goes to the task of the neighbour whose address it comes from, and to nobody
//! else. What comes from elsewhere is closed at once.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tracing::{debug, info, warn};

use super::socket;

/// Whom accepted connections are given to: shared between those who listen and who starts the neighbours' tasks.
#[derive(Clone, Default)]
pub(super) struct Doors(Arc<Mutex<HashMap<IpAddr, mpsc::Sender<TcpStream>>>>);

impl Doors {
    /// Connections from this address are a neighbour's from now on.
    pub(super) fn open(&self, address: IpAddr, door: mpsc::Sender<TcpStream>) {
        self.locked().insert(address, door);
    }

    /// Connections from this address are nobody's any more.
    pub(super) fn close(&self, address: IpAddr) {
        self.locked().remove(&address);
    }

    fn door(&self, address: IpAddr) -> Option<mpsc::Sender<TcpStream>> {
        self.locked().get(&address).cloned()
    }

    /// Nobody waits while it is locked, and a map that somebody died with is whole.
    fn locked(&self) -> MutexGuard<'_, HashMap<IpAddr, mpsc::Sender<TcpStream>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// After an error of `accept` itself (no descriptor left, say), trying again at once would only burn a core.
const PAUSE: Duration = Duration::from_millis(100);

/// Begins to listen on every address; an error names the address.
pub(super) fn start(addresses: &[SocketAddr], doors: &Doors) -> io::Result<()> {
    for &address in addresses {
        let listener = socket::listen(address)
            .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))?;
        info!(%address, "listening");
        tokio::spawn(accept(listener, doors.clone()));
    }
    Ok(())
}

async fn accept(listener: TcpListener, doors: Doors) {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => admit(stream, from.ip().to_canonical(), &doors),
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn admit(stream: TcpStream, from: IpAddr, doors: &Doors) {
    let Some(door) = doors.door(from) else {
        debug!(%from, "connection refused: no such neighbour");
        return;
    };
    // A neighbour that connects faster than its task looks has its newest connection closed.
    if door.try_send(stream).is_err() {
        debug!(%from, "connection refused: others of this neighbour are waiting");
    }
}
