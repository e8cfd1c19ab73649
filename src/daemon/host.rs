//! What this node is called, as the kernel has it.

use std::fs;

/// Host name and domain; the domain is empty where the kernel knows none. `None` where there is no name.
pub(super) fn fqdn() -> Option<(String, String)> {
    let domain = fs::read_to_string("/proc/sys/kernel/domainname").unwrap_or_default();
    split(&name()?, domain.trim())
}

/// The host's name, with or without its domain.
pub(super) fn name() -> Option<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// A name with dots has its domain in itself; else the domain is what the kernel says, `(none)` being none.
fn split(name: &str, domain: &str) -> Option<(String, String)> {
    let domain = if domain == "(none)" { "" } else { domain };
    let (host, domain) = name.split_once('.').unwrap_or((name, domain));
    (!host.is_empty()).then(|| (host.to_owned(), domain.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_taken_from_where_it_stands() {
        for (name, domain, expected) in [
            ("leaf1", "(none)", Some(("leaf1", ""))),
            ("leaf1", "example.org", Some(("leaf1", "example.org"))),
            ("leaf1.example.net", "example.org", Some(("leaf1", "example.net"))),
            ("", "example.org", None),
        ] {
            let expected = expected.map(|(host, domain)| (host.to_owned(), domain.to_owned()));
            assert_eq!(split(name, domain), expected, "{name} {domain}");
        }
    }
}
