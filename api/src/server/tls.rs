//! TLS: what the server shows of itself, and whom it knows. TLS 1.3 (RFC 8446) and nothing older.

use std::fmt;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig};

use super::caller::{Caller, Role};
use super::names::names;
use crate::ALPN;

/// Stands for every name.
const EVERYBODY: &str = "*";

/// What is shown to those who connect over TCP, and asked of them. All of it as PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// The server's certificate, and those that lead from it to one that clients trust.
    pub certificate: Vec<u8>,
    /// Its private key.
    pub key: Vec<u8>,
    /// Who is let in; `None`: clients are asked for nothing.
    pub clients: Option<ClientsConfig>,
}

/// Who is let in, by certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientsConfig {
    /// The authorities that sign certificates of clients.
    pub ca: Vec<u8>,
    /// Names in certificates of those who may change things; `*` stands for all.
    pub read_write: Vec<String>,
    /// Names of those who may only read.
    pub read_only: Vec<String>,
}

/// What is wrong with a [`TlsConfig`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsFault {
    /// With the certificate.
    #[error("the certificate {0}")]
    Certificate(String),
    /// With the key.
    #[error("the key {0}")]
    Key(String),
    /// With the authorities for clients.
    #[error("the certificate of the clients' authority {0}")]
    ClientCa(String),
}

impl TlsConfig {
    /// What is wrong with it.
    ///
    /// # Errors
    /// See [`TlsFault`].
    pub fn check(&self) -> Result<(), TlsFault> {
        self.acceptor().map(drop)
    }

    pub(super) fn acceptor(&self) -> Result<TlsAcceptor, TlsFault> {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| TlsFault::Certificate(error.to_string()))?;
        let builder = match &self.clients {
            Some(clients) => builder.with_client_cert_verifier(clients.verifier(provider)?),
            None => builder.with_no_client_auth(),
        };
        let chain = certificates(&self.certificate).map_err(TlsFault::Certificate)?;
        let key = private_key(&self.key).map_err(TlsFault::Key)?;
        let mut config = builder.with_single_cert(chain, key).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => TlsFault::Key("is not that of the certificate".into()),
            error => TlsFault::Certificate(format!("cannot be used: {error}")),
        })?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

impl ClientsConfig {
    fn verifier(&self, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, TlsFault> {
        let unusable = |error: &dyn fmt::Display| TlsFault::ClientCa(format!("cannot be used: {error}"));
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&self.ca).map_err(TlsFault::ClientCa)? {
            roots.add(certificate).map_err(|error| unusable(&error))?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        verifier.map_err(|error| unusable(&error))
    }

    /// Who has this certificate. A name in both lists may change things.
    pub(super) fn caller(&self, certificate: &CertificateDer<'_>) -> Caller {
        let names = names(certificate);
        let is_in = |list: &[String]| {
            list.iter().any(|listed| listed == EVERYBODY || names.iter().any(|name| name == listed))
        };
        let role = match (is_in(&self.read_write), is_in(&self.read_only)) {
            (true, _) => Some(Role::ReadWrite),
            (_, true) => Some(Role::ReadOnly),
            _ => None,
        };
        Caller::Certificate { names, role }
    }
}

/// The key stays out of every log.
impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfig").field("clients", &self.clients).finish_non_exhaustive()
    }
}

impl fmt::Debug for ClientsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ClientsConfig { ca: _, read_write, read_only } = self;
        let mut shown = f.debug_struct("ClientsConfig");
        shown.field("read_write", read_write).field("read_only", read_only).finish_non_exhaustive()
    }
}

/// All certificates of a PEM text, or what is wrong with it.
pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match read {
        Ok(read) if read.is_empty() => Err("is not there: the file has no `BEGIN CERTIFICATE`".into()),
        Ok(read) => Ok(read),
        Err(error) => Err(format!("cannot be read as PEM: {error}")),
    }
}

/// The private key of a PEM text, or what is wrong with it.
pub(crate) fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    // What the reader says of a text that is none may quote it.
    PrivateKeyDer::from_pem_slice(pem)
        .map_err(|_| "is not there: the file has no `BEGIN PRIVATE KEY`, or no PEM behind it".into())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn pair(name: &str) -> (Vec<u8>, Vec<u8>, CertificateDer<'static>) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap();
        (certificate.pem().into(), key.serialize_pem().into(), certificate.der().clone())
    }

    #[test]
    fn what_is_wrong_is_said_of_the_right_file() {
        let ((certificate, key, _), (other, ..)) = (pair("a.example"), pair("b.example"));
        let clients = ClientsConfig { ca: other.clone(), read_write: vec![], read_only: vec![] };
        let right = TlsConfig { certificate, key: key.clone(), clients: Some(clients.clone()) };
        assert_eq!(right.check(), Ok(()));
        let fault = |config: TlsConfig| config.check().unwrap_err();
        let swapped = TlsConfig { certificate: other, ..right.clone() };
        assert!(matches!(fault(swapped), TlsFault::Key(_)));
        let none = TlsConfig { certificate: key, ..right.clone() };
        assert!(matches!(fault(none), TlsFault::Certificate(_)));
        let no_key = TlsConfig { key: b"hunter2".to_vec(), ..right.clone() };
        let said = fault(no_key);
        assert!(matches!(said, TlsFault::Key(_)) && !said.to_string().contains("hunter2"), "{said}");
        let no_ca = ClientsConfig { ca: b"-----BEGIN CERTIFICATE-----\n?".to_vec(), ..clients };
        let no_ca = TlsConfig { clients: Some(no_ca), ..right.clone() };
        assert!(matches!(fault(no_ca), TlsFault::ClientCa(_)));
        assert!(!format!("{right:?}").contains("PRIVATE"));
    }

    #[test]
    fn names_give_roles() {
        let (ca, _, alice) = pair("alice");
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let role = |read_write: &[&str], read_only: &[&str]| {
            let clients =
                ClientsConfig { ca: ca.clone(), read_write: list(read_write), read_only: list(read_only) };
            match clients.caller(&alice) {
                Caller::Certificate { role, .. } => role,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(role(&["alice"], &["alice"]), Some(Role::ReadWrite));
        assert_eq!(role(&["bob"], &["alice"]), Some(Role::ReadOnly));
        assert_eq!(role(&["bob"], &["*"]), Some(Role::ReadOnly));
        assert_eq!(role(&["bob"], &["ali"]), None);
    }
}
