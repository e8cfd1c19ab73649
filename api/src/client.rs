//! The client: connects, and reads lists page by page.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;
use tonic::Status;
use tonic::transport::{Channel, Uri};

use crate::v1;

/// How long a connection may take. The daemon is on this machine: what takes longer is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Enough for the largest page with long attributes on each row.
const MAX_MESSAGE: usize = 32 << 20;

/// Where a daemon listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A Unix socket.
    Unix(PathBuf),
    /// `HOST:PORT`.
    Tcp(String),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Unix(path) => write!(f, "{}", path.display()),
            Endpoint::Tcp(address) => f.write_str(address),
        }
    }
}

/// Why there is no connection, in words for the person who typed the command.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// There is no socket.
    #[error("linnetd is not running: no socket at {0}")]
    NoSocket(PathBuf),
    /// Nobody listens there.
    #[error("linnetd is not running: nobody answers at {0}")]
    NobodyAnswers(Endpoint),
    /// The socket is not for this user.
    #[error("not allowed to talk to linnetd: {0} is for its owner and group only")]
    Denied(PathBuf),
    /// Something else.
    #[error("cannot connect to {0}: {1}")]
    Other(Endpoint, String),
}

/// A connection to a daemon, with one client for each of its services. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client(Channel);

impl Client {
    /// Connects to `endpoint`.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn connect(endpoint: &Endpoint) -> Result<Client, ConnectError> {
        let target = endpoint.clone();
        let connector = tower::service_fn(move |_: Uri| dial(target.clone()));
        // This address is only what the requests are headed with: the connector knows where to go.
        tonic::transport::Endpoint::from_static("http://linnetd")
            .connect_timeout(CONNECT_TIMEOUT)
            .connect_with_connector(connector)
            .await
            .map(Client)
            .map_err(|error| explain(endpoint, &error))
    }

    /// Reads a list, one page after the other.
    pub fn list<L: List>(&self, request: L) -> Pages<L> {
        Pages { next: Some(Fetch::start(self.clone(), request)), client: self.clone() }
    }
}

/// Writes the accessors of [`Client`].
macro_rules! services {
    ($($(#[doc = $doc:literal])+ $name:ident: $client:ty;)+) => {
        impl Client {
            $($(#[doc = $doc])+ pub fn $name(&self) -> $client {
                <$client>::new(self.0.clone()).max_decoding_message_size(MAX_MESSAGE)
            })+
        }
    };
}

services! {
    /// The routing table.
    rib: v1::rib_client::RibClient<Channel>;
    /// The neighbours.
    neighbors: v1::neighbors_client::NeighborsClient<Channel>;
    /// The policies.
    policies: v1::policies_client::PoliciesClient<Channel>;
    /// The BFD sessions.
    bfd: v1::bfd_client::BfdClient<Channel>;
    /// The EVPN tables.
    evpn: v1::evpn_client::EvpnClient<Channel>;
    /// The kernel's state.
    fib: v1::fib_client::FibClient<Channel>;
    /// The routes of native routing.
    routes: v1::routes_client::RoutesClient<Channel>;
    /// What the node announces.
    native: v1::native_client::NativeClient<Channel>;
    /// The daemon.
    system: v1::system_client::SystemClient<Channel>;
    /// The running configuration.
    configuration: v1::configuration_client::ConfigurationClient<Channel>;
    /// Routes put into the table.
    injection: v1::injection_client::InjectionClient<Channel>;
    /// Live changes.
    monitor: v1::monitor_client::MonitorClient<Channel>;
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

async fn dial(endpoint: Endpoint) -> io::Result<TokioIo<Box<dyn Stream>>> {
    let stream: Box<dyn Stream> = match endpoint {
        Endpoint::Unix(path) => Box::new(UnixStream::connect(path).await?),
        Endpoint::Tcp(address) => Box::new(TcpStream::connect(address).await?),
    };
    Ok(TokioIo::new(stream))
}

/// The system's own error lies somewhere below the transport's.
fn explain(endpoint: &Endpoint, error: &(dyn Error + 'static)) -> ConnectError {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    let system = causes.clone().find_map(|error| error.downcast_ref::<io::Error>());
    match (system.map(io::Error::kind), endpoint) {
        (Some(ErrorKind::NotFound), Endpoint::Unix(path)) => ConnectError::NoSocket(path.clone()),
        (Some(ErrorKind::PermissionDenied), Endpoint::Unix(path)) => ConnectError::Denied(path.clone()),
        (Some(ErrorKind::ConnectionRefused), _) => ConnectError::NobodyAnswers(endpoint.clone()),
        _ => {
            let deepest = causes.last().map(ToString::to_string).unwrap_or_default();
            ConnectError::Other(endpoint.clone(), deepest)
        }
    }
}

/// The rows of a page, and the token of the next.
pub type Page<Row> = (Vec<Row>, String);

/// A request for a list.
pub trait List: Clone + Send + 'static {
    /// What the list is of.
    type Row: Send + 'static;

    /// Sets where to go on.
    fn set_page_token(&mut self, token: String);

    /// Reads one page.
    fn fetch(self, client: Client) -> impl Future<Output = Result<(Vec<Self::Row>, String), Status>> + Send;
}

/// Ties each list request to its method and the field that its rows are in.
macro_rules! lists {
    ($($request:ident: $service:ident.$method:ident, $rows:ident of $row:ident;)+) => {
        $(impl List for v1::$request {
            type Row = v1::$row;

            fn set_page_token(&mut self, token: String) {
                self.page_token = token;
            }

            async fn fetch(self, client: Client) -> Result<Page<v1::$row>, Status> {
                let page = client.$service().$method(self).await?.into_inner();
                Ok((page.$rows, page.next_page_token))
            }
        })+
    };
}

lists! {
    ListPathsRequest: rib.list_paths, paths of Path;
    ListNeighborsRequest: neighbors.list_neighbors, neighbors of Neighbor;
    ListPoliciesRequest: policies.list_policies, policies of Policy;
    ListBfdSessionsRequest: bfd.list_bfd_sessions, bfd_sessions of BfdSession;
    ListVnisRequest: evpn.list_vnis, vnis of Vni;
    ListMacsRequest: evpn.list_macs, macs of Mac;
    ListArpsRequest: evpn.list_arps, arps of Arp;
    ListVtepsRequest: evpn.list_vteps, vteps of Vtep;
    ListFibEntriesRequest: fib.list_fib_entries, fib_entries of FibEntry;
    ListRoutesRequest: routes.list_routes, routes of Route;
    ListAdvertisedRequest: native.list_advertised, advertised of Advertised;
    ListPrefixSourcesRequest: native.list_prefix_sources, prefix_sources of PrefixSource;
    ListTunnelEndsRequest: native.list_tunnel_ends, tunnel_ends of TunnelEnd;
}

/// A list under way. Holds one page, and fetches the next while its reader works on that.
pub struct Pages<L: List> {
    client: Client,
    next: Option<Fetch<L>>,
}

impl<L: List> Pages<L> {
    /// The next page, or `None` behind the last. A page may be empty and yet not the last.
    ///
    /// # Errors
    /// What the daemon answers, or that it is gone. The list has then ended.
    pub async fn next(&mut self) -> Result<Option<Vec<L::Row>>, Status> {
        let Some(fetch) = self.next.take() else { return Ok(None) };
        let ((rows, token), mut request) = fetch.finish().await?;
        if !token.is_empty() {
            request.set_page_token(token);
            self.next = Some(Fetch::start(self.client.clone(), request));
        }
        Ok(Some(rows))
    }
}

/// A page on its way. Dropped, it is not waited for.
struct Fetch<L: List> {
    request: L,
    page: JoinHandle<Result<Page<L::Row>, Status>>,
}

impl<L: List> Fetch<L> {
    fn start(client: Client, request: L) -> Self {
        Fetch { page: tokio::spawn(request.clone().fetch(client)), request }
    }

    async fn finish(self) -> Result<(Page<L::Row>, L), Status> {
        let page = self.page.await.map_err(|error| Status::internal(error.to_string()))??;
        Ok((page, self.request))
    }
}
