//! docs/api.md cannot rot: what it shows as printed is printed here, and its table of methods is that of proto/.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use api::methods::{Access, METHODS};

use crate::fake::Fake;

fn document() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/api.md")
}

/// The text with each block of commands replaced by the commands and what they print.
fn as_printed(text: &str) -> String {
    let fake = Fake::start();
    let mut printed = String::new();
    let mut blocks = text.split("```console\n");
    printed.push_str(blocks.next().unwrap());
    for block in blocks {
        let (shown, rest) = block.split_once("```\n").unwrap();
        printed.push_str("```console\n");
        for command in shown.lines().filter_map(|line| line.strip_prefix("$ linnet ")) {
            let output = fake.run(command);
            let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
            write!(printed, "$ linnet {command}\n{out}{err}").unwrap();
        }
        write!(printed, "```\n{rest}").unwrap();
    }
    printed
}

#[test]
fn what_the_document_shows_is_what_is_printed() {
    let text = fs::read_to_string(document()).unwrap();
    let printed = as_printed(&text);
    assert!(printed.matches("$ linnet ").count() >= 6, "nothing is shown");
    if env::var_os("BLESS").is_some() {
        fs::write(document(), &printed).unwrap();
    }
    assert!(fs::read_to_string(document()).unwrap() == printed, "docs/api.md should be:\n{printed}");
}

#[test]
fn every_method_stands_in_the_document_with_what_it_takes() {
    let text = fs::read_to_string(document()).unwrap();
    let rows: Vec<_> = text.lines().filter(|line| line.starts_with("| `")).collect();
    for method in METHODS {
        let (service, access) = (
            method.service.trim_start_matches("linnet.v1."),
            match method.access {
                Access::Read => "read",
                Access::Write => "write",
            },
        );
        let begin = format!("| `{service}` | `{}` | {access} |", method.name);
        assert!(rows.iter().any(|row| row.starts_with(&begin)), "docs/api.md has no row {begin}");
    }
    assert_eq!(rows.len(), METHODS.len(), "a row is of no method");
}
