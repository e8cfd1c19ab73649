//! The instrument of the bench: the peers of the device under test, the one who sees what the kernel is told, the
//! source of frames, and the writer that the kernel's own speed is measured with.
//!
//! bench.py drives it by lines on standard input, each answered by one line of JSON. It takes nothing but std, so that
//! a plain `rustc -O` builds it; everything is encoded before a clock runs, and all times are of one clock.
//!
//! - `commands`: what can be asked for; `arguments`: how that is written.
//! - `session`, `received`: a BGP session, and what comes by it.
//! - `encode`, `prefixes`: what is sent: a fabric's routes, a table of IPv4.
//! - `monitor`: the kernel's notifications. `learn`: frames. `kernel`: raw netlink.
//! - `netlink`, `sys`, `bits`: what these stand on.

mod arguments;
mod bits;
mod commands;
mod encode;
mod kernel;
mod learn;
mod monitor;
mod netlink;
mod prefixes;
mod received;
mod session;
mod sys;

use std::io::{BufRead, Write};

use commands::Commands;

/// The argument is the namespace that sessions are opened from.
fn main() -> std::io::Result<()> {
    sys::enter(&std::env::args().nth(1).unwrap_or_default());
    let mut commands = Commands::new();
    for line in std::io::stdin().lock().lines() {
        let Some(answer) = commands.run(&line?) else { break };
        println!("{answer}");
        std::io::stdout().flush()?;
    }
    Ok(())
}
