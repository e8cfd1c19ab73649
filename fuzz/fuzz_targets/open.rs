//! OPEN: what was read, written and read again, is the same.
#![no_main]

use bgp::wire::Open;
use bgp::wire::message::HEADER_LEN;
use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| match Open::parse(body) {
    Ok(open) => {
        open.capabilities.iter().for_each(|capability| assert!(!capability.to_string().is_empty()));
        let mut out = BytesMut::new();
        open.emit(&mut out);
        assert_eq!(Open::parse(&out[HEADER_LEN..]).as_ref(), Ok(&open));
    }
    Err(error) => fuzz::check_error(&error),
});
