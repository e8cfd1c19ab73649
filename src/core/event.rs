//! What core is told and what it asks for: its border to the tasks.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use bgp::export::Batch;
use bgp::session::{
    Down, Established, FaultCounts, Info, PrefixLimit, Received, Restarted, SessionConfig, StopReason,
};
use bgp::types::{Family, PeerId};
use bgp::wire::Fault;
use evpn::Notice;
use fib::routes::{RouteEvent, RouteOp};
use fib::{IfIndex, KernelEvent, Op};
use ipnet::IpNet;

use crate::config::diff::Change;
use crate::config::{Authentication, Config, FileSource, KubernetesSource, NeighborConfig};
use crate::presence::frame::Said;
use crate::presence::{KnownHost, Probe};

use super::advertise::PrefixNews;
use super::bfd::words::{BfdCommand, BfdLine, BfdNews};

/// News for core.
#[derive(Debug)]
pub enum Event {
    /// From a peer's task, in the order in which it happened.
    Peer {
        /// Which.
        peer: PeerId,
        /// What.
        news: Vec<PeerNews>,
    },
    /// The task of a peer has died: a defect, which costs this one session.
    PeerDied {
        /// Which.
        peer: PeerId,
    },
    /// The task of a peer has ended, as [`Action::StopPeer`] asked: nothing comes from it any more.
    PeerEnded {
        /// Which.
        peer: PeerId,
    },
    /// Somebody connects who is no neighbour, from an address of one of the ranges ([`Action::SetRanges`]). The
    /// answer is [`Action::StartPeer`] for his address, or [`Action::TurnAway`].
    Knock {
        /// His address.
        from: IpAddr,
    },
    /// From the kernel's task.
    Kernel(Vec<KernelEvent>),
    /// From the tasks that hear hosts and ask them.
    Hosts(Vec<HostNews>),
    /// From the task of the kernel's routes.
    Routes(Vec<RouteEvent>),
    /// A source of prefixes that this node announces says what it has.
    Prefixes(PrefixNews),
    /// From the task of the BFD sessions.
    Bfd(Vec<BfdNews>),
    /// What of this node's settings is in the way of what linnetd does, in words.
    HostChecked(Vec<String>),
    /// The configuration file was read again, and is right.
    Reconfigure {
        /// What it says.
        config: Box<Config>,
        /// Who asked for it, and waits to be told what changed. May ask for no more than that.
        request: Option<api::Request>,
    },
    /// The running configuration was changed by a neighbour, and what came out is right.
    Edited {
        /// What it says.
        config: Box<Config>,
        /// The number of the configuration that was changed, see [`Core::running`](super::Core::running).
        base: u64,
        /// Who asked for it, and waits to be told what changed.
        request: api::Request,
    },
    /// From the API.
    Request(api::Request),
}

/// What happened on one peer's session.
#[derive(Debug)]
pub enum PeerNews {
    /// It is established, for the `number`th time.
    Up {
        /// Tells this session from earlier ones.
        number: u32,
        /// What was agreed.
        agreed: Box<Established>,
    },
    /// It ended.
    Down(Down),
    /// Routes.
    Routes(Received),
    /// The peer has sent all it had.
    EndOfRib(Family),
    /// The peer wants everything again.
    Refresh(Family),
    /// The peer sends everything again from here on (RFC 7313).
    RefreshBegins(Family),
    /// The peer has sent everything again.
    RefreshEnds(Family),
    /// So many batches have been written.
    Credit(u32),
    /// An attempt to connect ended. For the log.
    Failed(Down),
    /// The session's picture changed.
    Info(Box<Info>),
}

/// What core wants done.
#[derive(Debug)]
pub enum Action {
    /// Begin a peer's task.
    StartPeer {
        /// The id that its news are to come under. No other task has it.
        peer: PeerId,
        /// What the task is for.
        start: Box<PeerStart>,
    },
    /// End a peer's task; [`Event::PeerEnded`] is the answer.
    StopPeer {
        /// Which.
        peer: PeerId,
        /// What its neighbour is told.
        reason: StopReason,
    },
    /// Have the segments of a peer's connections signed otherwise, those of one that stands as well.
    Sign {
        /// Which.
        peer: PeerId,
        /// How.
        how: Authentication,
    },
    /// Accept connections at these addresses, and at no others. Said after each configuration that came, taken or not.
    Listen(Vec<SocketAddr>),
    /// Ask about whoever connects from these ranges, and have those sign who do.
    SetRanges(Vec<(IpNet, Authentication)>),
    /// Close the connection of somebody who was asked about, for want of resources (RFC 4486).
    TurnAway {
        /// His address.
        from: IpAddr,
    },
    /// Send routes.
    Batch {
        /// To this peer.
        peer: PeerId,
        /// On its session of this number only.
        session: u32,
        /// These.
        batch: Arc<Batch>,
    },
    /// Act on a session.
    Session {
        /// Of this peer.
        peer: PeerId,
        /// So.
        command: SessionCommand,
    },
    /// Have a neighbour's BFD session run, or end. Newer words of this replace older ones.
    Bfd {
        /// The neighbour.
        peer: PeerId,
        /// What is wanted.
        command: BfdCommand,
    },
    /// Watch these files, and no others, and say what is in them ([`Event::Prefixes`]).
    WatchFiles(Vec<FileSource>),
    /// Follow this Node in Kubernetes, or none, and say its pod CIDRs ([`Event::Prefixes`]).
    FollowNode(Option<KubernetesSource>),
    /// Change the kernel.
    Kernel(Vec<Op>),
    /// Hear hosts, or ask them.
    Hosts(HostCommand),
    /// Change the kernel's routes.
    Routes(Vec<RouteOp>),
    /// Write a line into the log.
    Log(LogLine),
}

/// What comes of the hosts that are attached here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostNews {
    /// One said something.
    Heard {
        /// On this device.
        device: IfIndex,
        /// That.
        said: Said,
    },
    /// Hosts are heard on a device from now on, or cannot be.
    Hears {
        /// Which.
        device: IfIndex,
        /// Whether they are.
        hears: bool,
    },
    /// So many were asked, or could not be.
    Asked(usize),
    /// One was there when a former run ended.
    Remembered(KnownHost),
    /// Some could not be listened to: too many spoke at once.
    Missed {
        /// On this device.
        device: IfIndex,
        /// So many times.
        words: u64,
    },
}

/// What is wanted of the hosts that are attached here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostCommand {
    /// Hear them on these devices, and on no others.
    Listen(BTreeSet<IfIndex>),
    /// Ask them; [`HostNews::Asked`] is the answer.
    Ask(Vec<Probe>),
    /// Write down for a later run which there are. Newer words replace older ones.
    Remember {
        /// In this file.
        file: PathBuf,
        /// All of them, in no order.
        hosts: Vec<KnownHost>,
    },
}

/// What a peer's task begins with.
#[derive(Clone, Debug)]
pub struct PeerStart {
    /// The neighbour: how it is reached.
    pub neighbor: NeighborConfig,
    /// How its session is held.
    pub session: SessionConfig,
    /// How this speaker has restarted.
    pub restarted: Restarted,
}

/// What is wanted of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionCommand {
    /// End it; it comes back by itself. With a word for the peer's operator (RFC 9003).
    Reset(Option<String>),
    /// End it and stay down. With a word as well.
    Shutdown(Option<String>),
    /// End it: the peer has sent more routes than it may.
    TooManyPrefixes(PrefixLimit),
    /// Let it come up again.
    Enable,
    /// Connect from this address from now on; `None`: from the one that the kernel chooses. A connection that stands
    /// stays.
    ConnectFrom(Option<IpAddr>),
    /// Hold it like this from now on, see [`bgp::session::Input::Configure`].
    Configure(Box<SessionConfig>),
    /// End it for good; the task ends with it.
    End(StopReason),
    /// Ask the peer for all its routes of a family again (RFC 2918).
    RequestRefresh(Family),
    /// End it: BFD says that the neighbour cannot be reached.
    BfdDown {
        /// It stays down until it is enabled; else it comes back by itself.
        hold: bool,
    },
}

/// Something to be written into the log.
#[derive(Debug)]
pub enum LogLine {
    /// A session came up.
    Up(PeerId, Box<Established>),
    /// A session ended.
    Down(PeerId, Down),
    /// An attempt to connect failed.
    Failed(PeerId, Down),
    /// A peer has sent malformed UPDATEs that did not end its session (RFC 7606).
    Faults {
        /// Which.
        peer: PeerId,
        /// How many since the last such line.
        new: FaultCounts,
        /// The latest one.
        latest: Fault,
    },
    /// A peer comes near the number of routes that it may send, or has sent more.
    NearLimit {
        /// Which.
        peer: PeerId,
        /// In this family.
        family: Family,
        /// It has sent so many.
        routes: usize,
        /// It may send so many.
        limit: u32,
    },
    /// A peer began to send everything again and has not said that it is done.
    RefreshOverdue(PeerId, Family),
    /// A BFD session changed.
    Bfd(PeerId, BfdLine),
    /// A neighbour is no longer configured, and stays until those that come in its place have been heard.
    HandsOver(PeerId),
    /// EVPN noticed something.
    Evpn(Notice),
    /// A neighbour's routes of a family have been stale for their time: they go, or from now on are stale for long.
    KeptNoLonger(PeerId, Family, bool),
    /// A configuration was taken: what it changed.
    Reconfigured(Vec<Change>),
    /// A change was confirmed.
    Confirmed,
    /// A change that waited to be confirmed is taken back.
    RolledBack {
        /// By an operator; else because its time was over.
        in_time: bool,
    },
    /// What a former run left in the kernel may go now.
    StaleReleased(Leftover, ReleaseReason),
}

/// What a former run left in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leftover {
    /// EVPN's rows.
    Rows,
    /// Unicast routes.
    Routes,
}

/// Why what a former run left in the kernel is no longer kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseReason {
    /// Every neighbour of the family has sent all it had.
    EndOfRib,
    /// Some have not, and it has been long enough.
    Deadline,
}
