//! One watch.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;

use super::Shared;
use super::http::{self, Request};
use super::state::{Cut, Gone, State, selects};

/// What a watch does next.
enum Next {
    Say(Vec<String>),
    End(Cut),
}

/// Says what changes after the version that is asked for, until the watch is cut or its time is over.
pub(super) fn serve(shared: &Shared, request: &Request, mut stream: TcpStream) -> Result<()> {
    let mut version: u64 = request.key("resourceVersion").and_then(|text| text.parse().ok()).unwrap_or(0);
    let (gone, cuts) = {
        let state = shared.lock();
        ((version < state.forgotten).then_some(state.gone), state.cuts.len())
    };
    let message = format!("too old resource version: {version}");
    if gone == Some(Gone::Status) {
        return http::refuse(&mut stream, 410, "Expired", &message);
    }
    http::begin_chunks(&mut stream)?;
    if gone == Some(Gone::Event) {
        let event = json!({ "type": "ERROR", "object": http::failure(410, "Expired", &message) });
        http::chunk(&mut stream, &format!("{event}\n"))?;
        return http::chunk(&mut stream, "");
    }
    let seconds = request.key("timeoutSeconds").and_then(|text| text.parse().ok()).unwrap_or(290);
    let end = Instant::now() + Duration::from_secs(seconds);
    loop {
        match next(shared, request, &mut version, cuts, end) {
            Next::Say(lines) => lines.iter().try_for_each(|line| http::chunk(&mut stream, line))?,
            Next::End(Cut::Cleanly) => return http::chunk(&mut stream, ""),
            Next::End(Cut::InMidLine) => {
                return http::chunk(&mut stream, "{\"type\":\"MODIFIED\",\"object\":{\"kind\":\"No");
            }
        }
    }
}

/// Waits for something to do.
fn next(shared: &Shared, request: &Request, version: &mut u64, cuts: usize, end: Instant) -> Next {
    let mut state = shared.lock();
    loop {
        let lines = lines(&state, request, version);
        if !lines.is_empty() {
            return Next::Say(lines);
        }
        if let Some(how) = state.cuts.get(cuts) {
            return Next::End(*how);
        }
        let rest = end.saturating_duration_since(Instant::now());
        if rest.is_zero() {
            return Next::End(Cut::Cleanly);
        }
        state = match shared.changed.wait_timeout(state, rest) {
            Ok((state, _)) => state,
            Err(poisoned) => poisoned.into_inner().0,
        };
    }
}

/// The events after a version that a watch asks for; moves the version to the newest.
fn lines(state: &State, request: &Request, version: &mut u64) -> Vec<String> {
    let bookmarks = request.key("allowWatchBookmarks") == Some("true");
    let new = state.changes.iter().filter(|change| change.version > *version);
    let told = new.filter(|change| match &change.name {
        Some(name) => selects(request, name),
        None => bookmarks,
    });
    let lines = told.map(|change| format!("{}\n", change.event)).collect();
    *version = state.version.max(*version);
    lines
}
