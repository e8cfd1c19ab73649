//! The wire format of BGP-4: every message, attribute and NLRI that linnet reads or writes.
//!
//! One thing lives in one file: its type, how it is parsed (nom), how it is emitted (bytes), its tests.
//! Parsing never panics and never trusts a length. What is wrong is said by [`error`] in small `Copy`
//! values that know the reaction the RFCs ask for: a NOTIFICATION (RFC 4271 section 6) or a verdict of
//! RFC 7606. Nothing here knows a session; what depends on what was negotiated is an argument.

pub mod as_path;
pub mod attrs;
pub mod capability;
mod capability_text;
mod codes;
pub mod community;
mod emit;
pub mod error;
pub mod evpn;
mod faults;
mod header;
pub mod message;
pub mod nlri;
pub mod notification;
pub mod open;
mod parse;
pub mod pmsi;
mod prefix;
pub mod refresh;
pub mod update;
pub mod verdicts;

pub use as_path::AsPath;
pub use attrs::{Aggregator, Attrs, NextHop, Origin, UnknownAttr};
pub use capability::{AddPathMode, Capability, LongLivedFamily};
pub use community::{Community, ExtCommunity, ExtCommunityKind, LargeCommunity, RouteTarget, TunnelType};
pub use error::{Fault, Verdict, WireError};
pub use evpn::{EvpnBody, EvpnKey};
pub use message::{Message, MessageType};
pub use nlri::{Nlri, Nlris, Route};
pub use notification::Notification;
pub use open::Open;
pub use pmsi::PmsiTunnel;
pub use refresh::RouteRefresh;
pub use update::{EncodedAttrs, Encoding, PeerKind, Reach, Update, UpdateContext};
