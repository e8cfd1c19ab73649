//! The server and the client, with a core of a few lines between them.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test: there a panic is the report")]

mod daemon;
mod forward;
mod health;
mod roles;
mod tls;
mod words;
