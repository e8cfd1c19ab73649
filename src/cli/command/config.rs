//! `config`: a file is checked here, and made from BIRD's; linnetd compares its own with what is in force, and takes it.

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

/// The others.
pub(super) async fn run(
    command: &ConfigCommand,
    client: &Client,
    format: Format,
    output: &mut Output<'_>,
) -> Result<()> {
    let request = v1::ReloadConfigurationRequest { dry_run: matches!(command, ConfigCommand::Diff) };
    let answer = client.system().reload_configuration(request).await?.into_inner();
    output.rows(Ready(Some(answer.changes)), format).await
}
