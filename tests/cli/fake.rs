//! A daemon with fixed answers, behind the real API server.

use std::path::PathBuf;
use std::process::{Command, Output};

use api::server::{ListenConfig, Listeners, Readiness, SocketConfig, serve};
use api::{Answer, ApiError, Query, Request, v1};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};

use crate::{bfd, duplicates, native, routes, rows};

/// How many rows a page has here: less than the lists have, so that pages follow pages.
const PAGE: usize = 2;

/// A running fake. Ends when dropped.
pub(crate) struct Fake {
    dir: TempDir,
    _ready: watch::Sender<Readiness>,
    _runtime: Runtime,
}

impl Fake {
    /// One with the fixed rows.
    pub(crate) fn start() -> Fake {
        Fake::answering(answer)
    }

    /// One with the fixed rows that has not got everything yet.
    pub(crate) fn with(readiness: Readiness) -> Fake {
        Fake::made(answer, readiness)
    }

    /// One that answers as it is told.
    pub(crate) fn answering(answer: fn(Query) -> Result<Answer, ApiError>) -> Fake {
        Fake::made(answer, Readiness::FULL)
    }

    fn made(answer: fn(Query) -> Result<Answer, ApiError>, readiness: Readiness) -> Fake {
        let dir = tempfile::tempdir().unwrap();
        let runtime = Runtime::new().unwrap();
        let _inside = runtime.enter();
        let at = |name: &str| Some(SocketConfig::at(dir.path().join(name)));
        let config = ListenConfig { socket: at("sock"), read_only_socket: at("read-only"), tcp: None };
        let listeners = Listeners::bind(&config).unwrap();
        let (sender, mut requests) = mpsc::channel::<Request>(8);
        let (ready, readiness) = watch::channel(readiness);
        runtime.spawn(serve(listeners, sender, readiness, std::future::pending()));
        runtime.spawn(async move {
            while let Some(request) = requests.recv().await {
                let answered = answer(request.query.clone());
                request.answer(answered);
            }
        });
        Fake { dir, _ready: ready, _runtime: runtime }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("sock")
    }

    pub(crate) fn read_only_socket(&self) -> PathBuf {
        self.dir.path().join("read-only")
    }

    /// The program, told where the fake is and nothing else.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_linnet"));
        command.env_clear().env("LINNET_SOCKET", self.socket());
        command
    }

    /// The program with these arguments, to its end.
    pub(crate) fn run(&self, arguments: &str) -> Output {
        self.command().args(arguments.split_whitespace()).output().unwrap()
    }
}

/// The fixed answers.
pub(crate) fn answer(query: Query) -> Result<Answer, ApiError> {
    Ok(match query {
        Query::ListPaths(request) => paths(&request).into(),
        Query::Summarize(_) => rows::summary().into(),
        Query::Explain(request) => explain(&request)?.into(),
        Query::ListNeighbors(request) => {
            let (neighbors, next_page_token) = page(rows::neighbors(), &request.page_token);
            v1::ListNeighborsResponse { neighbors, next_page_token }.into()
        }
        Query::GetNeighbor(request) => neighbor(&request.address)?.into(),
        Query::ResetNeighbor(request) => {
            neighbor(&request.address)?;
            v1::ResetNeighborResponse {}.into()
        }
        Query::SetNeighborAdmin(request) => {
            neighbor(&request.address)?;
            v1::SetNeighborAdminResponse {}.into()
        }
        Query::ListPolicies(request) => {
            let mut policies = rows::policies();
            policies.retain(|policy| request.name.is_empty() || request.name == policy.name);
            let (policies, next_page_token) = page(policies, &request.page_token);
            v1::ListPoliciesResponse { policies, next_page_token }.into()
        }
        Query::ListBfdSessions(request) => {
            let mut sessions = bfd::sessions();
            sessions.retain(|row| request.neighbor.is_empty() || request.neighbor == row.neighbor);
            let (bfd_sessions, next_page_token) = page(sessions, &request.page_token);
            v1::ListBfdSessionsResponse { bfd_sessions, next_page_token }.into()
        }
        Query::ListVnis(request) => {
            let (vnis, next_page_token) = page(vnis(&request), &request.page_token);
            v1::ListVnisResponse { vnis, next_page_token }.into()
        }
        Query::ListMacs(request) => {
            let (macs, next_page_token) = page(macs(&request), &request.page_token);
            v1::ListMacsResponse { macs, next_page_token }.into()
        }
        Query::ListArps(request) => {
            let (arps, next_page_token) = page(rows::arps(), &request.page_token);
            v1::ListArpsResponse { arps, next_page_token }.into()
        }
        Query::ListVteps(request) => {
            let (vteps, next_page_token) = page(rows::vteps(), &request.page_token);
            v1::ListVtepsResponse { vteps, next_page_token }.into()
        }
        Query::ListDuplicates(request) => {
            let (duplicates, next_page_token) = page(duplicates::rows(&request), &request.page_token);
            v1::ListDuplicatesResponse { duplicates, next_page_token }.into()
        }
        Query::ClearDuplicates(request) => duplicates::clear(&request)?.into(),
        Query::ListFibEntries(request) => {
            let (fib_entries, next_page_token) = page(fib_entries(&request), &request.page_token);
            v1::ListFibEntriesResponse { fib_entries, next_page_token }.into()
        }
        Query::ListRoutes(request) => {
            let (routes, next_page_token) = page(routes::asked_for(&request), &request.page_token);
            v1::ListRoutesResponse { routes, next_page_token }.into()
        }
        Query::ListAdvertised(request) => {
            let mut rows = native::advertised();
            rows.retain(|row| request.states.is_empty() || request.states.contains(&row.state));
            let (advertised, next_page_token) = page(rows, &request.page_token);
            v1::ListAdvertisedResponse { advertised, next_page_token }.into()
        }
        Query::ListPrefixSources(request) => {
            let (prefix_sources, next_page_token) = page(native::sources(), &request.page_token);
            v1::ListPrefixSourcesResponse { prefix_sources, next_page_token }.into()
        }
        Query::ListTunnelEnds(request) => {
            let (tunnel_ends, next_page_token) = page(native::tunnel(), &request.page_token);
            v1::ListTunnelEndsResponse { tunnel_ends, next_page_token }.into()
        }
        Query::GetStatus(_) => rows::status().into(),
        Query::ReloadConfiguration(request) => reload(request.dry_run)?.into(),
        Query::Inject(injection) => {
            v1::InjectResponse { paths: injection.request.map_or(0, |request| request.add.len()) as u64 }
                .into()
        }
        Query::GetConfiguration(_) => running().into(),
        Query::ApplyConfiguration(request) => apply(&request).into(),
        Query::ConfirmConfiguration(_) => v1::ConfirmConfigurationResponse {}.into(),
        Query::RollBackConfiguration(_) => {
            return Err(ApiError::FailedPrecondition("no change waits to be confirmed".into()));
        }
        Query::AddNeighbor(request) => {
            let changes =
                vec![said(format!("{}{}", request.neighbor, if request.replace { "replace" } else { "" }))];
            v1::AddNeighborResponse { changes }.into()
        }
        Query::RemoveNeighbor(request) => {
            v1::RemoveNeighborResponse { changes: vec![said(format!("neighbor {}", request.address))] }.into()
        }
        Query::Changes(request) => changes(&request.watch.resume_token)?.into(),
    })
}

/// The page that `token` names; a token is where to begin.
fn page<R>(rows: Vec<R>, token: &str) -> (Vec<R>, String) {
    let begin = token.parse().unwrap_or(0);
    let next = begin + PAGE;
    let token = if next < rows.len() { next.to_string() } else { String::new() };
    (rows.into_iter().skip(begin).take(PAGE).collect(), token)
}

fn paths(request: &v1::ListPathsRequest) -> v1::ListPathsResponse {
    let mut paths = rows::paths();
    paths.retain(|path| {
        let one_of = |list: &[String], value: &String| list.is_empty() || list.contains(value);
        one_of(&request.families, &path.family)
            && (request.route_types.is_empty() || request.route_types.contains(&path.route_type))
            && (request.vni.is_none() || request.vni == path.vni)
            && (request.nlri.is_empty() || request.nlri == path.nlri)
            && (request.mac.is_empty() || request.mac == path.mac)
            && (request.neighbor.is_empty() || request.neighbor == path.neighbor)
            && (request.table() != v1::Table::Local || path.best)
    });
    if !request.detail {
        for path in &mut paths {
            path.reason.clear();
            path.unknown_attributes.clear();
        }
    }
    let (paths, next_page_token) = page(paths, &request.page_token);
    v1::ListPathsResponse { paths, next_page_token }
}

fn vnis(request: &v1::ListVnisRequest) -> Vec<v1::Vni> {
    rows::vnis().into_iter().filter(|vni| request.vni.is_none_or(|wanted| wanted == vni.vni)).collect()
}

fn macs(request: &v1::ListMacsRequest) -> Vec<v1::Mac> {
    let wanted = request.r#type;
    rows::macs().into_iter().filter(|mac| wanted == 0 || wanted == mac.r#type).collect()
}

fn fib_entries(request: &v1::ListFibEntriesRequest) -> Vec<v1::FibEntry> {
    let kinds = &request.kinds;
    let mut entries = rows::fib_entries();
    entries.retain(|entry| kinds.is_empty() || kinds.contains(&entry.kind));
    entries.retain(|entry| !request.diff || entry.wanted != entry.seen);
    entries
}

fn neighbor(address: &str) -> Result<v1::Neighbor, ApiError> {
    let found = rows::neighbors().into_iter().find(|neighbor| neighbor.address == address);
    found.ok_or_else(|| ApiError::NotFound(format!("no neighbor {address}")))
}

fn explain(request: &v1::ExplainRequest) -> Result<v1::ExplainResponse, ApiError> {
    match request.key.as_str() {
        "02:00:00:00:00:50" => {
            Ok(v1::ExplainResponse { explanations: vec![rows::explanation()], truncated: true })
        }
        "10.9.9.9" => Ok(v1::ExplainResponse::default()),
        key => Err(ApiError::InvalidArgument(format!("{key:?} is no prefix, EVPN route, MAC or address"))),
    }
}

/// A file that would change things, and has a fault by the time it is to be taken.
fn reload(dry_run: bool) -> Result<v1::ReloadConfigurationResponse, ApiError> {
    match dry_run {
        true => Ok(v1::ReloadConfigurationResponse { changes: rows::configuration_changes() }),
        false => Err(ApiError::FailedPrecondition(
            "1 fault in the configuration\nlinnet.yaml:3:8: bgp.asn: 1 to 4294967295".into(),
        )),
    }
}

fn running() -> v1::RunningConfiguration {
    let status = v1::ConfigurationStatus {
        origin: v1::ConfigurationOrigin::Api.into(),
        revision: 3,
        needs_restart: vec!["bgp.asn".into()],
        confirm_within_seconds: Some(37),
    };
    v1::RunningConfiguration { text: "bgp:\n  asn: 65000\n".into(), status: Some(status) }
}

/// Says what it was asked.
fn apply(request: &v1::ApplyConfigurationRequest) -> v1::ApplyConfigurationResponse {
    let v1::ApplyConfigurationRequest { text, dry_run, confirm_within_seconds } = request;
    let (lines, within) = (text.lines().count(), confirm_within_seconds);
    v1::ApplyConfigurationResponse {
        changes: vec![said(format!("{lines} lines, dry run {dry_run}, within {within}"))],
    }
}

fn said(subject: String) -> v1::ConfigurationChange {
    v1::ConfigurationChange { subject, ..v1::ConfigurationChange::default() }
}

/// The present state, a change, the end of the daemon.
fn changes(token: &str) -> Result<v1::WatchResponse, ApiError> {
    let [present, later] = rows::changes();
    let (changes, next) = match token {
        "" => (present, "1"),
        "1" => (later, "2"),
        _ => return Err(ApiError::Unavailable("linnetd is shutting down".into())),
    };
    Ok(v1::WatchResponse { changes, synced: true, resume_token: next.into() })
}
