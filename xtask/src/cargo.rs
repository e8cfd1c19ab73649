//! Calling cargo, and what it says that it built.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::ui;

/// The folder of the workspace.
pub(crate) fn workspace() -> &'static Path {
    // xtask lies directly in it.
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// Where cargo puts the workspace's programs: this very one lies among them.
pub(crate) fn programs_folder() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    Ok(own.parent().context("a program lies in a folder")?.to_owned())
}

/// This very program, to be run once more: where it lies now, for cargo may have put another one into its place.
pub(crate) fn own_program() -> Result<PathBuf> {
    Ok(programs_folder()?.join(env!("CARGO_BIN_NAME")))
}

/// The cargo that runs us, in the workspace's folder.
pub(crate) fn cargo(words: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    command.args(words).current_dir(workspace());
    command
}

/// Runs cargo with its output shown; an error when it fails.
pub(crate) fn run(words: &[&str], environment: &[(&str, &str)]) -> Result<()> {
    let line = format!("cargo {}", words.join(" "));
    ui::command(&line);
    let status = cargo(words).envs(environment.iter().copied()).status().context("cannot run cargo")?;
    ensure!(status.success(), "`{line}` failed");
    Ok(())
}

/// Something that cargo built and that can be run.
#[derive(Clone, Debug)]
pub(crate) struct Built {
    /// The package's name.
    pub(crate) package: String,
    /// The target's name.
    pub(crate) target: String,
    /// What cargo calls the target's kind: lib, bin, test, ...
    pub(crate) kind: String,
    /// The folder of the package.
    pub(crate) folder: PathBuf,
    /// The program.
    pub(crate) program: PathBuf,
    /// It runs the target's tests, and is not the target itself.
    pub(crate) is_test: bool,
}

/// Runs a building cargo command, its diagnostics and progress shown, and returns the programs that it built.
pub(crate) fn build(words: &[&str]) -> Result<Vec<Built>> {
    ui::command(&format!("cargo {}", words.join(" ")));
    let mut command = cargo(words);
    command.arg("--message-format=json-render-diagnostics").stdout(Stdio::piped());
    let output = command.spawn()?.wait_with_output()?;
    if !output.status.success() {
        bail!("the build failed");
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(built).collect())
}

/// The program that a line of cargo's messages tells of.
fn built(line: &str) -> Option<Built> {
    let message: Value = serde_json::from_str(line).ok()?;
    let program = message.get("executable")?.as_str()?;
    let manifest = Path::new(message.get("manifest_path")?.as_str()?);
    let folder = manifest.parent()?;
    let target = message.get("target")?;
    Some(Built {
        package: package_name(message.get("package_id")?.as_str()?).to_owned(),
        target: target.get("name")?.as_str()?.to_owned(),
        kind: target.get("kind")?.get(0)?.as_str()?.to_owned(),
        folder: folder.to_owned(),
        program: program.into(),
        is_test: message.pointer("/profile/test")?.as_bool()?,
    })
}

/// `path+file:///x/bgp#linnet-bgp@0.1.0`, or `path+file:///x/xtask#0.1.0` where folder and package are called alike.
fn package_name(id: &str) -> &str {
    let (source, fragment) = id.split_once('#').unwrap_or((id, ""));
    match fragment.split_once('@') {
        Some((name, _version)) => name,
        None => source.rsplit('/').next().unwrap_or(source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_told_from_both_forms_of_an_id() {
        assert_eq!(package_name("path+file:///x/bgp#linnet-bgp@0.1.0"), "linnet-bgp");
        assert_eq!(package_name("path+file:///x/xtask#0.1.0"), "xtask");
    }

    #[test]
    fn what_was_built_is_read_from_cargos_messages() {
        let line = r#"{"reason":"compiler-artifact","package_id":"path+file:///x/bgp#linnet-bgp@0.1.0",
            "manifest_path":"/x/bgp/Cargo.toml","target":{"kind":["lib"],"name":"bgp"},"profile":{"test":true},"executable":"/t/bgp-1"}"#;
        let built = built(line).unwrap();
        assert_eq!((built.package.as_str(), built.target.as_str()), ("linnet-bgp", "bgp"));
        assert_eq!((built.kind.as_str(), built.folder.as_path()), ("lib", Path::new("/x/bgp")));
        assert!(built.is_test);
        assert!(super::built(r#"{"reason":"compiler-artifact","executable":null}"#).is_none());
    }
}
