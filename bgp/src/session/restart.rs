//! Graceful restart as two speakers agree upon it (RFC 4724, RFC 8538, RFC 9494): what our OPEN says of it, what
//! the peer's does, and which ends of a session its routes outlive.
//!
//! Who restarts and who helps are the same two speakers in turn, so that there is one capability for both. What
//! becomes of the routes meanwhile, and for how long, is the owner's of the table to see to.

use std::time::{Duration, Instant};

use super::config::SessionConfig;
use super::down::{Down, Reason};
use crate::types::{Family, FamilySet};
use crate::wire::{Capability, LongLivedFamily, Open};

/// What a speaker knows of its own restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restarted {
    /// When it began to run.
    pub at: Instant,
    /// What forwards for these families has outlived the restart. Later in a run, that goes for all of them.
    pub preserved: FamilySet,
}

/// What the peer does for its routes that outlive a session. There is none unless both sides offer it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerRestart {
    /// R: it has restarted, and waits for nobody's End-of-RIB.
    pub restarting: bool,
    /// How long it says that it takes to be back.
    pub restart_time: Duration,
    /// Its routes outlive a NOTIFICATION and the hold timer, too, as both sides have offered.
    pub notification: bool,
    /// The families that it restarts gracefully, of those that are spoken.
    pub families: FamilySet,
    /// F: of these, it has kept what forwards for them.
    pub preserved: FamilySet,
    /// The families whose routes may be kept for long; `None` unless both sides offer that.
    pub long_lived: Option<Vec<LongLived>>,
}

/// A family whose routes may be kept for long (RFC 9494).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongLived {
    /// Which.
    pub family: Family,
    /// How long the peer says they are worth it, after the restart time.
    pub stale_time: Duration,
    /// F: the peer has kept what forwards for it.
    pub preserved: bool,
}

/// What the next OPEN says of this speaker's own restart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct OwnRestart {
    pub(super) restarting: bool,
    pub(super) preserved: FamilySet,
}

impl OwnRestart {
    /// As it is `now`, in a session that has been established before in this run or not. That a speaker has
    /// restarted is news for its restart time, in which its peers wait for it.
    pub(super) fn of(
        config: &SessionConfig,
        restarted: Option<Restarted>,
        now: Instant,
        came_up_before: bool,
    ) -> OwnRestart {
        let Some(restart) = &config.restart else { return OwnRestart::default() };
        let time = Duration::from_secs(restart.restart_time.into());
        OwnRestart {
            restarting: restarted.is_some_and(|restarted| now < restarted.at + time),
            preserved: match restarted {
                Some(restarted) if !came_up_before => restarted.preserved,
                _ => config.families,
            },
        }
    }
}

/// The capabilities to offer.
pub(super) fn capabilities(config: &SessionConfig, own: OwnRestart) -> Vec<Capability> {
    let Some(restart) = &config.restart else { return Vec::new() };
    let families = || config.families.iter();
    let graceful = Capability::GracefulRestart {
        restarting: own.restarting,
        notification: restart.notification,
        time: restart.restart_time,
        families: families().map(|f| (f.afi(), f.safi(), own.preserved.contains(f))).collect(),
    };
    let long_lived = restart.long_lived.map(|stale_time| {
        let family = |f: Family| LongLivedFamily {
            afi: f.afi(),
            safi: f.safi(),
            preserved: own.preserved.contains(f),
            stale_time,
        };
        Capability::LongLivedGracefulRestart(families().map(family).collect())
    });
    [graceful].into_iter().chain(long_lived).collect()
}

/// What the two OPENs agree upon, where `spoken` are the families in common.
pub(super) fn agreed(ours: &Open, theirs: &Open, spoken: FamilySet) -> Option<PeerRestart> {
    let (_, our_notification, _, _) = graceful(ours)?;
    let (restarting, notification, time, families) = graceful(theirs)?;
    let families = families.iter().filter_map(|&(afi, safi, preserved)| {
        Family::new(afi, safi).filter(|f| spoken.contains(*f)).map(|family| (family, preserved))
    });
    let preserved = families.clone().filter_map(|(family, preserved)| preserved.then_some(family));
    Some(PeerRestart {
        restarting,
        restart_time: Duration::from_secs(time.into()),
        notification: notification && our_notification,
        families: families.clone().map(|(family, _)| family).collect(),
        preserved: preserved.collect(),
        long_lived: long_lived(ours).and_then(|_| long_lived(theirs)).map(|list| spoken_of(list, spoken)),
    })
}

type Graceful<'a> = (bool, bool, u16, &'a [(crate::types::Afi, crate::types::Safi, bool)]);

/// Of several such capabilities the last counts (RFC 4724 section 3).
fn graceful(open: &Open) -> Option<Graceful<'_>> {
    open.capabilities.iter().rev().find_map(|capability| match capability {
        Capability::GracefulRestart { restarting, notification, time, families } => {
            Some((*restarting, *notification, *time, families.as_slice()))
        }
        _ => None,
    })
}

fn long_lived(open: &Open) -> Option<&[LongLivedFamily]> {
    open.capabilities.iter().rev().find_map(|capability| match capability {
        Capability::LongLivedGracefulRestart(families) => Some(families.as_slice()),
        _ => None,
    })
}

fn spoken_of(list: &[LongLivedFamily], spoken: FamilySet) -> Vec<LongLived> {
    let family = |offer: &LongLivedFamily| {
        let family = Family::new(offer.afi, offer.safi).filter(|f| spoken.contains(*f))?;
        let stale_time = Duration::from_secs(offer.stale_time.into());
        Some(LongLived { family, stale_time, preserved: offer.preserved })
    };
    list.iter().filter_map(family).collect()
}

impl PeerRestart {
    /// The families whose routes outlive a session that ended so.
    pub fn kept_after(&self, down: &Down) -> FamilySet {
        let is_survived = match down {
            Down::Transport(_) | Down::Local(Reason::Restarted) => true,
            Down::Local(Reason::Stopped(_)) => false,
            Down::Local(_) => self.notification,
            Down::Remote(notification) => self.notification && !notification.is_hard_reset(),
        };
        if is_survived { self.keepable() } else { FamilySet::EMPTY }
    }

    /// The families whose routes are worth being kept at all.
    pub fn keepable(&self) -> FamilySet {
        let long_lived = self.long_lived.iter().flatten().map(|offer| offer.family);
        self.families.iter().chain(long_lived).collect()
    }

    /// What is said about keeping the routes of `family` for long.
    pub fn long_lived(&self, family: Family) -> Option<&LongLived> {
        self.long_lived.iter().flatten().find(|offer| offer.family == family)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{RemoteAs, RestartConfig, StopReason, TransportFault};
    use crate::types::{Asn, RouterId};
    use crate::wire::Notification;

    const EVPN: Family = Family::L2vpnEvpn;
    const V4: Family = Family::Ipv4Unicast;

    fn set(families: &[Family]) -> FamilySet {
        families.iter().copied().collect()
    }

    fn config(restart: Option<RestartConfig>) -> SessionConfig {
        let config =
            SessionConfig::new(Asn(65000), RouterId([10, 0, 0, 1].into()), RemoteAs::Any, set(&[EVPN, V4]));
        SessionConfig { restart, ..config }
    }

    fn restart() -> RestartConfig {
        RestartConfig { restart_time: 120, notification: true, long_lived: None }
    }

    fn open(config: &SessionConfig, own: OwnRestart) -> Open {
        Open {
            asn: config.local_asn,
            hold_time: 90,
            router_id: config.router_id,
            capabilities: capabilities(config, own),
        }
    }

    #[test]
    fn who_restarted_says_so_for_a_time() {
        let now = Instant::now();
        let config = config(Some(restart()));
        let restarted = Some(Restarted { at: now, preserved: set(&[EVPN]) });
        let own = OwnRestart::of(&config, restarted, now, false);
        assert_eq!((own.restarting, own.preserved), (true, set(&[EVPN])));
        let later = OwnRestart::of(&config, restarted, now + Duration::from_secs(120), true);
        assert_eq!((later.restarting, later.preserved), (false, config.families), "it has run all the while");
        let [capability] = &capabilities(&config, own)[..] else { panic!() };
        assert_eq!(
            capability.to_string(),
            "graceful-restart 120s restarting notification ipv4-unicast l2vpn-evpn (preserved)"
        );
    }

    #[test]
    fn both_must_offer() {
        let with = open(&config(Some(restart())), OwnRestart::default());
        let without = open(&config(None), OwnRestart::default());
        assert_eq!(agreed(&with, &without, set(&[EVPN])), None);
        assert_eq!(agreed(&without, &with, set(&[EVPN])), None);
        let agreed_on = agreed(&with, &with, set(&[EVPN])).unwrap();
        assert_eq!((agreed_on.families, agreed_on.long_lived), (set(&[EVPN]), None), "of those spoken");
        let quiet =
            open(&config(Some(RestartConfig { notification: false, ..restart() })), OwnRestart::default());
        assert!(!agreed(&quiet, &with, set(&[EVPN])).unwrap().notification);
        let long =
            open(&config(Some(RestartConfig { long_lived: Some(3600), ..restart() })), OwnRestart::default());
        assert_eq!(agreed(&long, &with, set(&[V4])).unwrap().long_lived, None);
        let both = agreed(&long, &long, set(&[V4])).unwrap();
        assert_eq!(both.long_lived(V4).unwrap().stale_time, Duration::from_secs(3600));
        assert_eq!(both.long_lived(EVPN), None);
    }

    #[test]
    fn which_ends_are_survived() {
        let peer = |notification| PeerRestart {
            restarting: false,
            restart_time: Duration::from_secs(120),
            notification,
            families: set(&[EVPN]),
            preserved: FamilySet::EMPTY,
            long_lived: None,
        };
        let cease = Notification::ADMINISTRATIVE_SHUTDOWN;
        let ours = |reason| Down::Local(reason);
        for (down, plainly, with_notification) in [
            (Down::Transport(TransportFault::Closed), true, true),
            (ours(Reason::Restarted), true, true),
            (ours(Reason::HoldTimer), false, true),
            (Down::Remote(cease.clone()), false, true),
            (Down::Remote(cease.hard()), false, false),
            (ours(Reason::Stopped(StopReason::Shutdown(None))), false, false),
            (ours(Reason::Stopped(StopReason::Deconfigured)), false, false),
        ] {
            let kept = [false, true].map(|n| !peer(n).kept_after(&down).is_empty());
            assert_eq!(kept, [plainly, with_notification], "{down}");
        }
    }
}
