//! Every configuration of linnetd that the project shows or tests with is one that linnetd takes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use lab::{daemon, skip_if};

/// The files below `folder` that configure linnetd: `linnet.yaml` anywhere, and every YAML file of examples/. What is
/// there about Kubernetes needs another linnetd, see kubernetes.rs.
fn configurations(folder: &Path, every: bool) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    for entry in entries {
        let path = entry?.path();
        let is_about_kubernetes =
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("kubernetes"));
        if is_about_kubernetes {
            continue;
        }
        if path.is_dir() {
            found.extend(configurations(&path, every)?);
        } else if path.ends_with("linnet.yaml")
            || every && path.extension().is_some_and(|kind| kind == "yaml")
        {
            found.push(path);
        }
    }
    Ok(found)
}

#[test]
fn every_configuration_passes_linnetds_check() -> Result<()> {
    skip_if!(daemon::missing(lab::Daemon::Linnet));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = configurations(&root.join("examples"), true)?;
    for folder in ["containerlab", "tests/lab/tests"] {
        files.extend(configurations(&root.join(folder), false)?);
    }
    assert!(files.len() >= 10, "found only {files:#?}");
    for file in files {
        assert_eq!(complaint(&file)?, None, "{}", file.display());
    }
    Ok(())
}

/// What linnetd has to say against a file.
fn complaint(file: &Path) -> Result<Option<String>> {
    let output = Command::new(daemon::linnetd()?).arg("--check").arg("--config").arg(file).output()?;
    Ok((!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// The blocks of YAML in a document that are whole configurations: they say which AS this is.
fn shown_in(document: &str) -> impl Iterator<Item = &str> {
    let blocks = document.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.filter(|block| block.contains("\n  asn: "))
}

#[test]
fn every_configuration_in_a_document_passes_linnetds_check() -> Result<()> {
    skip_if!(daemon::missing(lab::Daemon::Linnet));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut documents = vec![root.join("README.md")];
    for entry in fs::read_dir(root.join("docs"))? {
        documents.push(entry?.path());
    }
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("shown.yaml");
    let mut count = 0;
    for document in documents {
        for block in shown_in(&fs::read_to_string(&document)?) {
            fs::write(&file, block)?;
            assert_eq!(complaint(&file)?, None, "{}:\n{block}", document.display());
            count += 1;
        }
    }
    assert!(count >= 5, "found only {count}");
    Ok(())
}
