//! How a session comes about with those who refuse, who are old, who dial twice or at the same moment.

mod hub;
mod stage;

use anyhow::{Context, Result, ensure};
use hub::Hub;
use lab::netlink::Link;
use lab::speaker::Speaker;
use lab::speaker::octets::{attribute, end_of_rib, kind, message, update};
use lab::{Daemon, daemon, skip_if, wait_until};
use serde_json::Value;
use stage::{BOUND, Stage, host, open};

/// The next connection that linnetd takes from neighbour 1 after a pause, and the codes of the capabilities that
/// it offers.
fn next_offer(stage: &Stage) -> Result<(Speaker, Vec<u8>)> {
    wait_until(BOUND, "the next OPEN", || {
        let mut speaker = stage.connect(1)?;
        let open = speaker.wait_for(kind::OPEN)?;
        anyhow::Ok((speaker, codes(&open).context("no capabilities")?))
    })
}

/// The codes of the capabilities of an OPEN with one optional parameter; none for one without parameters.
fn codes(open: &[u8]) -> Option<Vec<u8>> {
    let (fixed, mut rest) = open.split_at_checked(9)?;
    ensure_version(fixed)?;
    rest = match rest {
        [0] => return Some(Vec::new()),
        [_, 2, _, rest @ ..] => rest,
        _ => return None,
    };
    let mut codes = Vec::new();
    while let [code, length, more @ ..] = rest {
        codes.push(*code);
        rest = more.get(usize::from(*length)..)?;
    }
    Some(codes)
}

fn ensure_version(fixed: &[u8]) -> Option<()> {
    (fixed.first() == Some(&4)).then_some(())
}

fn refuse(mut speaker: Speaker, subcode: u8, data: &[u8]) -> Result<()> {
    let body = [&[2, subcode], data].concat();
    Ok(speaker.send(&message(kind::NOTIFICATION, &body))?)
}

/// A peer that names a capability is offered the others; one that only says no is offered less each time, and then
/// all again (RFC 5492).
#[test]
fn who_refuses_a_capability_is_met_without_it() -> Result<()> {
    skip_if!(stage::missing());
    const ENHANCED_REFRESH: u8 = 70;
    const ESSENTIAL: [u8; 2] = [1, 65];
    for subcode in [4, 7] {
        let stage = Stage::up(1)?;
        let (mut speaker, all) = next_offer(&stage)?;
        assert!(all.contains(&ENHANCED_REFRESH) && all.contains(&2), "{all:?}");
        if subcode == 7 {
            refuse(speaker, 7, &[ENHANCED_REFRESH, 0])?;
            let (next, without) = next_offer(&stage)?;
            let others: Vec<u8> = all.iter().copied().filter(|code| *code != ENHANCED_REFRESH).collect();
            assert_eq!(without, others);
            speaker = next;
        }
        refuse(speaker, subcode, &[])?;
        let (speaker, less) = next_offer(&stage)?;
        assert_eq!(less, ESSENTIAL);
        refuse(speaker, subcode, &[])?;
        let (mut speaker, again) = next_offer(&stage)?;
        assert_eq!(again, all);
        speaker.send(&message(kind::OPEN, &open(1).body()))?;
        speaker.send(&message(kind::KEEPALIVE, &[]))?;
        stage.wait_for_neighbor(1, "session", |shown| shown["state"] == "established")?;
    }
    Ok(())
}

/// The optional parameters in their long form (RFC 9072).
#[test]
fn long_optional_parameters_are_understood() -> Result<()> {
    skip_if!(stage::missing());
    let stage = Stage::up(1)?;
    // A capability nobody knows, with as much as fits, twice: more than the short form can hold.
    let unknown = [&[200, 255][..], &[7; 255]].concat();
    let capabilities = [&[1, 4, 0, 25, 0, 70, 65, 4, 0, 0, 0xfd, 0xe8], &unknown[..], &unknown[..]].concat();
    let length = (capabilities.len() as u16).to_be_bytes();
    let parameter = [&[2][..], &length, &capabilities].concat();
    let all = [&[255, 255][..], &(parameter.len() as u16).to_be_bytes(), &parameter].concat();
    let _speaker = stage.establish_with(1, &open(1).body_of(all))?;
    let shown = stage.wait_for_neighbor(1, "session", |shown| shown["state"] == "established")?;
    let received = shown["capabilities_received"].to_string();
    assert!(received.contains("capability 200 0707"), "{received}");
    Ok(())
}

/// A speaker of two-octet AS numbers tells of larger ones apart (RFC 6793 section 4.2.3); what it says of
/// confederations there does not count (section 6).
#[test]
fn what_a_speaker_of_two_octets_tells_apart_is_put_together() -> Result<()> {
    skip_if!(stage::missing());
    let stage = Stage::up(1)?;
    let parameters = vec![10, 2, 8, 1, 4, 0, 25, 0, 70, 2, 0];
    let mut speaker = stage.establish_with(1, &open(1).body_of(parameters))?;
    let mut attributes = host(1).attributes();
    attributes.retain(|octets| octets.get(1) != Some(&2));
    attributes.push(attribute(0x40, 2, &[2, 3, 0x5b, 0xa0, 0x5b, 0xa0, 0xfd, 0xe9]));
    let large = [4_200_000_000_u32, 4_200_000_001, 65001].map(u32::to_be_bytes).concat();
    attributes.push(attribute(0xc0, 17, &[&[3, 1, 0, 0, 0xfd, 0xea, 2, 3][..], &large].concat()));
    speaker.send(&update(&attributes))?;
    speaker.send(&end_of_rib())?;
    let shown = wait_until(BOUND, "the route", || {
        let shown = stage.leaf.linnet("rib --neighbor 10.1.0.1")?;
        ensure!(shown[0].is_object(), "{shown:#}");
        Ok(shown)
    })?;
    assert_eq!(shown[0]["as_path"], "4200000000 4200000001 65001", "{shown:#}");
    let agreed = stage.neighbor(1)?["capabilities_agreed"].to_string();
    assert!(!agreed.contains("four-octet-as"), "{agreed}");
    Ok(())
}

/// BIRD that does not know AS numbers of four octets: it reads AS4_PATH, and its own AS goes on as it is.
#[test]
fn numbers_of_four_octets_pass_through_a_session_of_two() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Bird, Daemon::Gobgp]));
    let (here, far) = (4_200_000_000_u32, 4_200_000_001_u32);
    let configuration = format!(
        "bgp:
  asn: {here}
  router_id: 10.1.0.1
  ebgp_default: accept
  listen: {{ addresses: [\"0.0.0.0\"] }}
  neighbors:
    - {{ address: 10.1.1.1, remote_as: 65001, families: [ipv4-unicast], connect_retry: 1 }}
    - {{ address: 10.1.2.1, remote_as: {far}, families: [ipv4-unicast], connect_retry: 1 }}
"
    );
    let bird = "router id 10.1.1.1;
protocol device {}
protocol static { ipv4; route 10.244.1.0/24 blackhole; }
protocol bgp linnet {
  local as 65001;
  neighbor 10.1.1.0 external;
  connect delay time 1; connect retry time 1;
  enable as4 off;
  ipv4 { import all; export all; };
}
";
    let gobgp = format!(
        "[global.config]
as = {far}
router-id = \"10.1.2.1\"
[[neighbors]]
[neighbors.config]
neighbor-address = \"10.1.2.0\"
peer-as = {here}
[neighbors.timers.config]
connect-retry = 1
"
    );
    let hub = Hub::up(&configuration, &[(Daemon::Bird, bird), (Daemon::Gobgp, &gobgp)])?;
    let gobgp = hub.spoke(2)?;
    gobgp.output(&["gobgp", "global", "rib", "add", "10.244.2.0/24", "-a", "ipv4"])?;
    let shown = hub.wait_for_session("10.1.1.1", "session of two octets", |_| true)?;
    assert!(!shown["capabilities_agreed"].to_string().contains("four-octet-as"), "{shown:#}");
    wait_until(BOUND, "the far route in BIRD", || {
        let shown = hub.spoke(1)?.birdc("show route 10.244.2.0/24 all")?;
        ensure!(shown.contains(&format!("BGP.as_path: {here} {far}")), "{shown}");
        Ok(())
    })?;
    wait_until(BOUND, "BIRD's route in GoBGP", || {
        let rib = gobgp.gobgp("global rib -a ipv4")?;
        let attributes = rib["10.244.1.0/24"][0]["attrs"].to_string();
        ensure!(attributes.contains(&format!("{here},65001")), "{rib:#}");
        Ok(())
    })
}

#[test]
fn a_hold_time_below_the_least_is_refused() -> Result<()> {
    skip_if!(stage::missing());
    let stage = Stage::laid(1, "passive: true, min_hold_time: 10")?.start()?;
    // Until the session has begun, a connection is closed without a word.
    let end = wait_until(BOUND, "answer to the OPEN", || {
        let mut speaker = stage.connect(1)?;
        speaker.send(&message(kind::OPEN, &stage::Open { hold_time: 9, ..open(1) }.body()))?;
        speaker.wait_for_end()?.context("closed without a word")
    })?;
    assert_eq!(end, [2, 6]);
    let shown = stage.neighbor(1)?;
    let error = shown["last_error"].as_str().unwrap_or_default();
    assert_eq!(error, "closed by us: the peer offers a hold time of 9 s, the least is 10 s");
    Ok(())
}

/// A peer that lost its state without a word dials again: the old connection is found dead, and the new one taken,
/// although no hold timer runs. What linnetd sends by itself may find the old one dead first; then it pauses for a
/// moment, as after every lost session, and the peer that dials again is let in.
#[test]
fn a_peer_that_was_cut_off_and_started_anew_gets_in_at_once() -> Result<()> {
    skip_if!(stage::missing());
    let stage = Stage::up(1)?;
    let speaker = stage.establish(1)?;
    stage.outside.run(|| Link::named("eth1")?.down())??;
    speaker.vanish()?;
    stage.outside.run(|| Link::named("eth1")?.up())??;
    let mut again = stage.establish(1)?;
    let shown = stage.wait_for_neighbor(1, "new session", |shown| shown["state"] == "established")?;
    assert_eq!(shown["flaps"], 1, "{shown:#}");

    // A second connection beside one that lives is refused, and changes nothing.
    let mut second = stage.connect(1)?;
    assert_eq!(second.wait_for_end()?.as_deref(), Some(&[6, 7][..]), "connection collision resolution");
    again.send(&host(2).announcement())?;
    stage.wait_until_known(host(2))?;
    assert_eq!(stage.neighbor(1)?["flaps"], 1);
    Ok(())
}

/// Two linnetds that dial each other, reset at the same moment again and again: one connection, known to both.
#[test]
fn two_that_dial_each_other_agree_on_one_connection() -> Result<()> {
    skip_if!(hub::missing(&[]));
    let node = |id: &str, neighbor: &str| {
        format!(
            "bgp:
  asn: 65000
  router_id: {id}
  listen: {{ addresses: [\"0.0.0.0\"] }}
  neighbors:
    - {{ address: {neighbor}, remote_as: 65000, families: [ipv4-unicast], connect_retry: 1 }}
"
        )
    };
    let hub = Hub::up(&node("10.1.0.1", "10.1.1.1"), &[(Daemon::Linnet, &node("10.1.0.2", "10.1.1.0"))])?;
    let other = hub.spoke(1)?;
    let cli = daemon::linnet_cli()?.to_string_lossy().into_owned();
    for round in 0..4_u64 {
        wait_until(BOUND, "one connection", || {
            let (here, there) = (hub.linnet.linnet("neighbor 10.1.1.1")?, other.linnet("neighbor 10.1.1.0")?);
            let ports = |shown: &Value| (shown["local_port"].clone(), shown["remote_port"].clone());
            let (local, remote) = ports(&here);
            ensure!(here["state"] == "established" && here["flaps"] == round, "round {round}: {here:#}");
            ensure!(ports(&there) == (remote, local), "round {round}: {here:#} {there:#}");
            let connections =
                hub.linnet.sh("ss -Htn state established '( sport = :179 or dport = :179 )'")?;
            ensure!(connections.lines().count() == 1, "round {round}: {connections}");
            Ok(())
        })?;
        hub.linnet.output(&[&cli, "neighbor", "10.1.1.1", "reset"])?;
    }
    Ok(())
}
