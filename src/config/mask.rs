//! The text of a configuration with its secrets covered: what is shown of it beside a fault.
//!
//! The text may be no YAML at all, so no reader of YAML is asked. Whatever stands behind a key that speaks of a
//! secret is covered, character by character, so that columns stay what they are. Covering too much is a line
//! that shows less; covering too little is a secret in a log.

/// What the name of a key has in it that leads to a secret, also when it is misspelt.
const TELLING: [&str; 4] = ["passw", "pasw", "secret", "md5"];

/// What is shown in place of each character.
const COVER: char = '*';

/// The text with its secrets covered.
pub(super) fn masked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = next_secret(rest) {
        out.push_str(before);
        let length = value_length(before, after);
        let (value, further) = after.split_at_checked(length).unwrap_or((after, ""));
        out.extend(value.chars().map(|c| if c.is_whitespace() { c } else { COVER }));
        rest = further;
    }
    out.push_str(rest);
    out
}

/// Splits behind the colon of the next key that speaks of a secret.
fn next_secret(text: &str) -> Option<(&str, &str)> {
    let colons = text.match_indices(':').map(|(at, _)| at + 1);
    let mut behind = colons.filter(|&end| text.get(..end).is_some_and(|before| is_telling(key_of(before))));
    behind.next().and_then(|end| text.split_at_checked(end))
}

/// The key that `before` ends with, its colon included.
fn key_of(before: &str) -> &str {
    let key = before.trim_end_matches(':').trim_end_matches([' ', '\t', '"', '\'']);
    key.rsplit(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).next().unwrap_or_default()
}

/// A file's name is no secret.
fn is_telling(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    !key.ends_with("_file") && TELLING.iter().any(|part| key.contains(part))
}

/// How long the value is that `after` begins with; `before` ends with its key.
fn value_length(before: &str, after: &str) -> usize {
    let value = after.trim_start();
    let lead = after.len() - value.len();
    let line = before.rsplit('\n').next().unwrap_or_default();
    lead + match value.chars().next() {
        Some(quote @ ('"' | '\'')) => quoted_length(value, quote),
        _ if line.contains('{') => value.find([',', '}', '\n']).unwrap_or(value.len()),
        _ => block_length(value, indentation(line)),
    }
}

/// Up to the closing quote: one that is neither escaped nor doubled.
fn quoted_length(value: &str, quote: char) -> usize {
    let mut chars = value.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if quote == '"' => drop(chars.next()),
            _ if c != quote => {}
            _ if quote == '\'' && chars.peek().is_some_and(|(_, next)| *next == quote) => drop(chars.next()),
            _ => return at + 1,
        }
    }
    value.len()
}

/// To the end of the line, and the lines after it that stand further in than the key.
fn block_length(value: &str, indentation_of_key: usize) -> usize {
    let mut length = 0;
    for (number, line) in value.split_inclusive('\n').enumerate() {
        let belongs = number == 0 || line.trim().is_empty() || indentation(line) > indentation_of_key;
        if !belongs {
            break;
        }
        length += line.len();
    }
    length
}

/// A dash before a key of a list's element counts as the space that it takes.
fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '-']).len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_covered() {
        for (text, shown) in [
            ("password: hunter2\nport: 1", "password: *******\nport: 1"),
            ("- { password: hunter2, port: 1 }", "- { password: *******, port: 1 }"),
            ("- { password: \"a, b}\", port: 1 }", "- { password: *** ***, port: 1 }"),
            ("- { password: 'it''s', port: 1 }", "- { password: *******, port: 1 }"),
            (r#"- { "password" : "a\"b", port: 1 }"#, r#"- { "password" : ******, port: 1 }"#),
            ("password: a, b}c # note\nx: 1", "password: ** *** * ****\nx: 1"),
            (
                "  - password: |\n      hunter2\n\n      more\n    port: 1",
                "  - password: *\n      *******\n\n      ****\n    port: 1",
            ),
            ("password:\n  hunter2\nport: 1", "password:\n  *******\nport: 1"),
            ("password: \"hun\n  ter2\"\nport: 1", "password: ****\n  *****\nport: 1"),
            ("pasword: hunter2", "pasword: *******"),
            ("auth-Password: hunter2", "auth-Password: *******"),
            ("password_file: /etc/key\npassive: true", "password_file: /etc/key\npassive: true"),
            ("password: \"never closed\nx: 1", "password: ****** ******\n** *"),
            ("password:", "password:"),
        ] {
            assert_eq!(masked(text), shown, "{text}");
        }
    }

    proptest! {
        #[test]
        fn lines_and_columns_stay(text in "([a-z:{}\"' \n,\\\\]|password: ?|é){0,60}") {
            let masked = masked(&text);
            let shape = |text: &str| text.lines().map(|line| line.chars().count()).collect::<Vec<_>>();
            prop_assert_eq!(shape(&masked), shape(&text));
        }
    }
}
