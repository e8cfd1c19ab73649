//! A stream of octets: framing, and every message in it.
#![no_main]

use bgp::wire::message::{HEADER_LEN, Message, frame};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((ctx, mut stream)) = fuzz::setting(input) else { return };
    loop {
        match frame(stream, ctx.encoding.max_message) {
            Ok(Some((kind, length))) => {
                match Message::parse(kind, &stream[HEADER_LEN..length], &ctx) {
                    Ok(Message::Update(update)) => fuzz::check_update(&update, &ctx),
                    Ok(_) => {}
                    Err(error) => fuzz::check_error(&error),
                }
                stream = &stream[length..];
            }
            Ok(None) => return,
            Err(error) => return fuzz::check_error(&error),
        }
    }
});
