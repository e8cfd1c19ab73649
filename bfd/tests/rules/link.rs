//! Two speakers with one session each, over a link that loses and delays datagrams in simulated time.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use bfd::{
    Action, Change, Config, Datagram, Endpoint, Hops, Info, Input, Packet, SessionId, Sessions, State,
};

pub(crate) const ID: SessionId = SessionId(4);

pub(crate) fn config(min_tx: u64, min_rx: u64, multiplier: u8) -> Config {
    Config {
        min_tx: Duration::from_millis(min_tx),
        min_rx: Duration::from_millis(min_rx),
        multiplier,
        passive: false,
    }
}

/// A datagram under way.
struct Flight {
    due: Instant,
    to: usize,
    octets: Vec<u8>,
}

/// The two speakers, 0 and 1.
pub(crate) struct Pair {
    pub(crate) now: Instant,
    pub(crate) speakers: [Sessions; 2],
    pub(crate) changes: [Vec<(Instant, Change)>; 2],
    /// What each has sent.
    pub(crate) sent: [Vec<(Instant, Packet)>; 2],
    flights: Vec<Flight>,
    /// Of 100 datagrams to each speaker so many are lost.
    pub(crate) loss: [u64; 2],
    /// Datagrams take up to so long, so that one may overtake another.
    pub(crate) delay: Duration,
    random: u64,
}

pub(crate) fn address(speaker: usize) -> IpAddr {
    IpAddr::from([10, 0, 0, speaker as u8 + 1])
}

impl Pair {
    /// Both begin at the same time.
    pub(crate) fn new(configs: [Config; 2], seed: u64) -> Pair {
        let now = Instant::now();
        let mut speakers = [Sessions::new(seed), Sessions::new(!seed)];
        for (n, config) in configs.into_iter().enumerate() {
            let endpoint = Endpoint { remote: address(1 - n), scope: 0, hops: Hops::Single };
            speakers[n].handle(now, Input::Open(ID, endpoint, config));
        }
        Pair {
            now,
            speakers,
            changes: Default::default(),
            sent: Default::default(),
            flights: Vec::new(),
            loss: [0; 2],
            delay: Duration::from_millis(1),
            random: seed,
        }
    }

    pub(crate) fn info(&self, speaker: usize) -> Info {
        self.speakers[speaker].info(ID).unwrap()
    }

    pub(crate) fn states(&self) -> [State; 2] {
        [0, 1].map(|n| self.info(n).state)
    }

    pub(crate) fn tell(&mut self, speaker: usize, input: Input<'_>) {
        self.speakers[speaker].handle(self.now, input);
        self.collect(speaker);
    }

    /// Lets time pass.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.next_due().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            self.deliver();
            for speaker in [0, 1] {
                self.tell(speaker, Input::Timeout);
            }
        }
        self.now = end;
    }

    /// Lets time pass until it is so, a minute at most; how long it took.
    pub(crate) fn run_until(&mut self, what: &str, so: impl Fn(&Pair) -> bool) -> Duration {
        let start = self.now;
        while !so(self) {
            self.run(Duration::from_millis(1));
            assert!(
                self.now - start < Duration::from_secs(60),
                "never {what}: {:#?}",
                [0, 1].map(|n| self.info(n))
            );
        }
        self.now - start
    }

    fn next_due(&self) -> Option<Instant> {
        let timers = self.speakers.iter().filter_map(Sessions::poll_timeout);
        timers.chain(self.flights.iter().map(|flight| flight.due)).min()
    }

    fn deliver(&mut self) {
        let now = self.now;
        let (landed, flying) =
            std::mem::take(&mut self.flights).into_iter().partition(|flight| flight.due <= now);
        self.flights = flying;
        let landed: Vec<Flight> = landed;
        for Flight { to, octets, .. } in landed {
            let source = address(1 - to);
            let datagram = Datagram { multihop: false, source, interface: 2, ttl: 255, octets: &octets };
            self.tell(to, Input::Received(datagram));
        }
    }

    fn collect(&mut self, from: usize) {
        while let Some(action) = self.speakers[from].poll_action() {
            match action {
                Action::Send(_, octets) => {
                    self.sent[from].push((self.now, Packet::parse(&octets).unwrap()));
                    let to = 1 - from;
                    if self.random() % 100 >= self.loss[to] {
                        let delay = self.delay.mul_f64((self.random() % 1000) as f64 / 1000.0);
                        self.flights.push(Flight { due: self.now + delay, to, octets: octets.to_vec() });
                    }
                }
                Action::Changed(_, change) => self.changes[from].push((self.now, change)),
                Action::Over(_) => {}
            }
        }
    }

    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}
