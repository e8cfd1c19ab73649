//! Path attributes whose framing is right: an input is a list of flags, type, length and value, then routes.
#![no_main]

use bgp::wire::Update;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((ctx, mut rest)) = fuzz::setting(input) else { return };
    let mut attributes = Vec::new();
    while let [flags, code, length, tail @ ..] = rest {
        // A length that is too long is what ends the list: the rest is the field of routes.
        let Some((value, tail)) = tail.split_at_checked(usize::from(*length)) else { break };
        attributes.extend([flags & !0x10, *code, *length]);
        attributes.extend(value);
        rest = tail;
    }
    let Ok(length) = u16::try_from(attributes.len()) else { return };
    let body = [&[0, 0], &length.to_be_bytes()[..], &attributes, rest].concat();
    match Update::parse(&body, &ctx) {
        Ok(update) => {
            fuzz::check_update(&update, &ctx);
            fuzz::check_round_trip(&update, &ctx);
        }
        Err(error) => fuzz::check_error(&error),
    }
});
