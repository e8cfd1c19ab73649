//! The gRPC server: listens on Unix sockets and, if asked, on TCP, and forwards every request over one bounded
//! channel.
//!
//! The daemon binds first ([`Listeners::bind`]), so that a socket in use is an error at start, and then runs
//! [`serve`] as a task. All listeners lead to the same services (`arrivals`); which way somebody came, or whom his
//! certificate names, decides what he may do (`caller`), and every request is asked that before it reaches a service
//! (`guard`). Beside linnet's own services there are health (`grpc.health.v1`) and reflection.
//!
//! Nothing is remembered between requests but how many streams and requests there are.

mod arrivals;
mod asker;
mod caller;
mod guard;
mod health;
mod inject;
mod listen;
mod names;
mod service;
mod time;
pub(crate) mod tls;
mod watch;

pub use health::Readiness;
pub use listen::{ListenConfig, ListenError, Listeners, SocketConfig, TcpConfig};
pub use tls::{ClientsConfig, TlsConfig, TlsFault};

use std::future::Future;
use std::time::Duration;

use tokio::sync::{mpsc, watch as signal};
use tonic::service::Routes;

use crate::DESCRIPTORS;
use crate::query::Request;
use arrivals::Arrivals;
use caller::Caller;
use guard::GuardLayer;
use service::Service;

/// How long requests that are under way may take to finish once the daemon ends.
const GRACE: Duration = Duration::from_secs(1);

/// Requests that may be under way on one connection, streams included.
const MAX_STREAMS: u32 = 100;

/// Why there is no service, or no longer.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The server broke down.
    #[error(transparent)]
    Transport(#[from] tonic::transport::Error),
    /// The runtime cannot watch what was bound.
    #[error("cannot accept connections: {0}")]
    Listeners(#[from] std::io::Error),
    /// The descriptors cannot be shown.
    #[error(transparent)]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// Serves until `shutdown` is ready, then ends the watch streams, lets what else is under way finish within a
/// second, and removes the socket files. What `readiness` says is shown as health; without its sender nothing serves.
///
/// # Errors
/// See [`ServeError`].
pub async fn serve(
    listeners: Listeners,
    requests: mpsc::Sender<Request>,
    readiness: signal::Receiver<Readiness>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let (end, ended) = signal::channel(());
    let (reporter, health) = tonic_health::server::health_reporter();
    // Before anybody can ask: the reporter begins by saying that all is well.
    let now = *readiness.borrow();
    health::tell(&reporter, now).await;
    tokio::spawn(health::follow(reporter, readiness, ended.clone()));
    let routes = Service::new(requests, ended.clone()).routes().add_service(health);
    let (arrivals, incoming) = Arrivals::new();
    let Listeners { socket, read_only_socket, tcp } = listeners;
    let mut remove_at_the_end = Vec::new();
    for (socket, caller) in [(socket, Caller::Socket), (read_only_socket, Caller::ReadOnlySocket)] {
        if let Some(socket) = socket {
            arrivals.by_socket(socket.listener, caller)?;
            remove_at_the_end.push(socket.file);
        }
    }
    if let Some(tcp) = tcp {
        arrivals.by_tcp(tcp)?;
    }
    let mut server =
        tonic::transport::Server::builder().max_concurrent_streams(MAX_STREAMS).layer(GuardLayer);
    let mut told = ended;
    let serving = server
        .add_routes(with_reflection(routes)?)
        .serve_with_incoming_shutdown(incoming, async move { drop(told.changed().await) });
    tokio::pin!(serving);
    tokio::select! {
        result = &mut serving => return Ok(result?),
        () = shutdown => drop(end),
    }
    Ok(tokio::time::timeout(GRACE, serving).await.unwrap_or(Ok(()))?)
}

/// In both versions: many tools know only the older one.
fn with_reflection(routes: Routes) -> Result<Routes, tonic_reflection::server::Error> {
    let builder = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    Ok(routes.add_service(builder().build_v1()?).add_service(builder().build_v1alpha()?))
}
