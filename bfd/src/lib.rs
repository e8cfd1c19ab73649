//! Bidirectional Forwarding Detection (RFC 5880) as pure state: no socket, no clock, no task. Time is an argument,
//! datagrams are handed in and handed out.
//!
//! - [`words`]: states and diagnostics.
//! - [`packet`]: the Control packet, and what makes one invalid.
//! - `timing`: how often to send and how long to wait, and how both sides come to agree on that.
//! - [`session`]: one session: the state machine, the timers, the Poll Sequence.
//! - [`sessions`]: all of them: which one a datagram is for, and whose timer is due.
//!
//! Each module uses only those listed above it. Asynchronous mode over one hop (RFC 5881) and over several
//! (RFC 5883) is what this speaks. There is no Demand mode of our own (a neighbour may ask for it), no Echo
//! function and no authentication. What a session that goes down means to BGP (RFC 5882) is for others to decide:
//! nothing here knows of BGP.

mod jitter;
pub mod packet;
pub mod session;
pub mod sessions;
mod timing;
pub mod words;

pub use packet::Packet;
pub use session::{Change, Config, Info, Session};
pub use sessions::{Action, Datagram, Endpoint, Hops, Input, SessionId, Sessions, Strays};
pub use words::{Diagnostic, Discard, State};
