//! linnetd with the feature `kubernetes`: what the API server says of its Node is what a neighbour is told.

mod hub;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use hub::{BOUND, Hub};
use lab::kubernetes::{ApiServer, Cut, Mood};
use lab::{Daemon, daemon, skip_if, wait_until};

/// What the API server lets in; it stands in no log.
const TOKEN: &str = "a-token-that-nobody-is-to-see";

const BIRD: &str = "log stderr all;
router id 10.1.1.1;
protocol device {}
protocol bgp linnet { local as 65000; neighbor 10.1.1.0 as 65000; passive; ipv4 { import all; export none; }; }
protocol bgp linnet6 { local as 65000; neighbor fd00:1::1 as 65000; passive; ipv6 { import all; export none; }; }
";

const LINNET: &str = "bgp:
  asn: 65000
  router_id: 10.1.0.1
  neighbors:
    - { address: 10.1.1.1, remote_as: 65000, connect_retry: 1, families: [ipv4-unicast] }
    - { address: \"fd00:1::2\", remote_as: 65000, connect_retry: 1, families: [ipv6-unicast] }
native:
  install: false
  kubernetes:
    node: worker
    kubeconfig: /run/files/etc/linnet/kubeconfig
    state_file: /run/linnet/pod-cidrs
    med: 7
";

/// Why this cannot run here.
fn missing() -> Option<String> {
    hub::missing(&[Daemon::Bird]).or_else(|| {
        let file = tempfile_with(LINNET).ok()?;
        let complaint = check(&file).err()?.to_string();
        fs::remove_file(file).ok()?;
        let lacks = complaint.contains("was built without the feature `kubernetes`");
        lacks.then(|| {
            "linnetd lacks the feature `kubernetes`; `cargo xtask test --only kubernetes` has one".into()
        })
    })
}

fn tempfile_with(text: &str) -> Result<PathBuf> {
    let name = format!("linnet-{}-{:?}.yaml", std::process::id(), std::thread::current().id());
    let file = std::env::temp_dir().join(name);
    fs::write(&file, text)?;
    Ok(file)
}

/// Has linnetd look at a configuration.
fn check(file: &Path) -> Result<()> {
    let output = Command::new(daemon::linnetd()?).arg("--check").arg("--config").arg(file).output()?;
    ensure!(output.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// linnetd, BIRD beside it, and an API server that linnetd has at its own address.
struct Cluster {
    hub: Hub,
    server: ApiServer,
}

impl Cluster {
    /// The Node has `10.244.1.0/24` and `fd00:244:1::/64`, and BIRD knows it.
    fn up() -> Result<Cluster> {
        let hub = Hub::laid(LINNET, &[(Daemon::Bird, BIRD)])?;
        let server = ApiServer::start(hub.linnet.netns().run(|| TcpListener::bind("127.0.0.1:0"))??)?;
        server.take_only(TOKEN);
        server.put("worker", &["10.244.1.0/24", "fd00:244:1::/64"], "10.1.1.0");
        server.put("another", &["10.244.9.0/24"], "10.1.9.0");
        let kubeconfig = server.kubeconfig("tokenFile: token");
        hub.linnet.write_file(Path::new("/etc/linnet/token"), TOKEN.as_bytes())?;
        hub.linnet.write_file(Path::new("/etc/linnet/kubeconfig"), kubeconfig.as_bytes())?;
        let cluster = Cluster { hub: hub.start()?, server };
        cluster.wait_for_routes(&["10.244.1.0/24", "fd00:244:1::/64"])?;
        Ok(cluster)
    }

    /// The prefixes that BIRD has learnt, sorted.
    fn routes(&self) -> Result<Vec<String>> {
        let text = self.hub.spoke(1)?.birdc("show route primary")?;
        let words = text.lines().filter_map(|line| line.split_whitespace().next());
        let mut prefixes: Vec<String> = words.filter(|word| word.contains('/')).map(str::to_owned).collect();
        prefixes.sort();
        Ok(prefixes)
    }

    /// Waits until BIRD has exactly these.
    fn wait_for_routes(&self, wanted: &[&str]) -> Result<()> {
        wait_until(BOUND, &format!("{wanted:?} in BIRD"), || {
            let routes = self.routes()?;
            ensure!(routes == wanted, "{routes:?}");
            Ok(())
        })
        .with_context(|| self.hub.linnet.log())
    }

    /// Waits until linnetd shows that such a thing is wrong with what Kubernetes says; empty: that nothing is.
    fn wait_for_fault(&self, fault: &str) -> Result<()> {
        wait_until(BOUND, &format!("fault `{fault}`"), || {
            let sources = self.hub.linnet.linnet("native sources")?;
            let mut sources = sources.as_array().into_iter().flatten();
            let shown = sources.find(|source| source["name"] == "kubernetes").context("no such source")?;
            let said = shown["fault"].as_str().unwrap_or_default();
            ensure!(said.contains(fault) && said.is_empty() == fault.is_empty(), "{shown:#}");
            Ok(())
        })
        .with_context(|| self.hub.linnet.log())
    }

    /// The API server answers nobody, and whoever follows it knows.
    fn lose_server(&self) -> Result<()> {
        self.server.set_mood(Mood::Away);
        self.server.cut(Cut::InMidLine);
        self.wait_for_fault("connection closed")
    }
}

#[test]
fn a_neighbour_is_told_the_pod_cidrs_of_the_node() -> Result<()> {
    skip_if!(missing());
    let cluster = Cluster::up()?;
    let details = cluster.hub.spoke(1)?.birdc("show route all 10.244.1.0/24")?;
    ensure!(details.contains("BGP.med: 7") && details.contains("BGP.origin: IGP"), "{details}");

    cluster.server.put("worker", &["10.244.2.0/24", "fd00:244:1::/64"], "10.1.1.0");
    cluster.wait_for_routes(&["10.244.2.0/24", "fd00:244:1::/64"])?;
    cluster.server.delete("worker");
    cluster.wait_for_routes(&[])?;
    cluster.server.put("worker", &["10.244.3.0/24"], "10.1.1.0");
    cluster.wait_for_routes(&["10.244.3.0/24"])?;

    let log = cluster.hub.linnet.log();
    ensure!(!log.contains(TOKEN), "{log}");
    for request in cluster.server.requests() {
        ensure!(request.key("fieldSelector") == Some("metadata.name=worker"), "{request:?}");
    }
    Ok(())
}

#[test]
fn nothing_is_withdrawn_while_the_api_server_is_away() -> Result<()> {
    skip_if!(missing());
    let cluster = Cluster::up()?;
    cluster.lose_server()?;
    ensure!(cluster.routes()? == ["10.244.1.0/24", "fd00:244:1::/64"], "{:?}", cluster.routes()?);
    cluster.server.put("worker", &["10.244.2.0/24"], "10.1.1.0");
    cluster.server.set_mood(Mood::Well);
    cluster.wait_for_routes(&["10.244.2.0/24"])?;
    cluster.wait_for_fault("")?;
    let shown = cluster.hub.linnet.linnet("neighbor 10.1.1.1")?;
    ensure!(shown["state"] == "established" && shown["flaps"] == 0, "{shown:#}");
    Ok(())
}

/// What was said before linnetd ended is announced by the next one, though the API server has said nothing to that.
#[test]
fn a_restart_while_the_api_server_is_away_withdraws_nothing() -> Result<()> {
    skip_if!(missing());
    let mut cluster = Cluster::up()?;
    cluster.lose_server()?;
    cluster.hub.linnet.kill_daemon()?;
    cluster.hub.spoke(1)?.birdc("restart linnet")?;
    cluster.wait_for_routes(&["fd00:244:1::/64"])?;
    cluster.hub.linnet.start_daemon()?;
    cluster.hub.linnet.wait_until_ready()?;
    cluster.wait_for_fault("connection closed")?;
    cluster.wait_for_routes(&["10.244.1.0/24", "fd00:244:1::/64"])
}

#[test]
fn a_reload_changes_what_is_announced_and_follows_on() -> Result<()> {
    skip_if!(missing());
    let mut cluster = Cluster::up()?;
    cluster.server.put("another", &["10.244.9.0/24"], "10.1.9.0");
    let reload = |cluster: &mut Cluster, text: &str| -> Result<()> {
        cluster.hub.linnet.write_file(Path::new("/etc/linnet/linnet.yaml"), text.as_bytes())?;
        Ok(cluster.hub.linnet.processes().first().context("no linnetd")?.reload()?)
    };
    reload(&mut cluster, &LINNET.replace("node: worker", "node: another"))?;
    cluster.wait_for_routes(&["10.244.9.0/24"])?;
    let without = LINNET.split("  kubernetes:").next().unwrap_or_default();
    reload(&mut cluster, without)?;
    cluster.wait_for_routes(&[])?;
    reload(&mut cluster, LINNET)?;
    cluster.wait_for_routes(&["10.244.1.0/24", "fd00:244:1::/64"])
}

#[test]
fn the_configurations_that_are_shown_are_right() -> Result<()> {
    skip_if!(missing());
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    check(&examples.join("kubernetes-node.yaml"))?;
    let manifests = fs::read_to_string(examples.join("kubernetes/daemonset.yaml"))?;
    let mut seen = 0;
    for manifest in manifests.split("\n---\n") {
        let manifest: serde_json::Value = serde_yaml::from_str(manifest)?;
        let Some(text) = manifest["data"]["linnet.yaml"].as_str() else { continue };
        let file = tempfile_with(&text.replace("HOST_IP", "10.0.0.11"))?;
        check(&file)?;
        fs::remove_file(file)?;
        seen += 1;
    }
    ensure!(seen == 1, "{seen} configurations in the manifests");
    Ok(())
}
