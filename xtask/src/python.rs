//! The Python of the tests that ask linnetd from another language: a folder of its own among what cargo builds, so that
//! nothing of the machine's is changed.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use lab::daemon::find_program;

use crate::{cargo, ui};

/// What it is to have, by pip.
const REQUIREMENTS: &str = "tests/api-client/requirements.txt";

/// Makes it, unless it is there; says why where that cannot be done.
pub(crate) fn ensure() {
    if find_program("python3").is_none() {
        return ui::text("there is no python3; tests that need it are skipped");
    }
    if let Err(error) = make() {
        ui::bad(&format!(
            "{error:#}; tests that need it are skipped (Debian, Ubuntu: apt-get install python3-venv)"
        ));
    }
}

fn make() -> Result<()> {
    let folder = cargo::programs_folder()?.join("python");
    let requirements = cargo::workspace().join(REQUIREMENTS);
    let wanted = fs::read_to_string(&requirements)?;
    // Written last: without it the folder is not complete.
    let made = folder.join("requirements.txt");
    if fs::read_to_string(&made).is_ok_and(|there| there == wanted) {
        return Ok(());
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let python = folder.join("bin/python3");
    run(Command::new(python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
        .arg(&requirements))?;
    fs::write(&made, wanted).with_context(|| format!("cannot write {}", made.display()))
}

fn run(command: &mut Command) -> Result<()> {
    let line = std::iter::once(command.get_program()).chain(command.get_args());
    let line = line.map(|word| Path::new(word).display().to_string()).collect::<Vec<_>>().join(" ");
    ui::command(&line);
    let status = command.status().with_context(|| line.clone())?;
    ensure!(status.success(), "`{line}` failed");
    Ok(())
}
