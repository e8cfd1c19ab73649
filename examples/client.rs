//! Asks linnetd with the crate `linnet-api`: who its neighbours are, why a path is the best one, and what changes.
//!
//! ```text
//! cargo run --example client -- /run/linnet/linnet.sock 10.244.1.0/24
//! ```
//!
//! It goes on until linnetd ends. Reading is all that it does, so the socket for reading will do.

use anyhow::{Context, Result};
use api::client::{Client, Endpoint};
use api::v1::change::Row;
use api::{Word, v1};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let socket = arguments.next().context("usage: client SOCKET [PREFIX]")?;
    let client = Client::connect(&Endpoint::Unix(socket.into())).await?;
    list(&client).await?;
    if let Some(key) = arguments.next() {
        explain(&client, key).await?;
    }
    watch(&client).await
}

/// A list comes in pages, which the client asks for one after the other.
async fn list(client: &Client) -> Result<()> {
    let mut pages = client.list(v1::ListNeighborsRequest::default());
    while let Some(neighbors) = pages.next().await? {
        for neighbor in neighbors {
            println!("neighbor {} {}", neighbor.address, v1::NeighborState::word(neighbor.state));
        }
    }
    Ok(())
}

async fn explain(client: &Client, key: String) -> Result<()> {
    let answer = client.rib().explain(v1::ExplainRequest { key }).await?.into_inner();
    for explanation in answer.explanations {
        for path in explanation.paths {
            println!("explain {} via {}: {}", explanation.nlri, path.next_hop, path.reason);
        }
    }
    Ok(())
}

/// First the present state, then what changes. Of a row that is gone there is only what identifies it.
async fn watch(client: &Client) -> Result<()> {
    let request = v1::WatchRequest { topics: vec![v1::Topic::Rib.into()], ..v1::WatchRequest::default() };
    let mut answers = client.monitor().watch(request).await?.into_inner();
    let mut synced = false;
    while let Some(answer) = answers.message().await? {
        for change in answer.changes {
            if let Some(Row::Path(path)) = change.row {
                println!("{} {}", v1::ChangeKind::word(change.kind), path.nlri);
            }
        }
        if answer.synced && !synced {
            println!("synced");
            synced = true;
        }
    }
    Ok(())
}
