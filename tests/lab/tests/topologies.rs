//! The topology files that users are given: valid by containerlab's schema, and sound beyond it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use lab::{Daemon, Topology};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../containerlab");

/// Every topology file of the project.
fn files() -> io::Result<Vec<PathBuf>> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut files: Vec<PathBuf> = ["all-frr", "bird-gobgp", "frr-around", "three-leaves"]
        .iter()
        .map(|name| own.join(name).join(format!("{name}.clab.yml")))
        .collect();
    for folder in fs::read_dir(ROOT)?.collect::<Result<Vec<_>, _>>()? {
        if folder.file_type()?.is_dir() {
            let entries = fs::read_dir(folder.path())?.collect::<Result<Vec<_>, _>>()?.into_iter();
            files.extend(
                entries.map(|e| e.path()).filter(|path| path.to_string_lossy().ends_with(".clab.yml")),
            );
        }
    }
    assert!(files.len() >= 5, "found only {files:?}");
    Ok(files)
}

fn validator() -> anyhow::Result<jsonschema::Validator> {
    let schema = fs::read_to_string(Path::new(ROOT).join("clab.schema.json"))?;
    Ok(jsonschema::validator_for(&serde_json::from_str(&schema)?)?)
}

#[test]
fn files_are_valid_by_containerlabs_schema() {
    let validator = validator().unwrap();
    for file in files().unwrap() {
        let text = fs::read_to_string(&file).unwrap();
        let value: serde_json::Value = serde_yaml::from_str(&text).unwrap();
        let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", file.display());
    }
}

#[test]
fn the_schema_refuses_a_misspelled_key() {
    let wrong =
        serde_json::json!({"name": "x", "topology": {"nodes": {"a": {"kind": "linux", "imgae": "y"}}}});
    assert!(!validator().unwrap().is_valid(&wrong));
}

#[test]
fn links_nodes_and_binds_fit_together() {
    for file in files().unwrap() {
        let topology = Topology::read(&file).unwrap();
        assert_eq!(topology.faults(), [""; 0], "{}", file.display());
    }
}

/// containerlab names the lab's folder and containers after it, so it must tell which topology it is.
#[test]
fn a_lab_is_called_as_its_file_and_folder() {
    for file in files().unwrap() {
        let name = Topology::read(&file).unwrap().name;
        assert_eq!(file.file_name().unwrap().to_str().unwrap(), format!("{name}.clab.yml"));
        assert_eq!(file.parent().unwrap().file_name().unwrap().to_str().unwrap(), name);
    }
}

#[test]
fn each_daemon_is_given_the_files_that_its_image_reads() {
    for file in files().unwrap() {
        for (name, node) in Topology::read(&file).unwrap().nodes {
            let needed: &[&str] = match node.daemon {
                Some(Daemon::Linnet) => &["/etc/linnet/linnet.yaml"],
                Some(Daemon::Frr) => &["/etc/frr/daemons", "/etc/frr/frr.conf"],
                Some(Daemon::Bird) => &["/etc/bird/bird.conf"],
                Some(Daemon::Gobgp) => &["/etc/gobgp/gobgp.toml"],
                Some(Daemon::Openbgpd) => &["/etc/bgpd/bgpd.conf"],
                None => &[],
            };
            for path in needed {
                assert!(node.binds.contains_key(Path::new(path)), "{}: {name} has no {path}", file.display());
            }
        }
    }
}
