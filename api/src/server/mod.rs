//! The gRPC server: listens on a Unix socket and, if asked, on loopback TCP, and forwards every request over
//! one bounded channel.
//!
//! The daemon binds first ([`Listeners::bind`]), so that a socket in use is an error at start, and then runs
//! [`serve`] as a task. Nothing is remembered between requests but the number of open watch streams.

mod asker;
mod inject;
mod listen;
mod service;
mod time;
mod watch;

pub use listen::{ListenConfig, ListenError, Listeners};

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, watch as signal};
use tokio_stream::Stream;
use tokio_stream::wrappers::{TcpListenerStream, UnixListenerStream};
use tonic::service::Routes;
use tonic::transport::server::Connected;

use crate::query::Request;
use service::Service;

/// How long requests that are under way may take to finish once the daemon ends.
const GRACE: Duration = Duration::from_secs(1);

/// Serves until `shutdown` is ready, then ends the watch streams, lets what else is under way finish within a
/// second, and removes the socket file.
///
/// # Errors
/// If a listener breaks down.
pub async fn serve(
    listeners: Listeners,
    requests: mpsc::Sender<Request>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), tonic::transport::Error> {
    let (end, ended) = signal::channel(());
    let routes = Service::new(requests, ended.clone()).routes();
    let Listeners { unix, tcp, socket: _remove_at_the_end } = listeners;
    let serving = async {
        tokio::try_join!(
            serve_on(unix.map(UnixListenerStream::new), routes.clone(), ended.clone()),
            serve_on(tcp.map(TcpListenerStream::new), routes, ended),
        )
    };
    tokio::pin!(serving);
    tokio::select! {
        result = &mut serving => return result.map(drop),
        () = shutdown => drop(end),
    }
    tokio::time::timeout(GRACE, serving).await.map_or(Ok(()), |result| result.map(drop))
}

async fn serve_on<I, C>(
    incoming: Option<I>,
    routes: Routes,
    mut ended: signal::Receiver<()>,
) -> Result<(), tonic::transport::Error>
where
    I: Stream<Item = io::Result<C>>,
    C: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
{
    let Some(incoming) = incoming else { return Ok(()) };
    let ended = async move { drop(ended.changed().await) };
    let mut server = tonic::transport::Server::builder().tcp_nodelay(true);
    server.add_routes(routes).serve_with_incoming_shutdown(incoming, ended).await
}
