//! Health and reflection, which every gRPC tool knows how to ask for.

use api::client::{Client, Serving};
use api::methods::services;
use api::server::Readiness;
use tokio_stream::StreamExt;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

use crate::daemon::Daemon;

async fn serving(client: &Client, wanted: Serving) -> Vec<String> {
    let all = client.health().await.unwrap();
    all.into_iter().filter(|health| health.state == wanted).map(|health| health.service).collect()
}

#[tokio::test]
async fn health_follows_what_the_daemon_has() {
    let daemon = Daemon::start();
    let client = daemon.reader().await;
    assert_eq!(serving(&client, Serving::NotServing).await, [] as [&str; 0]);
    assert_eq!(serving(&client, Serving::Serving).await.len(), services().count() + 1);

    // Who watches is told, and can then ask with certainty.
    let request = HealthCheckRequest { service: String::new() };
    let mut told = HealthClient::new(client.channel()).watch(request).await.unwrap().into_inner();
    assert_eq!(told.next().await.unwrap().unwrap().status(), ServingStatus::Serving);
    daemon.readiness.send_replace(Readiness { evpn: false, ..Readiness::FULL });
    while told.next().await.unwrap().unwrap().status() != ServingStatus::NotServing {}
    tokio::time::timeout(std::time::Duration::from_secs(5), async {
        while serving(&client, Serving::NotServing).await != ["linnetd", "linnet.v1.Evpn", "linnet.v1.Fib"] {}
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn nothing_serves_before_there_is_a_configuration() {
    let daemon = Daemon::start();
    daemon.readiness.send_replace(Readiness::default());
    let client = daemon.client().await;
    tokio::time::timeout(std::time::Duration::from_secs(5), async {
        while serving(&client, Serving::NotServing).await.len() != services().count() + 1 {}
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_service_that_is_not_there_has_no_health() {
    let daemon = Daemon::start();
    let request = HealthCheckRequest { service: "linnet.v1.Nobody".into() };
    let status = HealthClient::new(daemon.client().await.channel()).check(request).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::NotFound);
}

async fn reflected(client: &Client, request: MessageRequest) -> MessageResponse {
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(request) };
    let requests = tokio_stream::iter([request]);
    let mut answers = ServerReflectionClient::new(client.channel())
        .server_reflection_info(requests)
        .await
        .unwrap()
        .into_inner();
    let ServerReflectionResponse { message_response, .. } = answers.next().await.unwrap().unwrap();
    message_response.unwrap()
}

#[tokio::test]
async fn reflection_tells_of_every_service() {
    let daemon = Daemon::start();
    let client = daemon.reader().await;
    let MessageResponse::ListServicesResponse(list) =
        reflected(&client, MessageRequest::ListServices(String::new())).await
    else {
        panic!("no list")
    };
    let names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    for service in services().chain(["grpc.health.v1.Health"]) {
        assert!(names.iter().any(|name| name == service), "{service} is not in {names:?}");
    }
    let symbol = MessageRequest::FileContainingSymbol("linnet.v1.Explanation".into());
    let MessageResponse::FileDescriptorResponse(file) = reflected(&client, symbol).await else {
        panic!("no file")
    };
    assert!(!file.file_descriptor_proto.is_empty());
}
