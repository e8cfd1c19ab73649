//! Why a path won.
use super::Answered;
use crate::core::Core;
use api::query::ApiError;
use api::v1;
use std::time::Instant;
impl Core {
    pub(super) fn explain(
        &self,
        _now: Instant,
        _query: &v1::ExplainRequest,
    ) -> Answered<v1::ExplainResponse> {
        Err(ApiError::Unimplemented("explain".to_owned()))
    }
}
