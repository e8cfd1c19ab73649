//! `bfd`: the sessions, and one in detail.

use anyhow::{Result, bail};
use api::client::Client;
use api::v1;

use super::list::text;
use crate::cli::args::{BfdArgs, Format};
use crate::cli::output::Output;
use crate::cli::view;

/// The command.
pub(super) async fn run(
    args: BfdArgs,
    client: &Client,
    format: Format,
    output: &mut Output<'_>,
) -> Result<()> {
    let request = v1::ListBfdSessionsRequest { neighbor: text(args.neighbor), ..Default::default() };
    let Some(address) = args.neighbor else { return output.rows(client.list(request), format).await };
    let sessions = client.bfd().list_bfd_sessions(request).await?.into_inner().bfd_sessions;
    let Some(session) = sessions.first() else { bail!("{address} is not watched with BFD") };
    output.one(session, format, view::show_bfd_session)
}
