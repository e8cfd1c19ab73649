//! Arrivals: the connections of all listeners in one stream, each with what is known of who is at its other end.
//!
//! Every listener has a task, a door. A door has room for so many connections and no more: one too many is closed
//! unheard, and takes no room of another door. TLS is agreed upon in a task of its own, so that who is slow at it
//! keeps nobody waiting.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;

use super::caller::{Caller, Visit};
use super::listen::{BoundTcp, Tls};
use crate::stream::AnyStream;

/// Connections that may be open by one door.
pub(super) const MAX_CONNECTIONS: usize = 128;

/// How long it may take to agree upon TLS.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long who was refused may take to read why, and how many octets of his are taken meanwhile.
const FAREWELL: Duration = Duration::from_secs(1);
const LAST_WORDS: u64 = 64 << 10;

/// How long to wait when the system gives out no connection, for want of file descriptors as a rule.
const PAUSE: Duration = Duration::from_millis(100);

/// Connections that wait to be served; they are taken at once.
const WAITING: usize = 16;

/// A connection that is served.
pub(super) struct Connection {
    stream: AnyStream,
    visit: Visit,
    _permit: OwnedSemaphorePermit,
}

/// Where connections come in.
pub(super) struct Arrivals(mpsc::Sender<io::Result<Connection>>);

impl Arrivals {
    /// No door yet; the doors close when the stream is dropped.
    pub(super) fn new() -> (Arrivals, ReceiverStream<io::Result<Connection>>) {
        let (arrivals, stream) = mpsc::channel(WAITING);
        (Arrivals(arrivals), ReceiverStream::new(stream))
    }

    /// Whoever comes by this socket is such a caller.
    ///
    /// # Errors
    /// The runtime cannot watch it.
    pub(super) fn by_socket(
        &self,
        listener: std::os::unix::net::UnixListener,
        caller: Caller,
    ) -> io::Result<()> {
        let listener = UnixListener::from_std(listener)?;
        let door = Door::new(&self.0, caller);
        tokio::spawn(async move {
            while let Some(stream) = door.next(|| accept_unix(&listener)).await {
                let Some(permit) = door.room() else { continue };
                let visit = door.visit.clone();
                door.enter(Connection { stream, visit, _permit: permit }).await;
            }
        });
        Ok(())
    }

    /// Whoever comes by this address is who his certificate says.
    ///
    /// # Errors
    /// As of [`Arrivals::by_socket`].
    pub(super) fn by_tcp(&self, bound: BoundTcp) -> io::Result<()> {
        let BoundTcp { listener, tls, is_loopback } = bound;
        let listener = TcpListener::from_std(listener)?;
        let stranger = if is_loopback { Caller::Loopback } else { Caller::Anybody };
        let (door, tls) = (Door::new(&self.0, stranger), tls.map(Arc::new));
        tokio::spawn(async move {
            while let Some(stream) = door.next(|| accept_tcp(&listener)).await {
                let Some(permit) = door.room() else { continue };
                tokio::spawn(greet(door.clone(), stream, tls.clone(), permit));
            }
        });
        Ok(())
    }
}

/// One listener's way in.
#[derive(Clone)]
struct Door {
    arrivals: mpsc::Sender<io::Result<Connection>>,
    connections: Arc<Semaphore>,
    visit: Visit,
}

impl Door {
    fn new(arrivals: &mpsc::Sender<io::Result<Connection>>, caller: Caller) -> Door {
        Door {
            arrivals: arrivals.clone(),
            connections: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            visit: Visit::new(caller),
        }
    }

    /// The next one who comes, or nobody once the server ends.
    async fn next<S, A: Future<Output = io::Result<S>>>(&self, accept: impl Fn() -> A) -> Option<S> {
        loop {
            tokio::select! {
                () = self.arrivals.closed() => return None,
                accepted = accept() => match accepted {
                    Ok(stream) => return Some(stream),
                    Err(_) => tokio::time::sleep(PAUSE).await,
                },
            }
        }
    }

    fn room(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.connections).try_acquire_owned().ok()
    }

    async fn enter(&self, connection: Connection) {
        // Without a server the connection is closed.
        _ = self.arrivals.send(Ok(connection)).await;
    }
}

async fn accept_unix(listener: &UnixListener) -> io::Result<AnyStream> {
    listener.accept().await.map(|(stream, _)| Box::pin(stream) as AnyStream)
}

async fn accept_tcp(listener: &TcpListener) -> io::Result<TcpStream> {
    listener.accept().await.map(|(stream, _)| stream)
}

async fn greet(door: Door, stream: TcpStream, tls: Option<Arc<Tls>>, permit: OwnedSemaphorePermit) {
    // Small messages that wait for each other are slow; without it they are slow, and nothing else.
    _ = stream.set_nodelay(true);
    let (stream, visit): (AnyStream, Visit) = match tls {
        None => (Box::pin(stream), door.visit.clone()),
        Some(tls) => {
            let agreed = timeout(HANDSHAKE, tls.acceptor.accept(stream).into_fallible()).await;
            let stream = match agreed {
                Ok(Ok(stream)) => stream,
                Ok(Err((_, stream))) => return let_read(stream).await,
                Err(_) => return,
            };
            let visit =
                tls.caller(&stream).map_or_else(|| door.visit.clone(), |caller| door.visit.of(caller));
            (Box::pin(stream), visit)
        }
    };
    door.enter(Connection { stream, visit, _permit: permit }).await;
}

/// The other end has been told by an alert what was wrong. A connection that is closed with something unread is reset,
/// and what was said last may be lost with it: so what still comes is taken first.
async fn let_read(mut stream: TcpStream) {
    let ended = async {
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(LAST_WORDS), &mut tokio::io::sink()).await
    };
    // The connection is closed in any case.
    _ = timeout(FAREWELL, ended).await;
}

impl Tls {
    /// Who he is, where clients are asked for certificates.
    fn caller(&self, stream: &TlsStream<TcpStream>) -> Option<Caller> {
        let clients = self.clients.as_ref()?;
        let (_, connection) = stream.get_ref();
        let chain = connection.peer_certificates().unwrap_or_default();
        let nobody = || Caller::Certificate { names: Vec::new(), role: None };
        Some(chain.first().map_or_else(nobody, |certificate| clients.caller(certificate)))
    }
}

impl Connected for Connection {
    type ConnectInfo = Visit;

    fn connect_info(&self) -> Visit {
        self.visit.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream.as_mut().poll_write(context, octets)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream.as_mut().poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_shutdown(context)
    }
}
