//! Segments signed with TCP-AO (RFC 5925), between two linnetds: no other speaker of Debian's has it, and few
//! kernels do.

mod hub;

use anyhow::Result;
use hub::{BOUND, Hub};
use lab::{Daemon, Node, daemon, tcp, wait_until};
use serde_json::Value;

fn missing() -> Option<String> {
    hub::missing(&[]).or_else(|| tcp::missing_tcp_ao().map(str::to_owned))
}

/// Of a node that has one neighbour, and signs with these keys.
fn configuration(id: &str, neighbor: &str, keys: &str) -> String {
    format!(
        "bgp:
  asn: 65000
  router_id: {id}
  listen: {{ addresses: [\"0.0.0.0\"] }}
  neighbors:
    - {{ address: {neighbor}, remote_as: 65000, hold_time: 30, keepalive: 1, connect_retry: 1, tcp_ao: {{ keys: [{keys}] }} }}
"
    )
}

fn near(keys: &str) -> String {
    configuration("10.1.0.1", "10.1.1.1", keys)
}

fn far(keys: &str) -> String {
    configuration("10.1.1.1", "10.1.1.0", keys)
}

const FIRST: &str = "{ id: 1, algorithm: hmac-sha-1-96, secret_file: /run/first }";
const SECOND: &str = "{ id: 2, algorithm: aes-128-cmac-96, secret_file: /run/second }";

/// Two nodes that have the same secrets, but for the first one where they are told to differ.
fn laid(near: &str, far: &str, first_of_far: &str) -> Result<Hub> {
    let hub = Hub::laid(near, &[(Daemon::Linnet, far)])?;
    for (node, first) in [(&hub.linnet, "one"), (hub.spoke(1)?, first_of_far)] {
        node.sh(&format!("umask 077; echo {first} > /run/first; echo two > /run/second"))?;
    }
    hub.start()
}

fn reload(node: &Node, configuration: &str) -> Result<()> {
    node.write_file("/etc/linnet/linnet.yaml".as_ref(), configuration.as_bytes())?;
    node.output(&[&daemon::linnet_cli()?.to_string_lossy(), "config", "reload"]).map(drop)
}

/// One end takes a second key beside the first, then the other does, then both let go of the first: the session does
/// not notice.
#[test]
fn keys_are_followed_by_others() -> Result<()> {
    lab::skip_if!(missing());
    let hub = laid(&near(FIRST), &far(FIRST), "one")?;
    let shown = hub.wait_for_session("10.1.1.1", "signed session", |_| true)?;
    assert_eq!(shown["authentication"], "tcp-ao", "{shown:#}");
    assert!(tcp::counter(hub.linnet.netns(), "TCPAOGood")? > 0);
    for keys in [format!("{FIRST}, {SECOND}"), format!("{SECOND}, {FIRST}"), SECOND.to_owned()] {
        reload(&hub.linnet, &near(&keys))?;
        reload(hub.spoke(1)?, &far(&keys))?;
        let heard = |shown: &Value| shown["messages_received"]["keepalive"].as_u64();
        let before = heard(&hub.linnet.linnet("neighbor 10.1.1.1")?);
        let enough = |shown: &Value| heard(shown) > before.map(|count| count + 1);
        let shown = hub.wait_for_session("10.1.1.1", "keepalives", enough)?;
        assert_eq!(shown["flaps"], 0, "with {keys}: {shown:#}");
    }
    Ok(())
}

/// Who signs with another secret is not heard, and the kernel counts what it drops.
#[test]
fn another_secret_is_not_enough() -> Result<()> {
    lab::skip_if!(missing());
    let hub = laid(&near(FIRST), &far(FIRST), "another")?;
    wait_until(BOUND, "dropped segments", || tcp::has_counted(hub.linnet.netns(), "TCPAOBad"))?;
    let shown = hub.linnet.linnet("neighbor 10.1.1.1")?;
    assert_ne!(shown["state"], "established", "{shown:#}");
    Ok(())
}
