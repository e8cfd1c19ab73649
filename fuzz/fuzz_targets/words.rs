//! ROUTE-REFRESH and NOTIFICATION.
#![no_main]

use bgp::wire::message::HEADER_LEN;
use bgp::wire::{Notification, RouteRefresh};
use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    match RouteRefresh::parse(body) {
        Ok(refresh) => {
            let mut out = BytesMut::new();
            refresh.emit(&mut out);
            assert_eq!(RouteRefresh::parse(&out[HEADER_LEN..]), Ok(refresh));
        }
        Err(error) => fuzz::check_error(&error),
    }
    match Notification::parse(body) {
        Ok(notification) => {
            let text = notification.to_string();
            assert!(!text.is_empty());
            assert!(
                !text.contains(|c: char| c.is_control()),
                "it would write on the operator's terminal: {text:?}"
            );
            let _ = (notification.text(), notification.inner());
            let mut out = BytesMut::new();
            notification.emit(&mut out);
            assert_eq!(Notification::parse(&out[HEADER_LEN..]), Ok(notification));
        }
        Err(error) => fuzz::check_error(&error),
    }
});
