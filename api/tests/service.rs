//! The server and the client, with a core of a few lines between them.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test: there a panic is the report")]

use std::path::PathBuf;
use std::time::Duration;

use api::client::{Client, ConnectError, Endpoint};
use api::query::{ChangesRequest, MAX_WATCHES};
use api::server::{ListenConfig, Listeners, serve};
use api::{ApiError, Query, Request, v1};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tonic::{Code, Streaming};

/// A served socket in a directory of its own, and the requests that come.
struct Daemon {
    requests: mpsc::Receiver<Request>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
    dir: tempfile::TempDir,
}

impl Daemon {
    fn start() -> Daemon {
        let dir = tempfile::tempdir().unwrap();
        let config = ListenConfig { socket: Some(dir.path().join("sock")), tcp: None };
        let listeners = Listeners::bind(&config).unwrap();
        let (sender, requests) = mpsc::channel(8);
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(async move {
            serve(listeners, sender, async { drop(stopped.await) }).await.unwrap();
        });
        Daemon { requests, stop, served, dir }
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("sock")
    }

    async fn client(&self) -> Client {
        Client::connect(&Endpoint::Unix(self.socket())).await.unwrap()
    }

    async fn next(&mut self) -> Request {
        self.requests.recv().await.unwrap()
    }

    async fn next_changes(&mut self) -> (ChangesRequest, Request) {
        let request = self.next().await;
        let Query::Changes(changes) = &request.query else { panic!("{:?}", request.query) };
        (changes.clone(), request)
    }
}

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
    let mut stream = watch(&daemon.client().await).await;
    let kept = daemon.next_changes().await;
    daemon.stop.send(()).unwrap();
    assert_eq!(stream.message().await.unwrap_err().code(), Code::Unavailable);
    tokio::time::timeout(Duration::from_secs(5), daemon.served).await.unwrap().unwrap();
    assert!(!daemon.dir.path().join("sock").exists());
    drop(kept);
}

#[tokio::test]
async fn no_daemon_is_said_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sock");
    let error = Client::connect(&Endpoint::Unix(path.clone())).await.unwrap_err();
    assert_eq!(error.to_string(), format!("linnetd is not running: no socket at {}", path.display()));
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let error = Client::connect(&Endpoint::Unix(path)).await.unwrap_err();
    assert!(matches!(error, ConnectError::NobodyAnswers(_)), "{error}");
    let error = Client::connect(&Endpoint::Tcp("127.0.0.1:1".into())).await.unwrap_err();
    assert!(matches!(error, ConnectError::NobodyAnswers(_)), "{error}");
}

#[tokio::test]
async fn loopback_tcp_serves_too() {
    let config = ListenConfig { socket: None, tcp: Some("127.0.0.1:0".parse().unwrap()) };
    let listeners = Listeners::bind(&config).unwrap();
    let address = listeners.tcp_address().unwrap().to_string();
    let (sender, mut requests) = mpsc::channel(1);
    let served = tokio::spawn(serve(listeners, sender, std::future::pending()));
    let mut system = Client::connect(&Endpoint::Tcp(address)).await.unwrap().system();
    let asked = tokio::spawn(async move { system.get_status(v1::GetStatusRequest {}).await });
    let status = v1::Status { asn: 65000, ..Default::default() };
    requests.recv().await.unwrap().answer(Ok(status.into()));
    assert_eq!(asked.await.unwrap().unwrap().into_inner().asn, 65000);
    served.abort();
}
