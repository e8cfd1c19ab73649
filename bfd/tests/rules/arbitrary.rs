//! Whatever comes: nothing panics, and a session that is up stays up unless a valid packet of its neighbour says
//! otherwise.

use std::net::IpAddr;
use std::time::Duration;

use bfd::{Datagram, Input, Packet, State};
use proptest::prelude::*;

use crate::single::{Single, packet};

/// Octets that are often nearly a packet.
fn octets() -> impl Strategy<Value = Vec<u8>> {
    let random = prop::collection::vec(any::<u8>(), 0..64);
    let near =
        (any::<[u8; 24]>(), 0u8..4, 0u8..40, any::<bool>()).prop_map(|(mut octets, state, length, ours)| {
            (octets[0], octets[1], octets[3]) = (0x20, state << 6 | octets[1] & 0x3f, length);
            if !ours {
                octets[8..12].fill(0);
            }
            octets.to_vec()
        });
    prop_oneof![random, near]
}

/// Whether the rules of reception (RFC 5880 section 6.8.6) let these octets bring the session down.
fn may_bring_down(octets: &[u8], ours: u32) -> bool {
    Packet::parse(octets).is_ok_and(|packet| {
        matches!(packet.state, State::Down | State::AdminDown)
            && [0, ours].contains(&packet.your_discriminator)
            && !packet.authenticated
    })
}

proptest! {
    #[test]
    fn only_a_valid_packet_of_the_neighbor_brings_a_session_down(
        datagrams in prop::collection::vec((octets(), any::<bool>(), 250u8.., 2u8..4, any::<bool>()), 1..40),
    ) {
        let mut single = Single::up();
        let ours = single.info().discriminator;
        for (mut octets, names_ours, ttl, last, multihop) in datagrams {
            if names_ours && octets.len() >= 12 {
                octets[8..12].copy_from_slice(&ours.to_be_bytes());
            }
            let source = IpAddr::from([10, 0, 0, last]);
            let valid = ttl == 255 && last == 2 && !multihop && may_bring_down(&octets, ours);
            single.tell(Input::Received(Datagram { multihop, source, interface: 2, ttl, octets: &octets }));
            if valid {
                return Ok(());
            }
            prop_assert_eq!(single.info().state, State::Up);
            // What its neighbour says of itself brings its intervals back.
            single.hear(&packet(State::Up, ours));
            single.pass(Duration::from_millis(20));
            prop_assert_eq!(single.info().state, State::Up);
        }
    }

    #[test]
    fn what_parses_is_written_as_it_was(octets in octets()) {
        if let Ok(packet) = Packet::parse(&octets) {
            let plain = Packet { authenticated: false, ..packet };
            prop_assert_eq!(Packet::parse(&plain.emit()), Ok(plain));
        }
    }
}
