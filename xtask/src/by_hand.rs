//! `cargo xtask lab`: a topology file brought up in network namespaces, to be looked at by hand.
//!
//! The same files that containerlab reads, with the daemons that this machine has and no container. What is typed
//! is `NODE COMMAND`; the lab ends with the input.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;

use lab::{Lab, Topology, privilege};

use crate::{cargo, ui};

#[derive(Args)]
pub(crate) struct Arguments {
    /// A topology file, such as containerlab/evpn-mixed/evpn-mixed.clab.yml
    topology: PathBuf,
    /// Takes the programs that lie beside this one as they are
    #[arg(long, hide = true)]
    built: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if !arguments.built {
        ui::title("Build");
        cargo::build(&["build", "--package", "linnet", "--bins"])?;
    }
    privilege::enter()?;
    let topology = Topology::read(&arguments.topology)?;
    if let Some(reason) = topology.missing() {
        bail!("{reason}");
    }
    ui::title(&format!("Bring up {}", topology.name));
    let lab = Lab::up(&topology)?;
    let names: Vec<&str> = lab.nodes().map(lab::Node::name).collect();
    ui::text(&format!("nodes: {}", names.join(", ")));
    ui::text(
        "type NODE COMMAND, for example: leaf1 linnet neighbor; the end of the input (Ctrl-D) ends the lab",
    );
    serve(&lab)
}

fn serve(lab: &Lab) -> Result<()> {
    let prompts = io::stdin().is_terminal();
    let mut lines = io::stdin().lock().lines();
    loop {
        if prompts {
            print!("> ");
            io::stdout().flush()?;
        }
        let Some(line) = lines.next() else { return Ok(()) };
        let line = line.context("cannot read what is typed")?;
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        if !prompts {
            ui::command(line);
        }
        match answer(lab, line) {
            Ok(output) => ui::text(&output),
            Err(error) => ui::bad(&format!("{error:#}")),
        }
    }
}

fn answer(lab: &Lab, line: &str) -> Result<String> {
    let (node, command) = line.split_once(' ').context("type NODE COMMAND")?;
    lab.node(node)?.sh(&format!("PATH=\"{}:$PATH\"; {command}", programs()?.display()))
}

/// Where linnet's programs lie: beside this one.
fn programs() -> Result<PathBuf> {
    let own = std::env::current_exe().context("cannot tell where this program is")?;
    Ok(own.parent().map(PathBuf::from).unwrap_or_default())
}
