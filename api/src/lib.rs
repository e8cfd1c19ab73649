//! The gRPC service of linnetd: its messages, a server and a client.
//!
//! - [`v1`] is generated from proto/, where each message and field is explained; [`json`] is its JSON form.
//! - [`methods`] lists what can be called, and [`DESCRIPTORS`] says it in full, for those who know no Rust.
//! - [`query`] is the border to the daemon's core: every request as one value, every answer as another.
//! - [`server`] listens and forwards; it holds no state of its own. [`client`] connects and reads page by
//!   page.
//!
//! What is NOT here: what an answer says. Core decides that, and how pages are cut. Nor any colour or column:
//! the command line does those.

pub mod client;
pub mod json;
pub mod methods;
pub mod query;
pub mod server;
mod stream;

/// The messages and services of package `linnet.v1`, generated from proto/linnet/v1.
pub mod v1 {
    #![allow(clippy::all, unused_qualifications, reason = "generated")]

    tonic::include_proto!("linnet.v1");
}

/// The compiled files of proto/linnet/v1: a `google.protobuf.FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// The version of the service, and of those who speak it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The metadata in which linnetd says its version with every answer.
pub const VERSION_HEADER: &str = "linnetd-version";

/// What is spoken within TLS: HTTP/2 (RFC 9113 section 3.2).
const ALPN: &[u8] = b"h2";

pub use json::Word;
pub use query::{Answer, ApiError, Query, Request};
