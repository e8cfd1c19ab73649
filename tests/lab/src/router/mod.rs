//! A BGP speaker beside linnetd, described once and written in the language of whichever daemon is to be it.
//!
//! A test says what matters to it; the rest is what the lab's spokes have in common: spoke `n` has the router
//! identifier 10.1.n.1, speaks with 10.1.n.0, dials every second, and takes and sends everything.
//! What the languages have no common word for is said in the daemon's own, in one of four places: about the whole
//! speaker, about each session, about each family of a session, and beside everything at the file's end.

mod abilities;
mod bird;
mod frr;
mod gobgp;
mod linnet;
mod openbgpd;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::kind::Daemon;

/// One speaker's part in a test.
#[derive(Clone, Debug)]
pub struct Router {
    daemon: Daemon,
    number: u8,
    asn: u32,
    remote_as: u32,
    sessions: Vec<(IpAddr, Vec<Family>)>,
    /// Whoever comes from here may, without being named.
    range: Option<String>,
    routes: Vec<String>,
    speaker: String,
    session: String,
    family: String,
    rest: String,
}

/// What a session is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4 unicast.
    Ipv4,
    /// IPv6 unicast.
    Ipv6,
    /// EVPN. BIRD 2.0 and OpenBGPD 7.7 have none, and refuse a configuration with it.
    Evpn,
}

impl Family {
    fn of(route: &str) -> Family {
        if route.contains(':') { Family::Ipv6 } else { Family::Ipv4 }
    }
}

impl Router {
    /// `daemon` as the spoke on link `number`: in AS 65000, as linnetd is, with a session over IPv4 about IPv4
    /// unicast.
    pub fn new(daemon: Daemon, number: u8) -> Router {
        let nothing = String::new();
        let sessions = vec![(Router::linnet(number).into(), vec![Family::Ipv4])];
        Router {
            daemon,
            number,
            asn: 65000,
            remote_as: 65000,
            sessions,
            range: None,
            routes: Vec::new(),
            speaker: nothing.clone(),
            session: nothing.clone(),
            family: nothing.clone(),
            rest: nothing,
        }
    }

    /// linnetd's address on link `number`.
    pub fn linnet(number: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 1, number, 0)
    }

    /// linnetd's IPv6 address on link `number`.
    pub fn linnet_v6(number: u8) -> Ipv6Addr {
        Ipv6Addr::new(0xfd00, number.into(), 0, 0, 0, 0, 0, 1)
    }

    /// In this AS, linnetd being in 65000.
    #[must_use]
    pub fn asn(self, asn: u32) -> Router {
        Router { asn, ..self }
    }

    /// With linnetd in this AS.
    #[must_use]
    pub fn remote_as(self, remote_as: u32) -> Router {
        Router { remote_as, ..self }
    }

    /// Its session is about these families.
    #[must_use]
    pub fn about(self, families: &[Family]) -> Router {
        let first = Router::linnet(self.number).into();
        Router { sessions: vec![(first, families.to_vec())], ..self }
    }

    /// With a second session, over IPv6 about IPv6 unicast.
    #[must_use]
    pub fn both(mut self) -> Router {
        self.sessions.push((Router::linnet_v6(self.number).into(), vec![Family::Ipv6]));
        self
    }

    /// With one session with somebody else than linnetd, or with one more beside the others.
    #[must_use]
    pub fn speaks_with(mut self, neighbor: Ipv4Addr, alone: bool) -> Router {
        if alone {
            self.sessions.clear();
        }
        self.sessions.push((neighbor.into(), vec![Family::Ipv4]));
        self
    }

    /// With one session, over IPv6, about these families.
    #[must_use]
    pub fn over_ipv6(self, families: &[Family]) -> Router {
        let only = Router::linnet_v6(self.number).into();
        Router { sessions: vec![(only, families.to_vec())], ..self }
    }

    /// It names nobody, and takes whoever comes from this range.
    #[must_use]
    pub fn lets_in(self, range: &str) -> Router {
        Router { range: Some(range.to_owned()), ..self }
    }

    /// It originates these routes (GoBGP has to be told while it runs, see
    /// [`Node::originate`](crate::Node::originate); linnetd as a spoke originates none).
    #[must_use]
    pub fn announces(self, routes: &[&str]) -> Router {
        Router { routes: routes.iter().map(|route| (*route).to_owned()).collect(), ..self }
    }

    /// A line about the speaker, in the daemon's words.
    #[must_use]
    pub fn speaker(mut self, line: &str) -> Router {
        push(&mut self.speaker, line);
        self
    }

    /// A line about each session, in the daemon's words; FRR's without `neighbor X`.
    #[must_use]
    pub fn session(mut self, line: &str) -> Router {
        // In GoBGP's language a key is not to come after a table.
        let at = if line.starts_with('[') { None } else { self.session.find('[') };
        self.session.insert_str(at.unwrap_or(self.session.len()), &format!("{line}\n"));
        self
    }

    /// A line about each family of each session, in the daemon's words; FRR's without `neighbor X`.
    #[must_use]
    pub fn family(mut self, line: &str) -> Router {
        push(&mut self.family, line);
        self
    }

    /// Lines for the end of the file, in the daemon's words.
    #[must_use]
    pub fn rest(mut self, lines: &str) -> Router {
        push(&mut self.rest, lines);
        self
    }

    /// Who plays the part.
    pub fn daemon(&self) -> Daemon {
        self.daemon
    }

    /// Its configuration.
    pub fn configuration(&self) -> String {
        match self.daemon {
            Daemon::Frr => self.frr(),
            Daemon::Bird => self.bird(),
            Daemon::Gobgp => self.gobgp(),
            Daemon::Openbgpd => self.openbgpd(),
            Daemon::Linnet => self.linnetd(),
        }
    }

    /// Its router identifier, which is its address.
    fn id(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 1, self.number, 1)
    }

    /// What it originates.
    pub fn routes(&self) -> &[String] {
        &self.routes
    }

    fn routes_of(&self, family: Family) -> impl Iterator<Item = &String> {
        self.routes.iter().filter(move |route| Family::of(route) == family)
    }
}

fn push(lines: &mut String, line: &str) {
    lines.push_str(line);
    lines.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole of a part, in a language: nothing that was said is left out.
    #[test]
    fn everything_is_said_in_every_language() {
        for daemon in [Daemon::Frr, Daemon::Bird, Daemon::Gobgp, Daemon::Openbgpd, Daemon::Linnet] {
            let part = Router::new(daemon, 3).asn(65001).both();
            let part = part.announces(&["10.244.3.0/24", "fd00:244:3::/64"]);
            let part = part.speaker("one").session("two").family("three").rest("four");
            let text = part.configuration();
            for word in ["65001", "65000", "10.1.3.1", "10.1.3.0", "fd00:3::1", "one", "two", "three", "four"]
            {
                assert!(text.contains(word), "{daemon} without {word}:\n{text}");
            }
            let routes = part.routes.iter().filter(|route| text.contains(*route));
            let told_later = matches!(daemon, Daemon::Gobgp | Daemon::Linnet);
            assert_eq!(routes.count(), if told_later { 0 } else { 2 }, "{text}");
        }
    }
}
