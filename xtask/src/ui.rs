//! How the commands speak: titles, what was run, what came of it. Colours only where a terminal shows them.

use anstyle::{AnsiColor, Style};

const TITLE: Style = Style::new().bold();
const COMMAND: Style = AnsiColor::Cyan.on_default();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const DIM: Style = Style::new().dimmed();

/// Begins a part.
pub(crate) fn title(text: &str) {
    anstream::println!("\n{TITLE}{text}{TITLE:#}");
}

/// Shows a command that is about to be run.
pub(crate) fn command(text: &str) {
    anstream::println!("  {COMMAND}$ {text}{COMMAND:#}");
}

/// Shows a command that is run on the way to something else, whose output the standard output is for.
pub(crate) fn command_on_the_way(text: &str) {
    anstream::eprintln!("  {COMMAND}$ {text}{COMMAND:#}");
}

/// Shows output or an explanation, indented under its title.
pub(crate) fn text(text: &str) {
    for line in text.trim_end().lines() {
        anstream::println!("  {line}");
    }
}

/// Shows what matters less.
pub(crate) fn aside(text: &str) {
    for line in text.trim_end().lines() {
        anstream::println!("  {DIM}{line}{DIM:#}");
    }
}

/// Says that something holds.
pub(crate) fn good(text: &str) {
    anstream::println!("  {GOOD}{text}{GOOD:#}");
}

/// Says that something does not hold.
pub(crate) fn bad(text: &str) {
    anstream::println!("  {BAD}{text}{BAD:#}");
}

/// Says why the command ends here.
pub(crate) fn error(text: &str) {
    anstream::eprintln!("{BAD}error{BAD:#}: {text}");
}
