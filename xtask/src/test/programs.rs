//! Running test programs and reading along.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};
use lab::{NO_FULL_KERNEL_VARIABLE, privilege, skip};

use super::full_kernel::{self, Kernel};
use super::outcome::Outcome;
use crate::cargo::{self, Built};
use crate::ui;

/// How test programs are run.
pub(super) struct Runner<'a> {
    /// Only tests whose name contains this.
    pub(super) filter: Option<&'a str>,
    /// Where tests write that they skipped.
    pub(super) skip_log: &'a Path,
    /// The folder of the linnetd that they run.
    pub(super) linnet: &'a Path,
}

impl Runner<'_> {
    /// Runs one test program, each test shown as it ends if `live`, and otherwise only what failed.
    pub(super) fn run(&self, built: &Built, live: bool) -> Result<Outcome> {
        let kernel = Kernel::of(built);
        let mut command = self.start(&built.program, &kernel);
        // As `cargo test` does it.
        command.current_dir(&built.folder).env("CARGO_MANIFEST_DIR", &built.folder);
        // Under a kernel that is booted they write to a terminal.
        command.arg("--color=never").args(self.filter);
        let name = match built.kind.as_str() {
            "test" => format!("{} ({}{kernel})", built.target, built.package),
            kind => format!("{} ({kind})", built.package),
        };
        self.read_along(&name, command, live)
    }

    /// Runs the examples in the documentation.
    pub(super) fn run_doc_tests(&self) -> Result<Outcome> {
        let mut command = cargo::cargo(&["test", "--quiet", "--workspace", "--doc", "--", "--format=pretty"]);
        command.args(self.filter);
        self.read_along("documentation", command, false)
    }

    /// A test program under its kernel; started through `inside` where namespaces are not to be had otherwise.
    fn start(&self, program: &Path, kernel: &Kernel) -> Command {
        let mut by_ourselves = Command::new(cargo::own_program().unwrap_or("xtask".into()));
        match kernel {
            Kernel::Booted => {
                let folder = self.skip_log.parent().unwrap_or(self.skip_log);
                by_ourselves.args(full_kernel::WORDS).arg("--keep").arg(folder).arg("--").arg(program);
                by_ourselves.env("RUST_TEST_THREADS", full_kernel::THREADS);
                by_ourselves
            }
            Kernel::Own if privilege::check().is_ok() => Command::new(program),
            Kernel::Own => {
                by_ourselves.arg("inside").arg(program);
                by_ourselves
            }
            Kernel::Lacking(reason) => {
                let mut command = self.start(program, &Kernel::Own);
                command.env(NO_FULL_KERNEL_VARIABLE, reason);
                command
            }
        }
    }

    fn read_along(&self, name: &str, mut command: Command, live: bool) -> Result<Outcome> {
        let start = Instant::now();
        command.env(skip::LOG_VARIABLE, self.skip_log).env("LINNET_BIN_DIR", self.linnet);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot run {name}"))?;
        let stderr = child.stderr.take().map(collect_lines);
        let mut output = Vec::new();
        let mut outcome = Outcome::default();
        for line in BufReader::new(child.stdout.take().context("no output")?).lines() {
            let line = line?;
            outcome.read(&line);
            if live && line.starts_with("test ") && !line.starts_with("test result") {
                ui::text(&line);
            }
            output.push(line);
        }
        let status = child.wait()?;
        let is_whole = output.iter().any(|line| line.starts_with("test result: "));
        if !(status.success() && is_whole) && outcome.failures.is_empty() {
            outcome.failures.push(format!("{name}: ended with {status}"));
        }
        if !outcome.failures.is_empty() {
            output.iter().for_each(|line| println!("{line}"));
            stderr.and_then(|thread| thread.join().ok()).into_iter().for_each(|text| print!("{text}"));
        }
        let line = format!("{name}: {outcome} in {:.1} s", start.elapsed().as_secs_f32());
        let show = if outcome.failures.is_empty() { ui::good } else { ui::bad };
        show(&line);
        Ok(outcome)
    }
}

fn collect_lines(pipe: impl std::io::Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || std::io::read_to_string(pipe).unwrap_or_default())
}
