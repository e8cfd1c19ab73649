//! The daemon: tasks, channels, sockets. It wires the pure parts together and decides nothing itself.
//!
//! One task owns [`Core`]; one task a neighbour drives its session; one task speaks with the kernel; one serves
//! the API; one accepts connections. Every channel is bounded (see `core` for why none overflows).

mod core;
mod host;
mod keep;
mod kernel;
mod listen;
mod log;
mod peer;
mod process;
mod socket;
mod stream;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use api::server::{ListenConfig, Listeners};
use bgp::session::{RemoteAs, Restarted, Session, SessionConfig};
use bgp::types::{Family, PeerId};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tracing::{error, info, warn};

use crate::config::{BgpConfig, Config, NeighborConfig};
use crate::core::{BATCH_CREDIT, Core, Event};
use crate::peer::session_config;

use self::core::{Inlets, Outlets, PeerOutlet};
use peer::{Mailbox, Peer};
use socket::Route;

/// Messages that may wait for core. A peer's message is what it read at a time, 64 KiB at most; with all of
/// these waiting, core is a quarter of a second behind.
const EVENTS: usize = 64;

/// Batches of the session that has just ended may still be under way when a new one gets its own.
const BATCHES: usize = 2 * BATCH_CREDIT as usize;

/// An operator's commands for one session.
const COMMANDS: usize = 16;

/// Connections from one neighbour that its task has not looked at.
const ACCEPTED: usize = 2;

/// API requests that wait for core.
const REQUESTS: usize = 64;

/// How long sessions may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// Runs the daemon until SIGTERM or SIGINT. Then the sessions are closed. Where neighbours keep our routes until we
/// are back (RFC 4724), what is ours stays in the kernel for the next run; where nobody does, it goes.
///
/// # Errors
/// What keeps it from starting: an address that cannot be listened on, a socket that is taken, no right to
/// change the kernel's tables.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let told_to_end = end_signal()?;
    let listeners =
        Listeners::bind(&ListenConfig { socket: config.api.socket.clone(), tcp: config.api.listen })?;

    let (events, inbox) = mpsc::channel(EVENTS);
    let seed = RandomState::new().hash_one(std::process::id());
    let core = Core::new(Instant::now(), &config, seed);
    let kernel = kernel::start(config.evpn.is_some(), &events).context("cannot open the kernel's tables")?;
    let (begin, begun) = watch::channel(None);
    let (peers, doors, sessions) = start_peers(&core, &config.bgp, &events, &begun, seed);
    listen::start(&config.bgp.listen, &doors)?;
    let (api_ended, api_end) = mpsc::channel(1);
    let (requests, asked) = mpsc::channel(REQUESTS);
    let api = tokio::spawn(serve_api(listeners, requests, api_end));

    let keeps_forwarding = config.bgp.restarts_gracefully(Family::L2vpnEvpn);
    info!(version = env!("CARGO_PKG_VERSION"), router_id = %config.bgp.router_id, asn = %config.bgp.asn, "linnetd runs");
    let outlets = Outlets { peers, kernel, begin };
    let (stop, stopped) = mpsc::channel(1);
    let inlets = Inlets { events: inbox, requests: asked, stop: stopped };
    let mut running = tokio::spawn(async move { core::run(core, inlets, outlets).await });
    tokio::select! {
        () = told_to_end => {}
        ended = &mut running => return ended.context("core has died; the kernel keeps what it has"),
    }
    if keeps_forwarding {
        info!("ending: the sessions are closed, and the kernel keeps what it has for the next run");
    } else {
        info!("ending: the sessions are closed, and what is ours goes from the kernel");
    }
    drop(api_ended);
    // Who cannot be told has ended already.
    let _ = stop.send(()).await;
    let _ = running.await;
    let goodbye = async {
        for session in sessions {
            let _ = session.await;
        }
        let _ = api.await;
    };
    let _ = tokio::time::timeout(GOODBYE, goodbye).await;
    Ok(())
}

/// SIGTERM or SIGINT. SIGHUP is noticed, so that it ends nothing.
fn end_signal() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => return,
                _ = interrupt.recv() => return,
                _ = hangup.recv() => warn!("SIGHUP: this version cannot reload its configuration; restart it to apply one"),
            }
        }
    })
}

type Sessions = Vec<tokio::task::JoinHandle<()>>;

/// Starts a task for each neighbour.
fn start_peers(
    core: &Core,
    bgp: &BgpConfig,
    events: &mpsc::Sender<Event>,
    begun: &watch::Receiver<Option<Restarted>>,
    seed: u64,
) -> (Vec<PeerOutlet>, listen::Doors, Sessions) {
    let (mut outlets, mut doors, mut sessions) = (Vec::new(), HashMap::new(), Vec::new());
    for (id, neighbor) in core.neighbors() {
        let (batches, batches_in) = mpsc::channel(BATCHES);
        let (commands, commands_in) = mpsc::channel(COMMANDS);
        let (accepted, accepted_in) = mpsc::channel(ACCEPTED);
        let mailbox = Mailbox {
            batches: batches_in,
            commands: commands_in,
            accepted: accepted_in,
            begin: begun.clone(),
            core: events.clone(),
        };
        let fqdn = neighbor.fqdn.then(host::fqdn).flatten();
        let config = SessionConfig { fqdn, ..session_config(bgp, neighbor) };
        let seed = seed.wrapping_add(id.0.into());
        sessions.push(tokio::spawn(serve_neighbor(id, route(bgp, neighbor), config, seed, mailbox)));
        doors.insert(neighbor.address, accepted);
        outlets.push(PeerOutlet { batches, commands, name: neighbor.address.to_string() });
    }
    (outlets, Arc::new(doors), sessions)
}

async fn serve_neighbor(id: PeerId, route: Route, config: SessionConfig, seed: u64, mut mailbox: Mailbox) {
    let (name, core) = (route.remote.ip().to_string(), mailbox.core.clone());
    loop {
        let session = Session::new(config.clone(), seed);
        let peer = Peer::new(id, route.clone(), session, &mut mailbox);
        if !keep::dies(id, &name, &core, peer.run()).await {
            return;
        }
    }
}

async fn serve_api(listeners: Listeners, requests: mpsc::Sender<api::Request>, mut end: mpsc::Receiver<()>) {
    let ended = async move {
        end.recv().await;
    };
    if let Err(error) = api::server::serve(listeners, requests, ended).await {
        error!(%error, "the API has ended");
    }
}

fn route(bgp: &BgpConfig, neighbor: &NeighborConfig) -> Route {
    let internal = match neighbor.remote_as {
        RemoteAs::Number(asn) => asn == bgp.asn,
        RemoteAs::Internal => true,
        RemoteAs::External => false,
        // Whoever may be in this AS may be hops away.
        RemoteAs::Any => true,
    };
    Route {
        remote: SocketAddr::new(neighbor.address, neighbor.port),
        local: neighbor.local_address,
        ttl: (!internal).then_some(neighbor.multihop),
    }
}
