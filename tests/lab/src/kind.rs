//! The kinds of daemon.

use std::fmt;

/// The kinds of daemon that a lab can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Daemon {
    /// linnetd, as this workspace built it.
    Linnet,
    /// FRR: zebra, bgpd and what else its `daemons` file says.
    Frr,
    /// BIRD.
    Bird,
    /// GoBGP.
    Gobgp,
    /// OpenBGPD.
    Openbgpd,
}

impl Daemon {
    /// What runs in a container of `image`, told from the image's own name.
    pub fn of_image(image: &str) -> Option<Daemon> {
        let name = image.rsplit('/').next().unwrap_or_default();
        let name = name.split([':', '@']).next().unwrap_or_default();
        match name {
            "linnet" => Some(Daemon::Linnet),
            "frr" => Some(Daemon::Frr),
            "bird" => Some(Daemon::Bird),
            "gobgp" => Some(Daemon::Gobgp),
            "openbgpd" => Some(Daemon::Openbgpd),
            _ => None,
        }
    }
}

impl fmt::Display for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Daemon::Linnet => "linnetd",
            Daemon::Frr => "FRR",
            Daemon::Bird => "BIRD",
            Daemon::Gobgp => "GoBGP",
            Daemon::Openbgpd => "OpenBGPD",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_tells_the_daemon() {
        for (image, daemon) in [
            ("linnet:latest", Some(Daemon::Linnet)),
            ("quay.io/frrouting/frr:10.2.1", Some(Daemon::Frr)),
            ("registry:5000/x/gobgp@sha256:00", Some(Daemon::Gobgp)),
            ("ghcr.io/srl-labs/network-multitool:latest", None),
        ] {
            assert_eq!(Daemon::of_image(image), daemon, "{image}");
        }
    }
}
