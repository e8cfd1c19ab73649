//! `topology`: gathers what the fabric is known by, and has it drawn.

use anyhow::{Result, bail};
use api::client::{Client, List};
use api::v1;
use tonic::{Code, Status};

use crate::cli::args::{Drawing, Format, TopologyArgs};
use crate::cli::output::Output;
use crate::cli::topology::{Fabric, Topology, dot, mermaid, svg};
use crate::cli::view;

/// The command.
pub(super) async fn run(
    args: &TopologyArgs,
    client: &Client,
    format: Format,
    output: &mut Output<'_>,
) -> Result<()> {
    let people = matches!(format, Format::Table | Format::Wide);
    if !people && args.format != Drawing::Table {
        bail!("a drawing is text as it is: leave --output out, or --format");
    }
    let topology = seen(args.vni, client).await?;
    match args.format {
        Drawing::Table if people => Ok(view::show_topology(output, topology, format == Format::Wide)?),
        Drawing::Table => output.one(&topology, format, |_, _| Ok(())),
        Drawing::Mermaid => Ok(output.out.write_all(mermaid(&topology).as_bytes())?),
        Drawing::Dot => Ok(output.out.write_all(dot(&topology).as_bytes())?),
        Drawing::Svg => Ok(output.out.write_all(svg(&topology).as_bytes())?),
    }
}

async fn seen(vni: Option<u32>, client: &Client) -> Result<Topology> {
    let status = client.system().get_status(v1::GetStatusRequest {}).await?.into_inner();
    let mut fabric = Fabric::new(&status);
    each(v1::ListNeighborsRequest::default(), client, |row| fabric.neighbor(row)).await?;
    let vnis = each(v1::ListVnisRequest { vni, ..Default::default() }, client, |row| fabric.vni(&row)).await;
    if_served(vnis)?;
    let vteps =
        each(v1::ListVtepsRequest { vni, ..Default::default() }, client, |row| fabric.vtep(&row)).await;
    if_served(vteps)?;
    let route_types = vec![v1::RouteType::Multicast.into()];
    let paths = v1::ListPathsRequest { route_types, vni, ..Default::default() };
    each(paths, client, |row| fabric.path(&row)).await?;
    Ok(fabric.finish())
}

/// A reflector may have no EVPN of its own, which is no fault here.
fn if_served(listed: Result<(), Status>) -> Result<(), Status> {
    listed.or_else(|status| if status.code() == Code::FailedPrecondition { Ok(()) } else { Err(status) })
}

async fn each<L: List>(request: L, client: &Client, mut take: impl FnMut(L::Row)) -> Result<(), Status> {
    let mut pages = client.list(request);
    while let Some(rows) = pages.next().await? {
        rows.into_iter().for_each(&mut take);
    }
    Ok(())
}
