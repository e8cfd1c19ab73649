//! The daemon.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use linnet::config::Config;
use linnet::daemon::Arguments;
use tracing_subscriber::EnvFilter;

// Path attributes come and go by the million; glibc's allocator is several times slower at that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Of pages of 2 MiB each is taken whole for the first octet in it: a daemon at rest would be half as large again, and
    // tables grow no faster with them. The allocator is built not to ask for them (`no_thp`); this is for hosts that give
    // them unasked. An old kernel that cannot do without is no fault.
    let _ = nix::sys::prctl::set_thp_disable(true);
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("linnetd: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    if arguments.schema {
        println!("{}", serde_json::to_string_pretty(&Config::schema())?);
        return Ok(());
    }
    linnet::daemon::limit_privileges()?;
    let config = Config::load(&arguments.config)?;
    if arguments.check {
        linnet::daemon::preflight(&config)?;
        config.warnings.iter().for_each(|warning| eprintln!("linnetd: {warning}"));
        println!("{}: the configuration is right", arguments.config.display());
        return Ok(());
    }
    start_log();
    linnet::daemon::run(config, arguments.config.clone())
}

fn start_log() {
    let filter = EnvFilter::try_from_env("LINNET_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}
