//! Getting the programs that the tests run against.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use lab::daemon::find_program;

use crate::ui;

/// What the tests use, and the packages of Debian and Ubuntu that hold it.
const PROGRAMS: &[(&str, &str)] = &[
    ("ip", "iproute2"),
    ("bridge", "iproute2"),
    ("/usr/lib/frr/zebra", "frr"),
    ("/usr/lib/frr/bgpd", "frr"),
    ("vtysh", "frr"),
    ("bird", "bird2"),
    ("birdc", "bird2"),
    ("gobgpd", "gobgpd"),
    ("gobgp", "gobgpd"),
    ("/usr/sbin/bgpd", "openbgpd"),
    ("/usr/sbin/bgpctl", "openbgpd"),
    ("timeout", "coreutils"),
    ("ping", "iputils-ping"),
    ("tshark", "tshark"),
    ("tmux", "tmux"),
    ("nft", "nftables"),
    ("strace", "strace"),
];

/// What a kernel is booted with as a process.
const FULL_KERNEL: &[(&str, &str)] = &[
    ("linux.uml", "user-mode-linux"),
    ("modprobe", "kmod"),
    ("findmnt", "util-linux"),
    ("unshare", "util-linux"),
    ("cc", "gcc"),
];

/// Tells Debian's packages whether they may start their services (/usr/share/doc/init-system-helpers).
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Installs what is missing where that is possible; says what is missing where it is not.
pub(crate) fn ensure_programs() {
    let missing = missing(PROGRAMS);
    if missing.is_empty() {
        return ui::text("everything that the tests need is there");
    }
    let programs: Vec<&str> = missing.iter().map(|(program, _)| *program).collect();
    ui::text(&format!("missing: {}", programs.join(", ")));
    let packages = packages(&missing);
    if !can_install() {
        let advice = format!(
            "tests that need these are skipped; to have them run: apt-get install {}",
            packages.join(" ")
        );
        return ui::text(&advice);
    }
    if let Err(error) = install(&packages) {
        ui::bad(&format!("{error:#}; tests that need these are skipped"));
    }
}

/// Installs what a kernel is booted with, where it is missing.
///
/// # Errors
/// It is missing, and this is no Debian or Ubuntu, or nobody is allowed to install anything, or it cannot be fetched.
pub(crate) fn ensure_full_kernel() -> Result<()> {
    let missing = missing(FULL_KERNEL);
    if missing.is_empty() {
        return Ok(());
    }
    let packages = packages(&missing);
    ensure!(can_install(), "missing; to have it: apt-get install {}", packages.join(" "));
    install(&packages)
}

fn missing(of: &'static [(&str, &str)]) -> Vec<(&'static str, &'static str)> {
    of.iter().copied().filter(|(program, _)| find_program(program).is_none()).collect()
}

fn packages(missing: &[(&'static str, &'static str)]) -> Vec<&'static str> {
    let mut packages: Vec<&str> = missing.iter().map(|(_, package)| *package).collect();
    packages.dedup();
    packages
}

fn can_install() -> bool {
    Path::new("/etc/debian_version").exists() && find_program("apt-get").is_some() && is_root()
}

/// Whether this process is root's.
pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

fn install(packages: &[&str]) -> Result<()> {
    let _quiet = NoServices::begin()?;
    apt_get(&["update", "-qq"])?;
    // One by one, so that a package that a distribution does not have costs only its own tests.
    let install = |package: &&str| apt_get(&["install", "-y", "-qq", "--no-install-recommends", package]);
    let failed: Vec<&str> = packages.iter().filter(|package| install(package).is_err()).copied().collect();
    ensure!(failed.is_empty(), "could not install {}", failed.join(", "));
    Ok(())
}

fn apt_get(words: &[&str]) -> Result<()> {
    ui::command_on_the_way(&format!("apt-get {}", words.join(" ")));
    let mut command = Command::new("apt-get");
    command.args(words).env("DEBIAN_FRONTEND", "noninteractive").stdout(io::stderr());
    let status = command.status()?;
    ensure!(status.success(), "apt-get {} failed", words.join(" "));
    Ok(())
}

/// While it lives, packages that are installed do not start their services: routing daemons that nobody asked for
/// must not listen on the machine. A policy that is there already is left to rule.
struct NoServices {
    ours: bool,
}

impl NoServices {
    fn begin() -> Result<NoServices> {
        if Path::new(POLICY).exists() {
            return Ok(NoServices { ours: false });
        }
        fs::write(POLICY, "#!/bin/sh\nexit 101\n").with_context(|| format!("cannot write {POLICY}"))?;
        let policy = NoServices { ours: true };
        fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755))?;
        Ok(policy)
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours {
            let _ = fs::remove_file(POLICY);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_asked_for_once() {
        assert_eq!(
            packages(&[("bird", "bird2"), ("birdc", "bird2"), ("gobgp", "gobgpd")]),
            ["bird2", "gobgpd"]
        );
    }
}
