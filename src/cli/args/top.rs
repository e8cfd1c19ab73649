//! `top`.

use clap::Args;

use super::value::seconds;

/// Arguments of `top`.
#[derive(Debug, Args)]
pub struct TopArgs {
    /// How often linnetd is asked: `1`, `5s`, `1m`
    #[arg(short, long, value_name = "TIME", default_value = "2s", value_parser = seconds)]
    pub interval: u32,
}
