//! The ways to others: VTEPs, and neighbours whose sessions are down.

use std::net::IpAddr;

use futures_util::future::join_all;

use super::echo::{self, Answer};
use super::kernel::{Lookup, Reader};

/// Of an echo request as `ping` sends it.
const SMALL: u32 = 84;

/// How many are asked at a time.
const AT_ONCE: usize = 64;

/// What is to be asked of one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) to: IpAddr,
    pub(super) from: Option<IpAddr>,
    /// The UDP port that VXLAN is sent to; `None` for what is no VTEP.
    pub(super) udp_port: Option<u16>,
    /// The largest packet that the tunnel sends, in octets of IP; 0 for none.
    pub(super) largest: u32,
}

/// What was found of the way to one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    /// Where it leads.
    pub(crate) to: IpAddr,
    /// The address that packets leave with, where that is given.
    pub(crate) from: Option<IpAddr>,
    /// It leads to a VTEP, which listens on this UDP port.
    pub(crate) udp_port: Option<u16>,
    /// The largest packet that the tunnel sends, in octets of IP; 0 for none.
    pub(crate) largest: u32,
    /// The route; the kernel's words where there is none.
    pub(crate) route: Result<Lookup, String>,
    /// What came of a small packet.
    pub(crate) echo: Answer,
    /// What came of one as large as the tunnel's largest. Only asked where a small one was answered, and the device
    /// takes it.
    pub(crate) large_echo: Answer,
    /// What came of a datagram to the UDP port.
    pub(crate) knock: Answer,
}

/// Asks, many at a time. `fits` says whether this node can send a packet by a route without cutting it in pieces.
pub(super) async fn explore(
    reader: &Reader,
    questions: Vec<Question>,
    fits: impl Fn(&Lookup, u32) -> bool + Copy,
) -> Vec<Way> {
    let mut ways = Vec::new();
    for some in questions.chunks(AT_ONCE) {
        ways.extend(join_all(some.iter().map(|question| one(reader, question, fits))).await);
    }
    ways
}

async fn one(reader: &Reader, question: &Question, fits: impl Fn(&Lookup, u32) -> bool) -> Way {
    let Question { to, from, udp_port, largest } = *question;
    let route = reader.lookup(to, from).await;
    let large = route.as_ref().is_ok_and(|lookup| largest > SMALL && fits(lookup, largest));
    let is_elsewhere = route.as_ref().is_ok_and(|lookup| !lookup.local);
    let mut way =
        Way { to, from, udp_port, largest, route, echo: unasked(), large_echo: unasked(), knock: unasked() };
    if !is_elsewhere {
        return way;
    }
    let asked = tokio::task::spawn_blocking(move || ask(to, from, udp_port, large.then_some(largest))).await;
    if let Ok([echo, large_echo, knock]) = asked {
        (way.echo, way.large_echo, way.knock) = (echo, large_echo, knock);
    }
    // What routers said of the large one is part of the route now.
    way.route = reader.lookup(to, from).await;
    way
}

fn unasked() -> Answer {
    Answer::Unasked("not asked".to_owned())
}

fn ask(to: IpAddr, from: Option<IpAddr>, udp_port: Option<u16>, large: Option<u32>) -> [Answer; 3] {
    let small = echo::echo(to, from, SMALL);
    let knock = udp_port.map_or_else(unasked, |port| echo::knock(to, from, port));
    let large = match large.filter(|_| small == Answer::Reached) {
        Some(size) => echo::echo(to, from, size),
        None => unasked(),
    };
    [small, large, knock]
}
