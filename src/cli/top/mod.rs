//! `top`: the daemon live, on the whole screen.
//!
//! - [`model`] is what is known and what is looked at: it takes an [`input`] and says what that leads to; pure;
//! - [`order`] is how its lists are sorted;
//! - [`meter`] makes rates of counters that are read again and again;
//! - [`happenings`] picks out of everything that changes what an operator wants to be told;
//! - [`draw`] makes a picture of the model; pure;
//! - [`source`] asks linnetd: counters at an interval, changes as they come, and anew when it has gone away;
//! - [`screen`] is the terminal: taken, read, and put back whatever happens.
//!
//! The loop here carries inputs to the model and pictures to the screen, and knows nothing else.
//!
//! What is asked for is bounded, whatever the daemon holds: counts, a page of neighbors, a page of networks, and a
//! page of hosts of the one network that is looked at.

mod draw;
mod happenings;
mod input;
mod meter;
mod model;
mod order;
mod screen;
mod source;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use anyhow::Result;
use api::client::Endpoint;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;

use draw::Look;
use input::{Input, Outcome};
use model::Model;
use screen::Screen;

/// Inputs that wait for the model. Whoever has one more waits himself.
const INPUTS: usize = 64;

/// How often the picture is drawn though nothing came: times go on.
const CLOCK: Duration = Duration::from_secs(1);

/// Shows linnetd at `endpoint` until the user has seen enough.
///
/// # Errors
/// If there is no terminal to draw on, or it fails.
pub(super) async fn run(endpoint: &Endpoint, interval: Duration, colour: bool) -> Result<()> {
    let mut screen = Screen::take()?;
    let mut model = Model::new(endpoint.to_string());
    let (inputs, mut received) = mpsc::channel(INPUTS);
    let (asked, asks) = watch::channel(model.asked());
    screen::read_keys(inputs.clone());
    let source = source::follow(endpoint, interval, asks, inputs);
    tokio::pin!(source);
    let (mut terminate, mut hang_up) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    let mut clock = tokio::time::interval(CLOCK);
    clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        screen.draw(|frame| draw::draw(frame, &model, Instant::now(), Look { colour }))?;
        let input = tokio::select! {
            input = received.recv() => input,
            () = &mut source => None,
            _ = clock.tick() => Some(Input::Clock),
            _ = terminate.recv() => None,
            _ = hang_up.recv() => None,
        };
        // What has come meanwhile is shown in one picture.
        let mut next = input;
        loop {
            let outcome = next.map_or(Outcome::Quit, |input| model.update(Instant::now(), input));
            if outcome == Outcome::Quit {
                return Ok(());
            }
            match received.try_recv() {
                Ok(input) => next = Some(input),
                Err(_) => break,
            }
        }
        asked.send_if_modified(|asked| std::mem::replace(asked, model.asked()) != model.asked());
    }
}
