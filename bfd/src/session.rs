//! One session: the state machine of RFC 5880 section 6.8, its two timers, and what operators want to know.
//!
//! A [`Session`] is told of packets that are its own ([`Session::receive`]) and of time ([`Session::timeout`]), and
//! leaves behind packets to be sent and changes of state ([`Session::poll_action`]). It has two timers, of which
//! [`Session::poll_timeout`] names the nearer: the next periodic packet, and the Detection Time, after which a
//! neighbour that was not heard is lost.
//!
//! While a session is not Up it sends no more than one packet a second (section 6.8.3); when it comes Up the
//! configured intervals are announced, and agreed upon with a Poll Sequence.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::jitter::{Cut, Jitter};
use super::packet::{LENGTH, Packet};
use super::timing::{Intervals, Remote, Timing};
use super::words::{Diagnostic, Discard, State};

/// The least interval between packets while a session is not Up (section 6.8.3).
const SLOW: Duration = Duration::from_secs(1);

/// A session that was closed is not kept longer than this, whatever intervals the neighbour asks for.
const LINGER: Duration = Duration::from_secs(10);

/// How a session is to be held. Intervals of less than a millisecond count as one, a multiplier of 0 as 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The least interval between packets that are sent while Up.
    pub min_tx: Duration,
    /// The least interval between packets that can be taken.
    pub min_rx: Duration,
    /// How many packets in a row the neighbour may miss.
    pub multiplier: u8,
    /// Send nothing before the neighbour does (section 6.1).
    pub passive: bool,
}

impl Config {
    fn bounded(self) -> Config {
        const LEAST: Duration = Duration::from_millis(1);
        let Config { min_tx, min_rx, multiplier, passive } = self;
        Config {
            min_tx: min_tx.max(LEAST),
            min_rx: min_rx.max(LEAST),
            multiplier: multiplier.max(1),
            passive,
        }
    }

    fn intervals(&self) -> Intervals {
        Intervals { tx: self.min_tx, rx: self.min_rx }
    }

    /// What is announced while a session is not Up.
    fn slow_intervals(&self) -> Intervals {
        Intervals { tx: self.min_tx.max(SLOW), rx: self.min_rx }
    }
}

/// What a session wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send these octets to the neighbour.
    Send([u8; LENGTH]),
    /// Its state has changed. For whoever relies on the session.
    Changed(Change),
}

/// A change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The state before.
    pub from: State,
    /// The state now.
    pub to: State,
    /// Why, where it is for the worse.
    pub diagnostic: Diagnostic,
    /// The neighbour's operator took its side down: nothing is wrong with the path (RFC 5882 section 3.2).
    pub by_operator: bool,
}

impl Change {
    /// Whether the path was lost: what was Up is not, and nobody wanted that.
    pub fn is_loss(&self) -> bool {
        self.from == State::Up && self.to == State::Down && !self.by_operator
    }
}

/// A picture of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// The state.
    pub state: State,
    /// Since when it has been in this state.
    pub since: Instant,
    /// Why it is not Up.
    pub diagnostic: Diagnostic,
    /// The neighbour's state, as last heard.
    pub remote_state: State,
    /// Why the neighbour's side is not Up, as last heard.
    pub remote_diagnostic: Diagnostic,
    /// The neighbour's BFD does not share the fate of its control plane (the C bit).
    pub remote_independent: bool,
    /// Our number for the session.
    pub discriminator: u32,
    /// The neighbour's; 0 while it is not heard.
    pub remote_discriminator: u32,
    /// The interval between our packets, before jitter; `None`: the neighbour wants none.
    pub transmit_interval: Option<Duration>,
    /// The interval between the neighbour's packets.
    pub receive_interval: Duration,
    /// Our multiplier.
    pub multiplier: u8,
    /// The neighbour's; 0 while it is not heard.
    pub remote_multiplier: u8,
    /// How long the neighbour may be silent; zero while it is not heard.
    pub detection_time: Duration,
    /// How often it came Up.
    pub ups: u64,
    /// How often it left Up.
    pub downs: u64,
    /// Packets sent.
    pub sent: u64,
    /// Packets taken.
    pub received: u64,
    /// Packets that were for this session and not acceptable to it.
    pub discarded: u64,
    /// Why the last of them was not.
    pub last_discard: Option<Discard>,
}

/// A session.
#[derive(Debug)]
pub struct Session {
    config: Config,
    discriminator: u32,
    state: State,
    since: Instant,
    diagnostic: Diagnostic,
    timing: Timing,
    remote: Remote,
    remote_state: State,
    remote_diagnostic: Diagnostic,
    remote_independent: bool,
    remote_demand: bool,
    /// When the last acceptable packet came, until the Detection Time has passed since.
    heard: Option<Instant>,
    /// When the last packet went, and how much sooner than the interval the next is to go.
    spoke: Option<(Instant, Cut)>,
    jitter: Jitter,
    ups: u64,
    downs: u64,
    sent: u64,
    received: u64,
    discarded: u64,
    last_discard: Option<Discard>,
    actions: VecDeque<Action>,
}

impl Session {
    /// A session that is Down. `discriminator` is this side's number for it: not zero, and no other session's.
    pub fn new(now: Instant, config: Config, discriminator: u32, seed: u64) -> Session {
        let config = config.bounded();
        Session {
            config,
            discriminator,
            state: State::Down,
            since: now,
            diagnostic: Diagnostic::NONE,
            timing: Timing::new(config.slow_intervals()),
            remote: Remote::default(),
            remote_state: State::Down,
            remote_diagnostic: Diagnostic::NONE,
            remote_independent: false,
            remote_demand: false,
            heard: None,
            spoke: None,
            jitter: Jitter::new(seed),
            ups: 0,
            downs: 0,
            sent: 0,
            received: 0,
            discarded: 0,
            last_discard: None,
            actions: VecDeque::new(),
        }
    }

    /// The next thing to do; to be asked until there is none after every call.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to call [`Session::timeout`]: at once for a session that has sent nothing yet.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let over = (self.state == State::AdminDown).then(|| self.over_at());
        [self.send_due(), self.detection_due(), over].into_iter().flatten().min()
    }

    /// This side's number.
    pub fn discriminator(&self) -> u32 {
        self.discriminator
    }

    /// The state.
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether it was closed, and the neighbour has had a Detection Time to learn that.
    pub fn is_over(&self, now: Instant) -> bool {
        self.state == State::AdminDown && now >= self.over_at()
    }

    /// Takes a packet: the second half of section 6.8.6.
    pub fn receive(&mut self, now: Instant, packet: &Packet) {
        self.received += 1;
        self.remote = packet.into();
        self.remote_state = packet.state;
        self.remote_diagnostic = packet.diagnostic;
        self.remote_independent = packet.independent;
        self.remote_demand = packet.demand;
        if packet.is_final {
            self.timing.answered();
        }
        if self.state == State::AdminDown {
            return;
        }
        self.heard = Some(now);
        self.react(now, packet.state);
        if packet.poll {
            // Besides the periodic packets, which it does not put off.
            self.push(false, true);
        }
    }

    /// Counts a packet that is not to be taken.
    pub fn discard(&mut self, reason: Discard) {
        self.discarded += 1;
        self.last_discard = Some(reason);
    }

    /// The state machine of section 6.8.6.
    fn react(&mut self, now: Instant, remote: State) {
        match (self.state, remote) {
            (State::Down, State::Down) => self.enter(now, State::Init),
            (State::Down, State::Init) | (State::Init, State::Init | State::Up) => self.enter(now, State::Up),
            (State::Init, State::AdminDown) | (State::Up, State::Down | State::AdminDown) => {
                self.diagnostic = Diagnostic::NEIGHBOR_SIGNALED_DOWN;
                self.enter(now, State::Down);
            }
            (State::Down, State::AdminDown | State::Up)
            | (State::Init, State::Down)
            | (State::Up, State::Init | State::Up)
            | (State::AdminDown, _) => {}
        }
    }

    /// The time that [`Session::poll_timeout`] named has come.
    pub fn timeout(&mut self, now: Instant) {
        if self.detection_due().is_some_and(|due| due <= now) {
            self.lost(now);
        }
        if self.send_due().is_some_and(|due| due <= now) {
            self.send(now);
        }
    }

    /// Changes how it is to be held, without bringing it down.
    pub fn configure(&mut self, config: Config) {
        self.config = config.bounded();
        match self.state {
            State::Up => self.timing.negotiate(self.config.intervals()),
            _ => self.timing.set(self.config.slow_intervals()),
        }
    }

    /// Takes it down by the operator's will. The neighbour is told, for a Detection Time: see [`Session::is_over`].
    pub fn close(&mut self, now: Instant) {
        self.diagnostic = Diagnostic::ADMINISTRATIVELY_DOWN;
        self.heard = None;
        self.enter(now, State::AdminDown);
    }

    /// A picture for an operator.
    pub fn info(&self) -> Info {
        Info {
            state: self.state,
            since: self.since,
            diagnostic: self.diagnostic,
            remote_state: self.remote_state,
            remote_diagnostic: self.remote_diagnostic,
            remote_independent: self.remote_independent,
            discriminator: self.discriminator,
            remote_discriminator: self.remote.discriminator,
            transmit_interval: self.timing.transmit_interval(&self.remote),
            receive_interval: self.timing.receive_interval(&self.remote),
            multiplier: self.config.multiplier,
            remote_multiplier: self.remote.multiplier,
            detection_time: self.timing.detection_time(&self.remote),
            ups: self.ups,
            downs: self.downs,
            sent: self.sent,
            received: self.received,
            discarded: self.discarded,
            last_discard: self.last_discard,
        }
    }

    fn over_at(&self) -> Instant {
        let interval = self.timing.transmit_interval(&self.remote).unwrap_or(SLOW);
        self.since + LINGER.min(interval * self.config.multiplier.into())
    }

    /// Nothing was heard for the Detection Time (section 6.8.4): what the neighbour last said holds no more.
    fn lost(&mut self, now: Instant) {
        self.heard = None;
        self.remote = Remote::default();
        self.remote_state = State::Down;
        self.remote_demand = false;
        if matches!(self.state, State::Init | State::Up) {
            self.diagnostic = Diagnostic::DETECTION_TIME_EXPIRED;
            self.enter(now, State::Down);
        }
    }

    /// What others see has changed, so they are told at once and not at the next periodic packet (section 6.8.7).
    fn enter(&mut self, now: Instant, to: State) {
        let from = std::mem::replace(&mut self.state, to);
        if from == to {
            return;
        }
        self.since = now;
        match (from, to) {
            (_, State::Up) => {
                self.ups += 1;
                self.diagnostic = Diagnostic::NONE;
                self.timing.negotiate(self.config.intervals());
            }
            (State::Up, _) => {
                self.downs += 1;
                self.timing.set(self.config.slow_intervals());
            }
            _ => {}
        }
        let by_operator = self.remote_state == State::AdminDown || to == State::AdminDown;
        self.actions.push_back(Action::Changed(Change {
            from,
            to,
            diagnostic: self.diagnostic,
            by_operator,
        }));
        if self.may_send() {
            self.send(now);
        }
    }

    fn may_send(&self) -> bool {
        let waits = self.config.passive && self.remote.discriminator == 0;
        !waits && !self.remote.min_rx.is_zero()
    }

    fn send_due(&self) -> Option<Instant> {
        let demand = self.remote_demand && self.state == State::Up && self.remote_state == State::Up;
        if !self.may_send() || demand && !self.timing.is_polling() {
            return None;
        }
        let interval = self.timing.transmit_interval(&self.remote)?;
        Some(self.spoke.map_or(self.since, |(at, cut)| at + cut.of(interval)))
    }

    fn detection_due(&self) -> Option<Instant> {
        self.heard.map(|heard| heard + self.timing.detection_time(&self.remote))
    }

    fn send(&mut self, now: Instant) {
        self.spoke = Some((now, self.jitter.draw(self.config.multiplier)));
        self.push(self.timing.is_polling(), false);
    }

    fn push(&mut self, poll: bool, is_final: bool) {
        let Intervals { tx, rx } = self.timing.announced();
        let packet = Packet {
            diagnostic: self.diagnostic,
            state: self.state,
            poll,
            is_final,
            // This BFD lives and dies with its control plane.
            independent: false,
            authenticated: false,
            demand: false,
            multiplier: self.config.multiplier,
            my_discriminator: self.discriminator,
            your_discriminator: self.remote.discriminator,
            desired_min_tx: micros(tx),
            required_min_rx: micros(rx),
            required_min_echo_rx: 0,
        };
        self.sent += 1;
        self.actions.push_back(Action::Send(packet.emit()));
    }
}

fn micros(interval: Duration) -> u32 {
    interval.as_micros().try_into().unwrap_or(u32::MAX)
}
