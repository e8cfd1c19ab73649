//! The Control packet (RFC 5880 section 4.1).
//!
//! ```text
//! octets  1            1                1            1       4        4        4        4        4
//!         version, 3b  state, 2b        detect       length  my       your     desired  required required
//!         diag, 5b     P F C A D M, 6b  multiplier           discr.   discr.   min tx   min rx   min echo rx
//! ```
//!
//! [`Packet::parse`] refuses what section 6.8.6 has discarded before a session is known; what depends on the
//! session is checked where it is.

use super::words::{Diagnostic, State};

/// The one version there is.
const VERSION: u8 = 1;

/// Octets of a packet without authentication.
pub const LENGTH: usize = 24;

const POLL: u8 = 0x20;
const FINAL: u8 = 0x10;
const INDEPENDENT: u8 = 0x08;
const AUTHENTICATED: u8 = 0x04;
const DEMAND: u8 = 0x02;
const MULTIPOINT: u8 = 0x01;

/// A Control packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Why the sender's session is not Up.
    pub diagnostic: Diagnostic,
    /// The state of the sender's session.
    pub state: State,
    /// Asks for an answer with `final`.
    pub poll: bool,
    /// Answers a poll.
    pub is_final: bool,
    /// The sender's BFD goes on while its control plane restarts (the C bit).
    pub independent: bool,
    /// There is authentication data behind the packet.
    pub authenticated: bool,
    /// The sender wants no periodic packets while both sides are Up.
    pub demand: bool,
    /// How many packets in a row may be missed.
    pub multiplier: u8,
    /// The sender's number for the session; not zero.
    pub my_discriminator: u32,
    /// The receiver's number for it; zero while the sender does not know it.
    pub your_discriminator: u32,
    /// The sender would send as often as this, in microseconds.
    pub desired_min_tx: u32,
    /// The sender can take packets as often as this, in microseconds; zero: it wants no periodic ones.
    pub required_min_rx: u32,
    /// The sender loops Echo packets back as often as this, in microseconds; zero: never.
    pub required_min_echo_rx: u32,
}

/// Why octets are no acceptable packet, in the order in which section 6.8.6 looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Of another version than 1.
    Version,
    /// Shorter than a packet, or than it says itself to be.
    Length,
    /// A detect multiplier of zero.
    Multiplier,
    /// For a multipoint session.
    Multipoint,
    /// The sender's discriminator is zero.
    MyDiscriminator,
    /// The sender is past Down and does not say for which session.
    YourDiscriminator,
}

impl Packet {
    /// Reads a datagram's payload.
    ///
    /// # Errors
    /// What makes it unacceptable to any session.
    pub fn parse(octets: &[u8]) -> Result<Packet, Malformed> {
        let (head, rest) = octets.split_first_chunk::<4>().ok_or(Malformed::Length)?;
        let [first, flags, multiplier, length] = *head;
        if first >> 5 != VERSION {
            return Err(Malformed::Version);
        }
        let authenticated = flags & AUTHENTICATED != 0;
        let least = if authenticated { LENGTH + 2 } else { LENGTH };
        if !(least..=octets.len()).contains(&length.into()) {
            return Err(Malformed::Length);
        }
        let mut words = rest.chunks_exact(4).map(number);
        let mut word = || words.next().ok_or(Malformed::Length);
        let packet = Packet {
            diagnostic: Diagnostic(first & 0x1f),
            state: State::from_bits(flags >> 6),
            poll: flags & POLL != 0,
            is_final: flags & FINAL != 0,
            independent: flags & INDEPENDENT != 0,
            authenticated,
            demand: flags & DEMAND != 0,
            multiplier,
            my_discriminator: word()?,
            your_discriminator: word()?,
            desired_min_tx: word()?,
            required_min_rx: word()?,
            required_min_echo_rx: word()?,
        };
        packet.checked(flags & MULTIPOINT != 0)
    }

    fn checked(self, multipoint: bool) -> Result<Packet, Malformed> {
        if self.multiplier == 0 {
            return Err(Malformed::Multiplier);
        }
        if multipoint {
            return Err(Malformed::Multipoint);
        }
        if self.my_discriminator == 0 {
            return Err(Malformed::MyDiscriminator);
        }
        if self.your_discriminator == 0 && !matches!(self.state, State::Down | State::AdminDown) {
            return Err(Malformed::YourDiscriminator);
        }
        Ok(self)
    }

    /// Writes it, without authentication data.
    pub fn emit(&self) -> [u8; LENGTH] {
        let flags = [
            (self.poll, POLL),
            (self.is_final, FINAL),
            (self.independent, INDEPENDENT),
            (self.demand, DEMAND),
        ];
        let flags = flags.into_iter().filter(|(set, _)| *set).fold(0, |all, (_, flag)| all | flag);
        let words = [
            self.my_discriminator,
            self.your_discriminator,
            self.desired_min_tx,
            self.required_min_rx,
            self.required_min_echo_rx,
        ];
        let mut octets = [0; LENGTH];
        let (head, rest) = octets.split_at_mut(4);
        head.copy_from_slice(&[
            VERSION << 5 | self.diagnostic.0 & 0x1f,
            (self.state as u8) << 6 | flags,
            self.multiplier,
            LENGTH as u8,
        ]);
        rest.chunks_exact_mut(4)
            .zip(words)
            .for_each(|(place, word)| place.copy_from_slice(&word.to_be_bytes()));
        octets
    }
}

fn number(octets: &[u8]) -> u32 {
    octets.iter().fold(0, |number, octet| number << 8 | u32::from(*octet))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As FRR's bfdd sends it: Up, 300 ms both ways, three times, 50 ms of Echo.
    const UP: [u8; LENGTH] = [
        0x20, 0xc8, 3, 24, 0x5a, 0x1d, 0x0c, 0x2e, 0, 0, 0, 9, 0, 4, 0x93, 0xe0, 0, 4, 0x93, 0xe0, 0, 0,
        0xc3, 0x50,
    ];

    #[test]
    fn a_packet_of_another_speaker_both_ways() {
        let packet = Packet {
            diagnostic: Diagnostic::NONE,
            state: State::Up,
            poll: false,
            is_final: false,
            independent: true,
            authenticated: false,
            demand: false,
            multiplier: 3,
            my_discriminator: 0x5a1d_0c2e,
            your_discriminator: 9,
            desired_min_tx: 300_000,
            required_min_rx: 300_000,
            required_min_echo_rx: 50_000,
        };
        assert_eq!(Packet::parse(&UP), Ok(packet));
        assert_eq!(packet.emit(), UP);
    }

    #[test]
    fn each_rule_of_reception_has_its_verdict() {
        let changed = |changes: &[(usize, u8)]| {
            let mut octets = UP;
            changes.iter().for_each(|(place, octet)| octets[*place] = *octet);
            Packet::parse(&octets).map(|packet| packet.authenticated)
        };
        let no_session: Vec<(usize, u8)> = (8..12).map(|place| (place, 0)).collect();
        let with = |more: (usize, u8)| [&no_session[..], &[more]].concat();
        for (changes, verdict) in [
            (vec![], Ok(false)),
            (vec![(0, 0x00)], Err(Malformed::Version)),
            (vec![(0, 0x40)], Err(Malformed::Version)),
            (vec![(3, 23)], Err(Malformed::Length)),
            (vec![(3, 25)], Err(Malformed::Length)),
            // Authentication needs two octets more than there are.
            (vec![(1, 0xc4)], Err(Malformed::Length)),
            (vec![(2, 0)], Err(Malformed::Multiplier)),
            (vec![(1, 0xc1)], Err(Malformed::Multipoint)),
            (vec![(4, 0), (5, 0), (6, 0), (7, 0)], Err(Malformed::MyDiscriminator)),
            (no_session.clone(), Err(Malformed::YourDiscriminator)),
            (with((1, 0x80)), Err(Malformed::YourDiscriminator)),
            (with((1, 0x40)), Ok(false)),
            (with((1, 0x00)), Ok(false)),
        ] {
            assert_eq!(changed(&changes), verdict, "{changes:?}");
        }
    }

    #[test]
    fn a_packet_may_be_followed_by_more() {
        let longer = [&UP[..], &[0; 8]].concat();
        assert!(Packet::parse(&longer).is_ok());
        let mut authenticated = longer;
        (authenticated[1], authenticated[3]) = (0xc4, 32);
        assert!(Packet::parse(&authenticated).is_ok_and(|packet| packet.authenticated));
    }

    #[test]
    fn what_is_cut_off_is_no_packet() {
        (0..LENGTH).for_each(|end| assert_eq!(Packet::parse(&UP[..end]), Err(Malformed::Length)));
    }
}
