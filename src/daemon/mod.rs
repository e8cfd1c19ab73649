//! The daemon: tasks, channels, sockets. It wires the pure parts together and decides nothing itself.
//!
//! One task owns [`Core`]; one task a neighbour drives its session; two speak with the kernel, one of
//! EVPN's tables and one of routes; one serves the API; one for each address accepts connections. Files, Kubernetes,
//! hosts and links are watched by tasks of their own, and BFD, where it is wanted, has a thread of its own. Every
//! channel is bounded (see `core` for why none overflows).

mod arguments;
mod bfd;
mod core;
mod doors;
mod files;
mod host;
mod host_checks;
mod hosts;
mod keep;
mod kernel;
mod keys;
#[cfg(feature = "kubernetes")]
mod kubernetes;
mod listen;
mod log;
mod peer;
mod privileges;
mod process;
mod reload;
mod socket;
mod sockopt;
mod stream;
mod tasks;
mod turns;
mod unnumbered;
mod whole_file;

use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use api::server::Readiness;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tracing::{error, info, warn};

use crate::config::{Authentication, Config};
use crate::core::{Core, Event};

pub use arguments::Arguments;
pub use privileges::limit as limit_privileges;

use self::bfd::BfdOutlet;
use self::core::{Inlets, Outlets};
use self::hosts::HostsOutlet;
use doors::Doors;
use kernel::KernelTasks;
use keys::Keys;
use listen::Listeners;
use reload::Reloader;
use tasks::PeerTasks;

/// Messages that may wait for core. A peer's message is what it read at a time, 64 KiB at most; with all of
/// these waiting, core is a quarter of a second behind.
const EVENTS: usize = 64;

/// API requests that wait for core.
const REQUESTS: usize = 64;

/// News from the BFD sessions that may wait for core.
const BFD_NEWS: usize = 4;

/// How long sessions may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// Whether this machine has what a configuration asks for, as far as that can be seen without doing anything.
///
/// # Errors
/// What it lacks, and who needs it.
pub fn preflight(config: &Config) -> anyhow::Result<()> {
    let ranges = config.bgp.ranges.iter().map(|range| &range.neighbor);
    let all = config.bgp.neighbors.iter().chain(ranges);
    let mut signs = all.filter(|n| matches!(n.authentication, Authentication::Ao(_)));
    if let Some(neighbor) = signs.next().filter(|_| !sockopt::has_tcp_ao()) {
        anyhow::bail!(
            "neighbor {}: tcp_ao: this kernel has no TCP-AO: it takes Linux 6.7 or later, built with CONFIG_TCP_AO; \
             `password` (TCP-MD5) works without",
            neighbor.address
        );
    }
    Ok(())
}

/// Runs the daemon with the configuration of a file, which it reads again at SIGHUP, until SIGTERM or SIGINT.
/// Then the sessions are closed. Where neighbours keep our routes until we are back (RFC 4724), what is ours stays
/// in the kernel for the next run; where nobody does, it goes.
///
/// # Errors
/// What keeps it from starting: an address that cannot be listened on, a socket that is taken, no right to
/// change the kernel's tables.
pub fn run(config: Config, file: PathBuf) -> anyhow::Result<()> {
    preflight(&config)?;
    config.warnings.iter().for_each(|warning| warn!("{warning}"));
    let mut host_warnings = privileges::missing(&config);
    host_warnings.extend(host_checks::warnings(&config));
    host_warnings.iter().for_each(|warning| warn!("{warning}"));
    let api_listeners = api::server::Listeners::bind(&config.api)?;
    // The runtime's threads have what this one has when they begin.
    privileges::settle()?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(workers()).enable_all().build()?;
    runtime.block_on(work(config, file, api_listeners, host_warnings))
}

/// Core is one task; beside it decoding, the API and the kernel keep a few threads busy, and more only cost
/// memory.
fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).clamp(2, 4)
}

async fn work(
    config: Config,
    file: PathBuf,
    api_listeners: api::server::Listeners,
    host_warnings: Vec<String>,
) -> anyhow::Result<()> {
    let (events, inbox) = mpsc::channel(EVENTS);
    let (kernel_failed, mut kernel_failures) = mpsc::channel(1);
    let kernel = KernelTasks::new(events.clone(), kernel_failed);
    kernel.begin(&config, false)?;
    let doors = Doors::default();
    let listeners = Listeners::new(doors.clone(), events.clone());
    listeners.start(&config.bgp.listen, Keys::of(&config.bgp))?;
    let reloader = Reloader::new(file, events.clone(), listeners.clone(), kernel.clone());
    let told_to_end = signals(reloader.clone())?;
    let seed = RandomState::new().hash_one(std::process::id());
    let (files, files_wanted) = watch::channel(Vec::new());
    tokio::spawn(files::watch(files_wanted, events.clone()));
    let node = watch::Sender::new(None);
    #[cfg(feature = "kubernetes")]
    tokio::spawn(kubernetes::watch(node.subscribe(), events.clone()));
    let hosts = HostsOutlet::new(events.clone());
    let peers = PeerTasks::new(doors, listeners, events, seed);
    let (api_ended, api_end) = mpsc::channel(1);
    let (requests, asked) = mpsc::channel(REQUESTS);
    let (readiness, ready) = watch::channel(Readiness::default());
    let api = tokio::spawn(serve_api(api_listeners, requests, ready, api_end));

    info!(version = env!("CARGO_PKG_VERSION"), router_id = %config.bgp.router_id, asn = %config.bgp.asn, "linnetd runs");
    let remembered = hosts::remembered(&config);
    let mut core = Core::new(Instant::now(), config, seed);
    core.handle(Instant::now(), Event::Hosts(remembered));
    core.handle(Instant::now(), Event::HostChecked(host_warnings));
    let (bfd_news, bfd_inbox) = mpsc::channel(BFD_NEWS);
    let bfd = Some(BfdOutlet::new(bfd_news));
    let outlets = Outlets { peers, kernel, hosts, files, node, bfd, readiness };
    let (stop, stopped) = mpsc::channel(1);
    let inlets = Inlets { events: inbox, bfd: bfd_inbox, requests: asked, stop: stopped, reloader };
    let mut running = tokio::spawn(async move { core::run(core, inlets, outlets).await });
    tokio::select! {
        () = told_to_end => {}
        ended = &mut running => return ended.map(drop).context("core has died; the kernel keeps what it has"),
        Some(error) = kernel_failures.recv() => {
            return Err(error).context("the connection with the kernel has failed; it keeps what it has");
        }
    }
    info!("ending: the sessions are closed");
    drop(api_ended);
    // Who cannot be told has ended already.
    let _ = stop.send(()).await;
    let sessions = running.await;
    let goodbye = async {
        if let Ok(sessions) = sessions {
            sessions.join_all().await;
        }
        let _ = api.await;
    };
    let _ = tokio::time::timeout(GOODBYE, goodbye).await;
    Ok(())
}

/// Waits for SIGTERM or SIGINT. SIGHUP has the configuration read again meanwhile.
fn signals(reloader: Reloader) -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => return,
                _ = interrupt.recv() => return,
                _ = hangup.recv() => reloader.clone().reload(None).await,
            }
        }
    })
}

async fn serve_api(
    listeners: api::server::Listeners,
    requests: mpsc::Sender<api::Request>,
    ready: watch::Receiver<Readiness>,
    mut end: mpsc::Receiver<()>,
) {
    let ended = async move {
        end.recv().await;
    };
    if let Err(error) = api::server::serve(listeners, requests, ready, ended).await {
        error!(%error, "the API has ended");
    }
}
