//! What became of the connection, where a request failed for that.

use std::error::Error;

use tokio_rustls::rustls::{self, AlertDescription};
use tonic::{Code, Status};

use crate::VERSION_HEADER;

/// What the connection was, where a request failed for that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The daemon wants a certificate of its clients, and has seen none.
    CertificateWanted,
    /// The daemon does not take the client's certificate.
    CertificateRefused(String),
    /// Whoever answers is no linnetd.
    Stranger,
    /// The connection broke.
    Broken,
}

impl Trouble {
    /// What the connection was; `None` where the request itself was answered.
    pub fn of(status: &Status) -> Option<Trouble> {
        match status.source() {
            _ if status.metadata().contains_key(VERSION_HEADER) => None,
            Some(source) => Some(refusal(source).unwrap_or(Trouble::Broken)),
            None if status.code() == Code::Unimplemented => Some(Trouble::Stranger),
            None => None,
        }
    }
}

/// Whether the daemon ended the connection for what the client showed, or did not. With TLS 1.3 the client hears of
/// that only behind its first request, from HTTP/2, which keeps no more of an error than its words.
fn refusal(source: &(dyn Error + 'static)) -> Option<Trouble> {
    let said = |alert| rustls::Error::AlertReceived(alert).to_string();
    let wanted = said(AlertDescription::CertificateRequired);
    let alerts = wanted.strip_suffix("CertificateRequired")?;
    let mut causes = std::iter::successors(Some(source), |&error| error.source()).map(ToString::to_string);
    let alert = causes.find_map(|words| words.split_once(alerts).map(|(_, alert)| alert.to_owned()))?;
    Some(if alert == "CertificateRequired" {
        Trouble::CertificateWanted
    } else {
        Trouble::CertificateRefused(alert)
    })
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn refusals_are_read_from_what_is_left_of_them() {
        let refused = |alert| refusal(&io::Error::other(rustls::Error::AlertReceived(alert).to_string()));
        assert_eq!(refused(AlertDescription::CertificateRequired), Some(Trouble::CertificateWanted));
        let unknown = Trouble::CertificateRefused("UnknownCA".into());
        assert_eq!(refused(AlertDescription::UnknownCA), Some(unknown));
        assert_eq!(refusal(&io::Error::other("broken pipe")), None);
    }
}
