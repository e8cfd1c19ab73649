//! Small pieces that rows are made of.

use std::time::{Duration, Instant};

use api::v1;
use bgp::types::PeerId;

use crate::core::Core;

/// Whole seconds since `then`.
pub(super) fn seconds_since(now: Instant, then: Instant) -> u64 {
    now.saturating_duration_since(then).as_secs()
}

/// Whole seconds, as the API's 32-bit fields hold them.
pub(super) fn seconds(duration: Duration) -> u32 {
    duration.as_secs().try_into().unwrap_or(u32::MAX)
}

/// Octets in hexadecimal.
pub(super) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Every element as text.
pub(super) fn texts<T: ToString>(list: &[T]) -> Vec<String> {
    list.iter().map(T::to_string).collect()
}

/// Some text, or the empty one.
pub(super) fn text<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// How many routes are refused for which reason.
pub(super) fn rejected<'a>(counts: impl Iterator<Item = (&'a str, u64)>) -> Vec<v1::RejectedRoutes> {
    counts.map(|(reason, routes)| v1::RejectedRoutes { reason: reason.to_owned(), routes }).collect()
}

impl Core {
    /// A path's source, as rows name it.
    pub(in crate::core) fn source_name(&self, source: PeerId) -> String {
        let address = self.peers.address(source).map(|address| address.to_string());
        let injector = || self.peers.lent_to(source).map(|name| format!("injected by {name}"));
        address.or_else(injector).unwrap_or_else(|| "local".to_owned())
    }
}
