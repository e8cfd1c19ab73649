//! `cargo xtask fuzz`: builds the fuzz targets with the coverage that libFuzzer wants, and runs them.
//!
//! They work on the stable compiler, without cargo-fuzz: libFuzzer is linked in, and LLVM's coverage pass is asked
//! for by flags. Those flags want a build of their own, so `fuzz/` is a workspace of its own, built into a folder
//! of its own. New inputs that found something are kept there too; `fuzz/corpus` is where every run begins.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use lab::daemon::missing_program;

use crate::{cargo, ui};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Only this target; all of them unless given
    target: Option<String>,
    /// How long each target is run
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Runs this input only, such as one that was found to end in a crash
    #[arg(long, requires = "target", value_name = "FILE")]
    replay: Option<PathBuf>,
    /// Puts what this machine's runs have found into fuzz/corpus, as few inputs as reach as far
    #[arg(long)]
    keep: bool,
}

/// Edge coverage with counters, and the operands of comparisons.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// No input needs to be longer to reach all there is.
const MAX_LENGTH: &str = "-max_len=1024";

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if let Some(reason) = missing() {
        bail!("fuzzing needs a C++ compiler: {reason}");
    }
    let targets = match &arguments.target {
        Some(name) => vec![name.clone()],
        None => targets()?,
    };
    let build = Build::new()?;
    let mut crashes = 0;
    for target in &targets {
        if let Some(input) = &arguments.replay {
            return build.replay(target, input);
        }
        crashes += usize::from(!build.fuzz(target, arguments.seconds)?);
        if arguments.keep {
            build.keep(target)?;
        }
    }
    ensure!(crashes == 0, "{crashes} of {} targets crashed", targets.len());
    Ok(())
}

/// Why nothing can be fuzzed here.
pub(crate) fn missing() -> Option<String> {
    missing_program("c++")
}

/// Every target, by name: the files in fuzz/fuzz_targets.
pub(crate) fn targets() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder().join("fuzz_targets"))? {
        let path = entry?.path();
        names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

fn folder() -> PathBuf {
    cargo::workspace().join("fuzz")
}

/// The targets as built.
pub(crate) struct Build {
    programs: PathBuf,
    /// Where this machine's runs leave what they find.
    found: PathBuf,
}

impl Build {
    /// Builds all targets.
    pub(crate) fn new() -> Result<Build> {
        let triple = host()?;
        let target = cargo::programs_folder()?.join("../fuzz");
        let folder = target.to_string_lossy();
        let manifest = folder_of_manifest();
        let words = ["build", "--locked", "--manifest-path", &manifest, "--target", &triple];
        cargo::run(&words, &[("RUSTFLAGS", FLAGS), ("CARGO_TARGET_DIR", &folder)])?;
        Ok(Build { programs: target.join(triple).join("debug"), found: target.join("found") })
    }

    /// Runs a target for a while; says whether nothing was found.
    pub(crate) fn fuzz(&self, target: &str, seconds: u64) -> Result<bool> {
        let found = self.found.join(target);
        fs::create_dir_all(&found)?;
        let crash = self.found.join(format!("{target}-crash"));
        let _ = fs::remove_file(&crash);
        let mut command = self.command(target);
        command
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-exact_artifact_path={}", crash.display()));
        let output = command.arg(&found).arg(corpus(target)).output()?;
        let log = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            let runs =
                log.lines().rev().find_map(|line| line.strip_prefix("Done ")).unwrap_or("nothing found");
            ui::good(&format!("{target}: {runs}"));
            return Ok(true);
        }
        println!("{log}");
        ui::bad(&format!("{target}: an input ends in a crash; again:"));
        ui::command(&format!("cargo xtask fuzz {target} --replay {}", crash.display()));
        Ok(false)
    }

    /// Runs one input.
    fn replay(&self, target: &str, input: &Path) -> Result<()> {
        let status = self.command(target).arg(input).status()?;
        ensure!(status.success(), "{target}: {} ends in a crash", input.display());
        ui::good(&format!("{target}: {} does no harm", input.display()));
        Ok(())
    }

    /// Puts the smallest inputs that reach what was reached into the corpus.
    fn keep(&self, target: &str) -> Result<()> {
        let (kept, all) = (corpus(target), self.found.join(format!("{target}-kept")));
        let _ = fs::remove_dir_all(&all);
        fs::create_dir_all(&all)?;
        let mut command = self.command(target);
        // What counts is which code is reached, not how often.
        command.args(["-merge=1", "-use_counters=0"]).args([&all, &kept, &self.found.join(target)]);
        ensure!(command.stderr(Stdio::null()).status()?.success(), "{target}: the corpus cannot be merged");
        fs::remove_dir_all(&kept)?;
        fs::create_dir_all(&kept)?;
        for entry in fs::read_dir(&all)? {
            let entry = entry?;
            fs::copy(entry.path(), kept.join(entry.file_name()))?;
        }
        Ok(())
    }

    fn command(&self, target: &str) -> Command {
        let mut command = Command::new(self.programs.join(target));
        command.args([MAX_LENGTH, "-timeout=10", "-rss_limit_mb=1024", "-verbosity=1"]);
        command
    }
}

fn corpus(target: &str) -> PathBuf {
    folder().join("corpus").join(target)
}

fn folder_of_manifest() -> String {
    folder().join("Cargo.toml").to_string_lossy().into_owned()
}

/// The compiler's own target, which must be named so that build scripts are spared the flags.
fn host() -> Result<String> {
    let rustc = env::var_os("RUSTC").unwrap_or("rustc".into());
    let output = Command::new(rustc).arg("-vV").output().context("cannot run rustc")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let triple = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(triple.context("rustc does not say for what it compiles")?.to_owned())
}
