//! The pod CIDRs of a node, as the Kubernetes API tells them.
//!
//! The controller manager of a cluster gives every Node a block of addresses for its pods and writes it into
//! `spec.podCIDRs`. `follow` lists and watches one Node and keeps a `View` of what it was given. Only the newest
//! view is kept for its reader, so a slow reader costs nothing and misses nothing that still holds.
//!
//! What it holds to, above all: a view only changes by the word of the API server. While nobody answers, while a token
//! is refused or what is heard makes no sense, the last view stays and `Link::Lost` says why: a node does not lose
//! its pods' routes because the control plane is away. A Node that the server says is gone has no CIDRs.
//!
//! It reads; it never writes, and it needs no right but `get`, `list` and `watch` on Nodes. The client itself, its
//! TLS and its credentials are those of the crate `kube`. Its watcher is not used: that one asks again without a pause
//! when a server ends each watch at once, and asks for ever for a version that a server refuses with status 410.
//!
//! Everything here is behind the feature `client`.

#[cfg(feature = "client")]
mod access;
#[cfg(feature = "client")]
mod follow;
#[cfg(feature = "client")]
mod node;
#[cfg(feature = "client")]
mod pace;
#[cfg(feature = "client")]
mod view;

#[cfg(feature = "client")]
pub use {
    access::Access,
    follow::{Settings, follow},
    pace::Pace,
    view::{Link, View},
};
