//! `health`: whether each service can answer. What a container's health check runs.

use anyhow::{Result, bail};
use api::client::{Client, Serving};

use crate::cli::args::Format;
use crate::cli::output::{Output, Ready};

/// The command. It fails where something does not serve.
pub(super) async fn run(client: &Client, format: Format, output: &mut Output<'_>) -> Result<()> {
    let all = client.health().await?;
    let waits = |state| matches!(state, Serving::NotServing);
    let waiting: Vec<_> = all.iter().filter(|row| waits(row.state)).map(|row| row.service.clone()).collect();
    output.rows(Ready(Some(all)), format).await?;
    if !waiting.is_empty() {
        bail!("not serving: {}", waiting.join(", "));
    }
    Ok(())
}
