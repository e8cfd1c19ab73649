//! A neighbour's session is kept going: should its task die, by a defect of ours, that costs this one session,
//! core is told, and the session begins anew.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use bgp::types::PeerId;
use futures_util::FutureExt;
use tokio::sync::mpsc;
use tracing::error;

use crate::core::Event;

/// A defect that shows at once each time must not take a core with it.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs a neighbour's session to its end; says whether it is to begin anew, because it died.
pub(super) async fn dies(
    peer: PeerId,
    name: &str,
    core: &mpsc::Sender<Event>,
    session: impl Future<Output = ()>,
) -> bool {
    // What a session leaves half done is its own: channels, whose halves stay whole, are all that outlives it.
    if AssertUnwindSafe(session).catch_unwind().await.is_ok() {
        return false;
    }
    error!(neighbor = name, "the session died of a defect in linnetd, please report it; it begins anew");
    let told = core.send(Event::PeerDied { peer }).await.is_ok();
    tokio::time::sleep(PAUSE).await;
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_session_that_dies_is_told_and_begins_anew() {
        let (core, mut events) = mpsc::channel(4);
        let mut runs = 0;
        let mut run = || {
            runs += 1;
            let dies = runs < 3;
            async move { assert!(!dies, "a defect") }
        };
        while dies(PeerId(7), "10.0.0.1", &core, run()).await {}
        assert_eq!(runs, 3);
        for _ in 0..2 {
            assert!(matches!(events.try_recv(), Ok(Event::PeerDied { peer: PeerId(7) })));
        }
        assert!(events.try_recv().is_err(), "an end is no death");
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_core_nothing_begins_anew() {
        let (core, events) = mpsc::channel(4);
        drop(events);
        assert!(!dies(PeerId(7), "10.0.0.1", &core, async { panic!("a defect") }).await);
    }
}
