//! Connections that nobody else can make or break: signed segments (RFC 2385), a limit of hops (RFC 5082), addresses.

#![expect(clippy::indexing_slicing, reason = "JSON values index to null")]

mod hub;

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hub::{BOUND, Hub};
use lab::netlink::Link;
use lab::speaker::octets::kind;
use lab::speaker::{Heard, Speaker};
use lab::{Daemon, Netns, Node, Router, daemon, skip_if, tcp, wait_until};

/// What linnetd shares with each spoke. None of them may be seen anywhere.
const KEYS: [&str; 3] = ["key-of-frr", "key of bird, 'quoted'", "key-of-gobgp"];

/// Waits until the namespace's TCP has dropped segments for that reason.
fn wait_for_drops(netns: &Netns, reason: &str) -> Result<()> {
    wait_until(BOUND, reason, || tcp::has_counted(netns, reason))
}

/// The spoke on link `number`, in an AS of its own: both families, each over its own transport, signed with this key.
fn part(daemon: Daemon, number: u8, key: &str) -> Router {
    Router::new(daemon, number).asn(65000 + u32::from(number)).both().password(key)
}

/// Sessions over both transports with everybody, each with a key of its own: in the file, in another file, of a group.
#[test]
fn everybody_signs() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr, Daemon::Bird, Daemon::Gobgp]));
    let [frr_key, bird_key, gobgp_key] = KEYS;
    let configuration = format!(
        "bgp:
  asn: 65000
  router_id: 10.1.0.1
  listen: {{ addresses: [\"0.0.0.0\", \"::\"] }}
  ebgp_default: accept
  peer_groups:
    - {{ name: gobgp, remote_as: 65003, password: {gobgp_key}, connect_retry: 1 }}
  neighbors:
    - {{ address: 10.1.1.1, remote_as: 65001, password: {frr_key}, connect_retry: 1 }}
    - {{ address: \"fd00:1::2\", remote_as: 65001, password: {frr_key}, families: [ipv6-unicast, ipv4-unicast], connect_retry: 1 }}
    - {{ address: 10.1.2.1, remote_as: 65002, password_file: /run/bird.key, connect_retry: 1 }}
    - {{ address: \"fd00:2::2\", remote_as: 65002, password_file: /run/bird.key, families: [ipv6-unicast], connect_retry: 1 }}
    - {{ address: 10.1.3.1, peer_group: gobgp }}
    - {{ address: \"fd00:3::2\", peer_group: gobgp, families: [ipv6-unicast] }}
"
    );
    // FRR is given another key first.
    let parts =
        [part(Daemon::Frr, 1, "another"), part(Daemon::Bird, 2, bird_key), part(Daemon::Gobgp, 3, gobgp_key)];
    let mut hub = Hub::of(&configuration, &parts)?;
    hub.linnet.netns().run(|| std::fs::write("/run/bird.key", format!("{bird_key}\n")))??;
    hub.linnet.start_daemon()?;
    hub.spokes.iter_mut().try_for_each(Node::start_daemon)?;
    hub.linnet.wait_until_ready()?;
    hub.spokes.iter().try_for_each(Node::wait_until_ready)?;

    for address in ["10.1.2.1", "fd00:2::2", "10.1.3.1", "fd00:3::2"] {
        let shown = hub.wait_for_session(address, "signed session", |_| true)?;
        assert_eq!(shown["authentication"], "tcp-md5", "{shown:#}");
    }
    wait_for_drops(hub.linnet.netns(), "TCPMD5Failure")?;
    let shown = hub.linnet.linnet("neighbor 10.1.1.1")?;
    assert_ne!(shown["state"], "established", "FRR has another key");
    hub.spoke(1)?.output(&[
        "vtysh",
        "-c",
        "configure terminal",
        "-c",
        "router bgp 65001",
        "-c",
        &format!("neighbor 10.1.1.0 password {frr_key}"),
        "-c",
        &format!("neighbor fd00:1::1 password {frr_key}"),
    ])?;
    for address in ["10.1.1.1", "fd00:1::2"] {
        hub.wait_for_session(address, "session, now that FRR has the key", |_| true)?;
    }

    let seen = [hub.linnet.log(), hub.linnet.linnet("neighbor")?.to_string()].concat();
    for key in KEYS {
        assert!(!seen.contains(key), "{key} is seen: {seen}");
    }
    assert!(
        hub.linnet.log().contains("/run/bird.key holds a secret, and others may read it"),
        "{}",
        hub.linnet.log()
    );
    Ok(())
}

/// Both ends change the key of their session, one after the other, and it goes on; as long as only one has changed
/// it, nothing of the other's is taken. A session beside it, with another key, does not notice.
#[test]
fn keys_change_while_sessions_go_on() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Bird]));
    let linnet = |id: &str, neighbors: &str| {
        format!(
            "bgp:
  asn: 65000
  router_id: {id}
  listen: {{ addresses: [\"0.0.0.0\"] }}
  peer_groups: [{{ name: all, remote_as: any, hold_time: 30, keepalive: 1, connect_retry: 1 }}]
  neighbors:
{neighbors}"
        )
    };
    let near = linnet(
        "10.1.0.1",
        "    - { address: 10.1.1.1, peer_group: all, password_file: /run/key }
    - { address: 10.1.2.1, peer_group: all, password: of-bird }
",
    );
    let far = linnet("10.1.1.1", "    - { address: 10.1.1.0, peer_group: all, password_file: /run/key }\n");
    let mut hub = Hub::laid(
        &near,
        &[(Daemon::Linnet, &far), (Daemon::Bird, &part(Daemon::Bird, 2, "of-bird").configuration())],
    )?;
    let set_key = |node: &Node, key: &str| node.sh(&format!("umask 077; echo {key} > /run/key"));
    set_key(&hub.linnet, "old")?;
    set_key(hub.spoke(1)?, "old")?;
    hub.linnet.start_daemon()?;
    hub.spokes.iter_mut().try_for_each(Node::start_daemon)?;
    hub.linnet.wait_until_ready()?;
    for address in ["10.1.1.1", "10.1.2.1"] {
        hub.wait_for_session(address, "session", |_| true)?;
    }

    let cli = daemon::linnet_cli()?;
    let reload = |node: &Node| node.output(&[&cli.to_string_lossy(), "config", "reload"]);
    set_key(&hub.linnet, "new")?;
    let said = reload(&hub.linnet)?;
    assert!(said.contains("neighbor 10.1.1.1") && !said.contains("10.1.2.1"), "{said}");
    wait_for_drops(hub.linnet.netns(), "TCPMD5Failure")?;
    set_key(hub.spoke(1)?, "new")?;
    reload(hub.spoke(1)?)?;
    let heard = |shown: &serde_json::Value| shown["messages_received"]["keepalive"].as_u64();
    for address in ["10.1.1.1", "10.1.2.1"] {
        let before = heard(&hub.wait_for_session(address, "session", |_| true)?);
        let shown = hub.wait_for_session(address, "keepalives", |shown| heard(shown) > before)?;
        assert_eq!(shown["flaps"], 0, "{shown:#}");
    }
    Ok(())
}

/// linnetd and a neighbour behind a router, which lets each one's packets arrive with one hop less.
struct Behind {
    linnet: Node,
    far: Node,
    _router: Netns,
}

const LINNET: &str = "10.2.0.1";
const FAR: &str = "10.3.0.1";

impl Behind {
    fn up(settings: &str, daemon: Daemon, configuration: &str) -> Result<Behind> {
        let linnet = format!(
            "bgp:
  asn: 65000
  router_id: {LINNET}
  listen: {{ addresses: [\"0.0.0.0\"] }}
  neighbors:
    - {{ address: {FAR}, remote_as: 65001, connect_retry: 1, {settings} }}
"
        );
        let hub = Hub::laid(&linnet, &[])?;
        let nursery = lab::Nursery::new()?;
        let far = hub::node("far", daemon, configuration, &nursery)?;
        let router = Netns::new()?;
        for (node, device, near, gateway) in
            [(&hub.linnet, "eth1", LINNET, "10.2.0.254"), (&far, "eth2", FAR, "10.3.0.254")]
        {
            lab::cable((node.netns(), "eth1"), (&router, device))?;
            address(node.netns(), "eth1", &format!("{near}/24"))?;
            address(&router, device, &format!("{gateway}/24"))?;
            // FRR takes no default route for the way to a neighbour.
            node.sh(&format!("ip route add 10.0.0.0/8 via {gateway}"))?;
        }
        router.run(|| std::fs::write("/proc/sys/net/ipv4/ip_forward", "1"))??;
        let mut behind = Behind { linnet: hub.linnet, far, _router: router };
        behind.linnet.start_daemon()?;
        behind.far.start_daemon()?;
        behind.linnet.wait_until_ready()?;
        behind.far.wait_until_ready()?;
        Ok(behind)
    }

    fn wait_for_session(&self) -> Result<()> {
        wait_until(BOUND, "session", || {
            let shown = self.linnet.linnet(&format!("neighbor {FAR}"))?;
            ensure!(shown["state"] == "established", "{shown:#}");
            Ok(())
        })
        .with_context(|| self.linnet.log())
    }
}

fn address(netns: &Netns, device: &str, address: &str) -> Result<()> {
    let address = address.parse()?;
    Ok(netns.run(|| Link::named(device)?.add_address(address))??)
}

fn far_frr(lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!(" neighbor {LINNET} {line}\n")).collect();
    format!(
        "router bgp 65001\n neighbor {LINNET} remote-as 65000\n neighbor {LINNET} timers connect 1\n{lines}"
    )
}

fn far_bird(lines: &str) -> String {
    format!(
        "router id {FAR};
protocol device {{}}
protocol bgp far {{ local {FAR} as 65001; neighbor {LINNET} as 65000; connect delay time 1; connect retry time 1; {lines} ipv4 {{ import all; export all; }}; }}
"
    )
}

#[test]
fn neighbours_behind_a_router() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr, Daemon::Bird]).or_else(|| daemon::missing_program("ip")));
    for (settings, daemon, configuration) in [
        ("multihop: 2", Daemon::Frr, far_frr(&["ebgp-multihop 2"])),
        ("ttl_security: 2", Daemon::Frr, far_frr(&["ttl-security hops 2"])),
        ("ttl_security: 2, passive: true", Daemon::Frr, far_frr(&["ttl-security hops 2"])),
        ("ttl_security: 2", Daemon::Frr, far_frr(&["ttl-security hops 2", "passive"])),
        ("multihop: 2", Daemon::Bird, far_bird("multihop 2;")),
        ("ttl_security: 2", Daemon::Bird, far_bird("multihop 2; ttl security on;")),
    ] {
        let behind = Behind::up(settings, daemon, &configuration)?;
        behind.wait_for_session().with_context(|| format!("{settings}, {daemon}"))?;
    }
    Ok(())
}

/// Whoever is further away than the limit says is not even heard.
#[test]
fn nobody_gets_in_from_further_away() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr]).or_else(|| daemon::missing_program("ip")));
    let behind = Behind::up("ttl_security: 1", Daemon::Frr, &far_frr(&["ebgp-multihop 255"]))?;
    wait_for_drops(behind.linnet.netns(), "TCPMinTTLDrop")?;
    let shown = behind.linnet.linnet(&format!("neighbor {FAR}"))?;
    assert_ne!(shown["state"], "established", "{shown:#}");
    assert_eq!(shown["ttl_security_hops"], 1, "{shown:#}");
    Ok(())
}

/// GTSM on the link, over both transports; what linnetd sends is marked as routing's own.
#[test]
fn neighbours_on_the_link_prove_it() -> Result<()> {
    skip_if!(
        hub::missing(&[Daemon::Bird, Daemon::Gobgp, Daemon::Openbgpd])
            .or_else(|| daemon::missing_program("ss"))
    );
    let configuration = "bgp:
  asn: 65000
  router_id: 10.1.0.1
  listen: { addresses: [\"0.0.0.0\", \"::\"] }
  peer_groups:
    - { name: near, remote_as: external, ttl_security: 1, connect_retry: 1 }
  neighbors:
    - { address: 10.1.1.1, peer_group: near }
    - { address: \"fd00:1::2\", peer_group: near, families: [ipv6-unicast], passive: true }
    - { address: 10.1.2.1, peer_group: near }
    - { address: 10.1.3.1, peer_group: near }
";
    let bird = Router::new(Daemon::Bird, 1).asn(65002).both().session("ttl security on;").configuration();
    let gobgp = Router::new(Daemon::Gobgp, 2).asn(65003);
    let gobgp =
        gobgp.session("[neighbors.ttl-security.config]\nenabled = true\nttl-min = 255").configuration();
    let openbgpd = Router::new(Daemon::Openbgpd, 3).asn(65004).session("ttl-security yes").configuration();
    let spokes = [(Daemon::Bird, &*bird), (Daemon::Gobgp, &gobgp), (Daemon::Openbgpd, &openbgpd)];
    let hub = Hub::up(configuration, &spokes)?;
    for address in ["10.1.1.1", "fd00:1::2", "10.1.2.1", "10.1.3.1"] {
        hub.wait_for_session(address, "session", |shown| shown["ttl_security_hops"] == 1)?;
    }
    let shown = hub.linnet.sh("ss -Htn --tos state established '( sport = :179 or dport = :179 )'")?;
    assert_eq!(shown.matches("0xc0").count(), 4, "{shown}");
    Ok(())
}

/// BIRD waits on another port for somebody who comes from an address that is on no link.
#[test]
fn a_prescribed_address_and_port() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Bird]).or_else(|| daemon::missing_program("ip")));
    let configuration = "bgp:
  asn: 65000
  router_id: 10.9.0.1
  listen: { addresses: [\"0.0.0.0\"] }
  neighbors:
    - { address: 10.1.1.1, remote_as: 65000, local_address: 10.9.0.1, port: 1179, connect_retry: 1 }
";
    let bird = "router id 10.1.1.1;
protocol device {}
protocol bgp linnet { local 10.1.1.1 port 1179 as 65000; neighbor 10.9.0.1 as 65000; multihop; passive on; ipv4 { import all; export all; }; }
";
    let mut hub = Hub::laid(configuration, &[(Daemon::Bird, bird)])?;
    address(hub.linnet.netns(), "lo", "10.9.0.1/32")?;
    hub.spoke(1)?.sh("ip route add 10.9.0.1 via 10.1.1.0")?;
    hub.linnet.start_daemon()?;
    hub.linnet.wait_until_ready()?;

    // Before there is a session: the neighbour's own address, but to another one of ours than it is to speak with.
    let [from, wrong, right]: [IpAddr; 3] = ["10.1.1.1".parse()?, "10.1.1.0".parse()?, "10.9.0.1".parse()?];
    let mut refused = Speaker::connect(hub.spoke(1)?.netns(), from, wrong)?;
    assert_eq!(refused.hear(Duration::from_secs(10))?, Heard::Closed);
    let mut taken = Speaker::connect(hub.spoke(1)?.netns(), from, right)?;
    taken.wait_for(kind::OPEN)?;
    drop(taken);

    hub.spokes.iter_mut().try_for_each(Node::start_daemon)?;
    let shown = hub.wait_for_session("10.1.1.1", "session", |_| true)?;
    assert_eq!(
        (&shown["local_address"], &shown["remote_port"]),
        (&"10.9.0.1".into(), &1179.into()),
        "{shown:#}"
    );
    Ok(())
}

/// What this kernel lacks is said before anything is begun.
#[test]
fn a_kernel_without_tcp_ao_is_named() -> Result<()> {
    skip_if!(hub::missing(&[]));
    if tcp::missing_tcp_ao().is_none() {
        lab::skip!("this kernel has TCP-AO");
    }
    let hub = Hub::laid(
        "bgp:
  asn: 65000
  router_id: 10.9.0.1
  neighbors:
    - address: 10.1.1.1
      remote_as: 65000
      tcp_ao: { keys: [{ id: 1, algorithm: hmac-sha-1-96, secret_file: /run/ao.key }] }
",
        &[],
    )?;
    hub.linnet.sh("umask 077; echo secret > /run/ao.key")?;
    let (linnetd, file) = (daemon::linnetd()?, hub.linnet.file("/etc/linnet/linnet.yaml")?);
    for check in ["--check", ""] {
        let error =
            hub.linnet.sh(&format!("{} {check} --config {file} 2>&1", linnetd.display())).unwrap_err();
        let said = format!("{error:#}");
        assert!(said.contains("neighbor 10.1.1.1: tcp_ao: this kernel has no TCP-AO"), "{said}");
    }
    Ok(())
}
