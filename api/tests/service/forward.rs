//! Requests on their way to core, and answers on their way back.

use std::time::Duration;

use api::client::{Client, Endpoint};
use api::query::MAX_WATCHES;
use api::server::{ListenConfig, TcpConfig};
use api::{ApiError, Query, v1};
use tonic::{Code, Streaming};

use crate::daemon::Daemon;

async fn watch(client: &Client) -> Streaming<v1::WatchResponse> {
    client.monitor().watch(v1::WatchRequest::default()).await.unwrap().into_inner()
}

#[tokio::test]
async fn a_list_is_read_page_by_page() {
    let mut daemon = Daemon::start();
    let mut pages = daemon.client().await.list(v1::ListVnisRequest { vni: Some(7), ..Default::default() });
    for (expected, next) in [("", "a"), ("a", "b"), ("b", "")] {
        let request = daemon.next().await;
        let Query::ListVnis(list) = &request.query else { panic!("{:?}", request.query) };
        assert_eq!((list.page_token.as_str(), list.vni), (expected, Some(7)));
        let vnis = vec![v1::Vni { rd: next.into(), ..Default::default() }];
        request.answer(Ok(v1::ListVnisResponse { vnis, next_page_token: next.into() }.into()));
        assert_eq!(pages.next().await.unwrap().unwrap()[0].rd, next);
    }
    assert!(pages.next().await.unwrap().is_none());
}

#[tokio::test]
async fn an_error_keeps_its_words() {
    let mut daemon = Daemon::start();
    let mut neighbors = daemon.client().await.neighbors();
    let asked = tokio::spawn(async move {
        neighbors.get_neighbor(v1::GetNeighborRequest { address: "10.0.0.9".into() }).await
    });
    daemon.next().await.answer(Err(ApiError::NotFound("no neighbor 10.0.0.9".into())));
    let status = asked.await.unwrap().unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::NotFound, "no neighbor 10.0.0.9"));
}

#[tokio::test]
async fn a_core_that_is_gone_or_confused_is_no_hang() {
    let mut daemon = Daemon::start();
    let mut system = daemon.client().await.system();
    let ask = |mut system: v1::system_client::SystemClient<_>| {
        tokio::spawn(async move { system.get_status(v1::GetStatusRequest {}).await.unwrap_err().code() })
    };
    let asked = ask(system.clone());
    daemon.next().await.answer(Ok(v1::SummarizeResponse::default().into()));
    assert_eq!(asked.await.unwrap(), Code::Internal);
    let asked = ask(system.clone());
    drop(daemon.next().await);
    assert_eq!(asked.await.unwrap(), Code::Unavailable);
    daemon.requests.close();
    let status = system.get_status(v1::GetStatusRequest {}).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
}

#[tokio::test]
async fn a_watch_goes_on_from_its_token() {
    let mut daemon = Daemon::start();
    let mut stream = watch(&daemon.client().await).await;
    let (first, request) = daemon.next_changes().await;
    assert_eq!(first.watch.resume_token, "");
    let changes = vec![v1::Change::default()];
    let response = v1::WatchResponse { changes, synced: true, resume_token: "5".into() };
    request.answer(Ok(response.into()));
    let told = stream.message().await.unwrap().unwrap();
    assert!(told.synced && told.changes[0].time.ends_with('Z'));
    assert_eq!(daemon.next_changes().await.0.watch.resume_token, "5");
}

#[tokio::test]
async fn a_reader_that_leaves_abandons_its_request() {
    let mut daemon = Daemon::start();
    let stream = watch(&daemon.client().await).await;
    let (_, mut request) = daemon.next_changes().await;
    assert!(!request.is_abandoned());
    drop(stream);
    tokio::time::timeout(Duration::from_secs(5), request.reply.closed()).await.unwrap();
}

#[tokio::test]
async fn watches_are_bounded() {
    let mut daemon = Daemon::start();
    let client = daemon.client().await;
    let (mut streams, mut kept) = (Vec::new(), Vec::new());
    for _ in 0..MAX_WATCHES {
        streams.push(watch(&client).await);
        kept.push(daemon.next_changes().await.1);
    }
    let status = client.monitor().watch(v1::WatchRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
}

#[tokio::test]
async fn the_end_of_the_daemon_ends_watches_and_removes_the_socket() {
    let mut daemon = Daemon::start();
    let socket = daemon.socket();
    let mut stream = watch(&daemon.client().await).await;
    let kept = daemon.next_changes().await;
    daemon.stop.send(()).unwrap();
    assert_eq!(stream.message().await.unwrap_err().code(), Code::Unavailable);
    tokio::time::timeout(Duration::from_secs(5), daemon.served).await.unwrap().unwrap();
    assert!(!socket.exists());
    drop(kept);
}

#[tokio::test]
async fn loopback_tcp_serves_too() {
    let tcp = Some(TcpConfig { address: "127.0.0.1:0".parse().unwrap(), tls: None });
    let mut daemon = Daemon::listening(ListenConfig { tcp, ..ListenConfig::default() });
    let mut system = Client::connect(&Endpoint::Tcp(daemon.address())).await.unwrap().system();
    let asked = tokio::spawn(async move { system.get_status(v1::GetStatusRequest {}).await });
    let status = v1::Status { asn: 65000, ..Default::default() };
    daemon.next().await.answer(Ok(status.into()));
    assert_eq!(asked.await.unwrap().unwrap().into_inner().asn, 65000);
}

#[tokio::test]
async fn a_request_has_its_bounds() {
    let daemon = Daemon::start();
    let text = "#".repeat(5 << 20);
    let request = v1::ApplyConfigurationRequest { text, ..Default::default() };
    let refusal = daemon.client().await.configuration().apply_configuration(request).await.unwrap_err();
    assert_eq!(refusal.code(), Code::OutOfRange, "{refusal}");
}
