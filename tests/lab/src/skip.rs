//! Tests that cannot run on this machine say so, with a reason that is counted.
//!
//! libtest knows no skip at run time, and swallows what a passing test prints; so each skip is also a line in the
//! file that `LINNET_SKIP_LOG` names: `cargo xtask test` reads it, takes the skips out of the passes, and prints them.

use std::fs::OpenOptions;
use std::io::Write;
use std::thread;

/// The variable that names the file of skips.
pub const LOG_VARIABLE: &str = "LINNET_SKIP_LOG";

/// Reports the running test as skipped and returns from it; for a test that returns `Result<(), _>`.
#[macro_export]
macro_rules! skip {
    ($($reason:tt)*) => {{
        $crate::skip::report(&format!($($reason)*));
        return Ok(());
    }};
}

/// Skips the running test when something is [`missing`](crate::Topology::missing); takes an `Option` of the reason.
#[macro_export]
macro_rules! skip_if {
    ($missing:expr) => {
        if let Some(reason) = $missing {
            $crate::skip!("{reason}");
        }
    };
}

/// Writes the skip down; libtest names its threads after the tests.
pub fn report(reason: &str) {
    let thread = thread::current();
    let line = format!("{}: {reason}\n", thread.name().unwrap_or("a test"));
    eprint!("SKIPPED: {line}");
    if let Some(path) = std::env::var_os(LOG_VARIABLE) {
        let log = OpenOptions::new().create(true).append(true).open(path);
        // One write, so that lines of tests that run side by side do not mix.
        if let Err(error) = log.and_then(|mut log| log.write_all(line.as_bytes())) {
            eprintln!("the skip could not be written to {LOG_VARIABLE}: {error}");
        }
    }
}
