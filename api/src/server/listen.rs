//! Where the server listens.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, UnixListener};

/// Who may talk to the daemon: its user and its group.
const SOCKET_MODE: u32 = 0o660;

/// Where to listen. Both, one, or none.
#[derive(Clone, Debug, Default)]
pub struct ListenConfig {
    /// A Unix socket. Its directory is made if only that is missing.
    pub socket: Option<PathBuf>,
    /// A loopback address. There is no authentication on it: every local user may talk to the daemon.
    pub tcp: Option<SocketAddr>,
}

/// Why there is no listening there.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Somebody answers on the socket.
    #[error("{0} is in use: another linnetd is running")]
    InUse(PathBuf),
    /// A file that is no socket stands where it should be.
    #[error("{0} exists and is not a socket; it is left alone")]
    NotASocket(PathBuf),
    /// Whoever can reach the address could command the daemon.
    #[error("the API does not listen on {0}: only on a loopback address, as it knows no TLS yet")]
    NotLoopback(SocketAddr),
    /// The system refused.
    #[error("cannot listen on {place}: {error}")]
    Io {
        /// A path or an address.
        place: String,
        /// What it said.
        error: io::Error,
    },
}

/// Bound listeners, ready to be served on. Dropped, they remove their socket file.
#[derive(Debug)]
pub struct Listeners {
    pub(super) unix: Option<UnixListener>,
    pub(super) tcp: Option<TcpListener>,
    pub(super) socket: Option<SocketFile>,
}

impl Listeners {
    /// Binds what `config` names. A socket file on which nobody answers is left over from a daemon that was
    /// killed, and is replaced. To be called within a tokio runtime.
    ///
    /// # Errors
    /// See [`ListenError`].
    pub fn bind(config: &ListenConfig) -> Result<Listeners, ListenError> {
        let tcp = config.tcp.map(bind_tcp).transpose()?;
        let unix = config.socket.as_deref().map(bind_unix).transpose()?;
        let socket = config.socket.clone().map(SocketFile);
        Ok(Listeners { unix, tcp, socket })
    }

    /// The TCP address that is listened on: tells the port that port 0 became.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        self.tcp.as_ref().and_then(|tcp| tcp.local_addr().ok())
    }
}

/// A socket file of ours.
#[derive(Debug)]
pub(super) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // It may have been removed already, and there is nobody left to tell.
        drop(fs::remove_file(&self.0));
    }
}

fn bind_tcp(address: SocketAddr) -> Result<TcpListener, ListenError> {
    if !address.ip().is_loopback() {
        return Err(ListenError::NotLoopback(address));
    }
    let bind = || {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
    };
    bind().map_err(|error| ListenError::Io { place: address.to_string(), error })
}

fn bind_unix(path: &Path) -> Result<UnixListener, ListenError> {
    let failed = |error| ListenError::Io { place: path.display().to_string(), error };
    make_directory(path).map_err(failed)?;
    clear_stale(path)?;
    let listener = UnixListener::bind(path).map_err(failed)?;
    fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE)).map_err(failed)?;
    Ok(listener)
}

/// /run is empty after a boot, and without systemd nobody else makes our directory there.
fn make_directory(path: &Path) -> io::Result<()> {
    match path.parent().map(fs::create_dir) {
        Some(Err(error)) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn clear_stale(path: &Path) -> Result<(), ListenError> {
    let failed = |error| ListenError::Io { place: path.display().to_string(), error };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(file) if !file.file_type().is_socket() => return Err(ListenError::NotASocket(path.into())),
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(failed),
        Err(error) => Err(failed(error)),
        Ok(_) => Err(ListenError::InUse(path.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(path: &Path) -> Result<Listeners, ListenError> {
        Listeners::bind(&ListenConfig { socket: Some(path.into()), tcp: None })
    }

    #[tokio::test]
    async fn a_socket_in_use_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run/linnet.sock");
        let first = bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, SOCKET_MODE);
        assert!(matches!(bind(&path), Err(ListenError::InUse(_))));
        drop(first);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_but_no_other_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("linnet.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        drop(bind(&path).unwrap());

        fs::write(&path, "precious").unwrap();
        assert!(matches!(bind(&path), Err(ListenError::NotASocket(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn no_address_that_others_reach() {
        let tcp = |text: &str| Listeners::bind(&ListenConfig { socket: None, tcp: text.parse().ok() });
        assert!(matches!(tcp("0.0.0.0:0"), Err(ListenError::NotLoopback(_))));
        assert_ne!(tcp("127.0.0.1:0").unwrap().tcp_address().unwrap().port(), 0);
    }
}
