//! docs/cli.md shows what linnet prints, and a golden file has it: what the one says is in the other.
//!
//! With BLESS the document takes what the golden files have. These have to be right by then, so it takes a second run.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// Each run of linnet in a text: the line with the command, and what follows up to the next run.
pub(crate) fn runs(text: &str) -> Vec<String> {
    let starts: Vec<usize> = text.match_indices("$ linnet ").map(|(at, _)| at).collect();
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().zip(ends).map(|(&start, end)| text[start..end].trim_end().to_owned()).collect()
}

/// All runs of all golden files.
pub(crate) fn goldens() -> Vec<String> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/golden")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.extend(runs(&fs::read_to_string(path).unwrap())),
            }
        }
    }
    found
}

#[test]
fn what_the_document_shows_is_what_is_printed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md");
    let (mut document, goldens) = (fs::read_to_string(&path).unwrap(), goldens());
    let shown = shown(&document);
    assert!(shown.len() > 10, "{}", shown.len());
    for run in shown {
        let typed = |run: &str| run.lines().next().unwrap().to_owned();
        match goldens.iter().find(|golden| typed(golden) == typed(&run)) {
            Some(golden) if *golden == run => {}
            Some(golden) if env::var_os("BLESS").is_some() => document = document.replace(&run, golden),
            golden => panic!("docs/cli.md shows\n{run}\nbut a golden file has\n{golden:?}"),
        }
    }
    if env::var_os("BLESS").is_some() {
        fs::write(path, document).unwrap();
    }
}

fn shown(document: &str) -> Vec<String> {
    document.split("```").skip(1).step_by(2).flat_map(runs).collect()
}
