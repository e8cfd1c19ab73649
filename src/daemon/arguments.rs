//! What `linnetd` can be told.

use std::path::PathBuf;

use clap::Parser;

/// For the help and the manual.
const ENVIRONMENT: &str = "\
Environment:
  LINNET_LOG=debug           how much is logged: error, warn, info, debug or trace; for a part of it: info,linnet::peer=debug

Signals:
  SIGHUP                     read the configuration again; with a fault in it nothing changes
  SIGTERM                    end; what graceful restart covers stays in the kernel";

/// A BGP EVPN control-plane daemon for Linux hosts
#[derive(Debug, Parser)]
#[command(name = "linnetd", version, after_help = ENVIRONMENT, max_term_width = 100)]
pub struct Arguments {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = crate::config::DEFAULT_FILE)]
    pub config: PathBuf,
    /// Read the configuration, print every fault with its line and column, and touch nothing
    #[arg(long)]
    pub check: bool,
    /// Print the JSON Schema of the configuration
    #[arg(long)]
    pub schema: bool,
}
