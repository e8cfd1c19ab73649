//! What stands in a file of prefixes: one a line, and comments.

use std::collections::BTreeSet;

use ipnet::IpNet;

use crate::config::is_for_no_host;

/// The prefixes in the text of the file `name`.
///
/// # Errors
/// The first line that is none, and what would be right.
pub(super) fn parse(name: &str, text: &str) -> Result<BTreeSet<IpNet>, String> {
    let mut prefixes = BTreeSet::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split_once('#').map_or(line, |(line, _)| line).trim();
        if !line.is_empty() {
            prefixes.insert(prefix(line).map_err(|fault| format!("{name}:{number}: {fault}"))?);
        }
    }
    Ok(prefixes)
}

fn prefix(text: &str) -> Result<IpNet, String> {
    let written: IpNet = text
        .parse()
        .map_err(|_| format!("`{text}` is no prefix; such as 10.244.1.0/24 or fd00:244:1::/64"))?;
    let prefix = written.trunc();
    if prefix != written {
        return Err(format!("bits of a host are set in {written}; {prefix} is the prefix"));
    }
    if prefix.prefix_len() == 0 {
        return Err(format!("{prefix} is a default route: that is announced by native.advertise only"));
    }
    if is_for_no_host(prefix) {
        return Err(format!("no host beyond a link has an address in {prefix}"));
    }
    Ok(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_and_comments() {
        let text = "# pods\n10.244.1.0/24\n\n  fd00:244:1::/64   # this node's\n10.244.1.0/24";
        let prefixes: Vec<String> = parse("f", text).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(prefixes, ["10.244.1.0/24", "fd00:244:1::/64"]);
        assert!(parse("f", "").unwrap().is_empty());
    }

    #[test]
    fn what_is_wrong_and_where() {
        for (text, expected) in [
            (
                "10.0.0.0/8\n10.244.1\n",
                "f:2: `10.244.1` is no prefix; such as 10.244.1.0/24 or fd00:244:1::/64",
            ),
            ("10.244.1.1/24", "f:1: bits of a host are set in 10.244.1.1/24; 10.244.1.0/24 is the prefix"),
            ("::/0", "f:1: ::/0 is a default route: that is announced by native.advertise only"),
            ("fe80::/64", "f:1: no host beyond a link has an address in fe80::/64"),
            (
                "10.0.0.0/8 10.1.0.0/16",
                "f:1: `10.0.0.0/8 10.1.0.0/16` is no prefix; such as 10.244.1.0/24 or fd00:244:1::/64",
            ),
        ] {
            assert_eq!(parse("f", text).unwrap_err(), expected);
        }
    }
}
