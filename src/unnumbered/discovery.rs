//! Who is at the other end of a link, and when to say that we are at this one.
//!
//! [`Discovery`] is told what happens ([`Discovery::handle`]), says what is to be done
//! ([`Discovery::poll_action`]) and when it wants to be woken ([`Discovery::poll_timeout`]).
//!
//! The neighbour is who advertised itself last, with one exception: where two routers are on what should be a
//! cable, the first one stays until it has been silent for a while, so that sessions do not go to and fro between
//! them. A link that goes down forgets everything. Of a router that advertises nothing the kernel may know, because
//! it spoke with us: that counts until somebody advertises.

use std::collections::VecDeque;
use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use bgp::types::Mac;

use super::advert::Message;

/// Between advertisements, as FRR's.
const INTERVAL: Duration = Duration::from_secs(10);

/// After a link came up, or somebody new was heard, advertisements follow one another as fast as this, ...
const BURST_INTERVAL: Duration = Duration::from_secs(1);

/// ... so many times. For the first second or two our own address is not to be used yet (RFC 4862 section 5.4).
const BURST: u8 = 5;

/// Whoever advertised himself is there for so long: two intervals and a half.
const FRESH: Duration = Duration::from_secs(25);

/// What happened on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// It is up; our MAC on it.
    Up(Mac),
    /// It is down or gone.
    Down,
    /// Somebody said this.
    Heard(Message),
    /// The kernel knows a neighbour of this address, and reached it.
    Known(Ipv6Addr),
    /// The time has come that `poll_timeout` named.
    Timeout,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send an advertisement.
    Advertise,
    /// Send a solicitation.
    Solicit,
    /// Ask the kernel for its neighbours on the link.
    AskKernel,
    /// The neighbour is at this address from now on; `None`: at none that is known.
    Neighbor(Option<Ipv6Addr>),
    /// Somebody else advertises himself, too, and is not taken. Said once.
    Stranger(Ipv6Addr),
}

/// One link.
#[derive(Debug, Default)]
pub struct Discovery {
    /// Our MAC, while the link is up.
    mac: Option<Mac>,
    neighbor: Option<Neighbor>,
    /// When to advertise next, while the link is up.
    next: Option<Instant>,
    last_sent: Option<Instant>,
    burst: u8,
    stranger: Option<Ipv6Addr>,
    actions: VecDeque<Action>,
}

#[derive(Clone, Copy, Debug)]
struct Neighbor {
    address: Ipv6Addr,
    /// When it advertised itself last; `None`: only the kernel knows it.
    heard: Option<Instant>,
}

impl Discovery {
    /// Takes news.
    pub fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Up(mac) if self.mac == Some(mac) => {}
            Input::Up(mac) => {
                self.forget();
                self.mac = Some(mac);
                self.begin_burst(now);
            }
            Input::Down => self.forget(),
            _ if self.mac.is_none() => {}
            Input::Heard(Message::Solicitation) => self.hasten(now),
            // Our own, come back by a loop in the network.
            Input::Heard(Message::Advertisement { mac, .. }) if mac.is_some() && mac == self.mac => {}
            Input::Heard(Message::Advertisement { from, .. }) => self.heard(now, from),
            Input::Known(address) => self.known(address),
            Input::Timeout => self.timeout(now),
        }
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to handle [`Input::Timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.next
    }

    /// Our MAC on the link, while it is up.
    pub fn mac(&self) -> Option<Mac> {
        self.mac
    }

    fn forget(&mut self) {
        let had = self.neighbor.is_some();
        let actions = std::mem::take(&mut self.actions);
        *self = Discovery { actions, ..Discovery::default() };
        if had {
            self.actions.push_back(Action::Neighbor(None));
        }
    }

    fn heard(&mut self, now: Instant, from: Ipv6Addr) {
        let known = self.neighbor.map(|neighbor| neighbor.address);
        let is_fresh = |n: Neighbor| n.heard.is_some_and(|at| now.duration_since(at) < FRESH);
        if known != Some(from) && self.neighbor.is_some_and(is_fresh) {
            if self.stranger.replace(from) != Some(from) {
                self.actions.push_back(Action::Stranger(from));
            }
            return;
        }
        self.neighbor = Some(Neighbor { address: from, heard: Some(now) });
        if known != Some(from) {
            self.actions.push_back(Action::Neighbor(Some(from)));
            // He may have come after our last word, and should not have to wait for the next.
            self.begin_burst(now);
        }
    }

    fn known(&mut self, address: Ipv6Addr) {
        if self.neighbor.is_none() && address.is_unicast_link_local() {
            self.neighbor = Some(Neighbor { address, heard: None });
            self.actions.push_back(Action::Neighbor(Some(address)));
        }
    }

    fn begin_burst(&mut self, now: Instant) {
        self.burst = BURST;
        self.hasten(now);
    }

    /// Advertise as soon as the burst's interval allows it: questions of others cost no more than that.
    fn hasten(&mut self, now: Instant) {
        let earliest = self.last_sent.map_or(now, |last| now.max(last + BURST_INTERVAL));
        self.next = Some(self.next.map_or(earliest, |next| next.min(earliest)));
    }

    fn timeout(&mut self, now: Instant) {
        if self.next.is_none_or(|next| next > now) {
            return;
        }
        self.actions.push_back(Action::Advertise);
        if self.neighbor.is_none_or(|neighbor| neighbor.heard.is_none()) {
            self.actions.push_back(Action::Solicit);
        }
        if self.neighbor.is_none() {
            self.actions.push_back(Action::AskKernel);
        }
        self.last_sent = Some(now);
        self.burst = self.burst.saturating_sub(1);
        self.next = Some(now + if self.burst > 0 { BURST_INTERVAL } else { INTERVAL });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: Mac = Mac([2, 0, 0, 0, 0, 1]);
    const ALL: [Action; 3] = [Action::Advertise, Action::Solicit, Action::AskKernel];

    fn address(n: u16) -> Ipv6Addr {
        Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, n)
    }

    fn advertised(n: u16) -> Input {
        Input::Heard(Message::Advertisement { from: address(n), mac: Some(Mac([2, 0, 0, 0, 9, n as u8])) })
    }

    struct Link {
        discovery: Discovery,
        start: Instant,
    }

    impl Link {
        fn up() -> Link {
            let mut link = Link { discovery: Discovery::default(), start: Instant::now() };
            assert_eq!(link.at(0, Input::Up(OURS)), []);
            link
        }

        /// What is to be done when this happens, so many milliseconds after the start.
        fn at(&mut self, millis: u64, input: Input) -> Vec<Action> {
            self.discovery.handle(self.start + Duration::from_millis(millis), input);
            std::iter::from_fn(|| self.discovery.poll_action()).collect()
        }

        fn due(&self) -> Option<u128> {
            self.discovery.poll_timeout().map(|due| due.duration_since(self.start).as_millis())
        }
    }

    #[test]
    fn a_burst_when_the_link_comes_up_and_then_every_ten_seconds() {
        let mut link = Link::up();
        for due in [0, 1000, 2000, 3000, 4000, 14_000, 24_000] {
            assert_eq!(link.due(), Some(due));
            assert_eq!(link.at(due as u64, Input::Timeout), ALL);
        }
        assert_eq!(link.at(24_500, Input::Timeout), [], "before its time");
    }

    #[test]
    fn a_neighbour_is_told_of_once_and_answered_soon() {
        let mut link = Link::up();
        link.at(0, Input::Timeout);
        assert_eq!(link.at(100, advertised(2)), [Action::Neighbor(Some(address(2)))]);
        assert_eq!(link.due(), Some(1000));
        assert_eq!(link.at(1000, Input::Timeout), [Action::Advertise]);
        assert_eq!(link.at(9000, advertised(2)), []);
    }

    #[test]
    fn whoever_asks_is_answered_but_not_more_often_than_once_a_second() {
        let mut link = Link::up();
        (0..10).for_each(|n| drop(link.at(n * 1000, Input::Timeout)));
        assert_eq!(link.due(), Some(14_000));
        link.at(9000, Input::Heard(Message::Solicitation));
        assert_eq!(link.due(), Some(9000));
        link.at(9000, Input::Timeout);
        link.at(9100, Input::Heard(Message::Solicitation));
        assert_eq!(link.due(), Some(10_000));
    }

    #[test]
    fn of_two_routers_the_first_stays_while_it_is_heard() {
        let mut link = Link::up();
        link.at(0, advertised(2));
        assert_eq!(link.at(10_000, advertised(3)), [Action::Stranger(address(3))]);
        assert_eq!(link.at(20_000, advertised(3)), [], "said once");
        assert_eq!(link.at(25_000, advertised(3)), [Action::Neighbor(Some(address(3)))]);
    }

    #[test]
    fn a_link_that_went_down_forgets() {
        let mut link = Link::up();
        link.at(0, advertised(2));
        assert_eq!(link.at(100, Input::Down), [Action::Neighbor(None)]);
        assert_eq!((link.due(), link.at(200, advertised(3))), (None, vec![]));
        link.at(300, Input::Up(OURS));
        assert_eq!(link.due(), Some(300));
        assert_eq!(link.at(400, advertised(3)), [Action::Neighbor(Some(address(3)))]);
        assert_eq!(
            link.at(500, Input::Up(Mac([4; 6]))),
            [Action::Neighbor(None)],
            "another device by that name"
        );
    }

    #[test]
    fn what_the_kernel_knows_counts_until_somebody_speaks() {
        let mut link = Link::up();
        assert_eq!(link.at(0, Input::Known("fd00::1".parse().unwrap())), []);
        assert_eq!(link.at(0, Input::Known(address(2))), [Action::Neighbor(Some(address(2)))]);
        assert_eq!(link.at(0, Input::Known(address(4))), []);
        assert_eq!(link.at(10, advertised(3)), [Action::Neighbor(Some(address(3)))]);
    }

    #[test]
    fn ones_own_voice_is_nobodys() {
        let mut link = Link::up();
        let own = Message::Advertisement { from: address(1), mac: Some(OURS) };
        assert_eq!(link.at(0, Input::Heard(own)), []);
    }
}
