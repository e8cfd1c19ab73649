//! The topology files that users are given: valid by containerlab's schema, and sound beyond it.

use std::fs;
use std::path::{Path, PathBuf};

use lab::{Daemon, Topology};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../containerlab");

/// Every topology file of the project.
fn files() -> Vec<PathBuf> {
    let folders = fs::read_dir(ROOT).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/all-frr");
    let mut files: Vec<PathBuf> = folders.chain([own]).flat_map(|folder| topologies_in(&folder)).collect();
    files.sort();
    assert!(files.len() >= 3, "found only {files:?}");
    files
}

fn topologies_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.to_string_lossy().ends_with(".clab.yml")).collect()
}

#[test]
fn files_are_valid_by_containerlabs_schema() {
    let schema = fs::read_to_string(Path::new(ROOT).join("clab.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    for file in files() {
        let text = fs::read_to_string(&file).unwrap();
        let value: serde_json::Value = serde_yaml::from_str(&text).unwrap();
        let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", file.display());
    }
}

#[test]
fn the_schema_refuses_a_misspelled_key() {
    let schema = fs::read_to_string(Path::new(ROOT).join("clab.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let wrong =
        serde_json::json!({"name": "x", "topology": {"nodes": {"a": {"kind": "linux", "imgae": "y"}}}});
    assert!(!validator.is_valid(&wrong));
}

#[test]
fn links_nodes_and_binds_fit_together() {
    for file in files() {
        let topology = Topology::read(&file).unwrap();
        assert_eq!(topology.faults(), [""; 0], "{}", file.display());
    }
}

/// containerlab names the lab's folder and containers after it, so it must tell which topology it is.
#[test]
fn a_lab_is_called_as_its_file_and_folder() {
    for file in files() {
        let name = Topology::read(&file).unwrap().name;
        assert_eq!(file.file_name().unwrap().to_str().unwrap(), format!("{name}.clab.yml"));
        assert_eq!(file.parent().unwrap().file_name().unwrap().to_str().unwrap(), name);
    }
}

#[test]
fn each_daemon_is_given_the_files_that_its_image_reads() {
    for file in files() {
        for (name, node) in Topology::read(&file).unwrap().nodes {
            let needed: &[&str] = match node.daemon {
                Some(Daemon::Linnet) => &["/etc/linnet/linnet.yaml"],
                Some(Daemon::Frr) => &["/etc/frr/daemons", "/etc/frr/frr.conf"],
                Some(Daemon::Bird) => &["/etc/bird/bird.conf"],
                Some(Daemon::Gobgp) => &["/etc/gobgp/gobgp.toml"],
                None => &[],
            };
            for path in needed {
                assert!(node.binds.contains_key(Path::new(path)), "{}: {name} has no {path}", file.display());
            }
        }
    }
}
