//! `config`.

use std::path::PathBuf;

use clap::Subcommand;

use super::examples;
use super::value::seconds;

/// Commands of `config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Every fault of a file, with its place; needs no linnetd
    #[command(after_help = examples::CONFIG_CHECK)]
    Check {
        /// The file
        #[arg(default_value = crate::config::DEFAULT_FILE)]
        file: PathBuf,
    },
    /// The running configuration, secrets covered
    Show,
    /// What linnetd would change if it took a file, and which sessions would end
    #[command(after_help = examples::CONFIG_DIFF)]
    Diff {
        /// The file; linnetd's own unless given
        file: Option<PathBuf>,
    },
    /// Have linnetd take a file in place of what runs; with a fault in it nothing changes
    #[command(after_help = examples::CONFIG_APPLY)]
    Apply {
        /// The file; `-` reads standard input
        file: PathBuf,
        /// Take it back after this time unless it is confirmed: `60`, `60s`, `5m`, `1h`
        #[arg(long, value_name = "TIME", value_parser = seconds)]
        confirm_within: Option<u32>,
    },
    /// Keep the change that waits to be confirmed
    Confirm,
    /// Take back the change that waits to be confirmed
    Rollback,
    /// Have linnetd read its own file again; what was changed since is lost
    Reload,
    /// A configuration made from BIRD's; needs no linnetd. What has no counterpart is named, and the exit code is 1
    #[command(after_help = examples::CONFIG_FROM_BIRD)]
    FromBird {
        /// BIRD's file; those that it includes are read, too
        file: PathBuf,
    },
}
