//! `config`: a file is checked here, and made from BIRD's; linnetd compares one with what is in force, takes it, and
//! takes it back.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail};
use api::client::Client;
use api::v1;

use crate::cli::args::{ConfigCommand, Format};
use crate::cli::output::{Output, Ready};
use crate::cli::text;
use crate::config::Config;
use crate::from_bird::{self, Disk};

/// `config check`.
pub(super) fn check(file: &Path, output: &mut Output<'_>) -> Result<()> {
    Config::load(file)?;
    Ok(writeln!(output.out, "{}: the configuration is right", file.display())?)
}

/// `config from-bird`: the configuration to the output; files to be made, and what was not carried over, beside it.
pub(super) fn from_bird(file: &Path, output: &mut Output<'_>) -> Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let conversion = from_bird::convert(file, &text, &Disk)?;
    write!(output.out, "{}", conversion.yaml)?;
    for secret in &conversion.secrets {
        let line = format!("the password of {} belongs into the file {}", secret.place, secret.file);
        anstream::eprintln!("{}", text::printable(&line));
    }
    let line = |(account, why): (&from_bird::Account, &str)| {
        format!("{} {}: {why}", account.place, account.statement)
    };
    let dropped: Vec<String> = conversion.dropped().map(line).collect();
    match dropped.len() {
        0 => Ok(()),
        1 => bail!("1 statement is not carried over\n{}", dropped.join("\n")),
        count => bail!("{count} statements are not carried over\n{}", dropped.join("\n")),
    }
}

/// What takes linnetd.
pub(super) async fn run(
    command: &ConfigCommand,
    client: &Client,
    format: Format,
    output: &mut Output<'_>,
) -> Result<()> {
    let changes = match command {
        ConfigCommand::Show => return show(client, format, output).await,
        ConfigCommand::Confirm => {
            client.configuration().confirm_configuration(v1::ConfirmConfigurationRequest {}).await?;
            return Ok(());
        }
        ConfigCommand::Rollback => {
            let request = v1::RollBackConfigurationRequest {};
            client.configuration().roll_back_configuration(request).await?.into_inner().changes
        }
        ConfigCommand::Diff { file: Some(file) } => apply(file, true, 0, client).await?,
        ConfigCommand::Apply { file, confirm_within } => {
            apply(file, false, confirm_within.unwrap_or(0), client).await?
        }
        ConfigCommand::Diff { file: None } => reload(true, client).await?,
        ConfigCommand::Reload => reload(false, client).await?,
        // Done without linnetd.
        ConfigCommand::Check { .. } | ConfigCommand::FromBird { .. } => return Ok(()),
    };
    output.rows(Ready(Some(changes)), format).await
}

/// The text as it is in a table's place, so that it can be kept as a file.
async fn show(client: &Client, format: Format, output: &mut Output<'_>) -> Result<()> {
    let answer = client.configuration().get_configuration(v1::GetConfigurationRequest {}).await?.into_inner();
    output.one(&answer, format, |output, answer| {
        answer.text.lines().try_for_each(|line| writeln!(output.out, "{}", text::printable(line)))
    })
}

async fn apply(
    file: &Path,
    dry_run: bool,
    confirm_within_seconds: u32,
    client: &Client,
) -> Result<Vec<v1::ConfigurationChange>> {
    let text = read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let request = v1::ApplyConfigurationRequest { text, dry_run, confirm_within_seconds };
    Ok(client.configuration().apply_configuration(request).await?.into_inner().changes)
}

fn read(file: &Path) -> std::io::Result<String> {
    if file != Path::new("-") {
        return std::fs::read_to_string(file);
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    Ok(text)
}

async fn reload(dry_run: bool, client: &Client) -> Result<Vec<v1::ConfigurationChange>> {
    let request = v1::ReloadConfigurationRequest { dry_run };
    Ok(client.system().reload_configuration(request).await?.into_inner().changes)
}
