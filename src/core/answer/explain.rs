//! Why a path won.
use std::time::Instant;
use api::query::ApiError;
use api::v1;
use crate::core::Core;
use super::Answered;
impl Core {
    pub(super) fn explain(&self, _now: Instant, _query: &v1::ExplainRequest) -> Answered<v1::ExplainResponse> {
        Err(ApiError::Unimplemented("explain".to_owned()))
    }
}
