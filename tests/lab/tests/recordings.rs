//! What other implementations say to linnetd, and it to them, taken off the wire: all of it is understood.
//!
//! `unshare --uts sh -c 'hostname lab; BLESS=1 cargo test -p linnet-lab --test recordings'` writes what was said into
//! the vectors of `bgp/tests/vectors`, where the codec is held to it without any of these daemons; the difference is
//! for a person to judge. (Some speakers tell what their machine is called.)

mod hub;
#[cfg(test)]
#[path = "../../../bgp/tests/vectors/mod.rs"]
mod vector;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use hub::{BOUND, Hub};
use lab::packet::{Capture, said};
use lab::{Daemon, Node, daemon, skip_if, wait_until};
use vector::Vector;

/// A session to listen to.
struct Session<'a> {
    /// The file of the vectors.
    file: &'a str,
    daemon: Daemon,
    configuration: &'a str,
    /// linnetd's neighbour, but for its address.
    neighbor: &'a str,
    /// What both sides' messages depend on, as vectors name it.
    from: &'a str,
    /// What is done in turn: in the other daemon's node, or after `linnet:` in linnetd's.
    steps: &'a [Step<'a>],
}

/// Commands for a shell, and what the daemon is then to have said, in pieces of the messages' text.
type Step<'a> = (&'a [&'a str], &'a [&'a str]);

/// Where both take their connection.
const LINNET: [u8; 4] = [10, 1, 1, 0];

fn linnet(neighbor: &str) -> String {
    format!(
        "bgp:
  asn: 65000
  router_id: 10.1.0.1
  ebgp_default: accept
  listen: {{ addresses: [\"0.0.0.0\"] }}
  neighbors:
    - {{ address: 10.1.1.1, connect_retry: 1, software_version: true, {neighbor} }}
evpn:
  vtep: 10.1.1.0
  vnis: [{{ vni: 100, create: true, mtu: 1450 }}]
"
    )
}

/// Runs the session to its end, and judges what was said.
fn listen(session: &Session<'_>) -> Result<()> {
    let hub = Hub::laid(&linnet(session.neighbor), &[(session.daemon, session.configuration)])?;
    let capture = Capture::start(hub.linnet.netns(), "eth1")?;
    let hub = hub.start()?;
    for (commands, pieces) in session.steps {
        for command in *commands {
            match command.strip_prefix("linnet:") {
                Some(command) => hub.linnet.sh(&command.replace("linnet ", &cli()?)),
                None => hub.spoke(1)?.sh(command),
            }?;
        }
        for piece in *pieces {
            wait_until(BOUND, &format!("{piece:?} from {}", session.daemon), || {
                let texts = texts(&vectors(&capture, session)?);
                ensure!(texts.iter().any(|text| text.contains(piece)), "{}", texts.join("\n"));
                Ok(())
            })
            .with_context(|| hub.linnet.log() + &hub.spoke(1).map(Node::log).unwrap_or_default())?;
        }
    }
    judge(session, &vectors(&capture, session)?)
}

/// The linnet program, to put before a command.
fn cli() -> Result<String> {
    Ok(format!("{} ", daemon::linnet_cli()?.display()))
}

/// What the daemon said, in text.
fn texts(vectors: &[(IpAddr, Vector)]) -> Vec<String> {
    let daemons = vectors.iter().filter(|(from, _)| *from != IpAddr::from(LINNET));
    daemons.map(|(_, vector)| vector.text.clone()).collect()
}

/// What was said so far, each message once.
fn vectors(capture: &Capture, session: &Session<'_>) -> Result<Vec<(IpAddr, Vector)>> {
    let mut known = BTreeSet::new();
    let mut vectors: Vec<(IpAddr, Vector)> = Vec::new();
    for message in said(&capture.frames()?)? {
        let from = message.from.ip();
        if !known.insert((from, message.octets.clone())) {
            continue;
        }
        let is_linnet = from == IpAddr::from(LINNET);
        let number = vectors.iter().filter(|(other, _)| *other == from).count() + 1;
        let speaker = if is_linnet { format!("linnet-to-{}", session.file) } else { session.file.to_owned() };
        vectors.push((from, Vector::heard(&format!("{speaker}-{number}"), session.from, &message.octets)));
    }
    Ok(vectors)
}

/// Everything is read without a fault; with `BLESS` it is kept.
fn judge(session: &Session<'_>, vectors: &[(IpAddr, Vector)]) -> Result<()> {
    for (_, vector) in vectors {
        ensure!(vector.is_sound(), "cannot be read as it should:\n{vector}");
    }
    if std::env::var_os("BLESS").is_some() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../bgp/tests/vectors");
        fs::write(format!("{folder}/{}.txt", session.file), file(session, vectors)?)?;
    }
    Ok(())
}

fn file(session: &Session<'_>, vectors: &[(IpAddr, Vector)]) -> Result<String> {
    let other = version(session.daemon)?;
    let mut text = format!(
        "# A session of {other} with linnetd, as it went over the wire. Written by tests/lab/tests/recordings.rs.\n"
    );
    for (from, vector) in vectors {
        let speaker = if *from == IpAddr::from(LINNET) { "linnet" } else { &other };
        write!(text, "\n# {speaker}\n{vector}")?;
    }
    Ok(text)
}

/// The program and its version, as its package is called.
fn version(daemon: Daemon) -> Result<String> {
    let (name, package) = match daemon {
        Daemon::Frr => ("FRR", "frr"),
        Daemon::Bird => ("BIRD", "bird2"),
        Daemon::Gobgp => ("GoBGP", "gobgpd"),
        Daemon::Openbgpd => ("OpenBGPD", "openbgpd"),
        Daemon::Linnet => ("linnet", "linnet"),
    };
    let output = Command::new("dpkg-query").args(["-W", "-f", "${Version}", package]).output()?;
    let version = String::from_utf8_lossy(&output.stdout).into_owned();
    // Without the epoch and Debian's own revision.
    let version = version.split('-').next().unwrap_or_default();
    Ok(format!("{name} {}", version.split(['+', '~']).next().unwrap_or_default()))
}

/// FRR with two VNIs, one of them for routes between networks.
const FRR: &str = "vni 1000
!
router bgp 65000
 bgp router-id 10.1.1.1
 no bgp network import-check
 bgp graceful-restart
 neighbor 10.1.1.0 remote-as 65000
 neighbor 10.1.1.0 timers connect 1
 neighbor 10.1.1.0 advertisement-interval 0
 address-family ipv4 unicast
  network 10.244.1.0/24 route-map everything
  network 10.244.2.0/25 route-map plain
  network 10.244.2.128/25
  aggregate-address 10.244.2.0/24 as-set summary-only
  network 10.244.4.0/25 route-map plain
  aggregate-address 10.244.4.0/24 summary-only
 exit-address-family
 address-family ipv6 unicast
  network fd00:244:1::/64 route-map everything
  network fd00:244:2::/64
  neighbor 10.1.1.0 activate
 exit-address-family
 address-family l2vpn evpn
  neighbor 10.1.1.0 activate
  advertise-all-vni
  advertise ipv4 unicast
 exit-address-family
!
route-map everything permit 10
 set as-path prepend 4200000001 65010
 set community 65000:100 no-export 65000:200
 set large-community 65000:1:2 4200000001:3:4
 set extcommunity rt 65000:100
 set extcommunity soo 65000:7
 set metric 50
 set local-preference 200
 set origin egp
!
route-map plain permit 10
 set as-path prepend 65011
 set origin incomplete
";

/// The devices of FRR's VNIs.
const FRR_DEVICES: [&str; 8] = [
    "ip link add br100 type bridge && ip link set br100 addrgenmode none up",
    "ip link add vxlan100 type vxlan id 100 local 10.1.1.1 dstport 4789 nolearning && ip link set vxlan100 master br100 up",
    "ip link add br1000 type bridge && ip link set br1000 addrgenmode none up",
    "ip link add vxlan1000 type vxlan id 1000 local 10.1.1.1 dstport 4789 nolearning && ip link set vxlan1000 master br1000 up",
    "ip addr add 192.168.1.1/24 dev br100",
    "ip link add host1 type veth peer name host1p && ip link set host1 master br100 up && ip link set host1p up",
    "bridge fdb add 02:00:00:00:01:01 dev host1 master dynamic",
    "ip neigh add 192.168.1.11 lladdr 02:00:00:00:01:01 dev br100 nud reachable",
];

#[test]
fn frr() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr]).or_else(|| daemon::missing_program("ip")));
    let mac = "02:00:00:00:01:02";
    listen(&Session {
        file: "frr",
        daemon: Daemon::Frr,
        configuration: FRR,
        neighbor: "remote_as: 65000, families: [ipv4-unicast, ipv6-unicast, l2vpn-evpn]",
        from: "",
        steps: &[
            (
                &[],
                &[
                    "OPEN as 65000",
                    "large-communities 65000:1:2",
                    "announce fd00:244:1::/64",
                    "atomic-aggregate yes",
                    "end-of-rib l2vpn-evpn",
                ],
            ),
            (
                &FRR_DEVICES,
                &["announce [2]", ":[32]:[192.168.1.11]", "announce [3]", "announce [5]", "Rmac:"],
            ),
            // linnetd has the host first; then it is here, and then it is to stay.
            (
                &[
                    "linnet:ip link add host1 type veth peer name host1p",
                    "linnet:ip link set host1 master br100 up && ip link set host1p up",
                    &format!("linnet:bridge fdb add {mac} dev host1 master dynamic"),
                    &format!(
                        "until vtysh -c 'show bgp l2vpn evpn route type 2' | grep -q {mac}; do sleep 0.1; done"
                    ),
                    &format!("bridge fdb replace {mac} dev host1 master dynamic"),
                ],
                &["MM:1"],
            ),
            (&["bridge fdb add 02:00:00:00:01:03 dev host1 master sticky static"], &["sticky"]),
            (&["vtysh -c 'clear bgp ipv4 unicast 10.1.1.0 soft in'"], &["ROUTE-REFRESH 1/1"]),
            (&["vtysh -c 'clear bgp l2vpn evpn 10.1.1.0 soft in'"], &["ROUTE-REFRESH 25/70"]),
            (
                &[
                    "vtysh -c 'conf t' -c 'router bgp 65000' -c 'no aggregate-address 10.244.2.0/24 as-set summary-only'",
                    "vtysh -c 'conf t' -c 'router bgp 65000' -c 'address-family ipv6 unicast' -c 'no network fd00:244:2::/64'",
                    "bridge fdb del 02:00:00:00:01:03 dev host1 master",
                ],
                &["withdraw 10.244.2.0/24", "withdraw fd00:244:2::/64", "withdraw [2]"],
            ),
            (
                &["vtysh -c 'conf t' -c 'router bgp 65000' -c 'neighbor 10.1.1.0 shutdown message tonight'"],
                &["NOTIFICATION"],
            ),
        ],
    })
}

/// BIRD in another AS with everything that it has: two routes to one destination, roles.
const BIRD: &str = "router id 10.1.1.1;
protocol device {}
filter everything {
  bgp_path.prepend(4200000002);
  bgp_community.add((65001, 100)); bgp_community.add((65535, 65281));
  bgp_ext_community.add((rt, 65001, 100)); bgp_ext_community.add((ro, 10.1.1.1, 7));
  bgp_ext_community.add((generic, 0x43000000, 0x1));
  bgp_large_community.add((4200000001, 1, 2));
  bgp_med = 50; bgp_origin = ORIGIN_EGP;
  accept;
}
protocol static one4 { ipv4; route 10.244.1.0/24 blackhole; route 10.244.2.0/25 blackhole; route 0.0.0.0/0 blackhole; }
protocol static two4 { ipv4; route 10.244.1.0/24 blackhole; }
protocol static one6 { ipv6; route fd00:244:1::/64 blackhole; route fd00:244:2::1/128 blackhole; }
protocol static two6 { ipv6; route fd00:244:1::/64 blackhole; }
protocol bgp linnet {
  local 10.1.1.1 as 4200000001;
  neighbor 10.1.1.0 as 65000;
  connect delay time 1; connect retry time 1; local role customer; advertise hostname on;
  graceful restart on; long lived graceful restart on; enable extended messages on;
  ipv4 { import all; export filter everything; add paths on; extended next hop on; };
  ipv6 { import all; export filter everything; add paths on; };
}
";

const OPTIONS: &str = "families: [ipv4-unicast, ipv6-unicast]";

#[test]
fn bird() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Bird]));
    listen(&Session {
        file: "bird",
        daemon: Daemon::Bird,
        configuration: BIRD,
        neighbor: &format!(
            "remote_as: 4200000001, role: provider, add_path: {{ receive: true, send: all }}, {OPTIONS}"
        ),
        from: "ebgp add-path extended-next-hop",
        steps: &[
            (&[], &["role customer", "announce 10.244.1.0/24 path ", "announce fd00:244:1::/64 path "]),
            (&[], &["end-of-rib ipv4-unicast", "end-of-rib ipv6-unicast"]),
            (&["birdc reload in linnet"], &["ROUTE-REFRESH 1/1", "ROUTE-REFRESH 2/1"]),
            (&["linnet:linnet neighbor 10.1.1.1 softreset"], &["subtype 1", "subtype 2"]),
            (
                &["birdc disable one4", "birdc disable two6"],
                &["withdraw 10.244.1.0/24", "withdraw fd00:244:1::/64"],
            ),
            (&["birdc disable linnet '\"until tomorrow\"'"], &["until tomorrow"]),
        ],
    })
}

/// BIRD as in the days of two-octet AS numbers, with paths from beyond them.
const BIRD_OLD: &str = "router id 10.1.1.1;
protocol device {}
filter everything {
  bgp_path.prepend(65010); bgp_path.prepend(4200000001); bgp_path.prepend(65011);
  bgp_local_pref = 250;
  accept;
}
protocol static one4 { ipv4; route 10.244.1.0/24 blackhole; }
protocol bgp linnet {
  local 10.1.1.1 as 65000;
  neighbor 10.1.1.0 as 65000;
  connect delay time 1; connect retry time 1; error wait time 1, 2; enable as4 off; enable route refresh off;
  ipv4 { import all; export filter everything; };
}
";

#[test]
fn bird_without_numbers_of_four_octets() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Bird]));
    listen(&Session {
        file: "bird-old",
        daemon: Daemon::Bird,
        configuration: BIRD_OLD,
        neighbor: "remote_as: 65000, families: [ipv4-unicast]",
        from: "as2",
        steps: &[
            (&[], &["as-path 65011 4200000001 65010"]),
            (&["linnet:linnet neighbor 10.1.1.1 reset --message 'once more'"], &[]),
            (
                &[
                    "until birdc show protocols linnet | grep -q Established; do sleep 0.1; done",
                    "birdc disable linnet",
                ],
                &["NOTIFICATION"],
            ),
        ],
    })
}

const GOBGP: &str = "[global.config]
as = 65000
router-id = \"10.1.1.1\"
[[neighbors]]
[neighbors.config]
neighbor-address = \"10.1.1.0\"
peer-as = 65000
[neighbors.timers.config]
connect-retry = 1
[neighbors.graceful-restart.config]
enabled = true
restart-time = 120
notification-enabled = true
long-lived-enabled = true
[[neighbors.afi-safis]]
[neighbors.afi-safis.config]
afi-safi-name = \"ipv4-unicast\"
[neighbors.afi-safis.mp-graceful-restart.config]
enabled = true
[neighbors.afi-safis.long-lived-graceful-restart.config]
enabled = true
restart-time = 3600
[[neighbors.afi-safis]]
[neighbors.afi-safis.config]
afi-safi-name = \"ipv6-unicast\"
[[neighbors.afi-safis]]
[neighbors.afi-safis.config]
afi-safi-name = \"l2vpn-evpn\"
[neighbors.afi-safis.mp-graceful-restart.config]
enabled = true
";

#[test]
fn gobgp() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Gobgp]));
    let evpn = |route: &str| format!("gobgp global rib add -a evpn {route}");
    let routes = [
        "gobgp global rib add 10.244.1.0/24 origin egp aspath '65010 4200000001 {65011 65012}' med 50 local-pref 200 community 65000:100,no-export large-community 4200000001:1:2 aigp metric 7 aggregator 65010:10.1.1.1"
            .to_owned(),
        "gobgp global rib add 10.244.2.0/25".to_owned(),
        "gobgp global rib add -a ipv6 fd00:244:1::/64 community 65000:1 rt 65000:7".to_owned(),
        evpn("a-d esi ARBITRARY 01:02:03:04:05:06:07:08:09 etag 0 label 100 rd 10.1.1.1:1 rt 65000:100 encap vxlan esi-label 200"),
        evpn("macadv 02:00:00:00:01:01 192.168.1.11 etag 0 label 100 rd 10.1.1.1:1 rt 65000:100 10.1.1.1:7 encap vxlan router-mac 02:00:00:00:00:0a"),
        evpn("macadv 02:00:00:00:01:02 0.0.0.0 etag 0 label 100 rd 65000:1 rt 4200000001:7 encap vxlan"),
        evpn("macadv 02:00:00:00:01:03 fd00:1::11 esi ARBITRARY 01:02:03:04:05:06:07:08:09 etag 7 label 100 rd 10.1.1.1:1 rt 65000:100 encap vxlan"),
        evpn("multicast 10.1.1.1 etag 0 rd 10.1.1.1:1 rt 65000:100 encap vxlan pmsi ingress-repl 100 10.1.1.1"),
        evpn("multicast fd00:1::2 etag 0 rd 10.1.1.1:2 rt 65000:100 encap vxlan"),
        evpn("esi 10.1.1.1 esi ARBITRARY 01:02:03:04:05:06:07:08:09 rd 10.1.1.1:1 rt 65000:100"),
        evpn("prefix 10.244.7.0/24 gw 192.168.1.9 etag 0 label 1000 rd 10.1.1.1:2 rt 65000:1000 encap vxlan router-mac 02:00:00:00:00:0a"),
        evpn("prefix fd00:7::/64 etag 0 label 1000 rd 10.1.1.1:2 rt 65000:1000 encap vxlan"),
    ];
    let routes: Vec<&str> = routes.iter().map(String::as_str).collect();
    let established = "until gobgp neighbor 10.1.1.0 | grep -q 'BGP state = ESTABLISHED'; do sleep 0.1; done";
    listen(&Session {
        file: "gobgp",
        daemon: Daemon::Gobgp,
        configuration: GOBGP,
        neighbor: "remote_as: 65000, families: [ipv4-unicast, ipv6-unicast, l2vpn-evpn], route_reflector_client: true",
        from: "",
        steps: &[
            (&[established], &["end-of-rib ipv4-unicast", "end-of-rib l2vpn-evpn"]),
            (
                &routes,
                &[
                    "announce [1]",
                    "announce [2]",
                    "announce [3]",
                    "announce [4]",
                    "announce [5]:[10.1.1.1:2]:[0]:[64]",
                ],
            ),
            (
                &[
                    "gobgp global rib del 10.244.2.0/25",
                    "gobgp global rib del -a ipv6 all",
                    "gobgp global rib del -a evpn all",
                ],
                &["withdraw 10.244.2.0/25", "withdraw fd00:244:1::/64", "withdraw [5]", "withdraw [1]"],
            ),
            (&["gobgp neighbor 10.1.1.0 disable 'until tomorrow'"], &["NOTIFICATION"]),
        ],
    })
}

const OPENBGPD: &str = "AS 65000
router-id 10.1.1.1
socket \"/run/bgpd.sock\"
fib-update no
network 10.244.1.0/24 set { community 65000:100 community NO_EXPORT large-community 4200000001:1:2 ext-community rt 65000:7 metric 50 localpref 200 }
network 10.244.2.0/25
network fd00:244:1::/64 set { community 65000:100 large-community 65000:1:2 ext-community soo 65000:8 nexthop fd00:1::2 }
network fd00:244:2::/64 set nexthop fd00:1::2
neighbor 10.1.1.0 {
 remote-as 65000
 announce IPv4 unicast
 announce IPv6 unicast
 announce enhanced refresh yes
 announce add-path recv yes
 announce restart yes
 local-address 10.1.1.1
}
allow from any
allow to any
";

#[test]
fn openbgpd() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Openbgpd]));
    let bgpctl = |words: &str| format!("/usr/sbin/bgpctl -s /run/bgpd.sock {words}");
    listen(&Session {
        file: "openbgpd",
        daemon: Daemon::Openbgpd,
        configuration: OPENBGPD,
        neighbor: &format!("remote_as: 65000, {OPTIONS}"),
        from: "",
        steps: &[
            (&[], &["announce 10.244.1.0/24", "announce fd00:244:1::/64", "end-of-rib ipv6-unicast"]),
            (&[&bgpctl("neighbor 10.1.1.0 refresh")], &["ROUTE-REFRESH 1/1", "ROUTE-REFRESH 2/1"]),
            (
                &[&bgpctl("network delete 10.244.2.0/25"), &bgpctl("network delete fd00:244:2::/64")],
                &["withdraw"],
            ),
            (&[&bgpctl("neighbor 10.1.1.0 down \"until tomorrow\"")], &["until tomorrow"]),
        ],
    })
}
