//! Asks linnetd, again and again, and once more when it has gone away.

use std::convert::Infallible;
use std::time::Duration;

use api::client::{Client, Endpoint, List};
use api::v1;
use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;
use tonic::{Code, Status};

use super::input::Input;
use super::model::{Facts, Hosts};
use crate::cli::explain;

/// Between two attempts to reach linnetd.
const PAUSE: Duration = Duration::from_secs(1);

/// Rows of each list that are asked for.
const ROWS: u32 = 500;

/// Hosts and VTEPs of a network that are asked for.
const HOSTS: u32 = 200;

/// What ends the work of a source: linnetd fails, or nobody wants to know any more.
enum End {
    Failed(Status),
    Unwanted,
}

impl From<Status> for End {
    fn from(status: Status) -> End {
        End::Failed(status)
    }
}

/// Tells `inputs` of linnetd until nobody listens. `asked` is the network that is looked at.
pub(super) async fn follow(
    endpoint: &Endpoint,
    interval: Duration,
    mut asked: watch::Receiver<Option<u32>>,
    inputs: mpsc::Sender<Input>,
) {
    loop {
        let why = match Client::connect(endpoint).await {
            Ok(client) => match talk(&client, interval, &mut asked, &inputs).await {
                End::Failed(status) => explain(&status, Some(endpoint)),
                End::Unwanted => return,
            },
            Err(error) => error.to_string(),
        };
        if inputs.send(Input::Lost(why)).await.is_err() {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn talk(
    client: &Client,
    interval: Duration,
    asked: &mut watch::Receiver<Option<u32>>,
    inputs: &mpsc::Sender<Input>,
) -> End {
    let ended = tokio::try_join!(poll(client, interval, asked, inputs), changes(client, inputs));
    match ended {
        Ok((never, _)) => match never {},
        Err(end) => end,
    }
}

async fn poll(
    client: &Client,
    interval: Duration,
    asked: &mut watch::Receiver<Option<u32>>,
    inputs: &mpsc::Sender<Input>,
) -> Result<Infallible, End> {
    let mut clock = tokio::time::interval(interval);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = clock.tick() => {}
            changed = asked.changed() => changed.map_err(|_| End::Unwanted)?,
        }
        let vni = *asked.borrow_and_update();
        let facts = Box::new(facts(client, vni).await?);
        inputs.send(Input::Facts(facts)).await.map_err(|_| End::Unwanted)?;
    }
}

async fn facts(client: &Client, vni: Option<u32>) -> Result<Facts, Status> {
    let status = client.system().get_status(v1::GetStatusRequest {}).await?.into_inner();
    let neighbors = page(client, v1::ListNeighborsRequest { page_size: ROWS, ..Default::default() }).await?;
    let vnis = page(client, v1::ListVnisRequest { page_size: ROWS, ..Default::default() }).await?;
    let hosts = match vni {
        Some(vni) => Some(hosts(client, vni).await?),
        None => None,
    };
    Ok(Facts { status, neighbors, vnis, hosts })
}

async fn hosts(client: &Client, vni: u32) -> Result<Hosts, Status> {
    let of = Some(vni);
    let macs = page(client, v1::ListMacsRequest { vni: of, page_size: HOSTS, ..Default::default() }).await?;
    let vteps =
        page(client, v1::ListVtepsRequest { vni: of, page_size: HOSTS, ..Default::default() }).await?;
    Ok(Hosts { vni, macs, vteps })
}

/// The first page of a list; nothing of what linnetd is not configured for.
async fn page<L: List>(client: &Client, request: L) -> Result<Vec<L::Row>, Status> {
    match request.fetch(client.clone()).await {
        Ok((rows, _)) => Ok(rows),
        Err(status) if status.code() == Code::FailedPrecondition => Ok(Vec::new()),
        Err(status) => Err(status),
    }
}

/// Passes changes on. That linnetd has no room for one more watcher, or does not know how, is no reason to stop.
async fn changes(client: &Client, inputs: &mpsc::Sender<Input>) -> Result<Infallible, End> {
    let topics = [v1::Topic::Neighbor, v1::Topic::Evpn, v1::Topic::Fib].map(i32::from).to_vec();
    let request = v1::WatchRequest { topics, changes_only: true, ..Default::default() };
    loop {
        match pass_on(client, request.clone(), inputs).await {
            // Too much has changed to be told one by one.
            Err(End::Failed(status)) if status.code() == Code::OutOfRange => {}
            Err(End::Failed(status)) if is_refusal(&status) => {
                let why = explain(&status, None);
                inputs.send(Input::Unwatched(why)).await.map_err(|_| End::Unwanted)?;
                return std::future::pending().await;
            }
            Err(end) => return Err(end),
            Ok(()) => return Err(Status::unavailable("linnetd has ended the stream").into()),
        }
    }
}

fn is_refusal(status: &Status) -> bool {
    matches!(status.code(), Code::ResourceExhausted | Code::Unimplemented | Code::PermissionDenied)
}

async fn pass_on(
    client: &Client,
    request: v1::WatchRequest,
    inputs: &mpsc::Sender<Input>,
) -> Result<(), End> {
    let mut stream = client.monitor().watch(request).await?.into_inner();
    inputs.send(Input::Unwatched(String::new())).await.map_err(|_| End::Unwanted)?;
    while let Some(response) = stream.message().await? {
        if !response.changes.is_empty() {
            inputs.send(Input::Changes(response.changes)).await.map_err(|_| End::Unwanted)?;
        }
    }
    Ok(())
}
