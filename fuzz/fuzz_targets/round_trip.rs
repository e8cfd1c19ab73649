//! The body of an UPDATE: what was read, written and read again, is the same.
#![no_main]

use bgp::wire::Update;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((ctx, body)) = fuzz::setting(input) else { return };
    match Update::parse(body, &ctx) {
        Ok(update) => {
            fuzz::check_update(&update, &ctx);
            fuzz::check_round_trip(&update, &ctx);
        }
        Err(error) => fuzz::check_error(&error),
    }
});
