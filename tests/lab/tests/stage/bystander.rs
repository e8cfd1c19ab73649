//! Neighbours that do everything right while another does not: what they see must not change.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use lab::speaker::octets::{Open, end_of_rib, kind, message};
use lab::speaker::{Heard, Speaker};

use super::{Stage, golden, host, open};

/// The neighbour that is the bystander.
const NUMBER: u8 = 1;

/// A bystander: a session, and a host behind it in the kernel.
pub(crate) struct Bystander {
    pub(crate) speaker: Speaker,
}

impl Bystander {
    pub(crate) fn new(stage: &Stage) -> Result<Bystander> {
        let mut speaker = stage.establish(NUMBER)?;
        speaker.send(&host(NUMBER).announcement())?;
        speaker.send(&end_of_rib())?;
        stage.wait_until_known(host(NUMBER))?;
        Ok(Bystander { speaker })
    }

    /// Its session is the first one still, without a fault, and the kernel has what it announced.
    #[track_caller]
    pub(crate) fn assert_untouched(&self, stage: &Stage) -> Result<()> {
        let shown = stage.neighbor(NUMBER)?;
        let session = (&shown["state"], &shown["flaps"], &shown["faults_total"]);
        assert_eq!(session, (&"established".into(), &0.into(), &0.into()), "{shown:#}");
        assert_eq!(stage.rows(host(NUMBER))?, golden(host(NUMBER)));
        Ok(())
    }
}

/// The hold time of a [`Pulse`], the shortest there is.
pub(crate) const HOLD_TIME: Duration = Duration::from_secs(3);

/// A session with a hold timer, on a thread of its own, that notes when linnetd gives a sign of life: a KEEPALIVE, or
/// an UPDATE in the place of one (RFC 4271 section 4.4).
pub(crate) struct Pulse {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Duration>>,
}

impl Pulse {
    /// Neighbour `number`, with a hold time of three seconds.
    pub(crate) fn start(stage: &Stage, number: u8) -> Result<Pulse> {
        let open = Open { hold_time: HOLD_TIME.as_secs() as u16, ..open(number) };
        let mut speaker = stage.establish_with(number, &open.body())?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::spawn(move || beat(&mut speaker, &stopped));
        Ok(Pulse { stop, thread })
    }

    /// Ends; the longest time between two signs of life, or between the last one and now.
    pub(crate) fn longest_gap(self) -> Result<Duration> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("the thread died"))?
    }
}

fn beat(speaker: &mut Speaker, stop: &AtomicBool) -> Result<Duration> {
    let (mut heard, mut said, mut longest) = (Instant::now(), Instant::now(), Duration::ZERO);
    while !stop.load(Ordering::Relaxed) {
        match speaker.hear(Duration::from_millis(50))? {
            Heard::Message { kind: kind::KEEPALIVE | kind::UPDATE, .. } => {
                longest = longest.max(heard.elapsed());
                heard = Instant::now();
            }
            Heard::Nothing => {}
            ended => bail!("the session of one that does everything right has ended: {ended:?}"),
        }
        if said.elapsed() >= HOLD_TIME / 3 {
            speaker.send(&message(kind::KEEPALIVE, &[]))?;
            said = Instant::now();
        }
    }
    Ok(longest.max(heard.elapsed()))
}
