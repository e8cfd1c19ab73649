//! Two sessions and a network between them, in simulated time.
//!
//! A link is a TCP connection: what one end writes arrives at the other in order, after the delay of that
//! direction and up to as much again, since daemons are not always at hand; its end arrives behind what was
//! written. A dial is answered by the kernel before the daemon hears of it. A cut network swallows everything,
//! and the links it swallowed from are dead for good. The seed decides all that is random.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use super::*;

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Who {
    A,
    B,
}

impl Who {
    pub(super) const BOTH: [Who; 2] = [Who::A, Who::B];

    pub(super) fn other(self) -> Who {
        if self == Who::A { Who::B } else { Who::A }
    }
}

type LinkId = usize;

/// How long octets take on the links that A dials and on those that B dials, each way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delays {
    /// On A's links: from A to B, from B to A.
    pub(super) of_a: [u64; 2],
    /// On B's links: from A to B, from B to A.
    pub(super) of_b: [u64; 2],
}

impl Delays {
    pub(super) fn all(millis: u64) -> Delays {
        Delays { of_a: [millis; 2], of_b: [millis; 2] }
    }
}

#[derive(Debug)]
enum Packet {
    Syn,
    SynAck,
    /// The dial, when the daemon hears of it.
    Accept,
    Octets(Bytes),
    Fin,
}

pub(super) struct End {
    pub(super) session: Session,
    /// The links that the session holds, and the one it dials.
    links: [Option<LinkId>; 2],
    /// A link that was dialled to it and waits for its answer.
    newcomer: Option<LinkId>,
    /// What it did, except for what concerns links only.
    pub(super) log: Vec<(Duration, Action)>,
}

pub(super) struct Net {
    pub(super) a: End,
    pub(super) b: End,
    start: Instant,
    now: Instant,
    delays: Delays,
    /// Who dialled each link.
    dialled: Vec<Who>,
    dead: HashSet<LinkId>,
    /// Links of which an end knows nothing any more.
    forgotten: HashSet<(LinkId, Who)>,
    pub(super) is_cut: bool,
    under_way: BTreeMap<(Instant, u64), (LinkId, Who, Packet)>,
    /// When the last packet that is under way arrives: none overtakes it.
    latest: HashMap<(LinkId, Who), Instant>,
    /// What has arrived and was not read yet.
    unread: HashMap<(LinkId, Who), VecDeque<Packet>>,
    count: u64,
    jitter: Jitter,
}

impl Net {
    pub(super) fn new(a: SessionConfig, b: SessionConfig, delays: Delays, seed: u64) -> Net {
        let start = Instant::now();
        let end = |config, seed| End {
            session: Session::new(config, seed),
            links: [None; 2],
            newcomer: None,
            log: vec![],
        };
        Net {
            a: end(a, seed),
            b: end(b, seed.wrapping_add(1)),
            start,
            now: start,
            delays,
            dialled: vec![],
            dead: HashSet::new(),
            forgotten: HashSet::new(),
            is_cut: false,
            under_way: BTreeMap::new(),
            latest: HashMap::new(),
            unread: HashMap::new(),
            count: 0,
            jitter: Jitter::new(seed),
        }
    }

    pub(super) fn end(&mut self, who: Who) -> &mut End {
        match who {
            Who::A => &mut self.a,
            Who::B => &mut self.b,
        }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    pub(super) fn input(&mut self, who: Who, input: Input) {
        let now = self.now;
        self.end(who).session.handle(now, input);
        while let Some(action) = self.end(who).session.poll_action() {
            self.act(who, action);
        }
    }

    /// One of them is started anew, without a word: octets on its former links are answered with a reset.
    pub(super) fn start_anew(&mut self, who: Who, config: SessionConfig) {
        let links = std::mem::take(&mut self.end(who).links);
        self.forgotten.extend(links.into_iter().flatten().map(|link| (link, who)));
        self.end(who).session = Session::new(config, 99);
        self.input(who, Input::Start);
    }

    pub(super) fn start(&mut self) {
        Who::BOTH.into_iter().for_each(|who| self.input(who, Input::Start));
    }

    /// Lets everything happen that is due within `time`.
    pub(super) fn run(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(next) = self.next_event().filter(|at| *at <= until) {
            self.now = next.max(self.now);
            match self.under_way.first_entry().filter(|entry| entry.key().0 <= self.now) {
                Some(entry) => {
                    let (link, to, packet) = entry.remove();
                    self.arrive(link, to, packet);
                }
                None => self.time_out(),
            }
        }
        self.now = until;
    }

    fn next_event(&self) -> Option<Instant> {
        let packet = self.under_way.keys().next().map(|(at, _)| *at);
        [packet, self.a.session.poll_timeout(), self.b.session.poll_timeout()].into_iter().flatten().min()
    }

    fn time_out(&mut self) {
        for who in Who::BOTH {
            let now = self.now;
            if self.end(who).session.poll_timeout().is_some_and(|due| due <= now) {
                self.input(who, Input::Timeout);
                self.read(who);
            }
        }
    }

    /// The link that both hold, if they agree on one.
    pub(super) fn common_link(&self) -> Option<LinkId> {
        let held = |end: &End| end.session.established().and_then(|e| end.links[slot(e.side)]);
        held(&self.a).filter(|link| Some(*link) == held(&self.b))
    }

    /// How many links somebody holds.
    pub(super) fn links_held(&self) -> usize {
        let links: HashSet<_> = [&self.a, &self.b].into_iter().flat_map(|end| end.links).flatten().collect();
        links.len()
    }

    fn act(&mut self, who: Who, action: Action) {
        match &action {
            Action::Connect => self.dial(who),
            Action::Send(side, octets) => {
                let link = self.end(who).links[slot(*side)].expect("a link to send on");
                self.send(link, who.other(), Packet::Octets(octets.clone()));
            }
            Action::Close(side) => {
                if let Some(link) = self.end(who).links[slot(*side)].take() {
                    self.send(link, who.other(), Packet::Fin);
                }
            }
            Action::Accept => self.end(who).links[slot(Side::Incoming)] = self.end(who).newcomer.take(),
            Action::Refuse(octets) => {
                let link = self.end(who).newcomer.take().expect("a link to refuse");
                self.send(link, who.other(), Packet::Octets(octets.clone()));
                self.send(link, who.other(), Packet::Fin);
            }
            _ => {
                let at = self.elapsed();
                self.end(who).log.push((at, action));
            }
        }
    }

    fn dial(&mut self, who: Who) {
        let link = self.dialled.len();
        self.dialled.push(who);
        self.end(who).links[slot(Side::Outgoing)] = Some(link);
        self.send(link, who.other(), Packet::Syn);
    }

    fn send(&mut self, link: LinkId, to: Who, packet: Packet) {
        let delays = if self.dialled[link] == Who::A { self.delays.of_a } else { self.delays.of_b };
        let delay = Duration::from_millis(if to == Who::B { delays[0] } else { delays[1] });
        let delay = if matches!(packet, Packet::Accept) { Duration::ZERO } else { delay } + self.lag(delay);
        let latest = self.latest.entry((link, to)).or_insert(self.now);
        *latest = (*latest).max(self.now + delay);
        self.count += 1;
        self.under_way.insert((*latest, self.count), (link, to, packet));
    }

    /// Between nothing and `most`.
    fn lag(&mut self, most: Duration) -> Duration {
        self.jitter.spread(most * 4) - most * 3
    }

    fn arrive(&mut self, link: LinkId, to: Who, packet: Packet) {
        if self.is_cut {
            self.dead.insert(link);
        }
        if self.dead.contains(&link) {
            return;
        }
        if self.forgotten.contains(&(link, to)) {
            return self.send(link, to.other(), Packet::Fin);
        }
        match packet {
            Packet::Syn => {
                self.send(link, to.other(), Packet::SynAck);
                self.send(link, to, Packet::Accept);
            }
            Packet::Accept => self.accept(link, to),
            Packet::SynAck if self.end(to).links[slot(Side::Outgoing)] == Some(link) => {
                self.input(to, Input::Connected { local: end(1), remote: end(2) });
            }
            Packet::SynAck => {}
            packet => self.unread.entry((link, to)).or_default().push_back(packet),
        }
        Who::BOTH.into_iter().for_each(|who| self.read(who));
    }

    /// What has arrived and the session is willing to read.
    fn read(&mut self, who: Who) {
        for side in Side::ALL {
            while let Some(packet) = self.next_to_read(who, side) {
                self.read_one(who, side, packet);
            }
        }
    }

    fn next_to_read(&mut self, who: Who, side: Side) -> Option<Packet> {
        let link = self.end(who).links[slot(side)]?;
        self.end(who).session.buffer(side)?;
        self.unread.get_mut(&(link, who))?.pop_front()
    }

    fn read_one(&mut self, who: Who, side: Side, packet: Packet) {
        let Packet::Octets(octets) = packet else { return self.input(who, Input::Closed(side)) };
        self.end(who).session.buffer(side).unwrap().extend_from_slice(&octets);
        self.input(who, Input::Received(side));
        while self.end(who).session.has_buffered(side) {
            self.input(who, Input::Received(side));
        }
    }

    fn accept(&mut self, link: LinkId, to: Who) {
        if let Some(former) = self.end(to).newcomer.replace(link) {
            self.send(former, to.other(), Packet::Fin);
        }
        self.input(to, Input::Accepted { local: end(2), remote: end(1) });
    }
}

impl End {
    pub(super) fn ups(&self) -> usize {
        self.log.iter().filter(|(_, action)| matches!(action, Action::Up(_))).count()
    }

    pub(super) fn downs(&self) -> Vec<&Down> {
        self.log.iter().filter_map(|(_, a)| if let Action::Down(d) = a { Some(d) } else { None }).collect()
    }

    pub(super) fn failures(&self) -> Vec<&Down> {
        self.log
            .iter()
            .filter_map(|(_, a)| if let Action::Failed(_, d) = a { Some(d) } else { None })
            .collect()
    }
}

fn slot(side: Side) -> usize {
    side as usize
}
