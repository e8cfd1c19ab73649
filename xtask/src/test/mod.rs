//! `cargo xtask test`: installs what is missing, builds all tests, runs them section by section, and adds up.

mod full_kernel;
mod kubernetes;
mod outcome;
mod programs;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;

use crate::cargo::{self, Built};
use crate::{fuzz, install, oracle, python, ui};
use outcome::{Outcome, Skip};
use programs::Runner;

#[derive(Args, Default)]
pub(crate) struct Arguments {
    /// Only these sections: unit, doc, fuzz, oracle, kubernetes, lab, or an integration test's name (comma-separated)
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Only tests whose name contains this
    filter: Option<String>,
}

/// The section of the documentation's examples.
const DOC: &str = "doc";

/// The section of real daemons in namespaces.
const LAB: &str = "lab";

/// The section of the comparison with another codec.
const ORACLE: &str = "oracle";

/// The section of the fuzz targets, and how long each is run there.
const FUZZ: &str = "fuzz";
const FUZZ_SECONDS: u64 = 2;

/// Sections that are built apart from the others.
const APART: [&str; 3] = [DOC, ORACLE, FUZZ];

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    ui::title("What the tests need");
    install::ensure_programs();
    if wants(&arguments.only, LAB) {
        python::ensure();
    }

    let sections = match arguments.only.iter().all(|name| APART.contains(&name.as_str())) {
        true if !arguments.only.is_empty() => Vec::new(),
        _ => {
            let (programs, with_kubernetes) = build(&arguments.only)?;
            sections(programs, with_kubernetes, &arguments.only)
        }
    };
    let is_apart = |name| wants(&arguments.only, name);
    if sections.is_empty() && !APART.into_iter().any(is_apart) {
        bail!("no section is called {}", arguments.only.join(" or "));
    }
    let log = SkipLog::new()?;
    let filter = arguments.filter.as_deref();
    let runner = Runner { filter, skip_log: &log.0, linnet: &cargo::programs_folder()? };
    let other_runner = Runner { filter, skip_log: &log.0, linnet: &kubernetes::folder()? };
    let mut total = Outcome::default();
    for (name, programs) in &sections {
        ui::title(&format!("Tests: {name}"));
        let runner = if name == kubernetes::SECTION { &other_runner } else { &runner };
        for program in programs {
            total += runner.run(program, name == LAB)?;
        }
    }
    if wants(&arguments.only, DOC) {
        ui::title("Tests: doc");
        total += runner.run_doc_tests()?;
    }
    if wants(&arguments.only, ORACLE) {
        ui::title("Tests: oracle");
        for program in oracle::build()? {
            total += runner.run(&program, false)?;
        }
    }
    if wants(&arguments.only, FUZZ) && arguments.filter.is_none() {
        ui::title("Tests: fuzz");
        total += fuzz_briefly()?;
    }
    close(total, log.read())
}

/// Builds the programs, and the tests of all sections but those apart; the second are those with Kubernetes.
fn build(only: &[String]) -> Result<(Vec<Built>, Vec<Built>)> {
    ui::title("Build");
    let with_kubernetes = match wants(only, kubernetes::SECTION) {
        true => kubernetes::build()?,
        false => Vec::new(),
    };
    // The lab and the CLI tests run the programs, which `cargo test` alone need not build.
    cargo::build(&["build", "--workspace", "--bins"])?;
    // Programs that tests run are built along with them.
    let mut programs = cargo::build(&["test", "--workspace", "--no-run"])?;
    programs.retain(|program| program.is_test);
    Ok((programs, with_kubernetes))
}

/// Runs each fuzz target for a moment, from its corpus on. `cargo xtask fuzz` takes its time.
fn fuzz_briefly() -> Result<Outcome> {
    let mut outcome = Outcome::default();
    if let Some(reason) = fuzz::missing() {
        outcome.skips.push(Skip { test: FUZZ.into(), reason });
        return Ok(outcome);
    }
    let build = fuzz::Build::new()?;
    for target in fuzz::targets()? {
        match build.fuzz(&target, FUZZ_SECONDS)? {
            true => outcome.passed += 1,
            false => outcome.failures.push(format!("fuzz {target}")),
        }
    }
    Ok(outcome)
}

/// The programs to run by section, units first, the lab last.
fn sections(programs: Vec<Built>, with_kubernetes: Vec<Built>, only: &[String]) -> Vec<(String, Vec<Built>)> {
    let mut sections: BTreeMap<(u8, String), Vec<Built>> = BTreeMap::new();
    let with_kubernetes = with_kubernetes.into_iter().map(|program| (kubernetes_section(), program));
    let others = programs.into_iter().map(|program| (section(&program), program));
    for (section, program) in with_kubernetes.chain(others) {
        if wants(only, &section.1) {
            sections.entry(section).or_default().push(program);
        }
    }
    sections.into_iter().map(|((_rank, name), programs)| (name, programs)).collect()
}

/// Where a test program belongs: a rank to sort by, and the section's name.
fn section(program: &Built) -> (u8, String) {
    match program.kind.as_str() {
        "test" if program.target == kubernetes::SECTION => kubernetes_section(),
        "test" if program.package == "linnet-lab" => (3, LAB.into()),
        "test" => (1, program.target.clone()),
        _ => (0, "unit".into()),
    }
}

fn kubernetes_section() -> (u8, String) {
    (2, kubernetes::SECTION.into())
}

fn wants(only: &[String], section: &str) -> bool {
    only.is_empty() || only.iter().any(|name| name == section)
}

/// Adds up, says what was skipped and why, and ends on one plain line.
fn close(total: Outcome, skips: Vec<Skip>) -> Result<()> {
    let total = total.with_skips(skips);
    if !total.skips.is_empty() {
        ui::title("Skipped");
        for Skip { test, reason } in &total.skips {
            ui::text(&format!("{test}: {reason}"));
        }
    }
    if !total.failures.is_empty() {
        ui::title("Failed");
        total.failures.iter().for_each(|test| ui::bad(test));
    }
    println!("\n{total}");
    if total.failures.is_empty() { Ok(()) } else { bail!("tests failed") }
}

/// The file into which tests write that they skipped, in a folder of its own among what cargo built.
struct SkipLog(PathBuf);

impl SkipLog {
    fn new() -> Result<SkipLog> {
        let folder = cargo::programs_folder()?.join("skipped-tests");
        fs::create_dir_all(&folder)?;
        let path = folder.join("log");
        fs::write(&path, "")?;
        Ok(SkipLog(path))
    }

    /// Its lines are `test: reason`.
    fn read(&self) -> Vec<Skip> {
        let lines = fs::read_to_string(&self.0).unwrap_or_default();
        let pairs = lines.lines().filter_map(|line| line.split_once(": "));
        pairs.map(|(test, reason)| Skip { test: test.into(), reason: reason.into() }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(package: &str, target: &str, kind: &str) -> Built {
        let [folder, program] = [PathBuf::new(), PathBuf::new()];
        Built {
            package: package.into(),
            target: target.into(),
            kind: kind.into(),
            folder,
            program,
            is_test: true,
        }
    }

    #[test]
    fn units_come_first_and_the_lab_last() {
        let programs = vec![
            program("linnet-lab", "pods", "test"),
            program("linnet-lab", kubernetes::SECTION, "test"),
            program("linnet", "cli", "test"),
            program("linnet-bgp", "bgp", "lib"),
        ];
        let with_kubernetes = vec![program("linnet", "linnet", "lib")];
        let names = |only: &[String]| -> Vec<String> {
            sections(programs.clone(), with_kubernetes.clone(), only)
                .into_iter()
                .map(|(name, _)| name)
                .collect()
        };
        assert_eq!(names(&[]), ["unit", "cli", "kubernetes", "lab"]);
        assert_eq!(names(&["lab".into(), "unit".into()]), ["unit", "lab"]);
    }
}
