//! One neighbour's session outside of its state machine: where it leads, its socket, and what keeps it from working.

use std::io;
use std::net::{IpAddr, SocketAddr};

use bfd::{Config, Endpoint, Hops};

use crate::core::BfdTarget;

use super::on_link::is_on_link;
use super::receiver::{Kind, MULTIHOP_PORT, SINGLE_HOP_PORT};
use super::sender::Sender;

/// A neighbour's session.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) target: BfdTarget,
    /// Over several hops; known once it has been opened.
    pub(super) multihop: bool,
    sender: Option<Sender>,
    /// Why it is not open, or why the last packet could not leave.
    pub(super) error: Option<String>,
    /// It was to end, and only says so to the neighbour.
    pub(super) ending: bool,
}

impl Link {
    /// One that is not open yet.
    pub(super) fn new(target: BfdTarget) -> Link {
        let multihop = target.config.multihop.unwrap_or(false);
        Link { target, multihop, sender: None, error: None, ending: false }
    }

    pub(super) fn is_open(&self) -> bool {
        self.sender.is_some()
    }

    /// The address that it sends from.
    pub(super) fn local(&self) -> Option<IpAddr> {
        self.sender.as_ref().map(Sender::local)
    }

    /// Opens it, with a receiver of its kind. `port` chooses its source port.
    ///
    /// # Errors
    /// What keeps it from being opened.
    pub(super) fn open(
        &mut self,
        port: u32,
        receiver: impl FnOnce(Kind) -> io::Result<()>,
    ) -> io::Result<()> {
        let BfdTarget { mut remote, local, config } = self.target;
        self.multihop = match config.multihop {
            Some(multihop) => multihop,
            None => !is_on_link(remote.ip())?,
        };
        receiver((remote.is_ipv6(), self.multihop))?;
        remote.set_port(if self.multihop { MULTIHOP_PORT } else { SINGLE_HOP_PORT });
        self.sender = Some(Sender::open(remote, local, port)?);
        Ok(())
    }

    /// Where it leads.
    pub(super) fn endpoint(&self) -> Endpoint {
        let remote = self.target.remote;
        let scope = match remote {
            SocketAddr::V6(remote) => remote.scope_id(),
            SocketAddr::V4(_) => 0,
        };
        let min_ttl = self.target.config.minimum_ttl;
        let hops = if self.multihop { Hops::Multi { min_ttl } } else { Hops::Single };
        Endpoint { remote: remote.ip(), scope, hops }
    }

    /// How it is held.
    pub(super) fn config(&self) -> Config {
        let config = &self.target.config;
        Config {
            min_tx: config.transmit_interval,
            min_rx: config.receive_interval,
            multiplier: config.multiplier,
            passive: config.passive,
        }
    }

    /// Sends a packet. What keeps it from leaving is noted, until the next one leaves. That nobody listens at the
    /// neighbour is what the session itself will notice.
    pub(super) fn send(&mut self, octets: &[u8]) {
        let Some(sender) = &self.sender else { return };
        self.error = match sender.send(octets) {
            Ok(()) => None,
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => None,
            Err(error) => Some(format!("cannot send: {error}")),
        };
    }
}
