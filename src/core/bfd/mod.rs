//! What BFD means to BGP (RFC 5882): when a neighbour's BFD session runs, and what follows when it is lost.
//!
//! The sessions themselves live with a task of their own, which is told what is wanted of it
//! ([`BfdCommand`]) and tells what became of it ([`BfdNews`]). The rules here:
//!
//! - A neighbour's BFD session begins when its BGP session first comes up, with the addresses of that. It goes on
//!   while BGP is down, and ends when an operator shuts the neighbour down.
//! - A BFD session that was Up and is lost ends the BGP session at once, with Cease/10 (RFC 9384). What the
//!   neighbour's operator took down is no loss (RFC 5882 section 3.2). BGP comes back by itself, and does not
//!   wait for BFD: a neighbour whose BFD alone has died is not lost for good.
//! - With `strict`, BFD begins at once and BGP waits until it is Up, each time.
//! - A BFD session that is lost while BGP is down says nothing new. So it ends no graceful restart that is under
//!   way, as RFC 5882 section 4.3.2 asks where BFD shares the control plane's fate, as ours does: a speaker that
//!   dies closes its connection before its silence is noticed.

#[cfg(test)]
mod tests;
pub(super) mod words;

pub use words::{BfdCommand, BfdLine, BfdNews, BfdPicture, BfdTarget};

use std::net::SocketAddr;

use bfd::{Diagnostic, State};
use bgp::types::PeerId;

use super::Core;
use super::event::{Action, LogLine, SessionCommand};
use super::peer::Peer;
use crate::config::NeighborAddress;

/// What core keeps of a neighbour's BFD session.
#[derive(Debug, Default)]
pub(super) struct Bfd {
    /// What is wanted, if it is to run.
    target: Option<BfdTarget>,
    /// The newest picture.
    pub(super) picture: Option<BfdPicture>,
}

impl Bfd {
    fn state(&self) -> State {
        self.picture.as_ref().and_then(|picture| picture.info).map_or(State::Down, |info| info.state)
    }
}

impl Peer {
    /// Whether it has no BGP session without BFD.
    fn is_strict(&self) -> bool {
        self.config.bfd.is_some_and(|bfd| bfd.strict)
    }
}

impl Core {
    /// A neighbour's BGP session is up between these ends.
    pub(super) fn bfd_session_up(&mut self, id: PeerId, local: SocketAddr, remote: SocketAddr) {
        if let Some(config) = self.peers.get(id).and_then(|peer| peer.config.bfd) {
            self.bfd_run(id, BfdTarget { remote, local: Some(local.ip()), config });
        }
    }

    /// Brings a neighbour up or down as an operator wants it, and BFD with it.
    pub(super) fn administer(&mut self, id: PeerId, command: SessionCommand) {
        self.watches.neighbor_changed(id);
        if command != SessionCommand::Enable {
            self.bfd_neighbor_ends(id);
            return self.command(id, command);
        }
        self.bfd_neighbor_starts(id);
        if self.bfd_permits(id) {
            self.command(id, command);
        }
    }

    /// A neighbour is configured anew, and its BGP session goes on.
    pub(super) fn bfd_reconfigured(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get(id) else { return };
        let ends = peer.session.as_ref().map(|session| (session.agreed.local, session.agreed.remote));
        match (peer.config.bfd, peer.bfd.target.clone(), ends) {
            (None, Some(_), _) => self.bfd_neighbor_ends(id),
            (Some(config), Some(target), _) => self.bfd_run(id, BfdTarget { config, ..target }),
            (Some(_), None, Some((local, remote))) => self.bfd_session_up(id, local, remote),
            _ => self.bfd_neighbor_starts(id),
        }
        let waits = |peer: &Peer| peer.info.as_ref().is_some_and(|info| info.stopped) && !peer.shut_down;
        if self.peers.get(id).is_some_and(|peer| waits(peer) && !peer.is_strict()) {
            self.command(id, SessionCommand::Enable);
        }
    }

    /// A neighbour may have a session from now on.
    pub(super) fn bfd_neighbor_starts(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get(id).filter(|peer| !peer.shut_down) else { return };
        if let (Some(config), NeighborAddress::Ip(ip)) =
            (peer.config.bfd.filter(|bfd| bfd.strict), peer.config.address)
        {
            let remote = SocketAddr::new(ip, peer.config.port);
            let local = peer.config.local_address;
            self.bfd_run(id, BfdTarget { remote, local, config });
        }
    }

    /// Whether a neighbour may have a BGP session as far as BFD has a say in it.
    pub(super) fn bfd_permits(&self, id: PeerId) -> bool {
        self.peers.get(id).is_none_or(|peer| !peer.is_strict() || peer.bfd.state() == State::Up)
    }

    /// A neighbour is to have no session any more.
    pub(super) fn bfd_neighbor_ends(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        peer.bfd.picture = None;
        if peer.bfd.target.take().is_some() {
            self.actions.push_back(Action::Bfd { peer: id, command: BfdCommand::End });
        }
    }

    /// A strict neighbour's BFD has begun without knowing the ends of the BGP session; they are the same ones
    /// unless the operator says otherwise, so it goes on as it is.
    fn bfd_run(&mut self, id: PeerId, target: BfdTarget) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        let same = peer.bfd.target.as_ref().is_some_and(|running| {
            running.remote.ip() == target.remote.ip()
                && running.config == target.config
                && (running.local == target.local || target.config.strict)
        });
        if !same {
            peer.bfd.target = Some(target.clone());
            self.actions.push_back(Action::Bfd { peer: id, command: BfdCommand::Run(target) });
        }
    }

    /// Takes news of BFD sessions.
    pub(super) fn bfd_news(&mut self, news: Vec<BfdNews>) {
        for BfdNews { peer: id, lost, picture } in news {
            let Some(peer) = self.peers.get_mut(id).filter(|peer| peer.bfd.target.is_some()) else {
                continue;
            };
            let before = peer.bfd.picture.replace(picture);
            let after = peer.bfd.state();
            self.watches.neighbor_changed(id);
            self.log_bfd(id, before.as_ref(), lost);
            if lost.is_some() {
                self.bfd_lost(id);
            }
            let was_up = before.and_then(|picture| picture.info).is_some_and(|info| info.state == State::Up);
            if after == State::Up && (!was_up || lost.is_some()) {
                self.bfd_up(id);
            }
        }
    }

    /// A neighbour's task has begun anew: one that waits for BFD does not know that it need not.
    pub(super) fn bfd_neighbor_begins_anew(&mut self, id: PeerId) {
        if self.peers.get(id).is_some_and(|peer| peer.bfd.state() == State::Up) {
            self.bfd_up(id);
        }
    }

    /// BGP that has waited need wait no longer.
    fn bfd_up(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get(id) else { return };
        if peer.is_strict() && !peer.shut_down {
            self.command(id, SessionCommand::Enable);
        }
    }

    fn bfd_lost(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get(id) else { return };
        let hold = peer.is_strict();
        if peer.session.is_some() || hold {
            self.command(id, SessionCommand::BfdDown { hold });
        }
    }

    fn log_bfd(&mut self, id: PeerId, before: Option<&BfdPicture>, lost: Option<Diagnostic>) {
        let Some(now) = self.peers.get(id).and_then(|peer| peer.bfd.picture.as_ref()) else { return };
        let state = |picture: Option<&BfdPicture>| picture.and_then(|p| p.info).map(|info| info.state);
        let (was_up, is_up) = (state(before) == Some(State::Up), state(Some(now)) == Some(State::Up));
        let failed = now.error.clone().filter(|error| before.and_then(|b| b.error.as_ref()) != Some(error));
        let lines = [
            lost.map(BfdLine::Lost),
            (was_up && !is_up && lost.is_none()).then_some(BfdLine::TakenDown),
            (is_up && (!was_up || lost.is_some())).then_some(BfdLine::Up),
            failed.map(BfdLine::Failed),
        ];
        lines.into_iter().flatten().for_each(|line| self.log(LogLine::Bfd(id, line)));
    }
}
