//! Two sessions, the connections between them, and a clock: everything that may happen between them happens when
//! an input says so. Left alone, they must come together.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bgp::session::{Action, Input, RemoteAs, Session, SessionConfig, Side, StateName, StopReason};
use bgp::types::{Asn, Family, RouterId};
use bytes::Bytes;

/// Two ends, 0 and 1.
pub struct Network {
    ends: [End; 2],
    wires: Vec<Wire>,
    now: Instant,
}

struct End {
    session: Session,
    /// It has asked for a connection and has not heard what became of that.
    dialling: bool,
    /// The wires of its two sides.
    outgoing: Option<usize>,
    incoming: Option<usize>,
    /// A wire that it is asked to accept.
    newcomer: Option<usize>,
    established: bool,
}

/// A connection. What end 0 and end 1 have sent is `sent[0]` and `sent[1]`.
struct Wire {
    sent: [VecDeque<u8>; 2],
    /// This end has closed: what it sent is still delivered.
    closed: [bool; 2],
}

/// How long two sessions may take to come together: some of the longest pauses after an error.
const PATIENCE: Duration = Duration::from_secs(1200);

impl Network {
    /// Two ends that have been told to start. `choice` says how they are configured.
    pub fn new(choice: u8) -> Network {
        let now = Instant::now();
        let families = [Family::Ipv4Unicast, Family::L2vpnEvpn].into_iter().collect();
        let config = |end: u8| SessionConfig {
            hold_time: [0, 3, 90, 9][usize::from(choice & 3)],
            passive: choice & 4 != 0 && end == 1,
            ..SessionConfig::new(Asn(65000), RouterId([10, 0, 0, end].into()), RemoteAs::Any, families)
        };
        let end = |number: u8| End {
            session: Session::new(config(number + 1), number.into()),
            dialling: false,
            outgoing: None,
            incoming: None,
            newcomer: None,
            established: false,
        };
        let mut network = Network { ends: [end(0), end(1)], wires: Vec::new(), now };
        (0..2).for_each(|end| network.handle(end, Input::Start));
        network
    }

    /// Lets something happen, as the octets say; how many of them it took.
    pub fn happen(&mut self, octets: &[u8]) -> usize {
        let [what, argument, rest @ ..] = octets else { return octets.len() };
        let (end, side) = (usize::from(what >> 7), Side::ALL[usize::from(what >> 6 & 1)]);
        let mut used = 2;
        match what & 0x0f {
            0 | 1 => self.deliver(end, side, 1 + usize::from(*argument)),
            2 | 3 => self.dial(end, argument & 1 == 0),
            4 => self.next_timeout(),
            5 => self.pass(Duration::from_secs(u64::from(*argument))),
            6 => used += self.inject(end, side, rest, usize::from(*argument)),
            7 => self.spoil(end, side, *argument, rest.first().copied().unwrap_or_default()),
            8 => self.cut(end, side),
            9 => self.handle(end, Input::Start),
            10 => self.handle(end, Input::Stop(stop(*argument))),
            11 => self.on_side(end, side, Input::SendBlocked(side)),
            12 => self.on_side(end, side, Input::SendProgress(side)),
            13 => self.on_side(end, side, Input::Sent { side, updates: (*argument).into(), refreshes: 0 }),
            14 => self.handle(end, Input::RequestRefresh(Family::ALL[usize::from(argument % 3)])),
            _ => self.deliver_all(),
        }
        used
    }

    /// With a network that works and nobody who meddles, both sessions come up.
    pub fn come_together(&mut self) {
        let end = self.now + PATIENCE;
        for number in 0..2 {
            for side in Side::ALL {
                self.on_side(number, side, Input::SendProgress(side));
            }
            self.handle(number, Input::Start);
        }
        while !(self.ends[0].established && self.ends[1].established) {
            assert!(self.now < end, "stranded: {:?}", self.states());
            self.deliver_all();
            (0..2).for_each(|number| self.dial(number, true));
            self.deliver_all();
            if !(self.ends[0].established && self.ends[1].established) {
                self.next_timeout();
            }
        }
    }

    fn states(&self) -> [StateName; 2] {
        [self.ends[0].session.state(), self.ends[1].session.state()]
    }

    fn handle(&mut self, end: usize, input: Input) {
        self.ends[end].session.handle(self.now, input);
        while let Some(action) = self.ends[end].session.poll_action() {
            self.act(end, action);
        }
        let state = self.ends[end].session.state();
        assert_eq!(self.ends[end].established, state == StateName::Established);
        let waits = self.ends[end].newcomer.is_some();
        assert!(!waits || self.ends[end].established, "only an established session lets a newcomer wait");
        assert!(
            self.ends[end].session.poll_timeout().is_none_or(|due| due >= self.now),
            "a timeout left behind"
        );
    }

    /// Only while there is such a connection: that is what a driver may say.
    fn on_side(&mut self, end: usize, side: Side, input: Input) {
        if self.ends[end].wire(side).is_some() {
            self.handle(end, input);
        }
    }

    fn act(&mut self, number: usize, action: Action) {
        let end = &mut self.ends[number];
        match action {
            Action::Connect => end.dialling = true,
            Action::Send(side, octets) => {
                let wire = end.wire(side).expect("it sends on a connection that it has");
                self.wires[wire].send(number, &octets);
            }
            Action::Close(side) => {
                if side == Side::Outgoing {
                    end.dialling = false;
                }
                if let Some(wire) = end.slot(side).take() {
                    self.wires[wire].closed[number] = true;
                }
            }
            Action::Accept => {
                assert!(end.incoming.is_none(), "the former one is closed before");
                end.incoming = Some(end.newcomer.take().expect("it was offered one"));
            }
            Action::Refuse(octets) => {
                let wire = end.newcomer.take().expect("it was offered one");
                self.wires[wire].send(number, &octets);
                self.wires[wire].closed[number] = true;
            }
            Action::Up(_) => assert!(!std::mem::replace(&mut end.established, true), "up twice"),
            Action::Down(_) => assert!(std::mem::replace(&mut end.established, false), "down without up"),
            Action::Failed(..) => {}
            // Routes, their ends and the wish for them come of established sessions only.
            _ => assert!(end.established),
        }
    }

    /// What became of a dial, if there is one.
    fn dial(&mut self, number: usize, succeeds: bool) {
        if !std::mem::take(&mut self.ends[number].dialling) {
            return;
        }
        if !succeeds {
            return self.handle(number, Input::ConnectFailed(ErrorKind::ConnectionRefused));
        }
        let wire = self.wires.len();
        self.wires.push(Wire { sent: Default::default(), closed: [false; 2] });
        let (local, remote) = (address(number), address(1 - number));
        self.ends[number].outgoing = Some(wire);
        self.handle(number, Input::Connected { local, remote });
        if let Some(former) = self.ends[1 - number].newcomer.replace(wire) {
            self.wires[former].closed[1 - number] = true;
        }
        self.handle(1 - number, Input::Accepted { local: remote, remote: local });
    }

    /// Delivers what was sent to an end, up to so many octets, and then that the other end has closed.
    fn deliver(&mut self, number: usize, side: Side, octets: usize) {
        let Some(wire) = self.ends[number].wire(side) else { return };
        let from = 1 - number;
        let sent = &mut self.wires[wire].sent[from];
        if let Some(buffer) = self.ends[number].session.buffer(side).filter(|_| !sent.is_empty()) {
            buffer.extend(sent.drain(..octets.min(sent.len())));
            self.handle(number, Input::Received(side));
            while self.ends[number].session.has_buffered(side) {
                self.handle(number, Input::Received(side));
            }
        } else if sent.is_empty() && self.wires[wire].closed[from] {
            *self.ends[number].slot(side) = None;
            self.handle(number, Input::Closed(side));
        }
    }

    /// Until nothing is under way any more. (A connection that yields is not read, and waits for a timer.)
    fn deliver_all(&mut self) {
        let under_way = |network: &Network| -> usize {
            let open = |end: &End| [end.outgoing, end.incoming].into_iter().flatten().count();
            let octets = |wire: &Wire| wire.sent.iter().map(VecDeque::len).sum::<usize>();
            network.wires.iter().map(octets).sum::<usize>() + network.ends.iter().map(open).sum::<usize>()
        };
        for _ in 0..1000 {
            let before = under_way(self);
            for number in 0..2 {
                Side::ALL.into_iter().for_each(|side| self.deliver(number, side, usize::MAX));
            }
            if under_way(self) == before {
                return;
            }
        }
        panic!("they never cease to talk");
    }

    fn next_timeout(&mut self) {
        let due = self.ends.iter().filter_map(|end| end.session.poll_timeout()).min();
        self.now = due.unwrap_or(self.now + Duration::from_secs(1)).max(self.now);
        for number in 0..2 {
            if self.ends[number].session.poll_timeout().is_some_and(|due| due <= self.now) {
                self.handle(number, Input::Timeout);
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        for _ in 0..1000 {
            match self.ends.iter().filter_map(|end| end.session.poll_timeout()).min() {
                Some(due) if due <= until => self.next_timeout(),
                _ => break,
            }
        }
        self.now = self.now.max(until);
        (0..2).for_each(|number| {
            if self.ends[number].session.poll_timeout().is_some_and(|due| due <= self.now) {
                self.handle(number, Input::Timeout);
            }
        });
    }

    /// Puts octets of the input among what was sent to an end.
    fn inject(&mut self, number: usize, side: Side, octets: &[u8], most: usize) -> usize {
        let octets = octets.get(..most).unwrap_or(octets);
        if let Some(wire) = self.ends[number].wire(side) {
            self.wires[wire].sent[1 - number].extend(octets);
        }
        octets.len()
    }

    /// Changes an octet on its way to an end.
    fn spoil(&mut self, number: usize, side: Side, at: u8, value: u8) {
        let Some(wire) = self.ends[number].wire(side) else { return };
        if let Some(octet) = self.wires[wire].sent[1 - number].get_mut(usize::from(at)) {
            *octet ^= value;
        }
    }

    /// The network loses a connection: one end hears of it now, the other when it next looks.
    fn cut(&mut self, number: usize, side: Side) {
        let Some(wire) = self.ends[number].slot(side).take() else { return };
        self.wires[wire].sent = Default::default();
        self.wires[wire].closed = [true; 2];
        self.handle(number, Input::Closed(side));
    }
}

impl End {
    fn slot(&mut self, side: Side) -> &mut Option<usize> {
        match side {
            Side::Outgoing => &mut self.outgoing,
            Side::Incoming => &mut self.incoming,
        }
    }

    /// The wire of a side.
    fn wire(&self, side: Side) -> Option<usize> {
        match side {
            Side::Outgoing => self.outgoing,
            Side::Incoming => self.incoming,
        }
    }
}

impl Wire {
    /// What is sent to an end that has closed is lost.
    fn send(&mut self, from: usize, octets: &Bytes) {
        if !self.closed[1 - from] {
            self.sent[from].extend(octets);
        }
    }
}

fn address(number: usize) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, number as u8], 179))
}

fn stop(choice: u8) -> StopReason {
    match choice % 4 {
        0 => StopReason::Shutdown(Some("maintenance".into())),
        1 => StopReason::Reset(None),
        2 => StopReason::Deconfigured,
        _ => StopReason::GoingDown,
    }
}
