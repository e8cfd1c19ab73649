//! The command line of linnetd.

use std::process::ExitCode;

fn main() -> ExitCode {
    linnet::cli::main()
}
