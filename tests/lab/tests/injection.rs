//! Routes that a program puts into linnetd's table: FRR sees them come, and go when the program is killed.

mod hub;

use std::process::{Child, Command, Stdio};

use anyhow::{Result, ensure};
use hub::{BOUND, Hub, linnet};
use lab::{Daemon, Family, Router, daemon, skip_if, wait_until};

const MAC: &str = "02:00:00:00:00:50";

/// A client that injects, in the namespace of linnetd.
struct Client(Child);

impl Client {
    fn start(hub: &Hub, arguments: &str) -> Result<Client> {
        let mut command = Command::new(daemon::linnet_cli()?);
        command.arg("inject").args(arguments.split(' ')).stdout(Stdio::null());
        hub.linnet.netns().wrap(&mut command);
        Ok(Client(command.spawn()?))
    }

    /// As `kill -9`: it has no time for anything.
    fn kill(mut self) -> Result<()> {
        self.0.kill()?;
        Ok(self.0.wait().map(drop)?)
    }
}

fn wait_for_frr(hub: &Hub, command: &str, what: &str, there: bool) -> Result<()> {
    wait_until(BOUND, &format!("{what} at FRR, there: {there}"), || {
        let shown = hub.spoke(1)?.output(&["vtysh", "-c", command])?;
        ensure!(shown.contains(what) == there, "{shown}");
        Ok(())
    })
}

#[test]
fn what_a_client_injects_goes_when_it_is_killed() -> Result<()> {
    skip_if!(hub::missing(&[Daemon::Frr]));
    let families = "families: [ipv4-unicast, l2vpn-evpn]";
    let configuration = linnet(&[], &[&format!("address: 10.1.1.1, remote_as: 65000, {families}")]);
    let frr = Router::new(Daemon::Frr, 1).about(&[Family::Ipv4, Family::Evpn]);
    let hub = Hub::with(&configuration, &[frr])?;
    let session = hub.wait_for_session("10.1.1.1", "session", |_| true)?;

    let prefix = Client::start(&hub, "10.77.0.0/16 --next-hop 10.1.1.0 --name first")?;
    let host =
        format!("add evpn macip --rd 10.9.0.1:5 --mac {MAC} --ip 10.1.0.5 --vni 100 --next-hop 10.9.0.1");
    let host = Client::start(&hub, &host)?;
    wait_for_frr(&hub, "show bgp ipv4 unicast", "10.77.0.0/16", true)?;
    wait_for_frr(&hub, "show bgp l2vpn evpn", MAC, true)?;
    let rib = hub.linnet.linnet("rib 10.77.0.0/16")?.to_string();
    ensure!(rib.contains("injected by first"), "{rib}");

    host.kill()?;
    wait_for_frr(&hub, "show bgp l2vpn evpn", MAC, false)?;
    wait_for_frr(&hub, "show bgp ipv4 unicast", "10.77.0.0/16", true)?;
    prefix.kill()?;
    wait_for_frr(&hub, "show bgp ipv4 unicast", "10.77.0.0/16", false)?;

    // By itself, when its time is over.
    let mut brief = Client::start(&hub, "10.78.0.0/16 --next-hop 10.1.1.0 --lease 6s")?;
    wait_for_frr(&hub, "show bgp ipv4 unicast", "10.78.0.0/16", true)?;
    ensure!(brief.0.wait()?.success(), "it did not end well");
    wait_for_frr(&hub, "show bgp ipv4 unicast", "10.78.0.0/16", false)?;
    let after = hub.wait_for_session("10.1.1.1", "session", |_| true)?;
    assert_eq!((&after["flaps"], &after["local_port"]), (&session["flaps"], &session["local_port"]));
    Ok(())
}
