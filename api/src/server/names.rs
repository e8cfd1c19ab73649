//! The names in a client's certificate: what the configuration lists its roles by.
//!
//! They are the DNS names and URIs of its subject (RFC 5280 section 4.2.1.6), and its common names, which is all that
//! many certificates of clients have. The certificate has been verified before: its authority stands for the names.

use tokio_rustls::rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

/// An attribute of type commonName, 2.5.4.3 (RFC 5280 appendix A).
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];

// Tags of X.690 section 8.
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;

/// All names of a certificate, common names first. None where it cannot be read.
pub(super) fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(certificate) = EndEntityCert::try_from(certificate) else { return Vec::new() };
    let mut names = common_names(certificate.subject());
    names.extend(certificate.valid_dns_names().map(str::to_owned));
    names.extend(certificate.valid_uri_names().map(str::to_owned));
    names.dedup();
    names
}

/// `subject` is what is in a Name: a SET for each relative name, of SEQUENCEs of a type and a value.
fn common_names(subject: &[u8]) -> Vec<String> {
    let inner = |wanted: u8| move |(tag, contents)| (tag == wanted).then(|| elements(contents));
    let attributes = elements(subject).filter_map(inner(SET)).flatten().filter_map(inner(SEQUENCE));
    attributes.filter_map(common_name).collect()
}

fn common_name<'a>(mut attribute: impl Iterator<Item = (u8, &'a [u8])>) -> Option<String> {
    let is_name = attribute.next()? == (OBJECT_IDENTIFIER, &COMMON_NAME);
    let (tag, value) = attribute.next()?;
    let is_text = matches!(tag, UTF8_STRING | PRINTABLE_STRING);
    (is_name && is_text).then(|| String::from_utf8(value.to_vec()).ok()).flatten()
}

/// The elements that stand one behind the other: the tag and the contents of each.
fn elements(mut octets: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (tag, contents, rest) = element(octets)?;
        octets = rest;
        Some((tag, contents))
    })
}

/// The first element, in DER: the length in one octet up to 127, and else the number of its octets before it.
fn element(octets: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = octets.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 | 0x82 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0, |length, octet| length << 8 | usize::from(*octet)), rest)
        }
        _ => return None,
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    Some((tag, contents, rest))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn certificate(common_name: Option<&str>, others: Vec<SanType>) -> CertificateDer<'static> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "linnet");
        if let Some(name) = common_name {
            params.distinguished_name.push(DnType::CommonName, name);
        }
        params.subject_alt_names = others;
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().clone()
    }

    #[test]
    fn all_names_are_found() {
        let dns = SanType::DnsName("alice.example".try_into().unwrap());
        let uri = SanType::URI("spiffe://example/alice".try_into().unwrap());
        let of_both = certificate(Some("alice"), vec![dns.clone(), uri]);
        assert_eq!(names(&of_both), ["alice", "alice.example", "spiffe://example/alice"]);
        assert_eq!(names(&certificate(None, vec![dns])), ["alice.example"]);
        let long = "x".repeat(200);
        assert_eq!(names(&certificate(Some(&long), vec![])), [long]);
        assert_eq!(names(&CertificateDer::from(vec![0x30, 0x82])), [] as [&str; 0]);
    }

    #[test]
    fn nothing_cut_short_is_read_beyond_its_end() {
        let whole = certificate(Some("alice"), vec![]);
        let subject = EndEntityCert::try_from(&whole).unwrap().subject().to_vec();
        assert_eq!(common_names(&subject), ["alice"]);
        for end in 0..subject.len() {
            assert_eq!(common_names(&subject[..end]), [] as [&str; 0], "{end}");
        }
        for at in 0..subject.len() {
            for octet in 0..=u8::MAX {
                let mut other = subject.clone();
                other[at] = octet;
                let _ = common_names(&other);
            }
        }
    }
}
