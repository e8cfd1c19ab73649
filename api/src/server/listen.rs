//! Where the server listens.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{FileTypeExt, PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use tokio_rustls::TlsAcceptor;

use super::tls::{ClientsConfig, TlsConfig, TlsFault};

/// Where to listen: everywhere, somewhere, or nowhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListenConfig {
    /// A Unix socket. Whom its permissions let in may do everything.
    pub socket: Option<SocketConfig>,
    /// A Unix socket for those who may only read.
    pub read_only_socket: Option<SocketConfig>,
    /// A TCP address.
    pub tcp: Option<TcpConfig>,
}

/// A Unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketConfig {
    /// Its place. Its directory is made if only that is missing.
    pub path: PathBuf,
    /// Its permissions.
    pub mode: u32,
    /// Its group, by number; `None`: that of the process.
    pub group: Option<u32>,
}

impl SocketConfig {
    /// Permissions unless somebody says otherwise: for the daemon's user and its group.
    pub const DEFAULT_MODE: u32 = 0o660;

    /// A socket for the daemon's user and its group.
    pub fn at(path: impl Into<PathBuf>) -> SocketConfig {
        SocketConfig { path: path.into(), mode: SocketConfig::DEFAULT_MODE, group: None }
    }
}

/// A TCP address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpConfig {
    /// Where. A loopback address, but for TLS: without, there is nobody but the local users to be trusted.
    pub address: SocketAddr,
    /// How connections are protected, where they are.
    pub tls: Option<TlsConfig>,
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
    #[error("the API does not listen on {0} without TLS: only on a loopback address")]
    NotLoopback(SocketAddr),
    /// What TLS takes is not right.
    #[error("the API does not listen on {0}: {1}")]
    Tls(SocketAddr, TlsFault),
    /// Only root, or who is in a group, may give a file to it.
    #[error(
        "cannot give {path} to group {group}: {error}; linnetd's user has to be in that group (systemd: \
         SupplementaryGroups=)"
    )]
    Group {
        /// The socket.
        path: PathBuf,
        /// The group's number.
        group: u32,
        /// What the system said.
        error: io::Error,
    },
    /// The system refused.
    #[error("cannot listen on {place}: {error}")]
    Io {
        /// A path or an address.
        place: String,
        /// What it said.
        error: io::Error,
    },
}

/// Bound listeners, ready to be served on. Dropped, they remove their socket files.
#[derive(Debug)]
pub struct Listeners {
    pub(super) socket: Option<BoundSocket>,
    pub(super) read_only_socket: Option<BoundSocket>,
    pub(super) tcp: Option<BoundTcp>,
}

/// A Unix socket that is listened on.
#[derive(Debug)]
pub(super) struct BoundSocket {
    pub(super) listener: UnixListener,
    pub(super) file: SocketFile,
}

/// A TCP address that is listened on.
#[derive(Debug)]
pub(super) struct BoundTcp {
    pub(super) listener: TcpListener,
    pub(super) tls: Option<Tls>,
    /// Nobody comes from elsewhere.
    pub(super) is_loopback: bool,
}

/// How connections are protected.
pub(super) struct Tls {
    pub(super) acceptor: TlsAcceptor,
    pub(super) clients: Option<ClientsConfig>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("clients", &self.clients).finish_non_exhaustive()
    }
}

impl Listeners {
    /// Binds what `config` names. A socket file on which nobody answers is left over from a daemon that was
    /// killed, and is replaced. It takes no runtime: a daemon may bind before it gives up the right to hand its
    /// sockets to a group, which it has to do before there is a second thread.
    ///
    /// # Errors
    /// See [`ListenError`].
    pub fn bind(config: &ListenConfig) -> Result<Listeners, ListenError> {
        let tcp = config.tcp.as_ref().map(bind_tcp).transpose()?;
        let socket = config.socket.as_ref().map(bind_unix).transpose()?;
        let read_only_socket = config.read_only_socket.as_ref().map(bind_unix).transpose()?;
        Ok(Listeners { socket, read_only_socket, tcp })
    }

    /// The TCP address that is listened on: tells the port that port 0 became.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        self.tcp.as_ref().and_then(|tcp| tcp.listener.local_addr().ok())
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

fn bind_tcp(config: &TcpConfig) -> Result<BoundTcp, ListenError> {
    let address = config.address;
    let is_loopback = address.ip().is_loopback();
    let tls = match &config.tls {
        None if !is_loopback => return Err(ListenError::NotLoopback(address)),
        None => None,
        Some(tls) => {
            let acceptor = tls.acceptor().map_err(|fault| ListenError::Tls(address, fault))?;
            Some(Tls { acceptor, clients: tls.clients.clone() })
        }
    };
    let bind = || {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    let listener = bind().map_err(|error| ListenError::Io { place: address.to_string(), error })?;
    Ok(BoundTcp { listener, tls, is_loopback })
}

fn bind_unix(config: &SocketConfig) -> Result<BoundSocket, ListenError> {
    let path = &config.path;
    let failed = |error| ListenError::Io { place: path.display().to_string(), error };
    make_directory(path).map_err(failed)?;
    clear_stale(path)?;
    let listener = UnixListener::bind(path).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let file = SocketFile(path.clone());
    // The group first: what the permissions give to the group is not for that of the process.
    if let Some(group) = config.group {
        let refused = |error| ListenError::Group { path: path.clone(), group, error };
        chown(path, None, Some(group)).map_err(refused)?;
    }
    fs::set_permissions(path, Permissions::from_mode(config.mode)).map_err(failed)?;
    Ok(BoundSocket { listener, file })
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
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn bind(path: &Path) -> Result<Listeners, ListenError> {
        Listeners::bind(&ListenConfig { socket: Some(SocketConfig::at(path)), ..ListenConfig::default() })
    }

    #[test]
    fn a_socket_in_use_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run/linnet.sock");
        let first = bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        assert!(matches!(bind(&path), Err(ListenError::InUse(_))));
        drop(first);
        assert!(!path.exists());
    }

    #[test]
    fn a_stale_socket_is_replaced_but_no_other_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("linnet.sock");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        drop(bind(&path).unwrap());

        fs::write(&path, "precious").unwrap();
        assert!(matches!(bind(&path), Err(ListenError::NotASocket(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn permissions_are_as_asked() {
        let dir = tempfile::tempdir().unwrap();
        let own = fs::metadata(dir.path()).unwrap();
        for mode in [0o600, 0o640, 0o666] {
            let socket =
                SocketConfig { mode, group: Some(own.gid()), ..SocketConfig::at(dir.path().join("s")) };
            let path = socket.path.clone();
            let read_only_socket = Some(socket);
            let _bound =
                Listeners::bind(&ListenConfig { read_only_socket, ..ListenConfig::default() }).unwrap();
            let file = fs::metadata(&path).unwrap();
            assert_eq!((file.mode() & 0o777, file.gid()), (mode, own.gid()));
        }
    }

    #[test]
    fn no_address_that_others_reach() {
        let tcp = |text: &str| {
            let tcp = Some(TcpConfig { address: text.parse().unwrap(), tls: None });
            Listeners::bind(&ListenConfig { tcp, ..ListenConfig::default() })
        };
        assert!(matches!(tcp("0.0.0.0:0"), Err(ListenError::NotLoopback(_))));
        assert_ne!(tcp("127.0.0.1:0").unwrap().tcp_address().unwrap().port(), 0);
    }
}
