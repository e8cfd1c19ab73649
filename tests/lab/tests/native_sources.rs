//! What a node announces of its own in native mode, seen by FRR and BIRD: prefixes, blocks and services, from the
//! configuration, from files and from the kernel's routes.

#![expect(clippy::indexing_slicing, reason = "JSON values index to null")]

mod hub;

use std::path::Path;

use anyhow::{Result, ensure};
use hub::{BOUND, Hub};
use lab::{Daemon, skip_if, wait_until};
use serde_json::Value;

const FRR: &str = "10.1.1.1";
const BIRD: &str = "10.1.2.1";

const FRR_CONF: &str = "router bgp 65000
 bgp router-id 10.1.1.1
 no bgp network import-check
 neighbor 10.1.1.0 remote-as 65000
 neighbor 10.1.1.0 timers connect 1
 neighbor 10.1.1.0 passive
 neighbor fd00:1::1 remote-as 65000
 neighbor fd00:1::1 timers connect 1
 neighbor fd00:1::1 passive
 address-family ipv4 unicast
  no neighbor fd00:1::1 activate
 exit-address-family
 address-family ipv6 unicast
  neighbor fd00:1::1 activate
 exit-address-family
";

const BIRD_CONF: &str = "log stderr all;
router id 10.1.2.1;
protocol device {}
protocol bgp linnet { local as 65002; neighbor 10.1.2.0 as 65000; passive; ipv4 { import all; export none; }; }
";

/// linnetd that announces this, to FRR in its AS and to BIRD in another, with no policy for that one.
fn linnet(native: &str) -> String {
    format!(
        "bgp:
  asn: 65000
  router_id: 10.1.0.1
  neighbors:
    - {{ address: {FRR}, remote_as: 65000, connect_retry: 1 }}
    - {{ address: 'fd00:1::2', remote_as: 65000, connect_retry: 1, families: [ipv6-unicast] }}
    - {{ address: {BIRD}, remote_as: 65002, connect_retry: 1 }}
native:
{native}"
    )
}

fn up(native: &str) -> Result<Hub> {
    let hub = Hub::up(&linnet(native), &[(Daemon::Frr, FRR_CONF), (Daemon::Bird, BIRD_CONF)])?;
    [FRR, "fd00:1::2", BIRD]
        .iter()
        .try_for_each(|peer| hub.wait_for_session(peer, "session", |_| true).map(drop))?;
    Ok(hub)
}

/// What FRR has of a prefix, as JSON.
fn in_frr(hub: &Hub, prefix: &str) -> Result<Value> {
    let family = if prefix.contains(':') { "ipv6" } else { "ipv4" };
    hub.spoke(1)?.vtysh_json(&format!("show bgp {family} unicast {prefix} json"))
}

/// The prefixes that FRR has of a family.
fn prefixes_in_frr(hub: &Hub, family: &str) -> Result<Vec<String>> {
    let table = hub.spoke(1)?.vtysh_json(&format!("show bgp {family} unicast json"))?;
    Ok(table["routes"].as_object().into_iter().flatten().map(|(prefix, _)| prefix.clone()).collect())
}

fn wait_for_prefixes(hub: &Hub, family: &str, expected: &[&str]) -> Result<()> {
    wait_until(BOUND, &format!("{expected:?} in FRR"), || {
        let mut prefixes = prefixes_in_frr(hub, family)?;
        prefixes.sort();
        ensure!(prefixes == expected, "{prefixes:?}, and linnet says {:#}", hub.linnet.linnet("native")?);
        Ok(())
    })
}

/// `PREFIX STATE` of what linnet says that it announces.
fn announced(hub: &Hub) -> Result<Vec<String>> {
    let rows = hub.linnet.linnet("native")?;
    let line =
        |row: &Value| format!("{} {} {}", row["prefix"], row["state"], row["withheld_by"]).replace('"', "");
    Ok(rows.as_array().into_iter().flatten().map(line).collect())
}

fn reload(hub: &Hub, native: &str) -> Result<()> {
    hub.linnet.write_file(Path::new("/etc/linnet/linnet.yaml"), linnet(native).as_bytes())?;
    hub.linnet.linnet("config reload").map(drop)
}

#[test]
fn what_is_configured_is_announced_with_its_attributes() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr, Daemon::Bird]));
    let native = r#"
  advertise:
    - { prefix: 10.244.1.0/24, communities: ["65000:7", "65000:1:2"], local_pref: 200, med: 30 }
    - "fd00:244:1::/64"
  services: [10.96.0.0/12]
"#;
    let hub = up(native)?;
    wait_for_prefixes(&hub, "ipv4", &["10.244.1.0/24", "10.96.0.0/12"])?;
    wait_for_prefixes(&hub, "ipv6", &["fd00:244:1::/64"])?;
    let path = &in_frr(&hub, "10.244.1.0/24")?["paths"][0];
    let nexthop = &path["nexthops"][0]["ip"];
    assert_eq!(
        (&path["origin"], &path["aspath"]["string"], nexthop),
        (&"IGP".into(), &"Local".into(), &"10.1.1.0".into()),
        "{path:#}"
    );
    assert_eq!((&path["locPrf"], &path["metric"]), (&200.into(), &30.into()), "{path:#}");
    assert_eq!(path["community"]["string"], "65000:7", "{path:#}");
    assert_eq!(path["largeCommunity"]["string"], "65000:1:2", "{path:#}");
    let path = &in_frr(&hub, "fd00:244:1::/64")?["paths"][0];
    assert_eq!(path["nexthops"][0]["ip"], "fd00:1::1", "{path:#}");
    // RFC 8212: without a policy nothing leaves the AS.
    let shown = hub.spoke(2)?.birdc("show route all")?;
    assert!(!shown.contains("10.244.1.0"), "{shown}");

    reload(&hub, "  advertise: [10.244.2.0/24]\n")?;
    wait_for_prefixes(&hub, "ipv4", &["10.244.2.0/24"])?;
    wait_for_prefixes(&hub, "ipv6", &[])?;
    assert_eq!(announced(&hub)?, ["10.244.2.0/24 advertised null"]);
    Ok(())
}

#[test]
fn a_block_stands_for_what_is_in_it_wherever_that_is_found() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr, Daemon::Bird]));
    let hub = Hub::laid(
        &linnet(
            "  kernel: [{ device: \"cali*\", within: [10.244.0.0/16] }]
  files: [{ path: /run/files/blocks, kind: blocks }]
",
        ),
        &[(Daemon::Frr, FRR_CONF), (Daemon::Bird, BIRD_CONF)],
    )?;
    let kernel = |what: &str| hub.linnet.sh(what).map(drop);
    kernel("ip link add cali1 type veth peer name pod1 && ip link set pod1 up && ip link set cali1 up")?;
    kernel("ip link add other type veth peer name pod2 && ip link set pod2 up && ip link set other up")?;
    kernel("ip route add 10.244.1.4 dev cali1 && ip route add 10.244.2.4 dev cali1")?;
    kernel("ip route add 10.99.0.1 dev cali1 && ip route add 10.244.3.4 dev other")?;
    let hub = hub.start()?;
    wait_for_prefixes(&hub, "ipv4", &["10.244.1.4/32", "10.244.2.4/32"])?;

    // A block comes, and stands for what is in it; the kernel drops what is for nobody in it.
    hub.linnet.write_file(Path::new("/blocks"), b"10.244.1.0/26 # this node's\n")?;
    wait_for_prefixes(&hub, "ipv4", &["10.244.1.0/26", "10.244.2.4/32"])?;
    hub.linnet.sh("ip route add 10.244.1.5 dev cali1 && ip route add 10.244.2.5 dev cali1")?;
    wait_for_prefixes(&hub, "ipv4", &["10.244.1.0/26", "10.244.2.4/32", "10.244.2.5/32"])?;
    assert!(
        announced(&hub)?.contains(&"10.244.1.5/32 withheld 10.244.1.0/26".to_owned()),
        "{:?}",
        announced(&hub)?
    );
    let blackholes = || hub.linnet.sh("ip route show type blackhole");
    wait_until(BOUND, "blackhole", || {
        let shown = blackholes()?;
        ensure!(shown.contains("blackhole 10.244.1.0/26 proto 108 metric 50"), "{shown}");
        Ok(())
    })?;

    // A file with a fault changes nothing, and says what is wrong.
    hub.linnet.write_file(Path::new("/blocks"), b"10.244.1.0/26\n10.244.9.1/26\n")?;
    wait_until(BOUND, "word of the fault", || {
        let sources = hub.linnet.linnet("native sources")?;
        let fault = sources[1]["fault"].as_str().unwrap_or_default();
        ensure!(fault.contains("blocks:2: bits of a host are set in 10.244.9.1/26"), "{sources:#}");
        Ok(())
    })?;
    assert!(prefixes_in_frr(&hub, "ipv4")?.contains(&"10.244.1.0/26".to_owned()));

    // What goes is withdrawn.
    hub.linnet.sh("ip route del 10.244.2.4 dev cali1")?;
    wait_for_prefixes(&hub, "ipv4", &["10.244.1.0/26", "10.244.2.5/32"])?;
    hub.linnet.sh("rm /run/files/blocks && ip link del cali1")?;
    wait_for_prefixes(&hub, "ipv4", &[])?;
    wait_until(BOUND, "end of the blackhole", || {
        let shown = blackholes()?;
        ensure!(!shown.contains("10.244.1.0/26"), "{shown}");
        Ok(())
    })
}

#[test]
fn received_services_stay_out_of_the_kernel() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr, Daemon::Bird]));
    let frr = FRR_CONF.replace(
        " address-family ipv4 unicast\n",
        " address-family ipv4 unicast\n  network 10.96.0.10/32\n  network 10.244.9.0/24\n",
    );
    let hub =
        Hub::up(&linnet("  services: [10.96.0.0/12]\n"), &[(Daemon::Frr, &frr), (Daemon::Bird, BIRD_CONF)])?;
    let routes = || hub.linnet.sh("ip route show proto 108");
    wait_until(BOUND, "the other route", || {
        let shown = routes()?;
        ensure!(shown.contains("10.244.9.0/24 via 10.1.1.1"), "{shown}{}", hub.linnet.log());
        Ok(())
    })?;
    assert!(!routes()?.contains("10.96.0.10"), "{}", routes()?);
    wait_for_prefixes(&hub, "ipv4", &["10.244.9.0/24", "10.96.0.0/12", "10.96.0.10/32"])?;
    let shown = hub.linnet.sh(&format!("{} route", lab::daemon::linnet_cli()?.display()))?;
    assert!(shown.contains("10.96.0.10/32") && shown.contains("10.96.0.0/12"), "{shown}");

    // No service any more: it goes into the kernel like any other.
    reload(&hub, "  advertise: [10.244.2.0/24]\n")?;
    wait_until(BOUND, "the service's route", || {
        let shown = routes()?;
        ensure!(shown.contains("10.96.0.10 via 10.1.1.1"), "{shown}");
        Ok(())
    })
}
