//! The core task: hands events to [`Core`], lets it settle, and carries out what it asks for.
//!
//! It never waits for anybody but for events: an outward channel has room for every credit that core can hold,
//! so sending cannot fail for want of room. Events are taken many at a time, and settling is cut into turns, so
//! that batches grow under load and a request is never far from its turn.

use std::time::{Duration, Instant};

use api::Query;
use api::server::Readiness;
use bgp::rib::Budget;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::config::{FileSource, KubernetesSource};
use crate::core::{Action, Core, Event};

use super::bfd::BfdOutlet;
use super::hosts::HostsOutlet;
use super::kernel::KernelTasks;
use super::reload::Reloader;
use super::tasks::PeerTasks;
use super::turns::{Moment, Turns};
use super::{log, process};

/// Events taken before core settles.
const EVENTS: usize = 64;

/// What core may look at in one turn, in destinations: 2 to 5 ms of work.
const TURN: usize = 8192;

/// Taking events ends after this long, so that what they changed goes out.
const GATHER: Duration = Duration::from_millis(2);

/// How long the kernel may take to let go of what is ours at the end.
const ENDING: Duration = Duration::from_secs(10);

/// Everybody that core speaks to.
pub(super) struct Outlets {
    /// The neighbours' tasks.
    pub(super) peers: PeerTasks,
    /// Those that speak with the kernel.
    pub(super) kernel: KernelTasks,
    /// To those that hear hosts and ask them.
    pub(super) hosts: HostsOutlet,
    /// To the task that watches files.
    pub(super) files: watch::Sender<Vec<FileSource>>,
    /// To the task that follows a Node in Kubernetes.
    pub(super) node: watch::Sender<Option<KubernetesSource>>,
    /// To the API, which shows it as health.
    pub(super) readiness: watch::Sender<Readiness>,
    /// To the BFD sessions; gone when the daemon ends.
    pub(super) bfd: Option<BfdOutlet>,
}

/// What comes to core.
pub(super) struct Inlets {
    /// From the peers' tasks and the kernel's.
    pub(super) events: mpsc::Receiver<Event>,
    /// From the BFD sessions. Apart from the events, because a lost neighbour is to be noticed at once.
    pub(super) bfd: mpsc::Receiver<Event>,
    /// From the API. Apart from the events, so that a person who asks does not wait behind a full table.
    pub(super) requests: mpsc::Receiver<api::Request>,
    /// Where those go that want the configuration to be read again.
    pub(super) reloader: Reloader,
    /// To end.
    pub(super) stop: mpsc::Receiver<()>,
}

/// Runs until it is told to stop and the kernel has nothing of ours any more, or until nobody is left to
/// send events. What is left then are those who say goodbye: the neighbours' tasks, and BFD.
pub(super) async fn run(mut core: Core, mut inlets: Inlets, mut outlets: Outlets) -> JoinSet<()> {
    let (mut more, mut deadline, mut bfd_goodbye) = (true, None, None);
    let mut turns = Turns::new(Instant::now());
    while deadline.is_none_or(|deadline| !core.has_ended() && Instant::now() < deadline) {
        let wake = core.poll_timeout(Instant::now()).into_iter().chain(deadline).min();
        let next = inlets.next(more, wake, deadline.is_some(), &turns).await;
        let began = Moment::now();
        match next {
            Next::Event(Event::Request(request)) if changes_configuration(&request) => {
                // It is read elsewhere, and comes back as an event.
                let (text, number) = core.running();
                tokio::spawn(inlets.reloader.clone().serve(request, text.clone(), number));
            }
            Next::Event(event) => core.handle(began.time, event),
            Next::Time => {}
            Next::Stop => {
                // The commands' ends go, and that is what tells the sessions to close.
                outlets.peers.end();
                bfd_goodbye = outlets.bfd.take().map(BfdOutlet::end);
                core.end();
                deadline = Some(Instant::now() + ENDING);
            }
            Next::Nobody => break,
        }
        gather(&mut core, &mut inlets.events);
        more = core.settle(Instant::now(), &mut Budget::new(TURN));
        while let Some(action) = core.poll_action() {
            perform(action, &mut outlets);
        }
        let now = core.readiness();
        outlets.readiness.send_if_modified(|known| std::mem::replace(known, now) != now);
        turns.took(began, Moment::now());
        // The other tasks of this thread have their turn, too.
        tokio::task::yield_now().await;
    }
    let mut running = outlets.peers.into_running();
    bfd_goodbye.map(|goodbye| running.spawn(goodbye));
    running
}

/// What wakes core.
#[expect(clippy::large_enum_variant, reason = "lives for one hand-over and is never stored")]
enum Next {
    Event(Event),
    Time,
    Stop,
    Nobody,
}

impl Inlets {
    /// The next thing to happen: what BFD says before all, a request before an event, and an event before the time has come, so that
    /// somebody who asks waits for one turn at most.
    async fn next(&mut self, more: bool, wake: Option<Instant>, ending: bool, turns: &Turns) -> Next {
        tokio::select! {
            biased;
            _ = self.stop.recv(), if !ending => Next::Stop,
            Some(news) = self.bfd.recv() => Next::Event(news),
            Some(request) = self.requests.recv() => Next::Event(Event::Request(process::with_process(request, *turns))),
            event = self.events.recv() => event.map_or(Next::Nobody, Next::Event),
            () = idle(more, wake) => Next::Time,
        }
    }
}

fn changes_configuration(request: &api::Request) -> bool {
    use Query::{AddNeighbor, ApplyConfiguration, ReloadConfiguration, RemoveNeighbor};
    matches!(
        request.query,
        ReloadConfiguration(_) | ApplyConfiguration(_) | AddNeighbor(_) | RemoveNeighbor(_)
    )
}

fn gather(core: &mut Core, events: &mut mpsc::Receiver<Event>) {
    let began = Instant::now();
    for _ in 0..EVENTS {
        let Ok(event) = events.try_recv() else { return };
        let now = Instant::now();
        core.handle(now, event);
        if now.duration_since(began) > GATHER {
            return;
        }
    }
}

fn perform(action: Action, outlets: &mut Outlets) {
    match action {
        Action::StartPeer { peer, start } => outlets.peers.start(peer, *start),
        Action::Sign { peer, how } => outlets.peers.sign(peer, &how),
        Action::StopPeer { peer, reason } => outlets.peers.stop(peer, reason),
        Action::Listen(addresses) => outlets.peers.listen(&addresses),
        Action::SetRanges(ranges) => outlets.peers.set_ranges(ranges),
        Action::TurnAway { from } => outlets.peers.turn_away(from),
        Action::Batch { peer, session, batch } => outlets.peers.batch(peer, session, batch),
        Action::Session { peer, command } => outlets.peers.command(peer, command),
        Action::Bfd { peer, command } => {
            if let Some(bfd) = &mut outlets.bfd {
                bfd.send(peer, command);
            }
        }
        Action::WatchFiles(sources) => _ = outlets.files.send_replace(sources),
        Action::FollowNode(source) => {
            // One that is followed already is not begun anew.
            outlets.node.send_if_modified(|node| std::mem::replace(node, source) != *node);
        }
        Action::Kernel(ops) => outlets.kernel.carry_out_rows(ops),
        Action::Hosts(command) => outlets.hosts.carry_out(command),
        Action::Routes(ops) => outlets.kernel.carry_out_routes(ops),
        Action::Log(line) => log::write(line, |peer| outlets.peers.name(peer)),
    }
}

/// Until it is time, or not at all where there is more to do: a timer, even one that is due, costs a
/// millisecond.
async fn idle(more: bool, wake: Option<Instant>) {
    match wake {
        _ if more => {}
        Some(wake) => tokio::time::sleep_until(wake.into()).await,
        None => std::future::pending().await,
    }
}
