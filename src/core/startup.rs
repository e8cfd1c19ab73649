//! The restarter's part of graceful restart (RFC 4724 section 4.1): what this speaker knows of its former run, and
//! whom it hears out before it says that it has said all.
//!
//! Sessions begin when the kernel has been read once: by then it is known whether a former run's entries still
//! forward, which the OPENs say, and what is local is originated before anybody could miss it. Routes are passed on
//! from the first moment as they come. What waits are the two things that make others, or the kernel, let go of
//! what the former run had told them: End-of-RIB, and the sweep of the kernel's entries. Both wait only for
//! neighbours that speak the family and have not said End-of-RIB, and never beyond a deadline.
//!
//! That linnetd has restarted is said in every run, as FRR does: whether it is the first one cannot be known where
//! nothing outlives a container but the kernel's tables, and a neighbour that is told so needlessly merely does
//! not wait for our End-of-RIB.

use std::time::{Duration, Instant};

use bgp::rib::Rib;
use bgp::session::{RemoteAs, Restarted};
use bgp::types::{Family, FamilySet, PeerId};

use crate::config::{BgpConfig, NeighborConfig};

use super::Core;
use super::advertise::Advertiser;
use super::event::{Leftover, LogLine, ReleaseReason};
use super::forward::Forwarding;
use super::native::Native;
use super::peer::{Peer, Peers};

/// How long after the start neighbours are waited for that have not come or not said End-of-RIB: the restart time
/// that RFC 4724 speakers commonly announce.
const DEADLINE: Duration = Duration::from_secs(120);

/// How long the first look at the kernel may take before sessions begin without it.
const FIRST_LOOK: Duration = Duration::from_secs(3);

/// How long a neighbour takes to say all it has, as far as anybody can tell, that knows no End-of-RIB, or that may
/// hold it back for ours.
pub(super) const WITHOUT_END_OF_RIB: Duration = Duration::from_secs(5);

/// How long those may take to come who are not named in the configuration: a try or two to connect.
const STRANGERS: Duration = Duration::from_secs(15);

/// The families whose routes go into the kernel's routing table.
const UNICAST: [Family; 2] = [Family::Ipv4Unicast, Family::Ipv6Unicast];

/// The time from the start until everybody has been heard.
#[derive(Debug)]
pub(super) struct Startup {
    started: Instant,
    /// Sessions have begun, with this.
    restarted: Option<Restarted>,
    /// Families in which End-of-RIB is held back.
    held: FamilySet,
}

impl Startup {
    pub(super) fn new(now: Instant) -> Startup {
        Startup { started: now, restarted: None, held: Family::ALL.into_iter().collect() }
    }

    /// How this speaker has restarted, once sessions may begin.
    pub(super) fn restarted(&self) -> Option<Restarted> {
        self.restarted
    }

    /// Lets sessions begin, if that is due. Says whether it just became so.
    fn begin(&mut self, now: Instant, local: Local<'_>, at_once: bool) -> bool {
        let is_ready = at_once || local.is_known() || now >= self.started + FIRST_LOOK;
        if self.restarted.is_some() || !is_ready {
            return false;
        }
        let preserved = Family::ALL.into_iter().filter(|family| local.has_forwarded(*family)).collect();
        self.restarted = Some(Restarted { at: self.started, preserved });
        true
    }

    /// A family in which End-of-RIB need be held back no longer.
    pub(super) fn poll_heard_out(
        &mut self,
        now: Instant,
        config: &BgpConfig,
        peers: &Peers,
        rib: &Rib,
        local: Local<'_>,
    ) -> Option<Family> {
        let is_late = now >= self.started + DEADLINE;
        let strangers = !config.ranges.is_empty() && now < self.started + STRANGERS;
        let heard_out = |family: &Family| {
            let mut awaited = peers.iter().filter(|peer| is_passed_on(peer, *family, config, peers));
            is_late
                || !strangers
                    && local.is_current(*family, rib)
                    && !awaited.any(|peer| is_awaited(now, peer, *family, false))
        };
        let family = self.held.iter().find(heard_out)?;
        self.held.remove(family);
        Some(family)
    }

    /// Why what a former run left in the kernel for these families need be kept no longer, if that is so.
    pub(super) fn may_release(
        &self,
        now: Instant,
        families: &[Family],
        peers: &Peers,
        rib: &Rib,
        local: Local<'_>,
    ) -> Option<ReleaseReason> {
        let is_awaited = |family| peers.iter().any(|peer| is_awaited(now, peer, family, true));
        if families.iter().all(|family| local.is_current(*family, rib) && !is_awaited(*family)) {
            Some(ReleaseReason::EndOfRib)
        } else {
            (now >= self.started + DEADLINE).then_some(ReleaseReason::Deadline)
        }
    }

    /// When to ask again though nothing has happened.
    pub(super) fn poll_timeout(&self, now: Instant, peers: &Peers, keeps_stale: bool) -> Option<Instant> {
        let first_look = self.restarted.is_none().then_some(self.started + FIRST_LOOK);
        if self.held.is_empty() && !keeps_stale {
            return first_look;
        }
        let unmarked =
            peers.iter().filter_map(|peer| Some(peer.session.as_ref()?.since + WITHOUT_END_OF_RIB));
        let deadlines = [self.started + DEADLINE, self.started + STRANGERS]
            .into_iter()
            .chain(unmarked)
            .filter(|due| *due > now);
        first_look.into_iter().chain(deadlines).min()
    }
}

/// What the start depends on of this node: what it announces, and the tables of its kernel that linnet fills.
#[derive(Clone, Copy)]
pub(super) struct Local<'a> {
    /// The routes that it announces.
    pub(super) advertiser: Option<&'a Advertiser>,
    /// EVPN's tables.
    pub(super) forwarding: Option<&'a Forwarding>,
    /// The routing table.
    pub(super) native: Option<&'a Native>,
}

impl Local<'_> {
    /// It is known what there is to announce, and the kernel has been read in full.
    fn is_known(self) -> bool {
        self.advertiser.is_none_or(Advertiser::is_complete)
            && self.forwarding.is_none_or(Forwarding::is_synced)
            && self.native.is_none_or(Native::is_synced)
    }

    /// A former run has left in it what forwards a family's packets. Where nothing of the family goes into the kernel,
    /// routes are passed on and not forwarded by, so nothing about them can have been lost.
    fn has_forwarded(self, family: Family) -> bool {
        match family {
            Family::L2vpnEvpn => self.forwarding.is_none_or(Forwarding::has_found_rows),
            Family::Ipv4Unicast | Family::Ipv6Unicast => self.native.is_none_or(Native::has_forwarded),
        }
    }

    /// Everything of a family's table, and of the kernel, has been looked at.
    fn is_current(self, family: Family, rib: &Rib) -> bool {
        match family {
            Family::L2vpnEvpn => self.forwarding.is_none_or(|forwarding| forwarding.is_current(rib)),
            Family::Ipv4Unicast | Family::Ipv6Unicast => {
                self.native.is_none_or(|native| native.is_current(family, rib))
            }
        }
    }
}

/// Whether a neighbour has more to say in a family, as far as can be told. One that says that it has restarted need
/// not be waited for (RFC 4724 section 4.1), so that two of them do not wait for each other for ever. But daemons say so
/// for minutes, and it has routes that others are to keep meanwhile: it is given the time to say them.
fn is_awaited(now: Instant, peer: &Peer, family: Family, though_restarting: bool) -> bool {
    if peer.shut_down || !peer.config.families.contains(family) {
        return false;
    }
    let Some(session) = &peer.session else { return true };
    if !session.agreed.families.contains(family) || session.end_of_rib.contains(family) {
        return false;
    }
    let marks_its_end =
        session.agreed.restart.as_ref().is_some_and(|restart| though_restarting || !restart.restarting);
    marks_its_end || now < session.since + WITHOUT_END_OF_RIB
}

/// Whether somebody else would be told of the neighbour's routes (RFC 4456 section 6).
fn is_passed_on(from: &Peer, family: Family, config: &BgpConfig, peers: &Peers) -> bool {
    let only_to_clients = is_plain_internal(&from.config, config);
    peers.iter().any(|to| {
        to.id != from.id
            && to.config.families.contains(family)
            && !(only_to_clients && is_plain_internal(&to.config, config))
    })
}

/// In this AS, and no client of this reflector.
fn is_plain_internal(neighbor: &NeighborConfig, config: &BgpConfig) -> bool {
    let internal = match &neighbor.remote_as {
        RemoteAs::Number(asn) => *asn == config.asn,
        RemoteAs::OneOf(asns) => asns.iter().all(|asn| *asn == config.asn),
        RemoteAs::Internal => true,
        RemoteAs::External | RemoteAs::Any => false,
    };
    internal && !neighbor.route_reflector_client
}

impl Core {
    /// Has the neighbours' tasks begun, once, as soon as that may be, or at once.
    pub(super) fn begin_sessions(&mut self, now: Instant, at_once: bool) {
        let Core { startup, advertiser, forwarding, native, .. } = self;
        let (advertiser, forwarding) = (advertiser.as_ref(), forwarding.as_ref());
        if startup.begin(now, Local { advertiser, forwarding, native: native.as_ref() }, at_once) {
            let all: Vec<PeerId> = self.peers.iter().map(|peer| peer.id).collect();
            all.into_iter().for_each(|id| self.start_peer(id));
        }
    }

    /// What is to be done once after the start, as soon as it may be. Says whether something was let go, which the
    /// kernel is still to be told.
    pub(super) fn start_up(&mut self, now: Instant) -> bool {
        self.begin_sessions(now, false);
        let Core { startup, config, peers, rib, export, advertiser, forwarding, native, .. } = self;
        let (advertiser, forwarding) = (advertiser.as_ref(), forwarding.as_ref());
        let local = Local { advertiser, forwarding, native: native.as_ref() };
        while let Some(family) = startup.poll_heard_out(now, &config.bgp, peers, rib, local) {
            export.hold_end_of_rib(family, false);
        }
        let of_rows = local.forwarding.filter(|forwarding| forwarding.keeps_stale());
        let rows = of_rows.and_then(|_| startup.may_release(now, &[Family::L2vpnEvpn], peers, rib, local));
        let of_routes = local.native.filter(|native| native.keeps_stale());
        let routes = of_routes.and_then(|_| startup.may_release(now, &UNICAST, peers, rib, local));
        self.release(rows, routes);
        rows.is_some() || routes.is_some()
    }

    /// Lets go what a former run left in the kernel, where there is a reason to.
    fn release(&mut self, rows: Option<ReleaseReason>, routes: Option<ReleaseReason>) {
        if let Some((forwarding, reason)) = self.forwarding.as_mut().zip(rows) {
            forwarding.release_stale();
            self.log(LogLine::StaleReleased(Leftover::Rows, reason));
        }
        if let Some((native, reason)) = self.native.as_mut().zip(routes) {
            native.release_stale();
            self.log(LogLine::StaleReleased(Leftover::Routes, reason));
        }
    }
}

#[cfg(test)]
mod tests {
    use bgp::rib::Budget;
    use bgp::session::PeerRestart;

    use super::super::testing::*;
    use super::*;
    use crate::core::PeerNews;

    const EVPN: Family = Family::L2vpnEvpn;
    const PEERS: [u32; 2] = [0, 1];

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    /// Says End-of-RIB, and may have restarted itself.
    fn restart(restarting: bool) -> Option<PeerRestart> {
        Some(PeerRestart { restarting, ..says_end_of_rib() })
    }

    /// Whether End-of-RIB has been sent to a peer, and the kernel's former rows may go.
    fn standing(node: &Node, peer: u32) -> (bool, bool) {
        let status = node.core.export.status(&node.core.rib, PeerId(peer), EVPN);
        (status.unwrap().in_sync, !node.core.forwarding.as_ref().unwrap().keeps_stale())
    }

    #[test]
    fn sessions_begin_when_the_kernel_has_been_read() {
        let node = Node::new();
        assert_eq!(
            node.begun.map(|restarted| restarted.preserved.contains(EVPN)),
            Some(false),
            "nothing was there"
        );
        let node = Node::with_former_rows();
        assert_eq!(node.begun.map(|restarted| restarted.preserved.contains(EVPN)), Some(true));
    }

    #[test]
    fn a_leaf_passes_nothing_on_and_says_end_of_rib_at_once() {
        let mut node = Node::new();
        node.up_with(0, restart(false));
        node.run();
        assert_eq!(standing(&node, 0), (true, false), "but the kernel waits for both reflectors");
        node.up_with(1, restart(false));
        PEERS.into_iter().for_each(|peer| node.peer(peer, PeerNews::EndOfRib(EVPN)));
        node.run();
        assert_eq!(standing(&node, 0), (true, true));
    }

    #[test]
    fn a_reflector_hears_the_others_out() {
        for (other, for_long) in [(restart(false), true), (restart(true), false), (None, false)] {
            let mut node = Node::reflector();
            PEERS.into_iter().for_each(|peer| node.up_with(peer, other.clone()));
            node.run();
            assert!(!standing(&node, 0).0, "{other:?}");
            node.pass(seconds(5));
            assert_eq!(!standing(&node, 0).0, for_long, "who may not say so has had its time: {other:?}");
            PEERS.into_iter().for_each(|peer| node.peer(peer, PeerNews::EndOfRib(EVPN)));
            node.run();
            assert!(standing(&node, 0).0);
        }
    }

    #[test]
    fn nobody_is_waited_for_beyond_the_deadline() {
        let mut node = Node::reflector();
        node.up_with(0, restart(false));
        node.run();
        assert_eq!(standing(&node, 0), (false, false));
        assert!(node.core.poll_timeout(node.now).is_some_and(|due| due <= node.now + DEADLINE));
        node.pass(DEADLINE);
        assert_eq!(standing(&node, 0), (true, true));
    }

    /// Nothing else may happen for long: the turn that lets rows go says itself that there is more to do.
    #[test]
    fn what_is_let_go_goes_though_nothing_else_happens() {
        let mut node = Node::with_former_rows();
        assert_eq!(node.core.forwarding.as_ref().unwrap().fib.rows().count(), 1);
        node.now += DEADLINE;
        assert!(node.core.settle(node.now, &mut Budget::new(100)));
        node.run();
        assert_eq!(node.core.forwarding.as_ref().unwrap().fib.rows().count(), 0);
    }
}
