//! Clients: the examples, and one that knows nothing but what linnetd tells by reflection.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use anyhow::{Context, Result, ensure};
use lab::{Node, daemon, skip, skip_if, wait_until};
use serde_json::Value;

use crate::hub::{self, BOUND, Hub};

const SOCKETS: &str = "api:\n  socket: /run/linnet/linnet.sock\n  read_only_socket: /run/linnet/read.sock\n";

/// A program in the namespace of linnetd, and the lines that it has printed so far.
struct Client {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Client {
    fn start(node: &Node, program: &Path, arguments: &[&str]) -> Result<Client> {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        node.netns().wrap(&mut command);
        let mut child = command.spawn()?;
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (out, kept) = (child.stdout.take().context("no output")?, Arc::clone(&lines));
        thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if let Ok(mut lines) = kept.lock() {
                    lines.push(line);
                }
            }
        });
        Ok(Client { child, lines })
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().map(|lines| lines.clone()).unwrap_or_default()
    }

    fn wait_for(&self, line: &str) -> Result<()> {
        wait_until(BOUND, line, || {
            let lines = self.lines();
            ensure!(lines.iter().any(|printed| printed == line), "{lines:#?}");
            Ok(())
        })
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // It may have ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn in_workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn inject(hub: &Hub, prefix: &str) -> Result<Client> {
    Client::start(&hub.linnet, &daemon::linnet_cli()?, &["inject", prefix, "--next-hop", "10.9.0.1"])
}

/// What both examples print, by the socket for reading.
fn shows_everything(program: &Path, script: Option<&str>, scheme: &str) -> Result<()> {
    let hub = crate::linnetd(SOCKETS)?;
    let _first = inject(&hub, "10.77.0.0/16")?;
    wait_until(BOUND, "the first route", || {
        let rib = hub.linnet.linnet("rib")?.to_string();
        ensure!(rib.contains("10.77.0.0/16"), "{rib}");
        Ok(())
    })?;
    let target = format!("{scheme}/run/linnet/read.sock");
    let arguments: Vec<&str> = script.into_iter().chain([&*target, "10.77.0.0/16"]).collect();
    let client = Client::start(&hub.linnet, program, &arguments)?;
    client.wait_for("put 10.77.0.0/16")?;
    client.wait_for("synced")?;
    let lines = client.lines();
    ensure!(lines.iter().any(|line| line.starts_with("neighbor 10.1.1.1 ")), "{lines:#?}");
    ensure!(lines.iter().any(|line| line.starts_with("explain 10.77.0.0/16 via 10.9.0.1: ")), "{lines:#?}");

    let second = inject(&hub, "10.78.0.0/16")?;
    client.wait_for("put 10.78.0.0/16")?;
    drop(second);
    client.wait_for("delete 10.78.0.0/16")
}

#[test]
fn the_rust_example_lists_explains_and_watches() -> Result<()> {
    skip_if!(hub::missing(&[]));
    match daemon::example("client") {
        Ok(program) => shows_everything(&program, None, ""),
        Err(reason) => skip!("{reason:#}"),
    }
}

#[test]
fn the_python_example_lists_explains_and_watches() -> Result<()> {
    skip_if!(hub::missing(&[]));
    let script = in_workspace("examples/client.py");
    match daemon::python() {
        Ok(python) => shows_everything(&python, Some(&script.to_string_lossy()), "unix:"),
        Err(reason) => skip!("{reason:#}"),
    }
}

/// By the socket for reading it reads everything, is refused everything else, and finds no secret.
#[test]
fn a_client_that_has_only_reflection_calls_every_method() -> Result<()> {
    skip_if!(hub::missing(&[]));
    let python = match daemon::python() {
        Ok(python) => python,
        Err(reason) => skip!("{reason:#}"),
    };
    let hub = crate::linnetd(SOCKETS)?;
    let _routes = [inject(&hub, "10.77.0.0/16")?, inject(&hub, "10.78.0.0/16")?];
    wait_until(BOUND, "two routes", || {
        let rib = hub.linnet.linnet("rib")?;
        ensure!(rib.as_array().is_some_and(|paths| paths.len() == 2), "{rib}");
        Ok(())
    })?;
    let script = in_workspace("tests/api-client/reflect.py");
    let (python, script) = (python.to_string_lossy(), script.to_string_lossy());
    let text = hub.linnet.output(&[&python, &script, "unix:/run/linnet/read.sock", "10.1.1.1"])?;
    ensure!(!text.contains("hunter2"), "a secret has left: {text}");
    let lines: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let services = lines[0]["services"].to_string();
    ensure!(
        services.contains("grpc.health.v1.Health") && services.contains("linnet.v1.Monitor"),
        "{services}"
    );
    let of = |method: &str| -> Vec<&Value> { lines.iter().filter(|line| line["method"] == method).collect() };
    for method in ["Neighbors.ResetNeighbor", "Configuration.ApplyConfiguration", "Injection.Inject"] {
        assert_eq!(of(method)[0]["error"], "PERMISSION_DENIED", "{:?}", of(method));
    }
    // One row a page.
    assert_eq!(
        of("Rib.ListPaths").iter().filter(|line| line["answer"]["paths"][0]["nlri"].is_string()).count(),
        2
    );
    let explained = &of("Rib.Explain")[0]["answer"]["explanations"][0];
    assert_eq!(explained["nlri"], "10.77.0.0/16", "{explained}");
    let complete = of("Monitor.Watch");
    assert_eq!(
        complete.last().map(|line| &line["answer"]["synced"]),
        Some(&Value::Bool(true)),
        "{complete:?}"
    );
    assert_eq!(of("Neighbors.GetNeighbor")[0]["answer"]["address"], "10.1.1.1");
    assert_eq!(of("Routes.ListRoutes")[0]["error"], "FAILED_PRECONDITION", "without native routing");
    Ok(())
}
