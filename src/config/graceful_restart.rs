//! Graceful restart: the section, at the top and at neighbours and groups, and what it means.

use std::time::Duration;

use bgp::session::RestartConfig;
use bgp::wire::capability::MAX_STALE_TIME;
use schemars::JsonSchema;
use serde::Deserialize;

/// What becomes of routes while this speaker or a neighbour restarts (RFC 4724, RFC 8538, RFC 9494). What is not
/// given at a neighbour is its group's, and then `bgp.graceful_restart`'s.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GracefulRestart {
    /// Restart gracefully, and help neighbours that do. True unless given.
    pub enabled: Option<bool>,
    /// Seconds that neighbours wait for linnetd to come back, 1 to 4095. 120 unless given.
    pub restart_time: Option<u16>,
    /// Seconds that a neighbour that is back may take to announce its routes again. 360 unless given.
    pub stale_time: Option<u32>,
    /// Keep routes when a session ends by a NOTIFICATION or its hold timer, too (RFC 8538). True unless given.
    pub notification: Option<bool>,
    /// Keep routes for long when a neighbour is not back in time (RFC 9494).
    pub long_lived: Option<LongLived>,
}

/// Routes of neighbours that are away for long: kept, preferred least (RFC 9494).
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LongLived {
    /// Offer it. False unless given.
    pub enabled: Option<bool>,
    /// Seconds beyond the restart time, 1 to 16777215: what linnetd asks for, and the most it grants. 3600 unless
    /// given.
    pub stale_time: Option<u32>,
}

/// What holds for one neighbour that restarts gracefully and is helped to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestartSettings {
    /// Seconds that it is asked to wait for us.
    pub restart_time: u16,
    /// How long it may take to announce its routes again once it is back.
    pub stale_time: Duration,
    /// NOTIFICATIONs and the hold timer are survived.
    pub notification: bool,
    /// How long its routes are kept when it is not back in time; `None`: not at all.
    pub long_lived: Option<Duration>,
}

impl GracefulRestart {
    /// This, and where it says nothing the other.
    #[must_use]
    pub fn or(self, other: &GracefulRestart) -> GracefulRestart {
        let long_lived = match (self.long_lived, other.long_lived.clone()) {
            (Some(own), Some(other)) => Some(LongLived {
                enabled: own.enabled.or(other.enabled),
                stale_time: own.stale_time.or(other.stale_time),
            }),
            (own, other) => own.or(other),
        };
        GracefulRestart {
            enabled: self.enabled.or(other.enabled),
            restart_time: self.restart_time.or(other.restart_time),
            stale_time: self.stale_time.or(other.stale_time),
            notification: self.notification.or(other.notification),
            long_lived,
        }
    }

    /// What it means; `None` where it is not enabled.
    pub(super) fn settings(&self) -> Option<RestartSettings> {
        let long_lived = self.long_lived.clone().unwrap_or_default();
        self.enabled.unwrap_or(true).then(|| RestartSettings {
            restart_time: self.restart_time.unwrap_or(120),
            stale_time: Duration::from_secs(self.stale_time.unwrap_or(360).into()),
            notification: self.notification.unwrap_or(true),
            long_lived: long_lived
                .enabled
                .unwrap_or(false)
                .then(|| Duration::from_secs(long_lived.stale_time.unwrap_or(3600).into())),
        })
    }

    /// Calls `find` with every key that has a value that it cannot have, and what would be right.
    pub(super) fn faults(&self, mut find: impl FnMut(&[&str], &str)) {
        if self.restart_time.is_some_and(|time| !(1..=4095).contains(&time)) {
            find(&["restart_time"], "1 to 4095 seconds (RFC 4724 section 3)");
        }
        if self.stale_time == Some(0) {
            find(&["stale_time"], "at least 1 second");
        }
        let long = self.long_lived.as_ref().and_then(|long_lived| long_lived.stale_time);
        if long.is_some_and(|time| !(1..=MAX_STALE_TIME).contains(&time)) {
            find(&["long_lived", "stale_time"], "1 to 16777215 seconds (RFC 9494 section 3)");
        }
    }
}

impl RestartSettings {
    /// What the session is to offer.
    pub fn offer(&self) -> RestartConfig {
        RestartConfig {
            restart_time: self.restart_time,
            notification: self.notification,
            long_lived: self.long_lived.map(|time| u32::try_from(time.as_secs()).unwrap_or(MAX_STALE_TIME)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn settings(sections: [&str; 3]) -> Option<RestartSettings> {
        let [top, group, neighbor] = sections;
        let text = format!(
            "bgp:
  asn: 65000
  router_id: 10.0.0.1
  graceful_restart: {{ {top} }}
  peer_groups:
    - {{ name: all, remote_as: 65000, graceful_restart: {{ {group} }} }}
  neighbors:
    - {{ address: 10.0.1.1, peer_group: all, graceful_restart: {{ {neighbor} }} }}
"
        );
        let config = Config::parse("test", &text).unwrap_or_else(|faults| panic!("{faults}"));
        config.bgp.neighbors.first().unwrap().graceful_restart
    }

    #[test]
    fn on_unless_said_otherwise_and_each_key_inherited() {
        let default = settings(["", "", ""]).unwrap();
        assert_eq!((default.restart_time, default.stale_time.as_secs()), (120, 360));
        assert_eq!((default.notification, default.long_lived), (true, None));
        assert_eq!(settings(["", "enabled: false", ""]), None);
        let merged = settings([
            "enabled: false, restart_time: 60, long_lived: { stale_time: 100 }",
            "restart_time: 30, notification: false",
            "enabled: true, long_lived: { enabled: true }",
        ])
        .unwrap();
        assert_eq!((merged.restart_time, merged.notification), (30, false));
        assert_eq!(merged.long_lived, Some(Duration::from_secs(100)));
    }

    #[test]
    fn faults_are_at_their_keys() {
        let text = "bgp:
  asn: 65000
  router_id: 10.0.0.1
  graceful_restart: { restart_time: 4096, long_lived: { stale_time: 0 } }
  neighbors:
    - { address: 10.0.1.1, remote_as: 65000, graceful_restart: { stale_time: 0 } }
";
        let faults = Config::parse("test", text).unwrap_err().list;
        let at: Vec<_> = faults.iter().map(|fault| fault.path.to_string()).collect();
        assert_eq!(
            at,
            [
                "bgp.graceful_restart.restart_time",
                "bgp.graceful_restart.long_lived.stale_time",
                "bgp.neighbors[0].graceful_restart.stale_time",
            ]
        );
    }
}
