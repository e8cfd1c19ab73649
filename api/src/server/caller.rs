//! Who calls, and what that lets him do: the one place where a request is let through or refused.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::methods::Access;
use crate::query::ApiError;

/// Requests that may be under way at one door. Streams count until they have begun; how many may be open is
/// [`crate::query::MAX_WATCHES`] and [`crate::query::MAX_INJECTIONS`].
const MAX_REQUESTS: usize = 128;

/// Which way somebody came, or who he has proved to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// By the socket whose permissions let him command the daemon.
    Socket,
    /// By the socket that is for reading.
    ReadOnlySocket,
    /// From this machine, over TCP.
    Loopback,
    /// Over TCP, from where anybody may come.
    Anybody,
    /// With a certificate of these names.
    Certificate {
        /// All of them.
        names: Vec<String>,
        /// What the configuration says of them; nothing: he is none of those whom it names.
        role: Option<Role>,
    },
}

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Only read.
    ReadOnly,
    /// Change things as well.
    ReadWrite,
}

impl Caller {
    /// Whether a method of such access may be called.
    ///
    /// # Errors
    /// Why not, and what would be right.
    pub(super) fn may(&self, access: Access, method: &str) -> Result<(), ApiError> {
        let wrong_role =
            |why: &str| Err(ApiError::Denied(format!("{method} may change something, and {why}")));
        match (self, access) {
            (Caller::Certificate { names, role: None }, _) => Err(ApiError::Denied(format!(
                "the certificate's name ({}) is neither in api.tls.read_write nor in api.tls.read_only",
                names.join(", ")
            ))),
            (_, Access::Read) | (Caller::Socket | Caller::Loopback, _) => Ok(()),
            (Caller::Certificate { role: Some(Role::ReadWrite), .. }, _) => Ok(()),
            (Caller::ReadOnlySocket, Access::Write) => {
                wrong_role("this socket is for reading: ask by the one that `api.socket` names")
            }
            (Caller::Anybody, Access::Write) => wrong_role(
                "who shows no certificate may only read: `api.tls.client_ca_file` has linnetd ask for certificates",
            ),
            (Caller::Certificate { names, .. }, Access::Write) => wrong_role(&format!(
                "{} may only read: api.tls.read_write names who may do more",
                names.join(", ")
            )),
        }
    }
}

/// What is known of a connection when a request comes by it.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    /// Who is at its other end.
    pub(super) caller: Caller,
    /// Room for the requests of its door: no door takes another's.
    requests: Arc<Semaphore>,
}

impl Visit {
    /// The first one by a door.
    pub(super) fn new(caller: Caller) -> Visit {
        Visit { caller, requests: Arc::new(Semaphore::new(MAX_REQUESTS)) }
    }

    /// Somebody else's by the same door.
    pub(super) fn of(&self, caller: Caller) -> Visit {
        Visit { caller, requests: Arc::clone(&self.requests) }
    }

    /// Room for a request, for as long as it is under way.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn begin(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        Arc::clone(&self.requests).try_acquire_owned().map_err(|_| {
            ApiError::Exhausted(format!(
                "{MAX_REQUESTS} requests are under way already: try again in a moment"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(role: Option<Role>) -> Caller {
        Caller::Certificate { names: vec!["alice".into(), "alice.example".into()], role }
    }

    #[test]
    fn everybody_reads_who_is_known() {
        let readers = [Caller::Socket, Caller::ReadOnlySocket, Caller::Loopback, Caller::Anybody];
        let certified = [Some(Role::ReadOnly), Some(Role::ReadWrite)].map(named);
        for caller in readers.into_iter().chain(certified) {
            assert_eq!(caller.may(Access::Read, "ListPaths"), Ok(()), "{caller:?}");
        }
        let refusal = named(None).may(Access::Read, "ListPaths").unwrap_err().to_string();
        assert!(refusal.contains("(alice, alice.example)"), "{refusal}");
    }

    #[test]
    fn few_change_things() {
        for caller in [Caller::Socket, Caller::Loopback, named(Some(Role::ReadWrite))] {
            assert_eq!(caller.may(Access::Write, "ResetNeighbor"), Ok(()), "{caller:?}");
        }
        for (caller, why) in [
            (Caller::ReadOnlySocket, "`api.socket`"),
            (Caller::Anybody, "client_ca_file"),
            (named(Some(Role::ReadOnly)), "read_write"),
            (named(None), "neither"),
        ] {
            let refusal = caller.may(Access::Write, "ResetNeighbor").unwrap_err();
            assert!(matches!(refusal, ApiError::Denied(_)));
            assert!(refusal.to_string().contains(why), "{refusal}");
        }
    }

    #[test]
    fn one_door_takes_no_room_of_another() {
        let (crowded, other) = (Visit::new(Caller::ReadOnlySocket), Visit::new(Caller::Socket));
        let all: Vec<_> = (0..MAX_REQUESTS).map(|_| crowded.of(Caller::Anybody).begin().unwrap()).collect();
        assert!(matches!(crowded.begin(), Err(ApiError::Exhausted(_))));
        assert!(other.begin().is_ok());
        drop(all);
        assert!(crowded.begin().is_ok());
    }
}
