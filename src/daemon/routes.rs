//! The task that watches the kernel's routes, for next-hop tracking.

use std::time::Duration;

use fib::netlink::RouteWatch;
use tokio::sync::mpsc;
use tracing::warn;

use crate::core::Event;

/// After an error of the socket itself. What was known before holds meanwhile.
const PAUSE: Duration = Duration::from_secs(1);

/// Tells core of the kernel's routes for as long as there is a core.
pub(super) async fn watch(core: mpsc::Sender<Event>) {
    while !core.is_closed() {
        let error = match RouteWatch::open() {
            Ok(watch) => pass_on(watch, &core).await,
            Err(error) => Err(error),
        };
        let Err(error) = error else { return };
        warn!(%error, "cannot watch the kernel's routes");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Ends without an error only because there is no core any more.
async fn pass_on(mut watch: RouteWatch, core: &mpsc::Sender<Event>) -> std::io::Result<()> {
    loop {
        let news = tokio::select! {
            news = watch.next() => news?,
            () = core.closed() => return Ok(()),
        };
        if core.send(Event::Routes(news)).await.is_err() {
            return Ok(());
        }
    }
}
