//! Why there is no connection, in words.

use std::fs;
use std::os::unix::net::UnixListener;

use api::client::{Client, ConnectError, Endpoint, Trouble};
use api::v1;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, UnixStream};

use crate::daemon::Daemon;

async fn refused(endpoint: Endpoint) -> (ConnectError, String) {
    let error = Client::connect(&endpoint).await.unwrap_err();
    let words = error.to_string();
    (error, words)
}

#[tokio::test]
async fn each_way_not_to_find_a_socket_has_its_words() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sock");
    let (_, words) = refused(Endpoint::Unix(path.clone())).await;
    assert_eq!(words, format!("linnetd is not running: no socket at {}", path.display()));
    drop(UnixListener::bind(&path).unwrap());
    let (error, _) = refused(Endpoint::Unix(path.clone())).await;
    assert!(matches!(error, ConnectError::NobodyAnswers(_)), "{error}");
    fs::remove_file(&path).unwrap();
    fs::write(&path, "").unwrap();
    assert_eq!(refused(Endpoint::Unix(path.clone())).await.1, format!("{} is no socket", path.display()));
}

#[tokio::test]
async fn each_way_not_to_find_an_address_has_its_words() {
    let (error, _) = refused(Endpoint::Tcp("127.0.0.1:1".into())).await;
    assert!(matches!(error, ConnectError::NobodyAnswers(_)), "{error}");
    let (_, words) = refused(Endpoint::Tcp("127.0.0.1".into())).await;
    assert_eq!(words, "`127.0.0.1` is no address: HOST:PORT, such as 127.0.0.1:50151 or [::1]:50151");
    let (error, _) = refused(Endpoint::Tcp("nowhere.invalid:50151".into())).await;
    assert!(matches!(error, ConnectError::UnknownHost(..)), "{error}");
}

#[tokio::test]
async fn whoever_answers_otherwise_is_told_from_linnetd() {
    // It takes connections and closes them unread.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(stream);
        }
    });
    let trouble = match Client::connect(&Endpoint::Tcp(address)).await {
        Err(error) => panic!("{error}"),
        Ok(client) => client.system().get_status(v1::GetStatusRequest {}).await.unwrap_err(),
    };
    assert_eq!(Trouble::of(&trouble), Some(Trouble::Broken), "{trouble:?}");
}

#[tokio::test]
async fn too_many_connections_are_closed_and_take_no_room_of_others() {
    let daemon = Daemon::start();
    let connect = || UnixStream::connect(daemon.read_only_socket());
    let mut crowd = Vec::new();
    let mut closed = false;
    for _ in 0..200 {
        let mut stream = connect().await.unwrap();
        // A server says something first: SETTINGS (RFC 9113 section 3.4); who is turned away reads the end.
        closed |= stream.read(&mut [0; 9]).await.is_ok_and(|octets| octets == 0);
        crowd.push(stream);
    }
    assert!(closed, "all of them were let in");
    assert_eq!(daemon.client().await.health().await.unwrap().len(), api::methods::services().count() + 1);
}
