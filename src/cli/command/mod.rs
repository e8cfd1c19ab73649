//! What each command asks for.

mod bfd;
mod config;
mod health;
mod inject;
mod list;
mod man;
mod monitor;
mod native;
mod neighbor;
mod rib;
mod topology;

use std::time::Duration;

use anyhow::Result;
use api::client::{Client, Endpoint};
use api::v1;
use serde::Serialize;

use super::args::{Cli, Command, ConfigCommand, Format, Global};
use super::output::{Output, Ready};
use super::{advice, complete, doctor, text, top, view};

/// Runs one command.
pub(super) async fn run(cli: Cli, mut output: Output<'_>) -> Result<()> {
    let Cli { global, command } = cli;
    match command {
        Command::Completion { shell } => return Ok(complete::write_script(shell, output.out)?),
        Command::Man { directory } => return man::write(&directory, &mut output),
        Command::Version => return version(&global, &mut output).await,
        Command::Top(args) => {
            let interval = Duration::from_secs(args.interval.into());
            return top::run(&endpoint(&global)?, interval, output.colour).await;
        }
        Command::Doctor(args) => return doctor::run(&args, &global, &mut output).await,
        Command::Config(ConfigCommand::Check { file }) => return config::check(&file, &mut output),
        Command::Config(ConfigCommand::FromBird { file }) => return config::from_bird(&file, &mut output),
        _ => {}
    }
    let client = connect(&global).await?;
    dispatch(command, &client, global.output, &mut output).await
}

async fn dispatch(command: Command, client: &Client, format: Format, output: &mut Output<'_>) -> Result<()> {
    match command {
        Command::Neighbor(args) => neighbor::run(args, client, format, output).await,
        Command::Bfd(args) => bfd::run(args, client, format, output).await,
        Command::Rib(args) => rib::run(args, client, format, output).await,
        Command::Evpn(command) => list::evpn(command, client, format, output).await,
        Command::Fib(args) => list::fib(args, client, format, output).await,
        Command::Route(args) => list::routes(args, client, format, output).await,
        Command::Native(args) => native::run(args, client, format, output).await,
        Command::Topology(args) => topology::run(&args, client, format, output).await,
        Command::Inject(args) => inject::run(args, client, output).await,
        Command::Monitor(args) => monitor::run(args, client, format, output).await,
        Command::Policy { name } => list::policies(name, client, format, output).await,
        Command::Explain { key } => explain(key, client, format, output).await,
        Command::Status => status(client, format, output).await,
        Command::Health => health::run(client, format, output).await,
        Command::Config(command) => config::run(&command, client, format, output).await,
        // Done without linnetd, or with it as it comes and goes.
        Command::Doctor(_)
        | Command::Completion { .. }
        | Command::Man { .. }
        | Command::Version
        | Command::Top(_) => Ok(()),
    }
}

async fn connect(global: &Global) -> Result<Client> {
    Ok(Client::connect(&endpoint(global)?).await?)
}

/// Where linnetd is to be asked.
fn endpoint(global: &Global) -> Result<Endpoint> {
    let endpoint = global.reach.endpoint(|name| std::env::var(name).ok());
    Ok(endpoint.map_err(tonic::Status::invalid_argument)?)
}

async fn explain(key: String, client: &Client, format: Format, output: &mut Output<'_>) -> Result<()> {
    let answer = client.rib().explain(v1::ExplainRequest { key: key.clone() }).await?.into_inner();
    if answer.explanations.is_empty() {
        anyhow::bail!("nothing is known of {key}");
    }
    match format {
        Format::Table | Format::Wide => {
            answer.explanations.iter().try_for_each(|one| view::show_explanation(output, one))?;
            if answer.truncated {
                writeln!(output.out, "There may be more: not every destination was looked at, or shown.")?;
            }
            Ok(())
        }
        _ => output.objects(Ready(Some(answer.explanations)), format).await,
    }
}

async fn status(client: &Client, format: Format, output: &mut Output<'_>) -> Result<()> {
    let status = client.system().get_status(v1::GetStatusRequest {}).await?.into_inner();
    output.one(&status, format, view::show_status)
}

/// Versions of both programs; without `linnetd` where it does not run.
#[derive(Serialize)]
struct Versions {
    linnet: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    linnetd: Option<String>,
}

async fn version(global: &Global, output: &mut Output<'_>) -> Result<()> {
    let (linnetd, words) = match connect(global).await {
        Ok(client) => {
            let status = client.system().get_status(v1::GetStatusRequest {}).await?.into_inner();
            (Some(status.version.clone()), format!("linnetd {}", status.version))
        }
        Err(error) => (None, error.to_string()),
    };
    let versions = Versions { linnet: env!("CARGO_PKG_VERSION"), linnetd };
    output.one(&versions, global.output, |output, versions| {
        writeln!(output.out, "linnet  {}\n{}", versions.linnet, text::printable(&words))?;
        match &versions.linnetd {
            Some(linnetd) if linnetd != versions.linnet => {
                writeln!(output.out, "They are of different versions: {}.", advice::VERSIONS_DIFFER)
            }
            _ => Ok(()),
        }
    })
}
