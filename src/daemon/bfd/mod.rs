//! The thread of the BFD sessions: sockets and a clock for [`bfd::Sessions`].
//!
//! BFD has a thread of its own, with a runtime of its own: tens of milliseconds are all the time that some sessions
//! have, and neither a full table in core nor a burst of routes on the other threads may use them up. One task in it
//! owns every session, so a packet is one wake-up, however many sessions there are. The thread begins with the
//! first neighbour that wants BFD; a speaker without BFD has neither thread nor sockets.
//!
//! - [`wanted`]: what core wants, handed over without waiting: the newest word for each neighbour.
//! - [`task`]: the loop.
//! - [`receiver`], [`sender`]: the sockets. [`link`]: one neighbour's.
//! - [`on_link`]: whether an address is on a link of this node.

mod link;
mod on_link;
mod receiver;
mod sender;
mod task;
mod wanted;

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bgp::types::PeerId;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tracing::error;

use crate::core::{BfdCommand, Event};

use task::Task;
use wanted::Wanted;

/// A defect that shows at once each time must not take a processor with it.
const PAUSE: Duration = Duration::from_secs(1);

/// Core's end. When it is dropped, every neighbour is told that BFD was taken down, and the thread ends.
pub(super) struct BfdOutlet {
    wanted: Arc<Wanted>,
    /// What the thread is to tell core through; taken when it begins.
    events: Option<mpsc::Sender<Event>>,
    /// Closed when the thread that has begun is over.
    over: Option<oneshot::Receiver<()>>,
}

impl BfdOutlet {
    /// No thread runs yet. `events` is where news go.
    pub(super) fn new(events: mpsc::Sender<Event>) -> BfdOutlet {
        BfdOutlet { wanted: Arc::default(), events: Some(events), over: None }
    }

    /// Says what is wanted of a neighbour's session.
    pub(super) fn send(&mut self, peer: PeerId, command: BfdCommand) {
        self.wanted.put(peer, command);
        if let Some(events) = self.events.take() {
            let wanted = Arc::clone(&self.wanted);
            let (runs, over) = oneshot::channel::<()>();
            let thread = std::thread::Builder::new().name("bfd".into()).spawn(move || {
                let _runs = runs;
                keep(&wanted, &events);
            });
            if let Err(error) = thread {
                error!(%error, "no thread for BFD, so there is none");
            }
            self.over = Some(over);
        }
    }

    /// Has every neighbour told that BFD was taken down, at once; what is given back waits until they have been. A
    /// daemon that ends before that is taken for lost.
    pub(super) fn end(mut self) -> impl Future<Output = ()> {
        let over = self.over.take();
        drop(self);
        async move {
            if let Some(over) = over {
                // Nothing is ever sent: the thread lets go of its end.
                let _ = over.await;
            }
        }
    }
}

impl Drop for BfdOutlet {
    fn drop(&mut self) {
        self.wanted.close();
    }
}

/// Keeps the task going: should it die, by a defect of ours, the sessions begin anew.
fn keep(wanted: &Arc<Wanted>, events: &mpsc::Sender<Event>) {
    loop {
        // Sessions and sockets are the task's alone; what outlives it are channels and what is wanted.
        match std::panic::catch_unwind(AssertUnwindSafe(|| run(wanted, events))) {
            Ok(Ok(())) => return,
            Ok(Err(error)) => return error!(%error, "BFD has no runtime, so there is none"),
            Err(_) => error!("BFD died of a defect in linnetd, please report it; its sessions begin anew"),
        }
        std::thread::sleep(PAUSE);
        wanted.put_all_again();
    }
}

fn run(wanted: &Arc<Wanted>, events: &mpsc::Sender<Event>) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(Task::new(Arc::clone(wanted), events.clone()).run());
    Ok(())
}
