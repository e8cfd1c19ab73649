//! A whole node: a core, a task for each neighbour, and a kernel that outlives them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use api::{Answer, ApiError, Query, Request, v1};
use bgp::rib::Budget;
use bgp::session::{Session, StopReason};
use bgp::types::PeerId;
use linnet::config::Config;
use linnet::core::{Action, Core, Event, PeerStart};
use tokio::sync::oneshot;

use crate::clock::Task;
use crate::kernel::{Kernel, RouteTables};
use crate::net::{Owner, Shared};
use crate::peer::{Peer, SLOWNESS, ip};
use crate::topology::Spec;

/// As in src/daemon/mod.rs.
const EVENTS: usize = 64;

/// So many turns of core at one moment are one that never ends.
const TURNS: usize = 10_000;

/// As in src/daemon/core.rs.
const ENDING: Duration = Duration::from_secs(10);

/// What waits for core.
#[derive(Debug, Default)]
pub(crate) struct Inbox(VecDeque<Event>);

impl Inbox {
    pub(crate) fn has_room(&self) -> bool {
        self.0.len() < EVENTS
    }

    pub(crate) fn push(&mut self, event: Event) {
        assert!(self.has_room(), "the channel to core is over its bound");
        self.0.push_back(event);
    }
}

/// A node, whether its daemon runs or not.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) number: usize,
    pub(crate) spec: Spec,
    net: Shared,
    pub(crate) kernel: Kernel,
    pub(crate) routes: RouteTables,
    pub(crate) daemon: Option<Daemon>,
    /// It is to die when it next has a batch of ops for the kernel.
    pub(crate) is_doomed: bool,
    /// What it did that it must not do.
    pub(crate) faults: Vec<String>,
}

/// What ends when the process does.
#[derive(Debug)]
pub(crate) struct Daemon {
    core: Core,
    inbox: Inbox,
    pub(crate) peers: Vec<Peer>,
    seed: u64,
    /// It has been told to end, and the kernel has until then to let go of what is not to stay.
    ends: Option<Instant>,
    /// When core had its last turn, and how many it has had since time moved on.
    turns: (Instant, usize),
}

impl Node {
    pub(crate) fn new(number: usize, spec: Spec, net: &Shared) -> Node {
        let kernel = Kernel::new(number, spec.vnis.iter().copied(), spec.ages, net);
        let routes = RouteTables::new(number, net);
        Node {
            number,
            spec,
            net: Shared::clone(net),
            kernel,
            routes,
            daemon: None,
            is_doomed: false,
            faults: Vec::new(),
        }
    }

    /// The daemon, unless it is ending.
    fn running(&mut self) -> Option<&mut Daemon> {
        self.daemon.as_mut().filter(|daemon| daemon.ends.is_none())
    }

    /// Whether the daemon runs and is not ending.
    pub(crate) fn is_running(&self) -> bool {
        self.daemon.as_ref().is_some_and(|daemon| daemon.ends.is_none())
    }

    /// Starts the daemon. A former one that is not done yet is killed.
    pub(crate) fn start(&mut self) {
        self.kill();
        let config = Config::parse("sim", &self.spec.yaml(self.number)).expect("a configuration");
        let (now, seed) = {
            let clock = &mut self.net.borrow_mut().clock;
            (clock.now(), clock.rng.next() ^ self.number as u64)
        };
        let core = Core::new(now, config, seed);
        let mut net = self.net.borrow_mut();
        net.revive(self.number);
        net.clock.wake(Task::Core(self.number));
        drop(net);
        self.kernel.open();
        self.routes.open();
        self.daemon = Some(Daemon {
            core,
            inbox: Inbox::default(),
            peers: Vec::new(),
            seed,
            ends: None,
            turns: (now, 0),
        });
    }

    /// Has the daemon, if it runs, read its configuration again.
    pub(crate) fn reload(&mut self) {
        let text = self.spec.yaml(self.number);
        let Some(daemon) = self.daemon.as_mut().filter(|daemon| daemon.ends.is_none()) else { return };
        let config = Config::parse("sim", &text).expect("a configuration");
        let clock = &mut self.net.borrow_mut().clock;
        daemon.core.handle(clock.now(), Event::Reconfigure { config: Box::new(config), request: None });
        clock.wake(Task::Core(self.number));
    }

    /// Begins a neighbour's task.
    fn start_peer(&mut self, id: PeerId, start: PeerStart) {
        let Some(daemon) = &mut self.daemon else { return };
        let mut session = Session::new(start.session, daemon.seed.wrapping_add(id.0.into()));
        session.set_restarted(start.restarted);
        let number = id.0 as usize;
        let (other, back) = self.spec.other_end(number);
        let ours = Owner { node: self.number, peer: number };
        let mut peer = Peer::new(&self.net, session, id, ours, Owner { node: other, peer: back });
        let clock = &mut self.net.borrow_mut().clock;
        peer.driver.start(clock.now());
        clock.wake(Task::Peer(self.number, number));
        assert_eq!(daemon.peers.len(), number, "tasks begin in the order of their ids");
        daemon.peers.push(peer);
    }

    /// Has the daemon end as SIGTERM does: goodbyes are said, and the kernel lets go of what is not to stay.
    pub(crate) fn stop(&mut self) {
        let now = self.net.borrow().clock.now();
        let Some(daemon) = self.running() else { return };
        daemon.peers.iter_mut().for_each(|peer| peer.driver.stop(now, StopReason::GoingDown));
        let peers = std::mem::take(&mut daemon.peers);
        daemon.inbox.0.retain(|event| !matches!(event, Event::Peer { .. }));
        daemon.core.end();
        daemon.ends = Some(now + ENDING);
        self.forget_peers(&peers);
        drop(peers);
        let net = &mut *self.net.borrow_mut();
        net.deafen(self.number);
        net.clock.wake(Task::Core(self.number));
    }

    /// Ends it as SIGKILL does, whatever it is at.
    pub(crate) fn kill(&mut self) {
        self.is_doomed = false;
        let Some(daemon) = self.daemon.take() else { return };
        let now = self.net.borrow().clock.now();
        self.kernel.cut_off(now);
        self.routes.cut_off();
        self.forget_peers(&daemon.peers);
        drop(daemon);
        self.ended();
    }

    /// The daemon's connections end without a word, as if the cable were pulled and the process died.
    pub(crate) fn vanish(&mut self) {
        self.net.borrow_mut().darken(self.number);
        self.kill();
    }

    fn forget_peers(&self, peers: &[Peer]) {
        let clock = &mut self.net.borrow_mut().clock;
        (0..peers.len()).for_each(|peer| clock.forget(Task::Peer(self.number, peer)));
    }

    fn ended(&mut self) {
        self.kernel.close();
        self.routes.close();
        let mut net = self.net.borrow_mut();
        net.deafen(self.number);
        net.clock.forget(Task::Core(self.number));
    }

    /// Ends for good once the kernel is as it is to be left, or when that takes too long. Where nobody keeps its routes,
    /// a daemon leaves nothing behind.
    fn end_if_due(&mut self, now: Instant) {
        let Some(daemon) = &self.daemon else { return };
        let (has_ended, is_late) = (daemon.core.has_ended(), daemon.ends.is_some_and(|ends| ends <= now));
        if daemon.ends.is_none() || !(has_ended || is_late) {
            return;
        }
        let in_trouble = self.kernel.refuses.is_some() || self.routes.refuses.is_some();
        if has_ended && !self.spec.restarts() && !in_trouble {
            let left = self.kernel.tables.marked().into_iter().chain(self.routes.lines());
            let left = left.map(|row| format!("node {} has ended: left: {row}", self.number));
            self.faults.extend(left);
            self.net.borrow_mut().seen.count("a daemon ends and leaves nothing behind");
        }
        self.daemon = None;
        self.ended();
    }

    /// A turn of a neighbour's task.
    pub(crate) fn peer_turn(&mut self, number: usize) {
        let Some(daemon) = &mut self.daemon else { return };
        let (now, steps) = {
            let net = &mut *self.net.borrow_mut();
            (net.clock.now(), net.clock.rng.between(1, 6))
        };
        let waiting = daemon.inbox.0.len();
        let Some(peer) = daemon.peers.get_mut(number) else { return };
        let more = peer.turn(now, &mut daemon.inbox, steps);
        let mut net = self.net.borrow_mut();
        let task = Task::Peer(self.number, number);
        if daemon.inbox.0.len() > waiting {
            net.clock.wake(Task::Core(self.number));
        }
        if more && net.slow.contains(&self.number) {
            net.clock.wake_at(task, now + SLOWNESS);
        } else if more {
            net.clock.wake(task);
        } else if let Some(due) = peer.poll_timeout() {
            net.clock.wake_at(task, due);
        }
    }

    /// A turn of core's task, as in src/daemon/core.rs, with a budget that may be tiny.
    pub(crate) fn core_turn(&mut self) {
        let Some(daemon) = &mut self.daemon else { return };
        let (now, events, budget) = {
            let net = &mut *self.net.borrow_mut();
            net.spent.turns += 1;
            let clock = &mut net.clock;
            (clock.now(), clock.rng.between(1, EVENTS), clock.rng.pick(&[1, 3, 20, 300, 8192]))
        };
        daemon.turns = if daemon.turns.0 == now { (now, daemon.turns.1 + 1) } else { (now, 0) };
        assert!(daemon.turns.1 < TURNS, "core wants to be woken at once, again and again");
        for _ in 0..events {
            let Some(event) = daemon.inbox.0.pop_front() else { break };
            daemon.core.handle(now, event);
        }
        let more = daemon.core.settle(now, &mut Budget::new(budget)) || !daemon.inbox.0.is_empty();
        let actions: Vec<Action> = std::iter::from_fn(|| daemon.core.poll_action()).collect();
        actions.into_iter().for_each(|action| self.perform(action));
        let Some(daemon) = &mut self.daemon else { return };
        let (mut net, task) = (self.net.borrow_mut(), Task::Core(self.number));
        if more {
            net.clock.wake(task);
        } else if let Some(due) = daemon.core.poll_timeout(now).into_iter().chain(daemon.ends).min() {
            net.clock.wake_at(task, due);
        }
        // There is room for news again.
        for (number, peer) in daemon.peers.iter().enumerate() {
            if peer.driver.has_news() {
                net.clock.wake(Task::Peer(self.number, number));
            }
        }
        if !self.kernel.is_at_rest() {
            net.clock.wake(Task::Kernel(self.number));
        }
        if !self.routes.is_at_rest() {
            net.clock.wake(Task::Routes(self.number));
        }
        drop(net);
        self.end_if_due(now);
        if self.is_doomed && self.kernel.has_batch() {
            self.kill();
        }
    }

    fn perform(&mut self, action: Action) {
        let Some(daemon) = &mut self.daemon else { return };
        let mut net = self.net.borrow_mut();
        match action {
            Action::Batch { peer, session, batch } if daemon.ends.is_none() => {
                net.clock.wake(Task::Peer(self.number, peer.0 as usize));
                daemon.peers[peer.0 as usize].give_batch(session, batch);
            }
            Action::Session { peer, command } if daemon.ends.is_none() => {
                net.clock.wake(Task::Peer(self.number, peer.0 as usize));
                daemon.peers[peer.0 as usize].give_command(command);
            }
            Action::Kernel(ops) => {
                drop(net);
                let is_behind = daemon.inbox.0.iter().any(|event| matches!(event, Event::Kernel(_)));
                self.kernel.give(ops, is_behind);
            }
            Action::Routes(ops) => {
                drop(net);
                self.routes.give(ops);
            }
            // It ends, and those whom it would speak to have been told.
            _ if daemon.ends.is_some() => {}
            Action::Batch { .. }
            | Action::Session { .. }
            | Action::Bfd { .. }
            | Action::Listen(_)
            | Action::WatchFiles(_)
            | Action::FollowNode(_)
            | Action::Hosts(_)
            | Action::Log(_) => {}
            Action::StartPeer { peer, start } => {
                drop(net);
                self.start_peer(peer, *start);
            }
            Action::StopPeer { .. }
            | Action::SetRanges(_)
            | Action::TurnAway { .. }
            | Action::Sign { .. } => panic!("nobody configures neighbours here"),
        }
    }

    /// A turn of the kernel, and of the task that hands its news on.
    pub(crate) fn kernel_turn(&mut self) {
        let has_room = self.daemon.as_ref().is_some_and(|daemon| daemon.inbox.has_room());
        let Some(events) = self.kernel.turn(has_room) else { return };
        let Some(daemon) = &mut self.daemon else { return };
        daemon.inbox.push(Event::Kernel(events));
        self.net.borrow_mut().clock.wake(Task::Core(self.number));
    }

    /// A turn of the kernel's routes, and of the task that hands their news on.
    pub(crate) fn routes_turn(&mut self) {
        let has_room = self.daemon.as_ref().is_some_and(|daemon| daemon.inbox.has_room());
        let Some(events) = self.routes.turn(has_room) else { return };
        let Some(daemon) = &mut self.daemon else { return };
        daemon.inbox.push(Event::Routes(events));
        self.net.borrow_mut().clock.wake(Task::Core(self.number));
    }

    /// Makes the sockets to the kernel hold little, or much again.
    pub(crate) fn narrow(&mut self, narrow: bool) {
        self.kernel.narrow(narrow);
        self.routes.narrow(narrow);
    }

    /// Something was done to the kernel's routes from outside.
    pub(crate) fn wake_routes(&self) {
        self.net.borrow_mut().clock.wake(Task::Routes(self.number));
    }

    /// What waits to be done or heard in this node, in words.
    pub(crate) fn unfinished(&self) -> Vec<&'static str> {
        let daemon = self.daemon.as_ref();
        let waits = [
            (!self.kernel.is_at_rest(), "the kernel"),
            (!self.routes.is_at_rest(), "the kernel's routes"),
            (daemon.is_some_and(|daemon| !daemon.inbox.0.is_empty()), "news for core"),
            (daemon.is_some_and(|daemon| !daemon.peers.iter().all(Peer::is_at_rest)), "a neighbour's task"),
        ];
        waits.into_iter().filter_map(|(waits, what)| waits.then_some(what)).collect()
    }

    /// The neighbour's task with this number, if the daemon runs.
    pub(crate) fn peer(&mut self, number: usize) -> Option<&mut Peer> {
        self.daemon.as_mut().and_then(|daemon| daemon.peers.get_mut(number))
    }

    /// Whether a neighbour's session is established, as core knows it.
    pub(crate) fn is_established(&mut self, number: usize) -> bool {
        let (other, _) = self.spec.other_end(number);
        let address = ip(other).to_string();
        let answer = self.ask(Query::GetNeighbor(v1::GetNeighborRequest { address }));
        matches!(answer, Answer::GetNeighbor(row) if row.state() == v1::NeighborState::Established)
    }

    /// Asks the daemon what an operator would ask.
    pub(crate) fn ask(&mut self, query: Query) -> Answer {
        self.request(query).try_recv().expect("an answer at once").expect("an answer and no error")
    }

    /// Asks the daemon, which may answer later.
    pub(crate) fn request(&mut self, query: Query) -> oneshot::Receiver<Result<Answer, ApiError>> {
        let now = self.net.borrow().clock.now();
        let core = &mut self.daemon.as_mut().expect("a daemon that runs").core;
        let (reply, answer) = oneshot::channel();
        core.handle(now, Event::Request(Request { query, reply }));
        self.net.borrow_mut().clock.wake(Task::Core(self.number));
        answer
    }

    /// How many UPDATEs it has sent.
    pub(crate) fn updates(&self) -> u64 {
        let peers = self.daemon.iter().flat_map(|daemon| &daemon.peers);
        peers.map(|peer| peer.driver.session().info().sent.update).sum()
    }
}
