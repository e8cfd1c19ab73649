//! Finding the daemon, and saying why it was not found.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::time::timeout;
use tonic::transport::{Channel, Uri};
use tonic::{Code, Status};

use super::tls;
use crate::VERSION_HEADER;
use crate::stream::AnyStream;

pub use super::tls::TlsFiles;

/// How long a connection may take: who is there answers sooner, also from far away.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a daemon listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A Unix socket.
    Unix(PathBuf),
    /// `HOST:PORT`.
    Tcp(String),
    /// `HOST:PORT`, with TLS.
    Tls(String, TlsFiles),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Unix(path) => write!(f, "{}", path.display()),
            Endpoint::Tcp(address) | Endpoint::Tls(address, _) => f.write_str(address),
        }
    }
}

/// Why there is no connection, in words for the person who asked for one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// There is no socket.
    #[error("linnetd is not running: no socket at {0}")]
    NoSocket(PathBuf),
    /// What is there is something else.
    #[error("{0} is no socket")]
    NotASocket(PathBuf),
    /// Nobody listens there.
    #[error("linnetd is not running: nobody answers at {0}")]
    NobodyAnswers(String),
    /// The socket is not for this user.
    #[error("not allowed to talk to linnetd: {0} is for its owner and group only")]
    Denied(PathBuf),
    /// It is not written as addresses are.
    #[error("`{0}` is no address: HOST:PORT, such as 127.0.0.1:50151 or [::1]:50151")]
    NotAnAddress(String),
    /// The name of the host leads nowhere.
    #[error("{0}: {1}")]
    UnknownHost(String, String),
    /// Nothing came back, no refusal either.
    #[error("no answer from {0} within {seconds} seconds", seconds = CONNECT_TIMEOUT.as_secs())]
    Silence(String),
    /// A file that TLS takes cannot be used.
    #[error("{path}: {1}", path = .0.display())]
    File(PathBuf, String),
    /// It is there, and does not speak TLS.
    #[error("{0} does not speak TLS")]
    NoTls(String),
    /// It is there, and its certificate is not to be trusted.
    #[error("the certificate of {0} is not to be trusted: {1}")]
    Untrusted(String, String),
    /// Something else.
    #[error("cannot connect to {0}: {1}")]
    Other(String, String),
}

/// What the connection was, where a request failed for that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The daemon wants a certificate of its clients, and has seen none.
    CertificateWanted,
    /// The daemon does not take the client's certificate.
    CertificateRefused(String),
    /// Whoever answers is no linnetd.
    Stranger,
    /// The connection broke.
    Broken,
}

impl Trouble {
    /// What the connection was; `None` where the request itself was answered.
    pub fn of(status: &Status) -> Option<Trouble> {
        match status.source() {
            _ if status.metadata().contains_key(VERSION_HEADER) => None,
            Some(source) => Some(tls::refusal(source).unwrap_or(Trouble::Broken)),
            None if status.code() == Code::Unimplemented => Some(Trouble::Stranger),
            None => None,
        }
    }
}

/// Connects; when the connection is lost, the next request connects anew.
pub(super) async fn channel(endpoint: &Endpoint) -> Result<Channel, ConnectError> {
    let target = endpoint.clone();
    let connector = tower::service_fn(move |_: Uri| {
        let target = target.clone();
        async move { dial(&target).await.map(TokioIo::new) }
    });
    // This address is only what the requests are headed with: the connector knows where to go.
    tonic::transport::Endpoint::from_static("http://linnetd").connect_with_connector(connector).await.map_err(
        |error| {
            let mut causes = std::iter::successors(Some(&error as &(dyn Error + 'static)), |&e| e.source());
            let ours = causes.find_map(|error| error.downcast_ref::<ConnectError>());
            ours.cloned().unwrap_or_else(|| ConnectError::Other(endpoint.to_string(), deepest(&error)))
        },
    )
}

async fn dial(endpoint: &Endpoint) -> Result<AnyStream, ConnectError> {
    match endpoint {
        Endpoint::Unix(path) => match UnixStream::connect(path).await {
            Ok(stream) => Ok(Box::pin(stream)),
            Err(error) => Err(explain_socket(path, &error)),
        },
        Endpoint::Tcp(address) => Ok(Box::pin(dial_tcp(address).await?)),
        Endpoint::Tls(address, files) => {
            let connector = tls::Connector::new(address, files)?;
            let stream = dial_tcp(address).await?;
            let agreed = timeout(CONNECT_TIMEOUT, connector.connect(stream)).await;
            agreed.unwrap_or_else(|_| Err(ConnectError::Silence(address.clone())))
        }
    }
}

async fn dial_tcp(address: &str) -> Result<TcpStream, ConnectError> {
    let found = lookup_host(address).await.map_err(|error| match error.kind() {
        ErrorKind::InvalidInput => ConnectError::NotAnAddress(address.to_owned()),
        _ => ConnectError::UnknownHost(address.to_owned(), error.to_string()),
    })?;
    let found: Vec<_> = found.collect();
    let connected = timeout(CONNECT_TIMEOUT, TcpStream::connect(found.as_slice())).await;
    let connected = connected.map_err(|_| ConnectError::Silence(address.to_owned()))?;
    let stream = connected.map_err(|error| match error.kind() {
        ErrorKind::ConnectionRefused => ConnectError::NobodyAnswers(address.to_owned()),
        _ => ConnectError::Other(address.to_owned(), error.to_string()),
    })?;
    // Small messages that wait for each other are slow; without it they are slow, and nothing else.
    _ = stream.set_nodelay(true);
    Ok(stream)
}

fn explain_socket(path: &Path, error: &io::Error) -> ConnectError {
    let is_socket = || path.metadata().is_ok_and(|file| file.file_type().is_socket());
    match error.kind() {
        ErrorKind::NotFound => ConnectError::NoSocket(path.to_owned()),
        ErrorKind::PermissionDenied => ConnectError::Denied(path.to_owned()),
        // The kernel refuses a file of another kind as it refuses a socket on which nobody listens.
        ErrorKind::ConnectionRefused if !is_socket() => ConnectError::NotASocket(path.to_owned()),
        ErrorKind::ConnectionRefused => ConnectError::NobodyAnswers(path.display().to_string()),
        _ => ConnectError::Other(path.display().to_string(), error.to_string()),
    }
}

fn deepest(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.last().map(ToString::to_string).unwrap_or_default()
}
