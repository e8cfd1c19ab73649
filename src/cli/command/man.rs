//! `man`: pages from the same definitions that arguments are read by.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context, Result};
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::cli::args::Cli;
use crate::cli::output::Output;
use crate::daemon::Arguments;

/// What the pages are part of.
const MANUAL: &str = "linnet manual";

/// Writes linnet.1, a page for each command, and linnetd.8; says which.
pub(super) fn write(directory: &Path, output: &mut Output<'_>) -> Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let mut linnet = Cli::command();
    // Gives each command the options of all, and its full name.
    linnet.build();
    let mut pages = Vec::new();
    pages_of(&linnet, &mut pages);
    pages.push((Arguments::command(), "8"));
    for (command, section) in pages {
        let name = command.get_display_name().unwrap_or(command.get_name());
        let file = directory.join(format!("{name}.{section}"));
        fs::write(&file, page(command, section)?)
            .with_context(|| format!("cannot write {}", file.display()))?;
        writeln!(output.out, "{}", file.display())?;
    }
    Ok(())
}

/// A command, and those within it.
fn pages_of(command: &Command, pages: &mut Vec<(Command, &'static str)>) {
    pages.push((command.clone(), "1"));
    let within = command.get_subcommands();
    within.filter(|command| command.get_name() != "help").for_each(|command| pages_of(command, pages));
}

fn page(command: Command, section: &str) -> io::Result<Vec<u8>> {
    let below = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let has_commands = command.has_subcommands();
    let man = Man::new(command)
        .section(section)
        .source(concat!("linnet ", env!("CARGO_PKG_VERSION")))
        .manual(MANUAL);
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if has_commands {
        man.render_subcommands_section(&mut page)?;
    }
    write_below(&below, &mut page)?;
    see_also(section).to_writer(&mut page)?;
    Ok(page)
}

/// What stands below the help, as it stands there: a line that begins at the margin and ends in `:` is a heading.
fn write_below(text: &str, page: &mut dyn io::Write) -> io::Result<()> {
    let mut roff = Roff::new();
    for line in text.lines() {
        match line.strip_suffix(':') {
            Some(heading) if !line.starts_with(' ') => {
                roff.control("fi", []).control("SH", [heading.to_uppercase().as_str()]).control("nf", []);
            }
            _ => {
                roff.text([roman(line)]);
            }
        }
    }
    roff.control("fi", []);
    page.write_all(roff.render().as_bytes())
}

fn see_also(section: &str) -> Roff {
    let mut roff = Roff::new();
    let others = if section == "8" { "linnet(1)" } else { "linnet(1), linnetd(8)" };
    roff.control("SH", ["SEE ALSO"]).text([roman(others)]);
    roff
}
