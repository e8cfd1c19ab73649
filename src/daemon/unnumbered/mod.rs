//! The task of one link that leads to a neighbour: it finds out who is there, and says that we are.
//!
//! It waits for the kernel's news of the link, for what is said on it and for the time, and does what
//! [`Discovery`] decides. Whom it found stands in a [`Found`], which the neighbour's task looks at; when that is
//! dropped, this task ends.

mod icmp;

use std::future::pending;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddrV6};
use std::time::{Duration, Instant};

use bgp::types::Mac;
use fib::netlink::{LINKS, LinkWatch};
use fib::row::NeighborState;
use fib::{IfIndex, KernelEvent, Link, Row};
use tokio::sync::watch;
use tracing::{debug, info, warn};

use crate::config::InterfaceName;
use crate::unnumbered::advert::{self, Message};
use crate::unnumbered::discovery::{Action, Discovery, Input};

use icmp::{ALL_NODES, ALL_ROUTERS, Icmp};

/// Where the neighbour at the end of a link is, without a port; `None` while that is not known.
pub(super) type Found = watch::Receiver<Option<SocketAddrV6>>;

/// After an error of a socket itself.
const PAUSE: Duration = Duration::from_secs(5);

/// Begins to look for whoever is at the end of a link.
pub(super) fn look_for_neighbor(interface: InterfaceName) -> Found {
    let (found, seen) = watch::channel(None);
    tokio::spawn(async move {
        while !found.is_closed() {
            let error = match LinkWatch::open() {
                Ok(watch) => Searcher::new(interface, watch, &found).run().await,
                Err(error) => Err(error),
            };
            let Err(error) = error else { return };
            warn!(%interface, %error, "cannot watch the link");
            found.send_replace(None);
            tokio::time::sleep(PAUSE).await;
        }
    });
    seen
}

struct Searcher<'f> {
    interface: InterfaceName,
    watch: LinkWatch,
    found: &'f watch::Sender<Option<SocketAddrV6>>,
    discovery: Discovery,
    /// The link's index, while it is up.
    device: Option<IfIndex>,
    icmp: Option<Icmp>,
    /// The link was told of since the kernel began to tell of all.
    told: bool,
}

/// What woke the task.
enum Wake {
    Kernel(io::Result<Vec<KernelEvent>>),
    Heard(io::Result<Result<Message, &'static str>>),
    Time,
    /// Nobody wants to know any more.
    Unwanted,
}

impl<'f> Searcher<'f> {
    fn new(
        interface: InterfaceName,
        watch: LinkWatch,
        found: &'f watch::Sender<Option<SocketAddrV6>>,
    ) -> Searcher<'f> {
        Searcher {
            interface,
            watch,
            found,
            discovery: Discovery::default(),
            device: None,
            icmp: None,
            told: false,
        }
    }

    async fn run(mut self) -> io::Result<()> {
        loop {
            match self.wake().await {
                Wake::Kernel(events) => events?.into_iter().for_each(|event| self.kernel(event)),
                Wake::Heard(Ok(Ok(message))) => self.handle(Input::Heard(message)),
                Wake::Heard(Ok(Err(why))) => {
                    debug!(interface = %self.interface, why, "a router's word that is not to be used");
                }
                Wake::Heard(Err(error)) => self.deaf(&error),
                Wake::Time => self.handle(Input::Timeout),
                Wake::Unwanted => return Ok(()),
            }
            while let Some(action) = self.discovery.poll_action() {
                self.perform(action);
            }
        }
    }

    async fn wake(&mut self) -> Wake {
        let Searcher { watch, icmp, discovery, found, .. } = self;
        let due = discovery.poll_timeout().map(tokio::time::Instant::from_std);
        tokio::select! {
            biased;
            () = found.closed() => Wake::Unwanted,
            events = watch.next() => Wake::Kernel(events),
            () = async { match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => pending().await,
            } } => Wake::Time,
            heard = async { match icmp {
                Some(icmp) => icmp.receive().await,
                None => pending().await,
            } } => Wake::Heard(heard),
        }
    }

    fn handle(&mut self, input: Input) {
        self.discovery.handle(Instant::now(), input);
    }

    fn kernel(&mut self, event: KernelEvent) {
        match event {
            KernelEvent::LinkSeen(link) if *link.name == *self.interface.as_str() => self.seen(&link),
            // It has another name now.
            KernelEvent::LinkSeen(link) if Some(link.index) == self.device => self.down(),
            KernelEvent::LinkGone(index) if Some(index) == self.device => self.down(),
            KernelEvent::RowSeen(Row::Neighbor(row)) if Some(row.device) == self.device => {
                if let (IpAddr::V6(address), true) = (row.ip, row.state != NeighborState::Unusable) {
                    self.handle(Input::Known(address));
                }
            }
            KernelEvent::Overrun => self.told = false,
            KernelEvent::DumpEnd { id: LINKS, .. } if !self.told => self.down(),
            _ => {}
        }
    }

    fn seen(&mut self, link: &Link) {
        self.told = true;
        if !(link.up && link.carrier) {
            return self.down();
        }
        if self.device != Some(link.index) {
            self.down();
            self.device = Some(link.index);
            match Icmp::open(link.index, self.interface.as_str()) {
                Ok(icmp) => self.icmp = Some(icmp),
                Err(error) => {
                    warn!(interface = %self.interface, %error, "cannot speak with routers on the link (CAP_NET_RAW?)");
                }
            }
        }
        self.handle(Input::Up(link.mac));
    }

    fn down(&mut self) {
        (self.device, self.icmp) = (None, None);
        self.handle(Input::Down);
    }

    /// The device went away under the socket, as a rule: the kernel's news of that are on their way.
    fn deaf(&mut self, error: &io::Error) {
        debug!(interface = %self.interface, %error, "cannot hear routers on the link");
        self.down();
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Advertise => self.send(advert::advertisement, ALL_NODES),
            Action::Solicit => self.send(advert::solicitation, ALL_ROUTERS),
            Action::AskKernel => {
                if let Some(Err(error)) = self.device.map(|device| self.watch.ask_for_neighbors(device)) {
                    debug!(interface = %self.interface, %error, "cannot ask for the link's neighbours");
                }
            }
            Action::Neighbor(address) => self.tell(address),
            Action::Stranger(address) => {
                warn!(interface = %self.interface, %address, "another router is on the link, which leads to one neighbour");
            }
        }
    }

    /// The neighbour is there now.
    fn tell(&self, address: Option<Ipv6Addr>) {
        let (interface, device) = (self.interface, self.device.map_or(0, |device| device.0));
        match address {
            Some(address) => info!(%interface, %address, "found the neighbour on the link"),
            None => info!(%interface, "the link is down, and with it the neighbour lost"),
        }
        self.found.send_replace(address.map(|address| SocketAddrV6::new(address, 0, 0, device)));
    }

    fn send(&self, build: fn(Mac) -> Vec<u8>, group: Ipv6Addr) {
        let (Some(icmp), Some(mac)) = (&self.icmp, self.discovery.mac()) else { return };
        if let Err(error) = icmp.send(&build(mac), group) {
            debug!(interface = %self.interface, %error, "cannot speak on the link yet");
        }
    }
}
