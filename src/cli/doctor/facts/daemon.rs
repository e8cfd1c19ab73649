//! What linnetd says.

use std::collections::BTreeMap;
use std::net::IpAddr;

use api::client::{Client, ConnectError, Endpoint, List};
use api::v1;
use tonic::{Code, Status};

use super::settings::Settings;

/// Everything that it was asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Daemon {
    /// At a glance.
    pub(crate) status: v1::Status,
    /// What it was told to do.
    pub(crate) settings: Settings,
    /// Its neighbours.
    pub(crate) neighbors: Vec<v1::Neighbor>,
    /// EVPN; `None` where it is not configured.
    pub(crate) evpn: Option<Evpn>,
    /// The routes of native routing; `None` where it is not configured.
    pub(crate) routes: Option<Vec<v1::Route>>,
    /// The ends of the fallback tunnel; none where there is no fallback.
    pub(crate) tunnel: Vec<v1::TunnelEnd>,
}

/// What it says of EVPN.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evpn {
    /// Networks.
    pub(crate) vnis: Vec<v1::Vni>,
    /// Remote VTEPs, a row for each network.
    pub(crate) vteps: Vec<v1::Vtep>,
    /// Hosts that move too often.
    pub(crate) duplicates: Vec<v1::Duplicate>,
    /// The kernel's rows that it wants, and what it believes of them.
    pub(crate) entries: Vec<v1::FibEntry>,
    /// Received routes of types 2 and 3 that are in use, by what decides who imports them.
    pub(crate) offers: BTreeMap<Offer, Sample>,
    /// Received routes of type 3.
    pub(crate) floods: Vec<v1::Path>,
}

/// What routes of one VTEP have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Offer {
    /// The neighbour that they came from.
    pub(crate) neighbor: String,
    /// The VTEP.
    pub(crate) vtep: String,
    /// Their label.
    pub(crate) vni: Option<u32>,
    /// Their route targets, such as `65000:100`.
    pub(crate) targets: Vec<String>,
}

/// How many there are, and one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sample {
    /// How many.
    pub(crate) routes: u64,
    /// One, as `linnet explain` takes it.
    pub(crate) nlri: String,
}

/// Why it could not be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Absence {
    /// In words.
    pub(crate) why: String,
    /// It may well run: this user is not to talk to it.
    pub(crate) denied: bool,
}

impl Daemon {
    /// Asks for everything.
    pub(super) async fn ask(endpoint: &Endpoint) -> Result<(Client, Daemon), Absence> {
        let client = Client::connect(endpoint).await.map_err(|error| Absence {
            denied: matches!(error, ConnectError::Denied(_)),
            why: error.to_string(),
        })?;
        let daemon = Daemon::all(&client).await.map_err(|status| Absence {
            why: format!("linnetd at {endpoint} does not answer as it should: {}", status.message()),
            denied: false,
        })?;
        Ok((client, daemon))
    }

    async fn all(client: &Client) -> Result<Daemon, Status> {
        let configuration = client.configuration().get_configuration(v1::GetConfigurationRequest {}).await?;
        Ok(Daemon {
            status: client.system().get_status(v1::GetStatusRequest {}).await?.into_inner(),
            settings: Settings::read(&configuration.into_inner().text).unwrap_or_default(),
            neighbors: rows(client, v1::ListNeighborsRequest::default()).await?,
            evpn: if_configured(Evpn::all(client).await)?,
            routes: if_configured(rows(client, v1::ListRoutesRequest::default()).await)?,
            tunnel: rows(client, v1::ListTunnelEndsRequest::default()).await?,
        })
    }
}

impl Evpn {
    async fn all(client: &Client) -> Result<Evpn, Status> {
        let mut evpn = Evpn {
            vnis: rows(client, v1::ListVnisRequest::default()).await?,
            vteps: rows(client, v1::ListVtepsRequest::default()).await?,
            duplicates: rows(client, v1::ListDuplicatesRequest::default()).await?,
            entries: entries(client).await?,
            ..Evpn::default()
        };
        let request = v1::ListPathsRequest {
            families: vec!["l2vpn-evpn".to_owned()],
            route_types: vec![v1::RouteType::Macip.into(), v1::RouteType::Multicast.into()],
            table: v1::Table::Local.into(),
            ..v1::ListPathsRequest::default()
        };
        let mut pages = client.list(request);
        while let Some(paths) = pages.next().await? {
            paths.into_iter().filter(|path| path.neighbor != LOCAL).for_each(|path| evpn.take(path));
        }
        Ok(evpn)
    }

    fn take(&mut self, path: v1::Path) {
        let targets = path.ext_communities.iter().filter_map(|community| community.strip_prefix("RT:"));
        let offer = Offer {
            neighbor: path.neighbor.clone(),
            vtep: path.next_hop.clone(),
            vni: path.vni.or(path.pmsi.as_ref().map(|pmsi| pmsi.vni)),
            targets: targets.map(ToOwned::to_owned).collect(),
        };
        let sample = self.offers.entry(offer).or_default();
        sample.routes += 1;
        if sample.routes == 1 {
            sample.nlri.clone_from(&path.nlri);
        }
        if path.route_type == v1::RouteType::Multicast as i32 {
            self.floods.push(path);
        }
    }

    /// The remote VTEPs of a network.
    pub(super) fn remote_in(&self, vni: u32) -> Vec<IpAddr> {
        let rows = self.vteps.iter().filter(|row| row.vni == vni);
        rows.filter_map(|row| row.vtep.parse().ok()).collect()
    }
}

/// What `Path.neighbor` is of a route that this node originates.
const LOCAL: &str = "local";

/// What is wanted of the kernel's rows.
pub(super) async fn entries(client: &Client) -> Result<Vec<v1::FibEntry>, Status> {
    let kinds = [v1::FibKind::Flood, v1::FibKind::Mac, v1::FibKind::Neighbor].map(Into::into).to_vec();
    rows(client, v1::ListFibEntriesRequest { kinds, ..v1::ListFibEntriesRequest::default() }).await
}

async fn rows<L: List>(client: &Client, request: L) -> Result<Vec<L::Row>, Status> {
    let (mut pages, mut rows) = (client.list(request), Vec::new());
    while let Some(page) = pages.next().await? {
        rows.extend(page);
    }
    Ok(rows)
}

/// What is not configured is refused as not asked for in the right state.
fn if_configured<T>(answer: Result<T, Status>) -> Result<Option<T>, Status> {
    match answer {
        Err(status) if status.code() == Code::FailedPrecondition => Ok(None),
        other => other.map(Some),
    }
}
