//! One machine: it boots, runs a command, and is gone.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use lab::{Nursery, wait_until};

use super::parts::{self, FIRST, OUTSIDE, RunFolder};

/// What a command ends with that was not done in time, as timeout(1) has it.
const TIMED_OUT: u8 = 124;
/// How many of the kernel's last lines tell why it failed.
const LAST_LINES: usize = 30;

/// What is asked of a machine.
pub(super) struct Machine<'a> {
    /// In MiB.
    pub(super) memory: u32,
    /// How long the command may take, boot and all.
    pub(super) limit: Duration,
    /// Folders of the host's that it writes to.
    pub(super) kept: &'a [PathBuf],
}

impl Machine<'_> {
    /// Runs a command; what it prints is printed, and its exit code returned.
    pub(super) fn run(&self, words: &[OsString]) -> Result<u8> {
        let run = RunFolder::new()?;
        run.write("job", job(words)?)?;
        run.write("folders", self.folders(&run)?)?;
        // With it all that runs in there ends, however this ends: processes that the kernel traced would go on as the
        // host's own.
        let nursery = Nursery::new().context("cannot make a PID namespace")?;
        let mut child = nursery.child(self.command(&run)?).context("cannot run unshare")?;
        let ended = wait_until(self.limit, "end of the machine", || end(&mut child));
        drop(nursery);
        match (run.read("status").trim().parse(), ended) {
            (Ok(status), _) => Ok(status),
            (Err(_), Err(_)) => {
                eprintln!("ended after {} s, which is its limit", self.limit.as_secs());
                Ok(TIMED_OUT)
            }
            (Err(_), Ok(())) => bail!("the machine failed:\n{}", last_lines(&run.read("console"))),
        }
    }

    /// The folders that are the host's, a line each.
    fn folders(&self, run: &RunFolder) -> Result<Vec<u8>> {
        let mut lines = Vec::new();
        for folder in [run.path().to_owned()].iter().chain(self.kept) {
            let folder = folder.canonicalize().with_context(|| folder.display().to_string())?;
            let path = folder.as_os_str().as_bytes();
            ensure!(!path.iter().any(u8::is_ascii_whitespace), "{}: no spaces, please", folder.display());
            writeln!(lines, "{}", folder.display())?;
        }
        Ok(lines)
    }

    fn command(&self, run: &RunFolder) -> Result<Command> {
        let place = run.path().display();
        let mut command = Command::new("unshare");
        command.args(["--mount", "--net", "sh"]).arg(run.path().join(OUTSIDE));
        command.arg("env").arg(format!("LD_PRELOAD={}", parts::library()?.display())).arg(parts::kernel()?);
        command.arg(format!("mem={}M", self.memory)).arg("uml_dir=/dev/shm/");
        command.args(["root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", "quiet"]);
        // Terminals: the kernel's own, and one each for the command's two outputs.
        command.args(["con=null", "con0=null,fd:1", "con1=null,fd:3", "con2=null,fd:4", "ssl=null"]);
        command.arg(format!("init={place}/{FIRST}"));
        command.env("RUN", run.path()).env("TMPDIR", "/dev/shm").stdin(Stdio::null());
        Ok(command)
    }
}

fn end(child: &mut Child) -> Result<()> {
    child.try_wait()?.map(drop).context("it runs")
}

/// A script that becomes the command, in the folder and with the environment of this process.
fn job(words: &[OsString]) -> Result<Vec<u8>> {
    let mut script = b"cd ".to_vec();
    quote(env::current_dir()?.as_os_str(), &mut script);
    script.extend(b" || exit 125\nexec env -i --");
    for (name, value) in env::vars_os() {
        let mut pair = name;
        pair.push("=");
        pair.push(value);
        quote(&pair, &mut script);
    }
    words.iter().for_each(|word| quote(word, &mut script));
    script.push(b'\n');
    Ok(script)
}

/// Appends a space and a word as the shell takes it for one.
fn quote(word: &OsStr, script: &mut Vec<u8>) {
    script.extend(b" '");
    for octet in word.as_bytes() {
        match octet {
            b'\'' => script.extend(br"'\''"),
            octet => script.push(*octet),
        }
    }
    script.push(b'\'');
}

fn last_lines(console: &str) -> String {
    let lines: Vec<&str> = console.lines().collect();
    lines.get(lines.len().saturating_sub(LAST_LINES)..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_through_a_shell_as_they_are() {
        let words = ["printf", "%s|", "a b", "it's", "$HOME `id` \"\n", ""].map(OsString::from);
        let script = job(&words).unwrap();
        let output = Command::new("sh").arg("-c").arg(OsStr::from_bytes(&script)).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "a b|it's|$HOME `id` \"\n||");
    }

    #[test]
    fn the_end_of_what_the_kernel_said() {
        assert_eq!(last_lines("one\ntwo"), "one\ntwo");
        let many: String = (0..100).map(|n| format!("{n}\n")).collect();
        assert!(last_lines(&many).starts_with("70\n") && last_lines(&many).ends_with("99"));
    }
}
