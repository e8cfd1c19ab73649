//! Who may call what, asked of every method that there is.

use std::collections::BTreeSet;

use api::methods::{Access, METHODS, Method};
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Status};
use tonic_prost::ProstCodec;

use api::client::Client;

use crate::daemon::{Daemon, REACHED};

/// What changes something. Whoever adds a method that is none of these and does not only read decides here, and says so.
const WRITING: [&str; 10] = [
    "AddNeighbor",
    "ApplyConfiguration",
    "ClearDuplicates",
    "ConfirmConfiguration",
    "Inject",
    "ReloadConfiguration",
    "RemoveNeighbor",
    "ResetNeighbor",
    "RollBackConfiguration",
    "SetNeighborAdmin",
];

/// Calls a method with an empty message, whatever its messages are: all of them have their defaults.
pub(crate) async fn call(client: &Client, path: String) -> Result<(), Status> {
    let mut grpc = tonic::client::Grpc::new(client.channel());
    grpc.ready().await.unwrap();
    let path = PathAndQuery::try_from(path).unwrap();
    let codec = ProstCodec::<(), ()>::default();
    grpc.unary(tonic::Request::new(()), path, codec).await.map(drop)
}

async fn outcome(client: &Client, method: &Method) -> (Code, String) {
    let status = call(client, format!("/{}/{}", method.service, method.name)).await.unwrap_err();
    (status.code(), status.message().to_owned())
}

#[test]
fn every_method_of_the_descriptors_has_been_decided_on() {
    let descriptors = FileDescriptorSet::decode(api::DESCRIPTORS).unwrap();
    let services = descriptors.file.iter().flat_map(|file| &file.service);
    let declared: BTreeSet<_> = services
        .flat_map(|service| service.method.iter().map(move |method| (service.name(), method.name())))
        .map(|(service, method)| (format!("linnet.v1.{service}"), method.to_owned()))
        .collect();
    let listed: BTreeSet<_> =
        METHODS.iter().map(|method| (method.service.to_owned(), method.name.to_owned())).collect();
    assert_eq!(declared, listed);
    let mut writing: Vec<_> =
        METHODS.iter().filter(|method| method.access == Access::Write).map(|method| method.name).collect();
    writing.sort_unstable();
    assert_eq!(writing, WRITING);
}

#[tokio::test]
async fn the_socket_lets_everything_through() {
    let mut daemon = Daemon::start();
    daemon.refuse_all();
    let client = daemon.client().await;
    for method in METHODS {
        assert_eq!(outcome(&client, method).await, (Code::FailedPrecondition, REACHED.into()), "{method:?}");
    }
}

#[tokio::test]
async fn the_socket_for_reading_lets_only_readers_through() {
    let mut daemon = Daemon::start();
    daemon.refuse_all();
    let client = daemon.reader().await;
    for method in METHODS {
        let (code, words) = outcome(&client, method).await;
        match method.access {
            Access::Read => assert_eq!(words, REACHED, "{method:?}"),
            Access::Write => {
                assert_eq!(code, Code::PermissionDenied, "{method:?}");
                assert!(words.contains(method.name) && words.contains("api.socket"), "{words}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_not_in_the_list_reaches_nobody() {
    let mut daemon = Daemon::start();
    daemon.refuse_all();
    for client in [daemon.client().await, daemon.reader().await] {
        for path in ["/linnet.v1.Rib/Paint", "/linnet.v2.Rib/ListPaths", "/gobgpapi.GobgpApi/ListPath"] {
            let status = call(&client, path.into()).await.unwrap_err();
            assert_eq!(status.code(), Code::Unimplemented);
            let expected = format!("this linnetd ({}) knows no {}", api::VERSION, &path[1..]);
            assert_eq!(status.message(), expected);
            assert_eq!(status.metadata().get(api::VERSION_HEADER).unwrap(), api::VERSION);
        }
    }
}
