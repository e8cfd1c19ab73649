//! The sockets through which hosts are heard and asked. Nothing is decided here: which devices to hear on and whom to
//! ask is core's to say, what frames mean is [`presence::frame`](crate::presence::frame)'s.
//!
//! - [`ear`]: a task for each device that hosts are heard on, which reads ARP and neighbour discovery and nothing else.
//! - [`filter`]: the program by which the kernel picks those.
//! - [`memory`]: the file in which it stands who there is, for a later run.
//! - [`senders`]: the addresses of bridges, from which their hosts are asked.
//!
//! One more task sends questions, each as a whole frame out of the port that its host is behind. It takes CAP_NET_RAW,
//! and begins with the first device that core names: without EVPN there is nothing of all this.

mod ear;
mod filter;
mod memory;
mod senders;

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::PathBuf;
use std::time::Instant;

use fib::IfIndex;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tracing::{debug, warn};

use crate::config::Config;
use crate::core::{Event, HostCommand, HostNews};
use crate::daemon::sockopt;
use crate::presence::{CREDIT, KnownHost, Probe, frame};

use senders::Senders;

/// Core's end. When it is dropped, the tasks end.
pub(super) struct HostsOutlet {
    core: mpsc::Sender<Event>,
    tasks: Option<Ways>,
}

/// The ways to the tasks that run.
struct Ways {
    devices: watch::Sender<BTreeSet<IfIndex>>,
    probes: mpsc::Sender<Vec<Probe>>,
    known: watch::Sender<Option<(PathBuf, Vec<KnownHost>)>>,
}

/// Who was there when a former run ended, as far as that was written down.
pub(super) fn remembered(config: &Config) -> Vec<HostNews> {
    let file = config.evpn.as_ref().and_then(|evpn| evpn.hosts.state_file.as_deref());
    let hosts = match file.map(memory::read) {
        Some(Ok(hosts)) => hosts,
        Some(Err(error)) => {
            warn!("evpn.state_file: {error}; it is written anew");
            Vec::new()
        }
        None => Vec::new(),
    };
    hosts.into_iter().map(HostNews::Remembered).collect()
}

impl HostsOutlet {
    /// No task runs yet. `core` is where news go.
    pub(super) fn new(core: mpsc::Sender<Event>) -> HostsOutlet {
        HostsOutlet { core, tasks: None }
    }

    /// Has hosts heard, or asked.
    pub(super) fn carry_out(&mut self, command: HostCommand) {
        let ways = self.tasks.get_or_insert_with(|| begin(&self.core));
        match command {
            HostCommand::Listen(devices) => _ = ways.devices.send_replace(devices),
            HostCommand::Ask(probes) => {
                // Its credit has left room for it.
                if ways.probes.try_send(probes).is_err() {
                    debug!("the task that asks hosts takes no questions");
                }
            }
            HostCommand::Remember { file, hosts } => _ = ways.known.send_replace(Some((file, hosts))),
        }
    }
}

fn begin(core: &mpsc::Sender<Event>) -> Ways {
    let (devices, wanted) = watch::channel(BTreeSet::new());
    // Every question could come alone.
    let (probes, questions) = mpsc::channel(CREDIT);
    tokio::spawn(listen(wanted, core.clone()));
    tokio::spawn(ask(questions, core.clone()));
    let (known, newest) = watch::channel(None);
    tokio::spawn(memory::keep(newest));
    Ways { devices, probes, known }
}

/// Keeps a task for each device that hosts are to be heard on.
async fn listen(mut wanted: watch::Receiver<BTreeSet<IfIndex>>, core: mpsc::Sender<Event>) {
    let mut running = JoinSet::new();
    let mut ears: HashMap<IfIndex, AbortHandle> = HashMap::new();
    while wanted.changed().await.is_ok() {
        let devices = wanted.borrow_and_update().clone();
        ears.retain(|device, ear| {
            let stays = devices.contains(device);
            if !stays {
                ear.abort();
            }
            stays
        });
        for device in devices {
            ears.entry(device).or_insert_with(|| running.spawn(ear::keep(device, core.clone())));
        }
        while running.try_join_next().is_some() {}
    }
}

/// Sends questions.
async fn ask(mut questions: mpsc::Receiver<Vec<Probe>>, core: mpsc::Sender<Event>) {
    let (mut mouth, mut senders) = (None, Senders::default());
    while let Some(probes) = questions.recv().await {
        if mouth.is_none() {
            mouth = open().inspect_err(|error| warn!(%error, "hosts cannot be asked (CAP_NET_RAW?)")).ok();
        }
        if let Some(socket) = &mouth {
            senders.renew(Instant::now()).await;
            probes.iter().for_each(|probe| send(socket, &senders, probe));
        }
        let news = vec![HostNews::Asked(probes.len())];
        if core.send(Event::Hosts(news)).await.is_err() {
            return;
        }
    }
}

/// A socket that takes in nothing: it is bound to no type of frame.
fn open() -> io::Result<Socket> {
    Socket::new(Domain::PACKET, Type::RAW.nonblocking().cloexec(), Some(Protocol::from(0)))
}

fn send(socket: &Socket, senders: &Senders, probe: &Probe) {
    let frame = frame::probe(probe.from, senders.towards(probe.bridge, probe.ip), probe.to, probe.ip);
    for port in &probe.ports {
        let sent = sockopt::packet_address(*port).and_then(|to| socket.send_to(&frame, &to));
        if let Err(error) = sent {
            // A port that has just gone, as a rule. The question counts: it is not answered.
            debug!(port = port.0, ip = %probe.ip, %error, "a host cannot be asked");
        }
    }
}
