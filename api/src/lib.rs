//! The gRPC service of linnetd: its messages, a server and a client.
//!
//! - [`v1`] is generated from proto/, where each message and field is explained; [`json`] is its JSON form.
//! - [`query`] is the border to the daemon's core: every request as one value, every answer as another.
//! - [`server`] listens and forwards; it holds no state of its own. [`client`] connects and reads page by
//!   page.
//!
//! What is NOT here: what an answer says. Core decides that, and how pages are cut. Nor any colour or column:
//! the command line does those.

pub mod client;
pub mod json;
pub mod query;
pub mod server;

/// The messages and services of package `linnet.v1`, generated from proto/linnet/v1.
pub mod v1 {
    #![allow(clippy::all, unused_qualifications, reason = "generated")]

    tonic::include_proto!("linnet.v1");
}

pub use json::Word;
pub use query::{Answer, ApiError, Query, Request};
