//! Where output goes: to standard output, or through a pager where git would use one.
//!
//! The pager is started by the first octet, so that a command that prints nothing starts none. While it runs, Ctrl-C is
//! for it alone: this program ends when it meets the closed pipe, and not before the pager has given the screen back.

use std::io::{self, IsTerminal, Write};
use std::process::{Child, Command, Stdio};

use tokio::signal::unix::{SignalKind, signal};

/// What shows long output unless somebody wants another.
const DEFAULT: &str = "less";

/// For a `less` that nobody has set up, as git does it: end if all fits, pass colours through, leave the screen alone.
const LESS: &str = "FRX";

/// What only a shell understands.
const FOR_A_SHELL: &str = "|&;<>()$`\\\"'*?[#~=%";

/// Standard output, or a pager before it.
pub(crate) struct Sink {
    /// The pager, until it is needed.
    pager: Option<String>,
    running: Option<Child>,
    out: Box<dyn Write>,
}

impl Sink {
    /// Standard output; through a pager if the output is to be `paged`, a terminal is there, and nobody has said no.
    pub(crate) fn new(paged: bool) -> Sink {
        let paged = paged && io::stdout().is_terminal();
        let pager = paged.then(|| pager(|name| std::env::var(name).ok())).flatten();
        Sink { pager, running: None, out: Box::new(io::stdout()) }
    }

    /// Waits for the reader to be done with what was written.
    pub(crate) fn finish(self) {
        drop(self.out);
        if let Some(mut pager) = self.running {
            // How it ended says nothing about the command.
            let _ = pager.wait();
        }
    }

    /// Starts the pager. Where it cannot be started the terminal is as good.
    fn start(&mut self) {
        let Some(pager) = self.pager.take() else { return };
        let Ok(mut child) = command(&pager).stdin(Stdio::piped()).spawn() else { return };
        if let Some(input) = child.stdin.take() {
            self.out = Box::new(input);
        }
        self.running = Some(child);
        // Ctrl-C ends nothing from here on, though nobody waits for it.
        drop(signal(SignalKind::interrupt()));
    }
}

impl Write for Sink {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.start();
        self.out.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The pager of the environment `env`: the first of LINNET_PAGER and PAGER that is set. None where that is empty or
/// `cat`, which is how people say that they want none.
fn pager(env: impl Fn(&str) -> Option<String>) -> Option<String> {
    let wanted = env("LINNET_PAGER").or_else(|| env("PAGER")).unwrap_or_else(|| DEFAULT.to_owned());
    Some(wanted.trim().to_owned()).filter(|pager| !pager.is_empty() && pager != "cat")
}

fn command(pager: &str) -> Command {
    let mut words = pager.split_whitespace();
    let mut command = match words.next() {
        Some(program) if !pager.contains(|c| FOR_A_SHELL.contains(c)) => {
            let mut command = Command::new(program);
            command.args(words);
            command
        }
        _ => {
            let mut command = Command::new("sh");
            command.args(["-c", pager]);
            command
        }
    };
    if std::env::var_os("LESS").is_none() {
        command.env("LESS", LESS);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(env: &[(&str, &str)]) -> Option<String> {
        pager(|name| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn the_first_that_is_set() {
        assert_eq!(chosen(&[]).as_deref(), Some("less"));
        assert_eq!(chosen(&[("PAGER", "most -s")]).as_deref(), Some("most -s"));
        assert_eq!(chosen(&[("PAGER", "most"), ("LINNET_PAGER", "less -S")]).as_deref(), Some("less -S"));
        assert_eq!(chosen(&[("PAGER", "most"), ("LINNET_PAGER", "")]), None);
        assert_eq!(chosen(&[("PAGER", "cat")]), None);
    }

    #[test]
    fn a_shell_only_where_one_is_needed() {
        let program = |pager| command(pager).get_program().to_owned();
        assert_eq!(program("less -FRX"), "less");
        assert_eq!(program("less | head"), "sh");
        assert_eq!(program("LESS=S less"), "sh");
    }
}
