//! Why a session ended: who did it, and for what reason.

use std::{fmt, io};

use super::config::RemoteAs;
use super::words::{PrefixLimit, StateName, StopReason};
use crate::types::{Asn, BgpRole, Family, FamilySet, RouterId};
use crate::wire::message::MessageType;
use crate::wire::{Notification, WireError};

/// How a session or an attempt ended; the variant says who ended it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Down {
    /// We did.
    Local(Reason),
    /// The peer did, with this NOTIFICATION.
    Remote(Notification),
    /// Neither did with a word: the connection ended or never came to be.
    Transport(TransportFault),
}

/// Why we ended it. Each reason has its NOTIFICATION, see [`Down::notification`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A message was malformed.
    Malformed(WireError),
    /// The peer's OPEN was well-formed and not acceptable.
    Refused(Refusal),
    /// A message that has no place in this state (RFC 6608).
    Unexpected(MessageType, StateName),
    /// The peer was silent for the hold time.
    HoldTimer,
    /// The peer sent no OPEN.
    OpenTimer,
    /// The peer left our bytes unread for too long (RFC 9687).
    SendHoldTimer,
    /// An operator, or the daemon.
    Stopped(StopReason),
    /// The other connection won (RFC 4271 section 6.8).
    Collision,
    /// The peer dialled again, so it has given this connection up.
    Replaced,
    /// The same of an established session with a peer that restarts gracefully (RFC 4724 section 4.2).
    Restarted,
}

/// Why an OPEN is not acceptable (RFC 4271 section 6.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The peer is in an AS that it may not be in.
    PeerAs {
        /// What it says.
        says: Asn,
        /// What it may be.
        wanted: RemoteAs,
    },
    /// Its identifier is ours though it is in our AS (RFC 6286 section 2.2).
    RouterId(RouterId),
    /// It offers a hold time below the least that is configured, both in seconds.
    HoldTime {
        /// What it offers.
        says: u16,
        /// What it should offer at least.
        least: u16,
    },
    /// It names no role and has to (RFC 9234 section 4.2).
    NoRole {
        /// What we are to it.
        ours: BgpRole,
    },
    /// Its role does not go with ours (RFC 9234 section 4.2).
    Role {
        /// What we are to it.
        ours: BgpRole,
        /// What it says it is; `None` where it names several, or one that there is not.
        says: Option<BgpRole>,
    },
    /// It offers none of these families. There would be nothing to talk about, so the session is refused
    /// rather than kept idle, as FRR does (RFC 5492 section 3).
    NoFamily(FamilySet),
}

/// What happened to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportFault {
    /// It was closed or reset by the other end or the network.
    Closed,
    /// It could not be made.
    Connect(io::ErrorKind),
    /// It could not be made in time.
    ConnectTimeout,
    /// The link that led to the peer went down.
    LinkDown,
    /// The peer has another address now.
    Moved,
}

impl Down {
    /// What is said to the peer about it; `None` where nothing can or should be. What was agreed about graceful
    /// restart may change that.
    pub fn notification(&self) -> Option<Notification> {
        match self {
            Down::Local(reason) => reason.notification(),
            Down::Remote(_) | Down::Transport(_) => None,
        }
    }
}

impl Reason {
    fn notification(&self) -> Option<Notification> {
        Some(match self {
            Reason::Malformed(error) => error.notification(),
            Reason::Refused(refusal) => refusal.notification(),
            Reason::Unexpected(kind, state) => unexpected(*kind, *state),
            Reason::HoldTimer | Reason::OpenTimer => Notification::HOLD_TIMER_EXPIRED,
            // It could not be written: that is the trouble (RFC 9687).
            Reason::SendHoldTimer => return None,
            // Nobody is at the other end any more.
            Reason::Restarted => return None,
            Reason::Stopped(stop) => return stop.notification(),
            Reason::Collision | Reason::Replaced => Notification::COLLISION,
        })
    }
}

impl Refusal {
    fn notification(&self) -> Notification {
        match self {
            Refusal::PeerAs { .. } => Notification::BAD_PEER_AS,
            Refusal::RouterId(_) => Notification::BAD_BGP_IDENTIFIER,
            Refusal::HoldTime { .. } => Notification::UNACCEPTABLE_HOLD_TIME,
            Refusal::NoRole { .. } | Refusal::Role { .. } => Notification::ROLE_MISMATCH,
            Refusal::NoFamily(wanted) => Notification { code: 2, subcode: 7, data: capabilities(*wanted) },
        }
    }
}

impl StopReason {
    fn notification(&self) -> Option<Notification> {
        Some(match self {
            StopReason::Shutdown(None) => Notification::ADMINISTRATIVE_SHUTDOWN,
            StopReason::Shutdown(Some(text)) => Notification::shutdown(text),
            StopReason::Deconfigured => Notification::PEER_DECONFIGURED,
            StopReason::TooManyPrefixes(limit) => Notification::maximum_prefixes(limit.family, limit.limit),
            StopReason::Reconfigured => Notification::CONFIGURATION_CHANGE,
            StopReason::BfdDown { .. } => Notification::BFD_DOWN,
            StopReason::Reset(None) => Notification::ADMINISTRATIVE_RESET,
            StopReason::Reset(Some(text)) => Notification::reset(text),
            StopReason::GoingDown => return None,
        })
    }
}

impl From<Reason> for Down {
    fn from(reason: Reason) -> Down {
        Down::Local(reason)
    }
}

impl From<TransportFault> for Down {
    fn from(fault: TransportFault) -> Down {
        Down::Transport(fault)
    }
}

/// What a connection hears that is not wanted at all: there is a better one, or it is no time for any
/// (RFC 4486 section 4).
pub(super) fn turned_away(state: StateName) -> Notification {
    match state {
        StateName::Established => Notification::COLLISION,
        _ => Notification::CONNECTION_REJECTED,
    }
}

/// RFC 6608 sections 3 and 4: a subcode for each state, and the type of the message as data.
fn unexpected(kind: MessageType, state: StateName) -> Notification {
    let notification = match state {
        StateName::Established => Notification::UNEXPECTED_IN_ESTABLISHED,
        StateName::OpenConfirm => Notification::UNEXPECTED_IN_OPEN_CONFIRM,
        _ => Notification::UNEXPECTED_IN_OPEN_SENT,
    };
    Notification { data: vec![kind as u8], ..notification }
}

/// The capabilities that were missed (RFC 5492 section 5): one multiprotocol capability for each family.
fn capabilities(families: FamilySet) -> Vec<u8> {
    let capability = |f: Family| {
        let [high, low] = f.afi().0.to_be_bytes();
        [1, 4, high, low, 0, f.safi().0]
    };
    families.iter().flat_map(capability).collect()
}

/// One line: who ended it, and why.
impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Down::Local(reason) => write!(f, "closed by us: {reason}"),
            Down::Remote(notification) => write!(f, "closed by the peer: {notification}"),
            Down::Transport(fault) => write!(f, "no connection: {fault}"),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Malformed(error) => error.fmt(f),
            Reason::Refused(refusal) => refusal.fmt(f),
            Reason::Unexpected(kind, state) => write!(f, "{kind:?} message in state {}", state.name()),
            Reason::HoldTimer => f.write_str("hold timer expired"),
            Reason::OpenTimer => f.write_str("the peer did not complete the exchange of OPENs"),
            Reason::SendHoldTimer => f.write_str("send hold timer expired: the peer does not read"),
            Reason::Stopped(stop) => stop.fmt(f),
            Reason::Collision => f.write_str("the other connection with this peer is kept"),
            Reason::Replaced => f.write_str("the peer has made a new connection"),
            Reason::Restarted => f.write_str("the peer has restarted and made a new connection"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::PeerAs { says, wanted } => write!(f, "the peer is in AS {says}, configured is {wanted}"),
            Refusal::RouterId(id) => write!(f, "the peer has our BGP identifier {id}"),
            Refusal::HoldTime { says, least } => {
                write!(f, "the peer offers a hold time of {says} s, the least is {least} s")
            }
            Refusal::NoRole { ours } => {
                write!(f, "the peer names no role; to our {ours} it should be {}", ours.counterpart())
            }
            Refusal::Role { ours, says } => {
                let says = says.map_or("several roles, or one that there is not", BgpRole::name);
                write!(
                    f,
                    "the peer names its role as {says}; to our {ours} it should be {}",
                    ours.counterpart()
                )
            }
            Refusal::NoFamily(wanted) => {
                f.write_str("the peer offers none of")?;
                wanted.iter().try_for_each(|family| write!(f, " {family}"))
            }
        }
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, text) = match self {
            StopReason::TooManyPrefixes(PrefixLimit { family, limit, .. }) => {
                return write!(f, "more than {limit} routes of {family}");
            }
            StopReason::Shutdown(text) => ("shut down", text.as_deref()),
            StopReason::Reset(text) => ("reset", text.as_deref()),
            StopReason::Deconfigured => ("no longer configured", None),
            StopReason::Reconfigured => ("configured anew", None),
            StopReason::BfdDown { .. } => ("BFD session down", None),
            StopReason::GoingDown => ("the daemon goes down", None),
        };
        f.write_str(what)?;
        text.map_or(Ok(()), |text| write!(f, ": {text}"))
    }
}

impl fmt::Display for TransportFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TransportFault::Closed => f.write_str("it was closed without a word"),
            TransportFault::Connect(kind) => kind.fmt(f),
            TransportFault::ConnectTimeout => f.write_str("no answer to the dial"),
            TransportFault::LinkDown => f.write_str("the link went down"),
            TransportFault::Moved => f.write_str("the neighbour has another address now"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn a_missed_family_is_named_in_full() {
        let evpn = [Family::L2vpnEvpn].into_iter().collect();
        let notification = Down::Local(Reason::Refused(Refusal::NoFamily(evpn))).notification().unwrap();
        assert_eq!((notification.code, notification.subcode), (2, 7));
        assert_eq!(notification.data, [1, 4, 0, 25, 0, 70]);
    }

    #[test]
    fn unexpected_messages_have_a_subcode_for_the_state() {
        let subcode = |state| unexpected(MessageType::Update, state).subcode;
        let states = [StateName::OpenSent, StateName::OpenConfirm, StateName::Established];
        assert_eq!(states.map(subcode), [1, 2, 3]);
        assert_eq!(unexpected(MessageType::Update, StateName::OpenSent).data, [2]);
    }

    #[test]
    fn one_line_says_who_and_why() {
        let wanted = RemoteAs::Number(Asn(2));
        let cases = [
            (
                Down::Local(Reason::Refused(Refusal::PeerAs { says: Asn(1), wanted })),
                "closed by us: the peer is in AS 1, configured is 2",
            ),
            (
                Down::Local(Reason::Refused(Refusal::RouterId(RouterId(Ipv4Addr::LOCALHOST)))),
                "closed by us: the peer has our BGP identifier 127.0.0.1",
            ),
            (
                Down::Local(Reason::Stopped(StopReason::Shutdown(Some("back at noon".into())))),
                "closed by us: shut down: back at noon",
            ),
            (
                Down::Transport(TransportFault::Connect(io::ErrorKind::ConnectionRefused)),
                "no connection: connection refused",
            ),
        ];
        for (down, line) in cases {
            assert_eq!(down.to_string(), line);
        }
    }
}
