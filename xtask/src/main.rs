//! The project's own commands: `cargo xtask demo`, `test`, `lab`, `bench`, `soak`, `vm` and `ci`.
//!
//! They are Rust so that a machine with cargo needs nothing else to run them; what they need beyond that they
//! install, or they say what is missing.

mod bench;
mod by_hand;
mod cargo;
mod ci;
mod demo;
mod fuzz;
mod inside;
mod install;
mod oracle;
mod python;
mod soak;
mod test;
mod ui;
mod vm;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's own commands
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Shows the main job, step by step, in network namespaces of its own
    Demo(demo::Arguments),
    /// Brings a topology up in network namespaces, to be looked at by hand
    Lab(by_hand::Arguments),
    /// Installs what the tests need, then builds and runs all of them
    Test(test::Arguments),
    /// Measures linnet beside FRR, BIRD and GoBGP; arguments go to tests/bench/bench.py
    Bench(bench::Arguments),
    /// Feeds the parts that read what peers send with inputs made up on the way, for as long as is said
    Fuzz(fuzz::Arguments),
    /// Has a small fabric churn for minutes, with FRR and BIRD in it, and looks whether anything is left over
    Soak(soak::Arguments),
    /// Runs a command under a full kernel: netem, VRFs and VLAN filtering, whatever the machine's own has
    Vm(vm::Arguments),
    /// Runs everything that has to hold before a change goes in
    Ci,
    /// Runs a program with the right to make network namespaces
    #[command(hide = true)]
    Inside(inside::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Lab(arguments) => by_hand::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::Soak(arguments) => soak::run(&arguments),
        Command::Ci => ci::run(),
        Command::Inside(arguments) => inside::run(&arguments),
        Command::Vm(arguments) => return vm::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            ui::error(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
