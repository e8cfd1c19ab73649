//! `doctor`.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// linnetd's file: says what is wanted where linnetd cannot be asked
    #[arg(long, value_name = "FILE", default_value = crate::config::DEFAULT_FILE)]
    pub config: PathBuf,
}
