//! What all daemons can do, each in its own words.

use super::Router;
use crate::kind::Daemon;

impl Router {
    /// Its sessions are signed with this key (RFC 2385).
    #[must_use]
    pub fn password(self, key: &str) -> Router {
        let line = match self.daemon {
            Daemon::Linnet => format!("password: {key}"),
            Daemon::Frr => format!("password {key}"),
            Daemon::Bird => format!("password \"{key}\";"),
            Daemon::Gobgp => format!("auth-password = \"{key}\""),
            Daemon::Openbgpd => format!("tcp md5sig password \"{key}\""),
        };
        self.session(&line)
    }

    /// It waits to be connected to.
    #[must_use]
    pub fn passive(self) -> Router {
        let line = match self.daemon {
            Daemon::Linnet => "passive: true",
            Daemon::Frr | Daemon::Openbgpd => "passive",
            Daemon::Bird => "passive on;",
            Daemon::Gobgp => "[neighbors.transport.config]\npassive-mode = true",
        };
        self.session(line)
    }

    /// linnetd is its client (RFC 4456).
    #[must_use]
    pub fn reflects(self) -> Router {
        match self.daemon {
            Daemon::Linnet => self.session("route_reflector_client: true"),
            Daemon::Frr => self.family("route-reflector-client"),
            Daemon::Bird => self.session("rr client;"),
            Daemon::Gobgp => {
                let table = "[neighbors.route-reflector.config]\nroute-reflector-client = true";
                let id = format!("{table}\nroute-reflector-cluster-id = \"{}\"", self.id());
                self.session(&id)
            }
            Daemon::Openbgpd => self.session("route-reflector"),
        }
    }

    /// It takes and sends several paths of a destination (RFC 7911).
    #[must_use]
    pub fn add_path(self) -> Router {
        let line = match self.daemon {
            Daemon::Linnet => "add_path: { receive: true, send: all }",
            Daemon::Frr => "addpath-tx-all-paths",
            Daemon::Bird => "add paths on;",
            Daemon::Gobgp => "[neighbors.afi-safis.add-paths.config]\nreceive = true\nsend-max = 8",
            Daemon::Openbgpd => "announce add-path recv yes\nannounce add-path send all",
        };
        self.family(line)
    }

    /// It takes and sends IPv4 routes by IPv6 next hops (RFC 8950), if it can. GoBGP always says that it does.
    #[must_use]
    pub fn extended_next_hop(self) -> Router {
        match self.daemon {
            Daemon::Linnet => self.session("extended_next_hop: true"),
            Daemon::Frr => self.session("capability extended-nexthop"),
            Daemon::Bird => self.family("extended next hop on;"),
            Daemon::Gobgp | Daemon::Openbgpd => self,
        }
    }

    /// It restarts gracefully, and helps linnetd to (RFC 4724), as far as it can.
    #[must_use]
    pub fn restarts_gracefully(self) -> Router {
        match self.daemon {
            Daemon::Linnet | Daemon::Openbgpd => self,
            Daemon::Frr => {
                self.speaker("bgp graceful-restart").speaker("bgp graceful-restart preserve-fw-state")
            }
            Daemon::Bird => self.session("graceful restart on; long lived graceful restart on;"),
            Daemon::Gobgp => self
                .session(
                    "[neighbors.graceful-restart.config]\nenabled = true\nrestart-time = 120\nnotification-enabled = true",
                )
                .family("[neighbors.afi-safis.mp-graceful-restart.config]\nenabled = true"),
        }
    }

    /// It knows no AS numbers of four octets (RFC 6793). GoBGP cannot but know them.
    #[must_use]
    pub fn of_two_octets(self) -> Router {
        match self.daemon {
            Daemon::Linnet | Daemon::Gobgp => self,
            Daemon::Frr => self.session("dont-capability-negotiate"),
            Daemon::Bird => self.session("enable as4 off;"),
            Daemon::Openbgpd => self.session("announce as-4byte no"),
        }
    }
}
