//! A node of a lab: a namespace, the processes of the daemon in it, and commands run in it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::kind::Daemon;
use crate::netns::Netns;
use crate::nursery::{Nursery, Process};
use crate::topology::NodeSpec;

/// A node that is up.
#[derive(Debug)]
pub struct Node {
    name: String,
    spec: NodeSpec,
    netns: Netns,
    nursery: Nursery,
    processes: Vec<Process>,
}

impl Node {
    /// A node with its namespace, kernel settings and files, no links and no daemon yet.
    pub fn new(name: &str, spec: &NodeSpec, nursery: &Nursery) -> Result<Node> {
        let netns = Netns::new()?;
        netns.run(|| spec.sysctls.iter().try_for_each(|(key, value)| set_sysctl(key, value)))??;
        let (name, spec, nursery) = (name.to_owned(), spec.clone(), nursery.clone());
        let node = Node { name, spec, netns, nursery, processes: Vec::new() };
        for (path, source) in &node.spec.binds {
            let contents = fs::read(source).with_context(|| format!("cannot read {}", source.display()))?;
            node.write_file(path, &contents)?;
        }
        Ok(node)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its namespace.
    pub fn netns(&self) -> &Netns {
        &self.netns
    }

    /// What runs in it.
    pub fn daemon(&self) -> Option<Daemon> {
        self.spec.daemon
    }

    /// Has another daemon run in it from its next start on.
    pub fn set_daemon(&mut self, daemon: Daemon) {
        self.spec.daemon = Some(daemon);
    }

    /// Ends its daemon's processes as the system would, the last started first.
    pub fn stop_daemon(&mut self) -> io::Result<()> {
        self.processes.iter_mut().rev().try_for_each(Process::terminate)?;
        self.processes.clear();
        Ok(())
    }

    /// Kills its daemon's processes: no chance to say goodbye or to clean up.
    pub fn kill_daemon(&mut self) -> io::Result<()> {
        self.processes.iter_mut().try_for_each(Process::kill)?;
        self.processes.clear();
        Ok(())
    }

    /// Runs a line as containerlab's `exec` does, but with a shell; its output.
    pub fn sh(&self, line: &str) -> Result<String> {
        self.output(&["sh", "-c", line])
    }

    /// Runs a program in the node; its standard output, or an error with what it said.
    pub fn output(&self, words: &[&str]) -> Result<String> {
        let output = self.nursery.output(self.command(words)).with_context(|| words.join(" "))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            let complaint = String::from_utf8_lossy(&output.stderr);
            bail!("on {}: {}: {}: {}{}", self.name, words.join(" "), output.status, text, complaint.trim());
        }
        Ok(text)
    }

    /// Runs a program in the node that prints JSON.
    pub fn json(&self, words: &[&str]) -> Result<Value> {
        let text = self.output(words)?;
        serde_json::from_str(&text).with_context(|| format!("{} printed no JSON: {text}", words.join(" ")))
    }

    /// Gives the node a file, under the path that it has in a container; see [`Node::file`].
    pub fn write_file(&self, path: &Path, contents: &[u8]) -> Result<()> {
        let place = place(path);
        let write = || {
            fs::create_dir_all(place.parent().unwrap_or(&place))?;
            fs::write(&place, contents)
        };
        self.netns.run(write)?.with_context(|| format!("cannot write {}", place.display()))
    }

    /// Where in the node the file lies that a container has under `path`.
    pub fn file(&self, path: &str) -> Result<String> {
        let place = place(Path::new(path));
        if !self.netns.run(|| place.exists())? {
            bail!("{}: nothing is bound to {path}", self.name);
        }
        Ok(place.to_string_lossy().into_owned())
    }

    /// Everything that the node's daemons have written so far.
    pub fn log(&self) -> String {
        let read = || fs::read(LOG).unwrap_or_default();
        self.netns.run(read).map(|log| String::from_utf8_lossy(&log).into_owned()).unwrap_or_default()
    }

    /// Starts a daemon's process.
    pub(crate) fn spawn(&mut self, words: &[&str]) -> Result<()> {
        let log = self.netns.run(|| File::options().create(true).append(true).open(LOG))??;
        self.processes.push(self.spawn_beside(words, &log)?);
        Ok(())
    }

    /// Starts a process that is none of the daemon's, its output going to `log`.
    pub(crate) fn spawn_beside(&self, words: &[&str], log: &File) -> Result<Process> {
        let name = words.first().copied().unwrap_or_default();
        self.nursery.spawn(name, self.command(words), log).with_context(|| words.join(" "))
    }

    /// Its processes, to see whether they live.
    pub fn processes(&mut self) -> &mut [Process] {
        &mut self.processes
    }

    /// The numbers of its daemon's processes.
    pub fn pids(&self) -> impl Iterator<Item = u32> + '_ {
        self.processes.iter().map(Process::pid)
    }

    /// The memory that its daemon's processes have in use (resident), in octets.
    pub fn memory(&self) -> Result<u64> {
        let mut octets = 0;
        for process in &self.processes {
            let status = fs::read_to_string(format!("/proc/{}/status", process.pid()))?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
            octets += line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024;
        }
        Ok(octets)
    }

    pub(crate) fn run_exec_lines(&self) -> Result<()> {
        self.spec.exec.iter().try_for_each(|line| self.sh(line).map(drop))
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(words.first().copied().unwrap_or_default());
        command.args(words.get(1..).unwrap_or_default()).envs(&self.spec.env);
        self.netns.wrap(&mut command);
        command
    }
}

/// Files lie in the node's own /run: nothing is mounted over the machine's /etc.
fn place(path: &Path) -> PathBuf {
    Path::new("/run/files").join(path.strip_prefix("/").unwrap_or(path))
}

/// In the node's own /run.
const LOG: &str = "/run/daemon.log";

/// `net.ipv4.ip_forward` is the file /proc/sys/net/ipv4/ip_forward, of the namespace of who opens it.
fn set_sysctl(key: &str, value: &str) -> Result<()> {
    let path = Path::new("/proc/sys").join(key.replace('.', "/"));
    fs::write(&path, value).with_context(|| format!("cannot set {}", path.display()))
}
