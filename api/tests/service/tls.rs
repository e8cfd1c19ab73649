//! TLS, mutual TLS, and what a certificate's name lets its owner do. The certificates are made here.

use std::fs;
use std::path::PathBuf;

use api::client::{Client, ConnectError, Endpoint, TlsFiles, Trouble};
use api::server::{ClientsConfig, ListenConfig, TcpConfig, TlsConfig};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tonic::{Code, Status};

use crate::daemon::{Daemon, REACHED};
use crate::roles::call;

const READ: &str = "/linnet.v1.System/GetStatus";
const WRITE: &str = "/linnet.v1.Neighbors/ResetNeighbor";

/// An authority, and a folder for what it signs.
struct Authority {
    dir: TempDir,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, as PEM.
struct Identity {
    certificate: String,
    key: String,
}

impl Authority {
    fn new() -> Authority {
        let dir = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "an authority");
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        fs::write(dir.path().join("ca.pem"), &pem).unwrap();
        Authority { dir, pem, issuer: Issuer::new(params, key) }
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    fn sign(&self, common_name: &str, hosts: &[&str]) -> Identity {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts).unwrap();
        params.distinguished_name.push(DnType::CommonName, common_name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Identity { certificate, key: key.serialize_pem() }
    }

    /// The files of a client of that name.
    fn client(&self, name: &str) -> (PathBuf, PathBuf) {
        let Identity { certificate, key } = self.sign(name, &[]);
        let [at, key_at] = ["pem", "key"].map(|end| self.dir.path().join(format!("{name}.{end}")));
        fs::write(&at, certificate).unwrap();
        fs::write(&key_at, key).unwrap();
        (at, key_at)
    }
}

/// A daemon with a certificate for 127.0.0.1 of the authority.
fn daemon(authority: &Authority, clients: Option<ClientsConfig>) -> Daemon {
    let Identity { certificate, key } = authority.sign("linnetd", &["127.0.0.1", "leaf1.example"]);
    let tls = Some(TlsConfig { certificate: certificate.into(), key: key.into(), clients });
    let tcp = Some(TcpConfig { address: "127.0.0.1:0".parse().unwrap(), tls });
    let mut daemon = Daemon::listening(ListenConfig { tcp, ..ListenConfig::default() });
    daemon.refuse_all();
    daemon
}

fn known(authority: &Authority) -> Option<ClientsConfig> {
    let [read_write, read_only] = ["alice", "bob"].map(|name| vec![name.to_owned()]);
    Some(ClientsConfig { ca: authority.pem.clone().into(), read_write, read_only })
}

fn files(authority: &Authority) -> TlsFiles {
    TlsFiles { ca: authority.file(), identity: None, name: None }
}

async fn ask(daemon: &Daemon, files: TlsFiles, path: &str) -> Status {
    let client = Client::connect(&Endpoint::Tls(daemon.address(), files)).await.unwrap();
    call(&client, path.into()).await.unwrap_err()
}

async fn refused(daemon: &Daemon, files: TlsFiles) -> ConnectError {
    Client::connect(&Endpoint::Tls(daemon.address(), files)).await.unwrap_err()
}

#[tokio::test]
async fn tls_alone_protects_and_asks_for_nothing() {
    let authority = Authority::new();
    let daemon = daemon(&authority, None);
    for path in [READ, WRITE] {
        assert_eq!(ask(&daemon, files(&authority), path).await.message(), REACHED);
    }
    let named = TlsFiles { name: Some("leaf1.example".into()), ..files(&authority) };
    assert_eq!(ask(&daemon, named, READ).await.message(), REACHED);
}

#[tokio::test]
async fn who_is_not_the_daemon_is_not_trusted() {
    let (authority, other) = (Authority::new(), Authority::new());
    let daemon = daemon(&authority, None);
    let error = refused(&daemon, files(&other)).await;
    assert!(matches!(&error, ConnectError::Untrusted(_, why) if why.contains("signed by nobody")), "{error}");
    let named = TlsFiles { name: Some("leaf2.example".into()), ..files(&authority) };
    let error = refused(&daemon, named).await;
    assert!(matches!(&error, ConnectError::Untrusted(_, why) if why.contains("another name")), "{error}");
    let missing = TlsFiles { ca: "/nowhere/ca.pem".into(), ..files(&authority) };
    let error = refused(&daemon, missing).await;
    assert!(error.to_string().starts_with("/nowhere/ca.pem: No such file"), "{error}");
}

#[tokio::test]
async fn a_certificate_decides_what_its_owner_may_do() {
    let authority = Authority::new();
    let daemon = daemon(&authority, known(&authority));
    let as_client = |name: &str| TlsFiles { identity: Some(authority.client(name)), ..files(&authority) };
    assert_eq!(ask(&daemon, as_client("alice"), WRITE).await.message(), REACHED);
    assert_eq!(ask(&daemon, as_client("bob"), READ).await.message(), REACHED);
    let status = ask(&daemon, as_client("bob"), WRITE).await;
    assert_eq!(status.code(), Code::PermissionDenied);
    assert_eq!(
        status.message(),
        "ResetNeighbor may change something, and bob may only read: api.tls.read_write names who may do more"
    );
    let status = ask(&daemon, as_client("carol"), READ).await;
    assert_eq!(status.code(), Code::PermissionDenied);
    assert!(status.message().contains("(carol)"), "{status}");
}

#[tokio::test]
async fn without_the_right_certificate_nobody_comes_in() {
    let (authority, other) = (Authority::new(), Authority::new());
    let daemon = daemon(&authority, known(&authority));
    let status = ask(&daemon, files(&authority), READ).await;
    assert_eq!(Trouble::of(&status), Some(Trouble::CertificateWanted), "{status:?}");
    let stranger = TlsFiles { identity: Some(other.client("alice")), ..files(&authority) };
    let status = ask(&daemon, stranger, READ).await;
    assert!(matches!(Trouble::of(&status), Some(Trouble::CertificateRefused(_))), "{status:?}");
}

#[tokio::test]
async fn one_with_tls_and_one_without_do_not_understand_each_other() {
    let authority = Authority::new();
    let with = daemon(&authority, None);
    let client = Client::connect(&Endpoint::Tcp(with.address())).await.unwrap();
    let status = call(&client, READ.into()).await.unwrap_err();
    assert_eq!(Trouble::of(&status), Some(Trouble::Broken), "{status:?}");

    let tcp = Some(TcpConfig { address: "127.0.0.1:0".parse().unwrap(), tls: None });
    let without = Daemon::listening(ListenConfig { tcp, ..ListenConfig::default() });
    assert!(matches!(refused(&without, files(&authority)).await, ConnectError::NoTls(_)));
}
