//! Watchers.
use super::Core;
use api::Request;
use api::query::{ApiError, ChangesRequest};
use bgp::types::PeerId;
use std::time::Instant;
#[derive(Debug, Default)]
pub(super) struct Watches {}
impl Watches {
    pub(super) fn neighbor_changed(&mut self, _peer: PeerId) {}
}
impl Core {
    pub(super) fn watch(&mut self, _now: Instant, _changes: ChangesRequest, request: Request) {
        request.answer(Err(ApiError::Unimplemented("watching".to_owned())));
    }
    pub(super) fn serve_watches(&mut self, _now: Instant) {}
}
