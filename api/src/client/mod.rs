//! The client: connects, and reads lists page by page.

mod connect;
mod error;
mod health;
mod list;
mod tls;
mod trouble;

use tonic::transport::Channel;

pub use connect::Endpoint;
pub use error::ConnectError;
pub use health::{Health, Serving};
pub use list::{List, Page, Pages};
pub use tls::TlsFiles;
pub use trouble::Trouble;

use crate::v1;

/// Enough for the largest page with long attributes on each row.
const MAX_MESSAGE: usize = 32 << 20;

/// A connection to a daemon, with one client for each of its services. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client(Channel);

impl Client {
    /// Connects to `endpoint`.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn connect(endpoint: &Endpoint) -> Result<Client, ConnectError> {
        connect::channel(endpoint).await.map(Client)
    }

    /// The connection, for services that are not linnet's own.
    pub fn channel(&self) -> Channel {
        self.0.clone()
    }

    /// Reads a list, one page after the other.
    pub fn list<L: List>(&self, request: L) -> Pages<L> {
        Pages::start(self.clone(), request)
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
