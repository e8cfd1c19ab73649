//! TLS as a client: whom to trust, and what to show.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::WantsClientCert;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{self, CertificateError, ClientConfig, ConfigBuilder, RootCertStore};

use super::error::ConnectError;
use crate::ALPN;
use crate::server::tls::{certificates, private_key};
use crate::stream::AnyStream;

/// The files of TLS, all of them PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The authorities that sign the daemon's certificate.
    pub ca: PathBuf,
    /// The client's own certificate and its key, where the daemon asks for one.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The name that the daemon's certificate is for, where that is not the host's.
    pub name: Option<String>,
}

/// Ready to agree upon TLS.
pub(super) struct Connector {
    address: String,
    ca: PathBuf,
    name: ServerName<'static>,
    tls: TlsConnector,
}

impl Connector {
    /// To the daemon at `address`.
    pub(super) fn new(address: &str, files: &TlsFiles) -> Result<Connector, ConnectError> {
        let mut roots = RootCertStore::empty();
        for certificate in of_file(&files.ca, certificates)? {
            let unusable = |error: rustls::Error| ConnectError::File(files.ca.clone(), error.to_string());
            roots.add(certificate).map_err(unusable)?;
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| ConnectError::File(files.ca.clone(), error.to_string()))?
            .with_root_certificates(roots);
        let mut config = with_identity(builder, files.identity.as_ref())?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        let name = files.name.as_deref().unwrap_or_else(|| host_of(address));
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_| ConnectError::NotAnAddress(address.to_owned()))?;
        let tls = TlsConnector::from(Arc::new(config));
        Ok(Connector { address: address.to_owned(), ca: files.ca.clone(), name, tls })
    }

    /// Agrees upon TLS.
    pub(super) async fn connect(self, stream: TcpStream) -> Result<AnyStream, ConnectError> {
        let Connector { address, ca, name, tls } = self;
        match tls.connect(name, stream).await {
            Ok(stream) => Ok(Box::pin(stream)),
            Err(error) => Err(explain(address, &ca, &error)),
        }
    }
}

fn with_identity(
    builder: ConfigBuilder<ClientConfig, WantsClientCert>,
    identity: Option<&(PathBuf, PathBuf)>,
) -> Result<ClientConfig, ConnectError> {
    let Some((certificate, key)) = identity else { return Ok(builder.with_no_client_auth()) };
    let chain = of_file(certificate, certificates)?;
    let private = of_file(key, private_key)?;
    let fault = |error: rustls::Error| ConnectError::File(key.clone(), error.to_string());
    builder.with_client_auth_cert(chain, private).map_err(fault)
}

/// What a file of PEM holds.
fn of_file<T>(path: &Path, read: impl Fn(&[u8]) -> Result<T, String>) -> Result<T, ConnectError> {
    let fault = |text: String| ConnectError::File(path.to_owned(), text);
    let octets = fs::read(path).map_err(|error| fault(error.to_string()))?;
    read(&octets).map_err(|wrong| fault(format!("what it is to hold {wrong}")))
}

/// The host of `HOST:PORT`, without the brackets of an IPv6 address.
fn host_of(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

fn explain(address: String, ca: &Path, error: &io::Error) -> ConnectError {
    match tls_error(error) {
        Some(rustls::Error::InvalidMessage(_)) => ConnectError::NoTls(address),
        // A new authority of an old one's name has another key.
        Some(rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        )) => ConnectError::Untrusted(address, format!("it is signed by nobody whom {} names", ca.display())),
        Some(rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => ConnectError::Untrusted(address, "it is for another name".into()),
        Some(rustls::Error::InvalidCertificate(fault)) => ConnectError::Untrusted(address, fault.to_string()),
        // One that knows no TLS closes, or says something that is none.
        _ if error.kind() == io::ErrorKind::UnexpectedEof => ConnectError::NoTls(address),
        _ => ConnectError::Untrusted(address, error.to_string()),
    }
}

fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for (address, host) in [
            ("10.0.0.1:50151", "10.0.0.1"),
            ("[2001:db8::1]:50151", "2001:db8::1"),
            ("leaf1.example:50151", "leaf1.example"),
            ("leaf1", "leaf1"),
        ] {
            assert_eq!(host_of(address), host);
        }
    }
}
