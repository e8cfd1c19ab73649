//! Bash: to it `:` and `=` end a word, so that a MAC and an IPv6 address come in pieces.
//!
//! The pieces are put together before anything is completed, and what bash has already of the last word is taken off
//! what is offered: it puts a candidate in the place of the last piece alone.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use clap_complete::env::EnvCompleter;

use super::candidates;

/// Where the cursor is behind a piece that only separates, bash says that the word is empty, and would have it gone.
/// A list that ends in a path or in `KEY=` is not finished: no blank follows.
const SCRIPT: &str = r#"_linnet() {
    local word=$2
    [[ ${COMP_WORDS[COMP_CWORD]} == [:=]* ]] && word=${COMP_WORDS[COMP_CWORD]}
    mapfile -t COMPREPLY < <(
        VARIABLE=bash COMPLETER -- "${COMP_WORDS[@]:0:COMP_CWORD}" "$word" 2>/dev/null
    )
    [[ ${COMPREPLY[0]-} == *[/=] ]] && compopt -o nospace 2>/dev/null
    return 0
}
complete -o nosort -F _linnet PROGRAM 2>/dev/null || complete -F _linnet PROGRAM
"#;

/// The shell.
pub(super) struct Bash;

impl EnvCompleter for Bash {
    fn name(&self) -> &'static str {
        "bash"
    }

    fn is(&self, name: &str) -> bool {
        name == "bash"
    }

    fn write_registration(
        &self,
        variable: &str,
        _name: &str,
        program: &str,
        completer: &str,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        let script = SCRIPT.replace("VARIABLE", variable);
        out.write_all(script.replace("COMPLETER", completer).replace("PROGRAM", program).as_bytes())
    }

    fn write_complete(
        &self,
        program: &mut clap::Command,
        words: Vec<OsString>,
        directory: Option<&Path>,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        let replaced = words.last().filter(|word| !separates(word)).map_or(0, |word| word.len());
        let words = joined(words);
        let there = words.last().map_or(0, |word| word.len()).saturating_sub(replaced);
        let index = words.len().saturating_sub(1);
        for candidate in candidates(program, words, index, directory)? {
            let value = candidate.get_value().to_string_lossy();
            writeln!(out, "{}", value.get(there..).unwrap_or(&value))?;
        }
        Ok(())
    }
}

/// The words as they were typed. An empty one is where the next begins, and belongs to none before.
pub(super) fn joined(pieces: Vec<OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = Vec::new();
    let mut open = false;
    for piece in pieces {
        let separates = separates(&piece);
        match words.last_mut() {
            Some(word) if separates || open && !piece.is_empty() => word.push(&piece),
            _ => words.push(piece),
        }
        open = separates;
    }
    words
}

fn separates(piece: &OsString) -> bool {
    let octets = piece.as_encoded_bytes();
    !octets.is_empty() && octets.iter().all(|octet| matches!(octet, b':' | b'='))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined_text(text: &str) -> String {
        let words = joined(text.split(' ').map(OsString::from).collect());
        words.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn pieces_of_a_word_are_one_word() {
        assert_eq!(joined_text("linnet evpn mac --mac 02 : 00 :"), "linnet evpn mac --mac 02:00:");
        assert_eq!(joined_text("linnet neighbor 2001 : db8 :: 2"), "linnet neighbor 2001:db8::2");
        assert_eq!(joined_text("linnet rib --vni = 1"), "linnet rib --vni=1");
        assert_eq!(joined_text("linnet rib --mac 02 : 00 --vni"), "linnet rib --mac 02:00 --vni");
        assert_eq!(joined(vec!["a".into(), ":".into(), "".into()]), ["a:", ""]);
    }
}
