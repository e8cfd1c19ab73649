//! Health, as `grpc.health.v1` asks for it: of each service, and by the empty name of all together.

use tokio::sync::watch;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::methods::services;

/// What the daemon has of what its services rest on. What the configuration does not ask for is not waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// The configuration is in force.
    pub configured: bool,
    /// The kernel's tables of EVPN have been read in full.
    pub evpn: bool,
    /// The kernel's routes have been read in full.
    pub routes: bool,
}

impl Readiness {
    /// It has everything.
    pub const FULL: Readiness = Readiness { configured: true, evpn: true, routes: true };

    /// Whether a service can say what it is asked for.
    fn serves(self, service: &str) -> bool {
        let Readiness { configured, evpn, routes } = self;
        configured
            && match service {
                "linnet.v1.Evpn" => evpn,
                // Which path is best depends on the routes to next hops.
                "linnet.v1.Rib" | "linnet.v1.Routes" | "linnet.v1.Native" => routes,
                "" | "linnet.v1.Fib" => evpn && routes,
                _ => true,
            }
    }
}

/// Tells how the services stand, until the daemon ends: then none serves.
pub(super) async fn follow(
    reporter: HealthReporter,
    mut readiness: watch::Receiver<Readiness>,
    mut ended: watch::Receiver<()>,
) {
    loop {
        let now = *readiness.borrow_and_update();
        tell(&reporter, now).await;
        tokio::select! {
            changed = readiness.changed() => if changed.is_err() { break },
            _ = ended.changed() => break,
        }
    }
    tell(&reporter, Readiness::default()).await;
}

/// Who watches is told each time; so it is called when something has changed.
pub(super) async fn tell(reporter: &HealthReporter, readiness: Readiness) {
    for service in std::iter::once("").chain(services()) {
        let serves = readiness.serves(service);
        let status = if serves { ServingStatus::Serving } else { ServingStatus::NotServing };
        reporter.set_service_status(service, status).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serving(readiness: Readiness) -> Vec<&'static str> {
        services().filter(|service| readiness.serves(service)).collect()
    }

    #[test]
    fn nothing_serves_without_a_configuration() {
        let readiness = Readiness { configured: false, ..Readiness::FULL };
        assert!(serving(readiness).is_empty() && !readiness.serves(""));
    }

    #[test]
    fn who_rests_on_the_kernel_waits_for_it() {
        let all = services().count();
        assert_eq!(serving(Readiness::FULL).len(), all);
        assert!(Readiness::FULL.serves(""));
        let without_evpn = Readiness { evpn: false, ..Readiness::FULL };
        let waiting: Vec<_> = services().filter(|service| !without_evpn.serves(service)).collect();
        assert_eq!(waiting, ["linnet.v1.Evpn", "linnet.v1.Fib"]);
        let without_routes = Readiness { routes: false, ..Readiness::FULL };
        assert_eq!(serving(without_routes).len(), all - 4);
        assert!(!without_evpn.serves("") && !without_routes.serves(""));
    }
}
