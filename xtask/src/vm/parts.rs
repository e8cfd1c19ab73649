//! What the machine is made of: the kernel, from Debian's package, and a few files of ours beside it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use anyhow::{Context, Result, ensure};
use lab::daemon::find_program;

use crate::cargo;

/// The kernel as a program.
pub(super) const KERNEL: &str = "linux.uml";
/// Runs outside, around the kernel.
pub(super) const OUTSIDE: &str = "outside.sh";
/// Where the kernel begins.
pub(super) const FIRST: &str = "first.sh";

const SCRIPTS: [(&str, &str); 3] = [
    (OUTSIDE, include_str!("outside.sh")),
    (FIRST, include_str!("first.sh")),
    ("second.sh", include_str!("second.sh")),
];
const XSTATE: &str = include_str!("xstate.c");

/// Where all of it lies, among what cargo built.
fn folder() -> Result<PathBuf> {
    let folder = cargo::programs_folder()?.join("vm");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// The kernel's program.
pub(super) fn kernel() -> Result<PathBuf> {
    find_program(KERNEL)
        .with_context(|| format!("{KERNEL} is not installed: apt-get install user-mode-linux"))
}

/// The library that lets the kernel run on processors that are newer than it (xstate.c says why), compiled once.
pub(super) fn library() -> Result<PathBuf> {
    let folder = folder()?;
    let (source, library) = (folder.join("xstate.c"), folder.join("xstate.so"));
    if library.exists() && fs::read_to_string(&source).is_ok_and(|text| text == XSTATE) {
        return Ok(library);
    }
    // Under names of this process, for another one may be at the same.
    let [own_source, own_library] =
        ["c", "so"].map(|end| folder.join(format!("xstate-{}.{end}", process::id())));
    fs::write(&own_source, XSTATE)?;
    let mut compiler = Command::new("cc");
    compiler.args(["-O2", "-fPIC", "-shared", "-o"]).arg(&own_library).arg(&own_source).arg("-ldl");
    ensure!(
        compiler.status().context("cannot run cc")?.success(),
        "cc cannot compile {}",
        own_source.display()
    );
    fs::rename(own_library, &library)?;
    fs::rename(own_source, source)?;
    Ok(library)
}

/// The folder of one run, which goes when it is dropped.
pub(super) struct RunFolder(PathBuf);

impl RunFolder {
    /// With the scripts in it.
    pub(super) fn new() -> Result<RunFolder> {
        let run = RunFolder(folder()?.join(format!("run-{}", process::id())));
        fs::create_dir_all(run.path())?;
        for (name, text) in SCRIPTS {
            run.write(name, text)?;
        }
        fs::set_permissions(run.path().join(FIRST), Permissions::from_mode(0o755))?;
        Ok(run)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> Result<()> {
        let path = self.0.join(name);
        fs::write(&path, contents).with_context(|| format!("cannot write {}", path.display()))
    }

    /// What a file of it has in it; nothing if there is no such file.
    pub(super) fn read(&self, name: &str) -> String {
        fs::read(self.0.join(name))
            .map(|octets| String::from_utf8_lossy(&octets).into_owned())
            .unwrap_or_default()
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
