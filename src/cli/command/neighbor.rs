//! `neighbor`: the table, one in detail, and what can be done with one.

use anyhow::{Context, Result};
use api::client::Client;
use api::v1;

use serde_yaml::{Mapping, Value};

use crate::cli::args::{AddNeighborArgs, Format, NeighborAction, NeighborArgs, NeighborCommand};
use crate::cli::output::{Output, Ready};
use crate::cli::view;
use crate::config::NeighborAddress;

/// The command.
pub(super) async fn run(
    args: NeighborArgs,
    client: &Client,
    format: Format,
    output: &mut Output<'_>,
) -> Result<()> {
    if let Some(NeighborCommand::Add(args)) = &args.command {
        let request = v1::AddNeighborRequest { neighbor: described(args)?, replace: args.replace };
        let answer = client.configuration().add_neighbor(request).await?.into_inner();
        return output.rows(Ready(Some(answer.changes)), format).await;
    }
    match (args.neighbor, args.action) {
        (Some(address), Some(NeighborAction::Remove)) => {
            let request = v1::RemoveNeighborRequest { address: address.to_string() };
            let answer = client.configuration().remove_neighbor(request).await?.into_inner();
            output.rows(Ready(Some(answer.changes)), format).await
        }
        (Some(address), Some(action)) => act(address, action, args.message, client).await,
        (Some(address), None) => detail(address, client, format, output).await,
        (None, _) => output.rows(client.list(v1::ListNeighborsRequest::default()), format).await,
    }
}

/// The neighbour as the file would have it.
fn described(args: &AddNeighborArgs) -> Result<String> {
    let mut keys = Mapping::new();
    let mut put = |key: &str, value: Value| keys.insert(key.into(), value);
    let name = match args.neighbor {
        NeighborAddress::Interface(_) => "interface",
        _ => "address",
    };
    put(name, args.neighbor.to_string().into());
    if let Some(remote_as) = &args.remote_as {
        put("remote_as", remote_as.parse::<u32>().map_or_else(|_| remote_as.as_str().into(), Value::from));
    }
    let texts = [("peer_group", &args.peer_group), ("description", &args.description)];
    for (key, text) in texts.into_iter().filter_map(|(key, text)| Some((key, text.as_deref()?))) {
        put(key, text.into());
    }
    if !args.families.is_empty() {
        put("families", Value::Sequence(args.families.iter().map(|family| family.name().into()).collect()));
    }
    if args.passive {
        put("passive", true.into());
    }
    for setting in &args.set {
        let value = serde_yaml::from_str(&setting.value)
            .with_context(|| format!("--set {}: `{}` is no YAML", setting.key, setting.value))?;
        put(&setting.key, value);
    }
    Ok(serde_yaml::to_string(&keys)?)
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
        NeighborAction::Remove => Ok(()),
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
