//! `neighbor`: the table, one in detail, and what can be done with one.

use anyhow::Result;
use api::client::Client;
use api::v1;

use crate::cli::args::{Format, NeighborAction, NeighborArgs};
use crate::cli::output::Output;
use crate::cli::view;
use crate::config::NeighborAddress;

/// The command.
pub(super) async fn run(
    args: NeighborArgs,
    client: &Client,
    format: Format,
    output: &mut Output<'_>,
) -> Result<()> {
    match (args.neighbor, args.action) {
        (Some(address), Some(action)) => act(address, action, args.message, client).await,
        (Some(address), None) => detail(address, client, format, output).await,
        (None, _) => output.rows(client.list(v1::ListNeighborsRequest::default()), format).await,
    }
}

async fn detail(
    address: NeighborAddress,
    client: &Client,
    format: Format,
    output: &mut Output<'_>,
) -> Result<()> {
    let request = v1::GetNeighborRequest { address: address.to_string() };
    let neighbor = client.neighbors().get_neighbor(request).await?.into_inner();
    output.one(&neighbor, format, view::show_neighbor)
}

async fn act(
    address: NeighborAddress,
    action: NeighborAction,
    message: String,
    client: &Client,
) -> Result<()> {
    let address = address.to_string();
    match action {
        NeighborAction::Reset => reset(address, v1::ResetKind::Hard, message, client).await,
        NeighborAction::Softreset => reset(address, v1::ResetKind::Soft, message, client).await,
        NeighborAction::Softresetin => reset(address, v1::ResetKind::SoftIn, message, client).await,
        NeighborAction::Softresetout => reset(address, v1::ResetKind::SoftOut, message, client).await,
        NeighborAction::Shutdown => set_admin(address, v1::AdminState::Shutdown, message, client).await,
        NeighborAction::Enable => set_admin(address, v1::AdminState::Enabled, message, client).await,
    }
}

async fn reset(address: String, kind: v1::ResetKind, message: String, client: &Client) -> Result<()> {
    let request = v1::ResetNeighborRequest { address, kind: kind.into(), message };
    client.neighbors().reset_neighbor(request).await?;
    Ok(())
}

async fn set_admin(address: String, state: v1::AdminState, message: String, client: &Client) -> Result<()> {
    let request = v1::SetNeighborAdminRequest { address, admin_state: state.into(), message };
    client.neighbors().set_neighbor_admin(request).await?;
    Ok(())
}
