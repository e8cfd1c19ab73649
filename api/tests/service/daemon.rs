//! A server of its own for each test.

use std::net::SocketAddr;
use std::path::PathBuf;

use api::client::{Client, Endpoint};
use api::query::ChangesRequest;
use api::server::{ListenConfig, Listeners, Readiness, SocketConfig, serve};
use api::{ApiError, Query, Request};
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// What [`Daemon::refuse_all`] has core say.
pub(crate) const REACHED: &str = "it reached core";

/// A server, and the requests that reach core.
pub(crate) struct Daemon {
    pub(crate) requests: mpsc::Receiver<Request>,
    pub(crate) readiness: watch::Sender<Readiness>,
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) served: JoinHandle<()>,
    address: Option<SocketAddr>,
    dir: TempDir,
}

impl Daemon {
    /// On two sockets in a directory of its own: one for all, one for reading.
    pub(crate) fn start() -> Daemon {
        Daemon::listening(ListenConfig::default())
    }

    /// On those sockets, and wherever else it is told.
    pub(crate) fn listening(config: ListenConfig) -> Daemon {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| Some(SocketConfig::at(dir.path().join(name)));
        let config = ListenConfig { socket: at("sock"), read_only_socket: at("read-only"), tcp: config.tcp };
        let listeners = Listeners::bind(&config).unwrap();
        let address = listeners.tcp_address();
        let (sender, requests) = mpsc::channel(8);
        let (stop, stopped) = oneshot::channel::<()>();
        let (readiness, ready) = watch::channel(Readiness::FULL);
        let served = tokio::spawn(async move {
            serve(listeners, sender, ready, async { drop(stopped.await) }).await.unwrap();
        });
        Daemon { requests, readiness, stop, served, address, dir }
    }

    /// Has core refuse whatever reaches it, so that it can be seen that it did.
    pub(crate) fn refuse_all(&mut self) {
        let mut requests = std::mem::replace(&mut self.requests, mpsc::channel(1).1);
        tokio::spawn(async move {
            while let Some(request) = requests.recv().await {
                request.answer(Err(ApiError::FailedPrecondition(REACHED.into())));
            }
        });
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("sock")
    }

    pub(crate) fn read_only_socket(&self) -> PathBuf {
        self.dir.path().join("read-only")
    }

    /// Its TCP address.
    pub(crate) fn address(&self) -> String {
        self.address.unwrap().to_string()
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(&Endpoint::Unix(self.socket())).await.unwrap()
    }

    pub(crate) async fn reader(&self) -> Client {
        Client::connect(&Endpoint::Unix(self.read_only_socket())).await.unwrap()
    }

    pub(crate) async fn next(&mut self) -> Request {
        self.requests.recv().await.unwrap()
    }

    pub(crate) async fn next_changes(&mut self) -> (ChangesRequest, Request) {
        let request = self.next().await;
        let Query::Changes(changes) = &request.query else { panic!("{:?}", request.query) };
        (changes.clone(), request)
    }
}
