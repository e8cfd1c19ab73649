//! The way from the services to core: one request, one answer.

use tokio::sync::{mpsc, oneshot};
use tonic::Status;

use crate::query::{ApiError, Ask, Request};

/// The way to core.
#[derive(Clone)]
pub(super) struct Asker(mpsc::Sender<Request>);

impl Asker {
    pub(super) fn new(requests: mpsc::Sender<Request>) -> Asker {
        Asker(requests)
    }

    /// Asks core and waits for its answer. Dropping the future abandons the request.
    pub(super) async fn ask<Q: Ask>(&self, request: Q) -> Result<Q::Answer, Status> {
        let ending = || Status::from(ApiError::Unavailable("linnetd is shutting down".into()));
        let (reply, answer) = oneshot::channel();
        self.0.send(Request { query: request.query(), reply }).await.map_err(|_| ending())?;
        let answer = answer.await.map_err(|_| ending())??;
        Q::pick(answer).ok_or_else(|| Status::internal("core answered another question"))
    }
}
