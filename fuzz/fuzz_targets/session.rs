//! Two sessions, and everything that may happen between them: the invariants of a session hold throughout, and
//! afterwards, left alone, the two come together.
#![no_main]

use fuzz::network::Network;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&choice, mut rest)) = input.split_first() else { return };
    let mut network = Network::new(choice);
    while !rest.is_empty() {
        let used = network.happen(rest);
        rest = &rest[used.min(rest.len())..];
    }
    network.come_together();
});
