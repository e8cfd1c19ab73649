//! `inject`: a route that is there as long as the command runs.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use api::client::Client;
use api::v1;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::cli::args::InjectArgs;
use crate::cli::output::Output;
use crate::cli::text;

/// The command.
pub(super) async fn run(args: InjectArgs, client: &Client, output: &mut Output<'_>) -> Result<()> {
    let route = route(&args)?;
    let nlri = route.nlri.clone();
    let (name, lease) = (args.name, args.lease);
    // linnetd ends it, too, should this program hang.
    let lease_seconds = lease.unwrap_or(0);
    let request =
        v1::InjectRequest { name: name.clone(), lease_seconds, add: vec![route], ..Default::default() };
    // The stream stands as long as its sender is there.
    let (sender, requests) = mpsc::channel(1);
    sender.send(request).await?;
    let mut answers = client.injection().inject(ReceiverStream::new(requests)).await?.into_inner();
    answers.message().await?.context("linnetd has ended the stream")?;
    let words = format!("{nlri} is injected by {name} until this command ends");
    writeln!(output.out, "{}", text::printable(&words))?;
    output.out.flush()?;
    let lease = async {
        match lease {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds.into())).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = lease => Ok(()),
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
        ended = answers.message() => {
            ended?;
            bail!("linnetd has ended the stream")
        }
    }
}

fn route(args: &InjectArgs) -> Result<v1::InjectedRoute> {
    Ok(v1::InjectedRoute {
        nlri: nlri(args)?,
        next_hop: args.next_hop.to_string(),
        vni: args.vni,
        route_targets: args.route_targets.clone(),
        local_pref: args.local_pref,
        med: args.med,
        as_path: args.as_path.clone(),
        communities: args.communities.clone(),
    })
}

/// The key of what is described.
fn nlri(args: &InjectArgs) -> Result<String> {
    let words: Vec<&str> = args.what.iter().map(String::as_str).skip_while(|word| *word == "add").collect();
    let rd = || args.rd.as_deref().context("--rd is missing");
    Ok(match words.as_slice() {
        ["evpn", "macip"] => {
            let mac = args.mac.context("--mac is missing")?;
            let ip = args.ip.map(|ip| format!(":[{ip}]")).unwrap_or_default();
            format!("[2]:[{}]:[0]:[{mac}]{ip}", rd()?)
        }
        ["evpn", "multicast"] => format!("[3]:[{}]:[0]:[{}]", rd()?, args.ip.unwrap_or(args.next_hop)),
        [key] => (*key).to_owned(),
        _ => bail!("expected a prefix, an EVPN key, `evpn macip` or `evpn multicast`"),
    })
}
