//! Finding the daemon.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::time::timeout;
use tonic::transport::{Channel, Uri};

use super::error::{CONNECT_TIMEOUT, ConnectError};
use super::tls::{Connector, TlsFiles};
use crate::stream::AnyStream;

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
            let connector = Connector::new(address, files)?;
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
