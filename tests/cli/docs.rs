//! docs/cli.md shows what linnet prints, and a golden file has it: what the one says is in the other.

use std::fs;
use std::path::{Path, PathBuf};

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
    let document = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md")).unwrap();
    let blocks = document.split("```").skip(1).step_by(2);
    let (shown, goldens): (Vec<_>, _) = (blocks.flat_map(runs).collect(), goldens());
    assert!(shown.len() > 10, "{}", shown.len());
    for run in shown {
        assert!(goldens.contains(&run), "no golden file has this run of docs/cli.md:\n{run}");
    }
}
