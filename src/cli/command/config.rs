//! `config`: a file is checked here; linnetd compares its own with what is in force, and takes it.

use std::path::Path;

use anyhow::Result;
use api::client::Client;
use api::v1;

use crate::cli::args::{ConfigCommand, Format};
use crate::cli::output::{Output, Ready};
use crate::config::Config;

/// `config check`.
pub(super) fn check(file: &Path, output: &mut Output<'_>) -> Result<()> {
    Config::load(file)?;
    Ok(writeln!(output.out, "{}: the configuration is right", file.display())?)
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
