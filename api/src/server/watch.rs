//! One watch stream: a loop of long polls.

use tokio::sync::{OwnedSemaphorePermit, mpsc, watch as signal};
use tonic::Status;

use super::asker::Asker;
use super::time;
use crate::query::{ApiError, ChangesRequest, DEFAULT_PAGE_SIZE};
use crate::v1;

/// Asks for changes and hands them on, until the reader is gone, core has an error, or the daemon ends.
///
/// The next changes are asked for only when the reader has taken the last but one: a slow reader holds one
/// message here, and its lag is core's log, not a queue.
pub(super) async fn run(
    asker: Asker,
    watch: v1::WatchRequest,
    responses: mpsc::Sender<Result<v1::WatchResponse, Status>>,
    mut ended: signal::Receiver<()>,
    _permit: OwnedSemaphorePermit,
) {
    tokio::select! {
        () = forward(&asker, watch, &responses) => {}
        () = responses.closed() => {}
        _ = ended.changed() => say_goodbye(&responses),
    }
}

async fn forward(
    asker: &Asker,
    mut watch: v1::WatchRequest,
    responses: &mpsc::Sender<Result<v1::WatchResponse, Status>>,
) {
    loop {
        let request = ChangesRequest { watch: watch.clone(), max: DEFAULT_PAGE_SIZE as usize };
        let answer = asker.ask(request).await.map(stamped);
        let next = answer.as_ref().ok().map(|response| response.resume_token.clone());
        let (Ok(()), Some(token)) = (responses.send(answer).await, next) else { return };
        watch.resume_token = token;
    }
}

fn stamped(mut response: v1::WatchResponse) -> v1::WatchResponse {
    let now = time::rfc3339_now();
    for change in &mut response.changes {
        change.time.clone_from(&now);
    }
    response
}

/// A reader that has not even taken the last message will see the connection close.
fn say_goodbye(responses: &mpsc::Sender<Result<v1::WatchResponse, Status>>) {
    let goodbye = ApiError::Unavailable("linnetd is shutting down".into());
    drop(responses.try_send(Err(goodbye.into())));
}
