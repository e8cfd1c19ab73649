//! `monitor`: the present state and then each change, until interrupted.

use anyhow::Result;
use api::client::Client;
use api::v1;
use serde::Serialize;

use crate::cli::args::{Format, MonitorArgs, Topic};
use crate::cli::output::Output;
use crate::cli::view;

/// What a stream of objects has where the present state ends and the changes begin.
#[derive(Serialize)]
struct Synced {
    synced: bool,
}

/// The command. JSON is one object a line here: a stream has no closing bracket.
pub(super) async fn run(
    args: MonitorArgs,
    client: &Client,
    format: Format,
    output: &mut Output<'_>,
) -> Result<()> {
    let topics = args.topics.into_iter().map(|topic| topic_of(topic).into()).collect();
    let request = v1::WatchRequest { topics, changes_only: args.changes_only, ..Default::default() };
    let mut stream = client.monitor().watch(request).await?.into_inner();
    let mut synced = false;
    while let Some(response) = stream.message().await? {
        response.changes.iter().try_for_each(|change| show(change, format, output))?;
        if response.synced && !std::mem::replace(&mut synced, true) {
            mark_synced(format, output)?;
        }
        output.out.flush()?;
    }
    Ok(())
}

fn topic_of(topic: Topic) -> v1::Topic {
    match topic {
        Topic::Rib => v1::Topic::Rib,
        Topic::Evpn => v1::Topic::Evpn,
        Topic::Fib => v1::Topic::Fib,
        Topic::Neighbor => v1::Topic::Neighbor,
    }
}

fn show(change: &v1::Change, format: Format, output: &mut Output<'_>) -> Result<()> {
    match format {
        Format::Table | Format::Wide => Ok(view::show_change(change, output.colour, output.out)?),
        Format::Json | Format::Jsonl => output.json_line(change),
        Format::Yaml => document(change, output),
    }
}

fn mark_synced(format: Format, output: &mut Output<'_>) -> Result<()> {
    match format {
        Format::Table | Format::Wide => Ok(writeln!(output.out, "-- synced --")?),
        Format::Json | Format::Jsonl => output.json_line(&Synced { synced: true }),
        Format::Yaml => document(&Synced { synced: true }, output),
    }
}

fn document<T: Serialize>(value: &T, output: &mut Output<'_>) -> Result<()> {
    Ok(write!(output.out, "---\n{}", serde_yaml::to_string(value)?)?)
}
