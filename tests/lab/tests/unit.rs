//! The systemd unit forbids nothing that linnetd needs: a trace of it at work, beside what the unit lets through.

mod hub;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use hub::{BOUND, Hub};
use lab::{Daemon, daemon, skip_if, wait_until};

const UNIT: &str = include_str!("../../../packaging/systemd/linnetd.service");

/// What stands behind `key=` in the unit, each time it is there.
fn settings(key: &str) -> impl Iterator<Item = &'static str> {
    UNIT.lines().filter_map(move |line| line.strip_prefix(key)?.strip_prefix('='))
}

/// The system calls of a name, which may be that of a group of systemd's.
fn calls(name: &str) -> Result<BTreeSet<String>> {
    if !name.starts_with('@') {
        return Ok([name.to_owned()].into());
    }
    let output = Command::new("systemd-analyze").args(["--no-pager", "syscall-filter", name]).output()?;
    ensure!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let mut all = BTreeSet::new();
    let members = text.lines().filter_map(|line| line.strip_prefix("    ")).map(str::trim);
    for member in members.filter(|member| !member.starts_with('#') && !member.is_empty()) {
        all.extend(calls(member)?);
    }
    ensure!(!all.is_empty(), "{name}: {text}");
    Ok(all)
}

/// What the unit lets through: later lines add to earlier ones, or take from them (systemd.exec(5)).
fn allowed() -> Result<BTreeSet<String>> {
    let mut allowed = calls("@default")?;
    for line in settings("SystemCallFilter") {
        let (line, takes) = line.strip_prefix('~').map_or((line, false), |line| (line, true));
        for name in line.split_whitespace() {
            for call in calls(name)? {
                if takes {
                    allowed.remove(&call)
                } else {
                    allowed.insert(call)
                };
            }
        }
    }
    Ok(allowed)
}

fn missing() -> Option<String> {
    let programs = ["systemd-analyze", "strace"];
    hub::missing(&[]).or_else(|| programs.into_iter().find_map(daemon::missing_program))
}

#[test]
fn systemd_understands_it() -> Result<()> {
    skip_if!(missing());
    let folder = std::env::temp_dir().join(format!("linnet-unit-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let file = folder.join("linnetd.service");
    let linnetd = daemon::linnetd()?;
    fs::write(&file, UNIT.replace("/usr/sbin/linnetd", &linnetd.to_string_lossy()))?;
    let verified = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&file).output();
    fs::remove_dir_all(&folder)?;
    let verified = verified?;
    // It speaks of other units of the machine, too.
    let said = String::from_utf8_lossy(&verified.stderr);
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("linnetd.service")).collect();
    ensure!(ours.is_empty(), "{ours:#?}");
    Ok(())
}

/// Signed, watched over by BFD, and known by its link alone: one neighbour of each kind; EVPN and native mode.
const LINNET: &str = "
bgp:
  asn: 65000
  router_id: 10.1.0.1
  listen: { addresses: [\"0.0.0.0\", \"::\"] }
  ebgp_default: accept
  neighbors:
    - { address: 10.1.1.1, remote_as: 65001, password: secret, ttl_security: 1, bfd: true, connect_retry: 1, families: [ipv4-unicast, l2vpn-evpn] }
    - { interface: eth2, remote_as: external, connect_retry: 1, families: [ipv4-unicast] }
evpn: { vtep: 10.1.1.0, vnis: [{ vni: 100, create: true, mtu: 1450, import_rt: [\"*:100\"] }] }
native: { blocks: [10.244.1.0/26] }
api: { read_only_socket: /run/linnet/read.sock, listen: \"127.0.0.1:50151\" }
";

fn spoke(number: u32, neighbor: &str, rest: &str) -> String {
    format!(
        "bgp:
  asn: {asn}
  router_id: 10.1.0.{asn_low}
  listen: {{ addresses: [\"0.0.0.0\", \"::\"] }}
  ebgp_default: accept
  neighbors: [{{ {neighbor}, connect_retry: 1 }}]
native: {{ blocks: [10.244.{asn_low}.0/26], install: false }}
{rest}",
        asn = 65000 + number,
        asn_low = number + 10
    )
}

#[test]
fn it_forbids_nothing_that_linnetd_does() -> Result<()> {
    skip_if!(missing());
    let signed = spoke(
        1,
        "address: 10.1.1.0, remote_as: 65000, password: secret, ttl_security: 1, bfd: true, families: [ipv4-unicast, l2vpn-evpn]",
        "evpn: { vtep: 10.1.1.1, vnis: [{ vni: 100, create: true, mtu: 1450, import_rt: [\"*:100\"] }] }\n",
    );
    let by_link = spoke(2, "interface: eth1, remote_as: external, families: [ipv4-unicast]", "");
    let mut hub = Hub::laid(LINNET, &[(Daemon::Linnet, &signed), (Daemon::Linnet, &by_link)])?;
    let strace = ["strace", "-D", "-f", "-qq", "-o", "/run/trace"];
    hub.linnet.start_linnetd_by(&strace)?;
    hub.spokes.iter_mut().try_for_each(lab::Node::start_daemon)?;
    hub.linnet.wait_until_ready()?;
    hub.wait_for_session("10.1.1.1", "signed session with BFD", |shown| shown["bfd"]["state"] == "up")?;
    hub.wait_for_session("eth2", "session by a link", |_| true)?;
    wait_until(BOUND, "rows and routes", || {
        let status = hub.linnet.linnet("status")?;
        let programmed = |part: &str| status[part]["programmed"].as_u64() >= Some(1);
        ensure!(programmed("fib") && programmed("routes"), "{status:#}");
        Ok(())
    })
    .with_context(|| hub.linnet.log())?;
    hub.linnet.output(&[&daemon::linnet_cli()?.to_string_lossy(), "config", "reload"])?;
    hub.linnet.stop_daemon()?;

    let trace = wait_until(BOUND, "end of the trace", || {
        let trace = hub.linnet.netns().run(|| fs::read_to_string("/run/trace"))??;
        ensure!(trace.contains("exit_group"), "{} octets so far", trace.len());
        Ok(trace)
    })?;
    let allowed = allowed()?;
    let made: BTreeSet<&str> = trace.lines().filter_map(|line| Some(called(line)?.0)).collect();
    println!("{} system calls: {made:?}", made.len());
    let forbidden: Vec<_> = made.iter().filter(|call| !allowed.contains(**call)).collect();
    ensure!(forbidden.is_empty(), "the unit forbids {forbidden:?}");

    let families: BTreeSet<&str> =
        settings("RestrictAddressFamilies").flat_map(str::split_whitespace).collect();
    let opened = trace.lines().filter_map(called).filter(|(call, _)| *call == "socket");
    let opened: BTreeSet<&str> = opened.filter_map(|(_, arguments)| arguments.split(',').next()).collect();
    ensure!(
        opened.len() >= 4 && opened.is_subset(&families),
        "sockets of {opened:?}, allowed are {families:?}"
    );

    // MemoryDenyWriteExecute.
    let runs = |(call, arguments): &(&str, &str)| match *call {
        "mmap" => arguments.contains("PROT_WRITE|PROT_EXEC"),
        "mprotect" => arguments.contains("PROT_EXEC"),
        _ => false,
    };
    let runs: Vec<_> = trace.lines().filter_map(called).filter(runs).collect();
    ensure!(runs.is_empty(), "{runs:?}");
    // ProtectSystem, ProtectKernelTunables: what is written lies under /run and /var/lib.
    let writes = trace.lines().filter_map(called).filter(|(call, arguments)| {
        *call == "openat" && (arguments.contains("O_WRONLY") || arguments.contains("O_RDWR"))
    });
    let places: BTreeSet<&str> = writes.filter_map(|(_, arguments)| arguments.split('"').nth(1)).collect();
    let is_ours = |place: &&str| ["/run", "/var/lib"].iter().any(|ours| Path::new(place).starts_with(ours));
    ensure!(places.iter().all(is_ours), "{places:?}");
    Ok(())
}

/// The system call that a line of a trace tells of, and its arguments: `4711 openat(AT_FDCWD, ...`.
fn called(line: &str) -> Option<(&str, &str)> {
    let (_, rest) = line.split_once(' ')?;
    let (name, arguments) = rest.trim_start().split_once('(')?;
    name.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'_').then_some((name, arguments))
}
