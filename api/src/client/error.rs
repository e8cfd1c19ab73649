//! Why the daemon was not found.

use std::path::PathBuf;
use std::time::Duration;

/// How long a connection may take: who is there answers sooner, also from far away.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

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
