//! `rib`: paths, one a line or in detail, and counts of them.

use anyhow::{Result, bail};
use api::client::{Client, Pages};
use api::v1;
use bgp::types::Family;

use super::list::text;
use crate::cli::args::{Adj, Format, RibArgs, RibWhat};
use crate::cli::output::{Output, Ready, Source, say_none_found};
use crate::cli::view;

/// The command.
pub(super) async fn run(
    args: RibArgs,
    client: &Client,
    format: Format,
    output: &mut Output<'_>,
) -> Result<()> {
    if args.what.contains(&RibWhat::Summary) {
        return summary(&args.families, client, format, output).await;
    }
    let detail = args.detail;
    let paths = client.list(request(args)?);
    match format {
        Format::Table | Format::Wide if detail => show_each(paths, output).await,
        _ => output.rows(paths, format).await,
    }
}

fn request(args: RibArgs) -> Result<v1::ListPathsRequest> {
    let (mut route_types, mut nlri, mut longest_match) = (Vec::new(), String::new(), String::new());
    for what in args.what {
        match what {
            RibWhat::Type(route_type) => route_types.push(route_type.into()),
            RibWhat::Destination(key) if nlri.is_empty() && longest_match.is_empty() => nlri = key,
            RibWhat::Address(address) if nlri.is_empty() && longest_match.is_empty() => {
                longest_match = address.to_string();
            }
            RibWhat::Destination(_) | RibWhat::Address(_) => bail!("one destination at a time"),
            RibWhat::Summary => {}
        }
    }
    Ok(v1::ListPathsRequest {
        families: names(&args.families),
        route_types,
        rd: text(args.rd),
        vni: args.vni,
        mac: text(args.mac),
        ip: text(args.ip),
        nlri,
        longest_match,
        within: text(args.within),
        route_target: text(args.route_target),
        neighbor: text(args.neighbor),
        table: table(args.adj).into(),
        detail: args.detail,
        ..Default::default()
    })
}

fn table(adj: Option<Adj>) -> v1::Table {
    match adj {
        None => v1::Table::Unspecified,
        Some(Adj::In) => v1::Table::In,
        Some(Adj::Out) => v1::Table::Out,
        Some(Adj::Received) => v1::Table::Received,
        Some(Adj::Local) => v1::Table::Local,
    }
}

fn names(families: &[Family]) -> Vec<String> {
    families.iter().map(Family::to_string).collect()
}

async fn show_each(mut paths: Pages<v1::ListPathsRequest>, output: &mut Output<'_>) -> Result<()> {
    let mut none = true;
    while let Some(page) = Source::next(&mut paths).await? {
        page.iter().try_for_each(|path| view::show_path(path, output.colour, output.out))?;
        none &= page.is_empty();
    }
    if none {
        say_none_found::<v1::Path>();
    }
    Ok(())
}

async fn summary(
    families: &[Family],
    client: &Client,
    format: Format,
    output: &mut Output<'_>,
) -> Result<()> {
    let mut rows = client.rib().summarize(v1::SummarizeRequest {}).await?.into_inner().families;
    let wanted = names(families);
    rows.retain(|row| wanted.is_empty() || wanted.contains(&row.family));
    output.rows(Ready(Some(rows)), format).await
}
