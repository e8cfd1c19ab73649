//! Sockets with permissions, TCP with TLS, health: as `linnet` meets them.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::{fs, process};

use anyhow::{Context, Result, ensure};
use lab::{daemon, skip, skip_if};

use crate::certificates::Authority;
use crate::hub::{self, Hub};

/// What `linnet` with these words prints on either stream, and how it ends; as another user where that is given.
fn linnet(hub: &Hub, user: Option<&str>, words: &str) -> Result<(i32, String)> {
    let program = daemon::linnet_cli()?;
    let line = format!("{} {} {words} 2>&1", user.unwrap_or_default(), program.display());
    let mut command = process::Command::new("sh");
    command.args(["-c", &line]);
    hub.linnet.netns().wrap(&mut command);
    let output = command.output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok((output.status.code().context("it was killed")?, text))
}

/// nobody, without any right of root's.
const NOBODY: &str = "setpriv --reuid=65534 --regid=65534 --clear-groups";

#[test]
fn a_socket_is_for_whom_its_permissions_name() -> Result<()> {
    skip_if!(hub::missing(&[]));
    let api = "api:\n  socket_mode: \"0600\"\n  read_only_socket: /run/linnet/read.sock\n  \
               read_only_socket_mode: \"0660\"\n  read_only_socket_group: 65534\n";
    let hub = crate::linnetd(api)?;
    let mode = |path: &'static str| -> Result<u32> {
        Ok(hub.linnet.netns().run(|| fs::metadata(path))??.permissions().mode() & 0o777)
    };
    assert_eq!((mode("/run/linnet/linnet.sock")?, mode("/run/linnet/read.sock")?), (0o600, 0o660));
    if hub.linnet.sh(&format!("{NOBODY} true")).is_err() {
        skip!("no other user is to be had here");
    }
    let readable = daemon::linnet_cli().is_ok_and(|program| {
        program.ancestors().skip(1).all(|folder| {
            folder.as_os_str().is_empty()
                || fs::metadata(folder).is_ok_and(|folder| folder.permissions().mode() & 0o001 != 0)
        })
    });
    if !readable {
        skip!("the folder of linnet is not for other users");
    }
    let (code, said) = linnet(&hub, Some(NOBODY), "status")?;
    ensure!(code == 1 && said.contains("not allowed to talk to linnetd") && said.contains("sudo"), "{said}");
    let (code, said) = linnet(&hub, Some(NOBODY), "--socket /run/linnet/read.sock status")?;
    ensure!(code == 0, "{said}");
    let (code, said) = linnet(&hub, Some(NOBODY), "--socket /run/linnet/read.sock neighbor 10.1.1.1 reset")?;
    ensure!(code == 1 && said.contains("this socket is for reading"), "{said}");
    Ok(())
}

#[test]
fn over_tcp_a_certificate_says_who_may_do_what() -> Result<()> {
    skip_if!(hub::missing(&[]));
    let authority = Authority::new()?;
    let server = authority.sign("linnetd", &["192.0.2.1"])?;
    let clients = ["alice", "bob", "carol"].map(|name| authority.sign(name, &[]));
    let at = authority.folder();
    let api = format!(
        "api:\n  listen: \"192.0.2.1:50151\"\n  tls:\n    certificate_file: {server}.pem\n    key_file: {server}.key\n    \
         client_ca_file: {at}/ca.pem\n    read_write: [alice]\n    read_only: [bob]\n"
    );
    let hub = crate::linnetd(&api)?;
    let [alice, bob, carol] = clients;
    let ask = |identity: &str, words: &str| {
        let own = format!("--tls-cert {identity}.pem --tls-key {identity}.key");
        linnet(&hub, None, &format!("--address 192.0.2.1:50151 --tls-ca {at}/ca.pem {own} {words}"))
    };
    let (code, said) = ask(&alice?, "neighbor 10.1.1.1 softreset")?;
    ensure!(!said.contains("may only read") && !said.contains("may change"), "{code} {said}");
    let bob = bob?;
    let (code, said) = ask(&bob, "health")?;
    ensure!(code == 0, "{said}");
    let (code, said) = ask(&bob, "neighbor 10.1.1.1 reset")?;
    ensure!(code == 1 && said.contains("bob may only read"), "{said}");
    let (code, said) = ask(&carol?, "status")?;
    ensure!(code == 1 && said.contains("(carol)"), "{said}");

    let (code, said) = linnet(&hub, None, &format!("--address 192.0.2.1:50151 --tls-ca {at}/ca.pem status"))?;
    ensure!(code == 1 && said.contains("asks who you are") && said.contains("--tls-cert"), "{said}");
    let (code, said) = linnet(&hub, None, "--address 192.0.2.1:50151 status")?;
    ensure!(code == 1 && said.contains("--tls-ca"), "{said}");
    let other = Authority::new()?;
    let (code, said) =
        linnet(&hub, None, &format!("--address 192.0.2.1:50151 --tls-ca {}/ca.pem status", other.folder()))?;
    ensure!(code == 1 && said.contains("is not to be trusted"), "{said}");
    Ok(())
}

/// Whoever comes from elsewhere without a name may read, and no more.
#[test]
fn tls_alone_lets_strangers_read() -> Result<()> {
    skip_if!(hub::missing(&[]));
    let authority = Authority::new()?;
    let server = authority.sign("linnetd", &["leaf1.example"])?;
    let api = format!(
        "api:\n  listen: \"192.0.2.1:50151\"\n  tls: {{ certificate_file: {server}.pem, key_file: {server}.key }}\n"
    );
    let hub = crate::linnetd(&api)?;
    let way = format!("--address 192.0.2.1:50151 --tls-ca {}/ca.pem", authority.folder());
    let (code, said) = linnet(&hub, None, &format!("{way} status"))?;
    ensure!(code == 1 && said.contains("it is for another name") && said.contains("--tls-name"), "{said}");
    let way = format!("{way} --tls-name leaf1.example");
    let (code, said) = linnet(&hub, None, &format!("{way} status"))?;
    ensure!(code == 0, "{said}");
    let (code, said) = linnet(&hub, None, &format!("{way} config reload"))?;
    ensure!(code == 1 && said.contains("who shows no certificate may only read"), "{said}");
    Ok(())
}

#[test]
fn health_ends_with_the_daemon() -> Result<()> {
    skip_if!(hub::missing(&[]));
    let mut hub = crate::linnetd("evpn:\n  vtep: 192.0.2.1\n  advertise_all_vni: true\nnative: {}\n")?;
    let (code, said) = linnet(&hub, None, "health")?;
    ensure!(code == 0 && said.contains("linnet.v1.Evpn"), "{said}");
    hub.linnet.stop_daemon()?;
    let (code, said) = linnet(&hub, None, "health")?;
    ensure!(code == 1 && said.contains("linnetd is not running: no socket"), "{said}");
    ensure!(!hub.linnet.netns().run(|| Path::new("/run/linnet/linnet.sock").exists())?, "the socket is left");
    Ok(())
}
