//! What a shell offers at Tab: commands and options from the definitions, values from the daemon that runs.
//!
//! A shell has this program complete by calling it once more, with [`VARIABLE`] set and the words so far behind `--`:
//! clap_complete's dynamic completion. The daemon is asked for as long as a person does not notice; without one, or with
//! a slow one, less is offered and nothing is said, for a prompt is no place for errors.

mod bash;
mod live;

pub(crate) use live::{duplicates, hosts, macs, neighbors, policies, prefixes, sources, vnis, vteps};

use std::ffi::OsString;
use std::io;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;
use clap_complete::engine::{CompletionCandidate, complete};
use clap_complete::env::{CompleteEnv, Elvish, EnvCompleter, Fish, Powershell, Shells, Zsh};

use super::args::Cli;
use bash::Bash;

/// Says that words are to be completed, and for which shell.
const VARIABLE: &str = "LINNET_COMPLETE";

/// Where zsh says which of the words it is.
const INDEX: &str = "_CLAP_COMPLETE_INDEX";

const SHELLS: &[&dyn EnvCompleter] = &[
    &Bash,
    &Tidy { shell: &Fish, show: for_fish },
    &Tidy { shell: &Zsh, show: for_zsh },
    &Elvish,
    &Powershell,
];

/// Completes if that is what this program was called for, and says whether it was.
pub(crate) fn answered() -> bool {
    let directory = std::env::current_dir().ok();
    CompleteEnv::with_factory(Cli::command)
        .var(VARIABLE)
        .shells(Shells(SHELLS))
        .try_complete(std::env::args_os(), directory.as_deref())
        .unwrap_or(true)
}

/// Writes what makes `shell` ask this program.
pub(crate) fn write_script(shell: Shell, out: &mut dyn io::Write) -> io::Result<()> {
    match Shells(SHELLS).completer(&shell.to_string()) {
        Some(shell) => shell.write_registration(VARIABLE, "linnet", "linnet", "linnet", out),
        None => Err(io::Error::other(format!("no completion for {shell}"))),
    }
}

/// What can stand in the place of `words[index]`. Options are offered to those who have begun one, or where there is
/// nothing else.
fn candidates(
    program: &mut clap::Command,
    words: Vec<OsString>,
    index: usize,
    directory: Option<&Path>,
) -> io::Result<Vec<CompletionCandidate>> {
    let begun = words.get(index).is_some_and(|word| !word.is_empty());
    let mut all = complete(program, words, index, directory)?;
    let is_option =
        |candidate: &CompletionCandidate| candidate.get_value().as_encoded_bytes().starts_with(b"-");
    if !begun && !all.iter().all(is_option) {
        all.retain(|candidate| !is_option(candidate));
    }
    Ok(all)
}

/// A shell of clap_complete's with [`candidates`] as they are here.
struct Tidy {
    shell: &'static dyn EnvCompleter,
    /// A candidate's line.
    show: fn(&CompletionCandidate) -> String,
}

impl EnvCompleter for Tidy {
    fn name(&self) -> &'static str {
        self.shell.name()
    }

    fn is(&self, name: &str) -> bool {
        self.shell.is(name)
    }

    fn write_registration(
        &self,
        variable: &str,
        name: &str,
        program: &str,
        completer: &str,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        self.shell.write_registration(variable, name, program, completer, out)
    }

    fn write_complete(
        &self,
        program: &mut clap::Command,
        words: Vec<OsString>,
        directory: Option<&Path>,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        let index = std::env::var(INDEX).ok().and_then(|index| index.parse().ok());
        let index = index.unwrap_or(words.len().saturating_sub(1));
        let all = candidates(program, words, index, directory)?;
        all.iter().try_for_each(|candidate| writeln!(out, "{}", (self.show)(candidate)))
    }
}

fn for_fish(candidate: &CompletionCandidate) -> String {
    format!("{}\t{}", candidate.get_value().to_string_lossy(), help(candidate)).trim_end().to_owned()
}

/// Zsh takes what follows the first colon for the help.
fn for_zsh(candidate: &CompletionCandidate) -> String {
    let value = candidate.get_value().to_string_lossy().replace('\\', "\\\\").replace(':', "\\:");
    format!("{value}:{}", help(candidate).replace('\\', "\\\\")).trim_end_matches(':').to_owned()
}

fn help(candidate: &CompletionCandidate) -> String {
    let help = candidate.get_help().map(ToString::to_string).unwrap_or_default();
    help.lines().next().unwrap_or_default().to_owned()
}
