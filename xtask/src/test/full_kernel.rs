//! Test programs that want all features of a kernel: where the machine's own lacks one, another is booted for them.

use std::fmt;

use lab::Feature;

use crate::cargo::Built;
use crate::vm;

/// The test program that wants them.
const PROGRAM: &str = "full_kernel";
/// How one is booted: five minutes are several times what the tests take.
pub(super) const WORDS: [&str; 3] = ["vm", "--limit", "300"];
/// How many tests run there side by side: by its one processor it would be one, but they wait more than they work.
pub(super) const THREADS: &str = "2";

/// The kernel under which a test program runs.
pub(super) enum Kernel {
    /// The machine's own.
    Own,
    /// One that is booted for it.
    Booted,
    /// The machine's own, which lacks something; why there is no other.
    Lacking(String),
}

impl Kernel {
    /// The one for this program.
    pub(super) fn of(program: &Built) -> Kernel {
        if program.target != PROGRAM || Feature::ALL.into_iter().all(Feature::is_there) {
            return Kernel::Own;
        }
        match vm::ensure() {
            Ok(()) => Kernel::Booted,
            Err(error) => Kernel::Lacking(format!("{error:#}")),
        }
    }
}

/// What is said of it behind the program's name.
impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self, Kernel::Booted) { ", under user-mode Linux" } else { "" })
    }
}
