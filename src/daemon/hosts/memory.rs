//! The file in which it stands which hosts are attached here.
//!
//! ```text
//! linnet hosts 1
//! 100 192.168.1.11 02:00:00:00:00:11
//! ```
//!
//! It says whom to ask, not what to believe: a file that is old, or another node's, costs some questions. What cannot be
//! read is said once, and all goes on without.

use std::io;
use std::path::{Path, PathBuf};

use tokio::sync::watch;
use tracing::warn;

use crate::daemon::whole_file;
use crate::presence::KnownHost;

/// The first line: what the others mean.
const HEAD: &str = "linnet hosts 1";

/// Writes down what is said last, until nobody says anything any more. That it cannot is said once.
pub(super) async fn keep(mut newest: watch::Receiver<Option<(PathBuf, Vec<KnownHost>)>>) {
    let mut warned = false;
    while newest.changed().await.is_ok() {
        let Some((file, hosts)) = newest.borrow_and_update().clone() else { continue };
        let name = file.display().to_string();
        let written = tokio::task::spawn_blocking(move || write(&file, hosts)).await;
        match written.unwrap_or_else(|died| Err(io::Error::other(died))) {
            Ok(()) => warned = false,
            Err(error) if !std::mem::replace(&mut warned, true) => {
                warn!(
                    "evpn.state_file: {name}: {error}; hosts that say nothing are not found again after a restart"
                );
            }
            Err(_) => {}
        }
    }
}

/// What a file says; nothing where there is none.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(file: &Path) -> Result<Vec<KnownHost>, String> {
    let in_file = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(in_file(&error)),
    };
    let mut lines = text.lines();
    if lines.next() != Some(HEAD) {
        return Err(in_file(&format_args!("it does not begin with `{HEAD}`")));
    }
    let hosts: Option<Vec<KnownHost>> = lines.map(host).collect();
    hosts.ok_or_else(|| in_file(&"a line is not VNI, address and MAC"))
}

fn host(line: &str) -> Option<KnownHost> {
    let mut words = line.split_ascii_whitespace();
    let (vni, ip, mac) = (words.next()?, words.next()?, words.next()?);
    let vni = vni.parse().ok().and_then(bgp::types::Vni::new)?;
    Some(KnownHost { vni, ip: ip.parse().ok()?, mac: mac.parse().ok()? }).filter(|_| words.next().is_none())
}

fn write(file: &Path, mut hosts: Vec<KnownHost>) -> io::Result<()> {
    hosts.sort_unstable();
    let lines = hosts.iter().map(|KnownHost { vni, ip, mac }| format!("{vni} {ip} {mac}\n"));
    whole_file::replace(
        file,
        &[HEAD.to_owned(), "\n".to_owned()].into_iter().chain(lines).collect::<String>(),
    )
}

#[cfg(test)]
mod tests {
    use bgp::types::{Mac, Vni};

    use super::*;

    fn known(n: u8) -> KnownHost {
        let ip = format!("192.168.1.{n}").parse().unwrap();
        KnownHost { vni: Vni::new(100).unwrap(), ip, mac: Mac([2, 0, 0, 0, 0, n]) }
    }

    #[test]
    fn what_is_written_is_read_and_what_is_not_there_is_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hosts");
        assert_eq!(read(&file), Ok(Vec::new()));
        write(&file, vec![known(2), known(1)]).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(text.lines().nth(1), Some("100 192.168.1.1 02:00:00:00:00:01"));
        assert_eq!(read(&file), Ok(vec![known(1), known(2)]));
    }

    #[test]
    fn what_is_not_a_list_of_hosts_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hosts");
        for (text, fault) in [
            ("", "it does not begin with `linnet hosts 1`"),
            ("linnet hosts 2\n", "it does not begin with `linnet hosts 1`"),
            ("linnet hosts 1\n100 192.168.1.1 02:00", "a line is not VNI, address and MAC"),
            ("linnet hosts 1\n100 192.168.1.1 02:00:00:00:00:01 more", "a line is not VNI, address and MAC"),
            ("linnet hosts 1\n99999999 192.168.1.1 02:00:00:00:00:01", "a line is not VNI, address and MAC"),
        ] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(read(&file), Err(format!("{}: {fault}", file.display())), "{text}");
        }
    }
}
