//! What the peer is told as a connection ends.

use super::config::SessionConfig;
use super::down::{Down, Reason};
use super::established::Established;
use super::words::StopReason;
use crate::wire::Notification;

/// The NOTIFICATION to end with, if any. A speaker that means to be back says nothing to those who would
/// keep its routes (RFC 4724 section 4); one that does not tells those who would keep them all the same (RFC 8538
/// section 3).
pub(super) fn farewell(
    down: &Down,
    config: &SessionConfig,
    agreed: Option<&Established>,
) -> Option<Notification> {
    let restart = agreed.and_then(|agreed| agreed.restart.as_ref());
    match down {
        Down::Local(Reason::Stopped(StopReason::GoingDown)) => {
            let helps = config.restart.is_some() && (agreed.is_none() || restart.is_some());
            (!helps).then_some(Notification::ADMINISTRATIVE_SHUTDOWN)
        }
        // Where BFD has found that the peer is out of reach, there is nobody to be told anything.
        Down::Local(Reason::Stopped(StopReason::BfdDown { .. })) => down.notification(),
        Down::Local(Reason::Stopped(_)) if restart.is_some_and(|restart| restart.notification) => {
            down.notification().map(Notification::hard)
        }
        _ => down.notification(),
    }
}
