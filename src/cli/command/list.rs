//! `policy`, `evpn`, `fib` and `route`: lists with filters.

use std::net::IpAddr;

use anyhow::Result;
use api::client::Client;
use api::v1;

use crate::cli::args::{
    DuplicatesCommand, EvpnCommand, FibArgs, FibKind, Format, HostArgs, RouteArgs, RouteWhat,
};
use crate::cli::output::Output;

/// `evpn vni`, `mac`, `arp`, `vtep`, `duplicates`.
pub(super) async fn evpn(
    command: EvpnCommand,
    client: &Client,
    format: Format,
    output: &mut Output<'_>,
) -> Result<()> {
    match command {
        EvpnCommand::Vni(args) => {
            let request = v1::ListVnisRequest { vni: args.vni, ..Default::default() };
            output.rows(client.list(request), format).await
        }
        EvpnCommand::Vtep(args) => {
            let request = v1::ListVtepsRequest { vni: args.vni, ..Default::default() };
            output.rows(client.list(request), format).await
        }
        EvpnCommand::Mac(args) => output.rows(client.list(macs(&args)), format).await,
        EvpnCommand::Arp { hosts, ip } => output.rows(client.list(arps(&hosts, ip)), format).await,
        EvpnCommand::Duplicates(args) => match args.command {
            Some(DuplicatesCommand::Clear { vni, host }) => {
                clear_duplicates(vni, text(host), client, format, output).await
            }
            None => {
                let request = v1::ListDuplicatesRequest { vni: args.vni, ..Default::default() };
                output.rows(client.list(request), format).await
            }
        },
    }
}

/// Says how many there were.
async fn clear_duplicates(
    vni: Option<u32>,
    host: String,
    client: &Client,
    format: Format,
    output: &mut Output<'_>,
) -> Result<()> {
    let request = v1::ClearDuplicatesRequest { vni, host };
    let answer = client.evpn().clear_duplicates(request).await?.into_inner();
    output.one(&answer, format, |output, answer| match answer.cleared {
        0 => writeln!(output.out, "There were no duplicates."),
        1 => writeln!(output.out, "One duplicate cleared."),
        cleared => writeln!(output.out, "{cleared} duplicates cleared."),
    })
}

fn macs(args: &HostArgs) -> v1::ListMacsRequest {
    v1::ListMacsRequest {
        vni: args.vni,
        mac: text(args.mac),
        vtep: text(args.vtep),
        r#type: host_type(args).into(),
        ..Default::default()
    }
}

fn arps(args: &HostArgs, ip: Option<IpAddr>) -> v1::ListArpsRequest {
    v1::ListArpsRequest {
        vni: args.vni,
        ip: text(ip),
        mac: text(args.mac),
        vtep: text(args.vtep),
        r#type: host_type(args).into(),
        ..Default::default()
    }
}

fn host_type(args: &HostArgs) -> v1::HostType {
    match (args.local, args.remote) {
        (true, _) => v1::HostType::Local,
        (_, true) => v1::HostType::Remote,
        _ => v1::HostType::Unspecified,
    }
}

/// `policy`.
pub(super) async fn policies(
    name: Option<String>,
    client: &Client,
    format: Format,
    output: &mut Output<'_>,
) -> Result<()> {
    let request = v1::ListPoliciesRequest { name: text(name), ..Default::default() };
    output.rows(client.list(request), format).await
}

/// `fib` and `fib diff`.
pub(super) async fn fib(
    args: FibArgs,
    client: &Client,
    format: Format,
    output: &mut Output<'_>,
) -> Result<()> {
    let request = v1::ListFibEntriesRequest {
        kinds: args.kind.into_iter().map(|kind| fib_kind(kind).into()).collect(),
        vni: args.vni,
        diff: args.diff.is_some(),
        ..Default::default()
    };
    output.rows(client.list(request), format).await
}

fn fib_kind(kind: FibKind) -> v1::FibKind {
    match kind {
        FibKind::Link => v1::FibKind::Link,
        FibKind::Flood => v1::FibKind::Flood,
        FibKind::Mac => v1::FibKind::Mac,
        FibKind::Neighbor => v1::FibKind::Neighbor,
        FibKind::Route => v1::FibKind::Route,
    }
}

/// `route` and `route diff`.
pub(super) async fn routes(
    args: RouteArgs,
    client: &Client,
    format: Format,
    output: &mut Output<'_>,
) -> Result<()> {
    let prefix = match args.what {
        Some(RouteWhat::Prefix(prefix)) => prefix.to_string(),
        Some(RouteWhat::Diff) | None => String::new(),
    };
    let request = v1::ListRoutesRequest {
        families: args.families.iter().map(|family| family.name().to_owned()).collect(),
        prefix,
        diff: args.what == Some(RouteWhat::Diff),
        ..Default::default()
    };
    output.rows(client.list(request), format).await
}

/// A filter in the API's form: empty if it is not set.
pub(super) fn text<T: ToString>(filter: Option<T>) -> String {
    filter.map(|value| value.to_string()).unwrap_or_default()
}
