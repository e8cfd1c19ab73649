//! Writing YAML, with a comment beside each key that says where it came from.

use std::fmt::Write as _;

use ipnet::IpNet;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    /// As it is to be written.
    Scalar(String),
    /// Values in one line.
    Flow(Vec<String>),
    List(Vec<Line>),
    Map(Map),
}

/// A mapping, in the order in which it is written.
pub(super) type Map = Vec<(String, Line)>;

/// A value and the comment beside it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    pub(super) node: Node,
    pub(super) comment: Option<String>,
}

impl Node {
    /// A text, in quotes if YAML would take it for something else without.
    pub(super) fn text(text: &str) -> Node {
        Node::Scalar(quoted(text))
    }

    pub(super) fn number(number: impl Into<u64>) -> Node {
        Node::Scalar(number.into().to_string())
    }

    pub(super) fn bool(value: bool) -> Node {
        Node::Scalar(value.to_string())
    }

    /// Texts in one line.
    pub(super) fn texts<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Node {
        Node::Flow(texts.into_iter().map(|text| quoted(text.as_ref())).collect())
    }

    /// Beside a comment.
    pub(super) fn with(self, comment: impl Into<String>) -> Line {
        Line { node: self, comment: Some(comment.into()) }
    }

    /// Without a comment.
    pub(super) fn plain(self) -> Line {
        Line { node: self, comment: None }
    }
}

/// A prefix, or the address alone where it is one.
pub(super) fn host(net: IpNet) -> String {
    if net.prefix_len() == net.max_prefix_len() { net.addr().to_string() } else { net.to_string() }
}

/// Words that YAML takes for something else than a text.
const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];

fn quoted(text: &str) -> String {
    let plain =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '/' | '_' | '-' | '%');
    let begins = text.starts_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '/');
    let other = WORDS.contains(&text.to_ascii_lowercase().as_str()) || text.parse::<f64>().is_ok();
    let numeric = text.starts_with(|letter: char| letter.is_ascii_digit())
        && !text.contains(['/', '-'])
        && text.parse::<std::net::Ipv4Addr>().is_err();
    if begins && !other && !numeric && text.chars().all(plain) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if letter.is_control() || (letter as u32) >= 0xd800 => {
                let _ = write!(quoted, "\\U{:08x}", letter as u32);
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

/// A mapping as a document.
pub(super) fn document(map: &Map) -> String {
    let mut text = String::new();
    write_map(map, 0, &mut text);
    text
}

fn write_map(map: &Map, indent: usize, text: &mut String) {
    for (index, (key, line)) in map.iter().enumerate() {
        // Behind the dash of a list the first key stands already.
        if index > 0 || !text.ends_with("- ") {
            text.extend(std::iter::repeat_n(' ', indent));
        }
        text.push_str(key);
        text.push(':');
        write_line(line, indent, text);
    }
}

/// What stands behind a key.
fn write_line(line: &Line, indent: usize, text: &mut String) {
    let comment = |text: &mut String| {
        if let Some(comment) = &line.comment {
            let _ = write!(text, "  # {comment}");
        }
        text.push('\n');
    };
    match &line.node {
        Node::Scalar(scalar) => {
            let _ = write!(text, " {scalar}");
            comment(text);
        }
        Node::Flow(values) => {
            let _ = write!(text, " [{}]", values.join(", "));
            comment(text);
        }
        Node::Map(map) => {
            comment(text);
            write_map(map, indent + 2, text);
        }
        Node::List(lines) => {
            comment(text);
            lines.iter().for_each(|line| write_element(line, indent + 2, text));
        }
    }
}

fn write_element(line: &Line, indent: usize, text: &mut String) {
    text.extend(std::iter::repeat_n(' ', indent));
    match &line.node {
        Node::Map(map) if !map.is_empty() => {
            if let Some(comment) = &line.comment {
                let _ = writeln!(text, "# {comment}");
                text.extend(std::iter::repeat_n(' ', indent));
            }
            text.push_str("- ");
            write_map(map, indent + 2, text);
        }
        _ => {
            text.push('-');
            write_line(line, indent, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_texts() {
        for text in [
            "10.0.0.1",
            "10.0.0.0/8",
            "10.0.0.0/8 le 32",
            "fd00::1",
            "65000:1",
            "on",
            "1e5",
            "1_0",
            "0x1f",
            "-x",
            "a: b",
            "a # b",
            "é\u{7}\\\"",
            "",
            "65001",
            "+10",
            "*:*",
            "2026-01-01",
            "^65001_",
        ] {
            let map = vec![("key".to_owned(), Node::text(text).with("x"))];
            let read: serde_yaml::Value = serde_yaml::from_str(&document(&map)).unwrap();
            assert_eq!(read["key"], serde_yaml::Value::from(text), "{}", document(&map));
        }
    }

    #[test]
    fn lists_and_mappings_stand_under_their_keys() {
        let peer = Node::Map(vec![
            ("a".into(), Node::number(1_u8).with("one")),
            ("b".into(), Node::Map(vec![("c".into(), Node::bool(true).plain())]).plain()),
        ]);
        let map = vec![
            ("x".to_owned(), Node::List(vec![peer.clone().with("first"), peer.plain()]).plain()),
            ("y".to_owned(), Node::texts(["10.0.0.0/8", "fd00::/8"]).plain()),
        ];
        let expected = "x:\n  # first\n  - a: 1  # one\n    b:\n      c: true\n  - a: 1  # one\n    b:\n      c: true\ny: [10.0.0.0/8, \"fd00::/8\"]\n";
        assert_eq!(document(&map), expected);
    }
}
