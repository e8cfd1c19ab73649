//! Lists, read one page after the other.

use std::future::Future;

use tokio::task::JoinHandle;
use tonic::Status;

use super::Client;
use crate::v1;

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
    ListDuplicatesRequest: evpn.list_duplicates, duplicates of Duplicate;
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
    pub(super) fn start(client: Client, request: L) -> Self {
        Pages { next: Some(Fetch::start(client.clone(), request)), client }
    }

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
