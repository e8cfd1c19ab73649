//! One stream of routes: each request goes to core, and at the end everything is taken back.

use tokio::sync::{OwnedSemaphorePermit, mpsc, watch as signal};
use tonic::{Status, Streaming};

use super::asker::Asker;
use crate::query::Injection;
use crate::v1;

/// Hands requests on until the client is gone, core refuses one, or the daemon ends; then has core end the stream's
/// routes.
pub(super) async fn run(
    asker: Asker,
    stream: u64,
    mut requests: Streaming<v1::InjectRequest>,
    responses: mpsc::Sender<Result<v1::InjectResponse, Status>>,
    mut ended: signal::Receiver<()>,
    _permit: OwnedSemaphorePermit,
) {
    tokio::select! {
        () = forward(&asker, stream, &mut requests, &responses) => {}
        () = responses.closed() => {}
        _ = ended.changed() => {}
    }
    // Without a core there is nothing left to be taken back.
    drop(asker.ask(Injection { stream, request: None, ended: true }).await);
}

async fn forward(
    asker: &Asker,
    stream: u64,
    requests: &mut Streaming<v1::InjectRequest>,
    responses: &mpsc::Sender<Result<v1::InjectResponse, Status>>,
) {
    while let Ok(Some(request)) = requests.message().await {
        let answer = asker.ask(Injection { stream, request: Some(request), ended: false }).await;
        let refused = answer.is_err();
        if responses.send(answer).await.is_err() || refused {
            return;
        }
    }
}
