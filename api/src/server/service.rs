//! The services: each method forwards its request and returns the answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Semaphore, mpsc, watch as signal};
use tokio_stream::wrappers::ReceiverStream;
use tonic::service::Routes;
use tonic::{Response, Status, async_trait};

use super::asker::Asker;
use super::{inject, watch};
use crate::query::{ApiError, MAX_INJECTIONS, MAX_WATCHES, Request};
use crate::v1;

/// The largest request, in octets: a configuration of some ten thousand neighbours.
const MAX_REQUEST: usize = 4 << 20;

/// Serves every generated service by the same value.
macro_rules! served {
    ($service:ident: $($module:ident::$server:ident,)+) => {
        Routes::default()
            $(.add_service(v1::$module::$server::new($service.clone()).max_decoding_message_size(MAX_REQUEST)))+
    };
}

/// What every method needs; cheap to clone.
#[derive(Clone)]
pub(super) struct Service {
    asker: Asker,
    watches: Arc<Semaphore>,
    injections: Arc<Semaphore>,
    /// The number of the next stream that injects.
    next_injection: Arc<AtomicU64>,
    ended: signal::Receiver<()>,
}

impl Service {
    pub(super) fn new(requests: mpsc::Sender<Request>, ended: signal::Receiver<()>) -> Service {
        Service {
            asker: Asker::new(requests),
            watches: Arc::new(Semaphore::new(MAX_WATCHES)),
            injections: Arc::new(Semaphore::new(MAX_INJECTIONS)),
            next_injection: Arc::default(),
            ended,
        }
    }

    pub(super) fn routes(self) -> Routes {
        served!(self:
            rib_server::RibServer,
            neighbors_server::NeighborsServer,
            policies_server::PoliciesServer,
            bfd_server::BfdServer,
            evpn_server::EvpnServer,
            fib_server::FibServer,
            routes_server::RoutesServer,
            native_server::NativeServer,
            system_server::SystemServer,
            configuration_server::ConfigurationServer,
            injection_server::InjectionServer,
            monitor_server::MonitorServer,
        )
    }
}

/// Implements a generated service trait whose methods only forward.
macro_rules! forward {
    ($service:path { $($method:ident($request:ident) -> $response:ident;)+ }) => {
        #[async_trait]
        impl $service for Service {
            $(async fn $method(
                &self,
                request: tonic::Request<v1::$request>,
            ) -> Result<Response<v1::$response>, Status> {
                self.asker.ask(request.into_inner()).await.map(Response::new)
            })+
        }
    };
}

forward!(v1::rib_server::Rib {
    list_paths(ListPathsRequest) -> ListPathsResponse;
    summarize(SummarizeRequest) -> SummarizeResponse;
    explain(ExplainRequest) -> ExplainResponse;
});

forward!(v1::neighbors_server::Neighbors {
    list_neighbors(ListNeighborsRequest) -> ListNeighborsResponse;
    get_neighbor(GetNeighborRequest) -> Neighbor;
    reset_neighbor(ResetNeighborRequest) -> ResetNeighborResponse;
    set_neighbor_admin(SetNeighborAdminRequest) -> SetNeighborAdminResponse;
});

forward!(v1::policies_server::Policies {
    list_policies(ListPoliciesRequest) -> ListPoliciesResponse;
});

forward!(v1::bfd_server::Bfd {
    list_bfd_sessions(ListBfdSessionsRequest) -> ListBfdSessionsResponse;
});

forward!(v1::evpn_server::Evpn {
    list_vnis(ListVnisRequest) -> ListVnisResponse;
    list_macs(ListMacsRequest) -> ListMacsResponse;
    list_arps(ListArpsRequest) -> ListArpsResponse;
    list_vteps(ListVtepsRequest) -> ListVtepsResponse;
    list_duplicates(ListDuplicatesRequest) -> ListDuplicatesResponse;
    clear_duplicates(ClearDuplicatesRequest) -> ClearDuplicatesResponse;
});

forward!(v1::fib_server::Fib {
    list_fib_entries(ListFibEntriesRequest) -> ListFibEntriesResponse;
});

forward!(v1::routes_server::Routes {
    list_routes(ListRoutesRequest) -> ListRoutesResponse;
});

forward!(v1::native_server::Native {
    list_advertised(ListAdvertisedRequest) -> ListAdvertisedResponse;
    list_prefix_sources(ListPrefixSourcesRequest) -> ListPrefixSourcesResponse;
    list_tunnel_ends(ListTunnelEndsRequest) -> ListTunnelEndsResponse;
});

forward!(v1::configuration_server::Configuration {
    get_configuration(GetConfigurationRequest) -> RunningConfiguration;
    apply_configuration(ApplyConfigurationRequest) -> ApplyConfigurationResponse;
    confirm_configuration(ConfirmConfigurationRequest) -> ConfirmConfigurationResponse;
    roll_back_configuration(RollBackConfigurationRequest) -> RollBackConfigurationResponse;
    add_neighbor(AddNeighborRequest) -> AddNeighborResponse;
    remove_neighbor(RemoveNeighborRequest) -> RemoveNeighborResponse;
});

forward!(v1::system_server::System {
    get_status(GetStatusRequest) -> Status;
    reload_configuration(ReloadConfigurationRequest) -> ReloadConfigurationResponse;
});

#[async_trait]
impl v1::monitor_server::Monitor for Service {
    type WatchStream = ReceiverStream<Result<v1::WatchResponse, Status>>;

    async fn watch(
        &self,
        request: tonic::Request<v1::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let permit = Arc::clone(&self.watches).try_acquire_owned().map_err(|_| {
            Status::from(ApiError::Exhausted(format!("{MAX_WATCHES} streams watch already, no more may")))
        })?;
        let (responses, stream) = mpsc::channel(1);
        let (asker, ended) = (self.asker.clone(), self.ended.clone());
        tokio::spawn(watch::run(asker, request.into_inner(), responses, ended, permit));
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

#[async_trait]
impl v1::injection_server::Injection for Service {
    type InjectStream = ReceiverStream<Result<v1::InjectResponse, Status>>;

    async fn inject(
        &self,
        request: tonic::Request<tonic::Streaming<v1::InjectRequest>>,
    ) -> Result<Response<Self::InjectStream>, Status> {
        let permit = Arc::clone(&self.injections).try_acquire_owned().map_err(|_| {
            Status::from(ApiError::Exhausted(format!("{MAX_INJECTIONS} streams inject already, no more may")))
        })?;
        let (responses, stream) = mpsc::channel(1);
        let (asker, ended) = (self.asker.clone(), self.ended.clone());
        let number = self.next_injection.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(inject::run(asker, number, request.into_inner(), responses, ended, permit));
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}
