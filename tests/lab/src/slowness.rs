//! How slow the kernel is: the one place that knows it, and that waits and limits of tests ask.

use std::fs;
use std::sync::OnceLock;

/// User-mode Linux has one processor, and each of its system calls costs some fifteen times what it costs elsewhere; of a
/// daemon's work they are a part only.
const USER_MODE: u32 = 4;

/// How many times longer things may take here than on a machine of its own: 1, or more where the kernel is a process.
pub fn slowness() -> u32 {
    static SLOWNESS: OnceLock<u32> = OnceLock::new();
    *SLOWNESS.get_or_init(|| of(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default()))
}

fn of(processors: &str) -> u32 {
    if processors.contains("User Mode Linux") { USER_MODE } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_is_a_process_is_slow() {
        assert_eq!(of("processor\t: 0\nvendor_id\t: User Mode Linux\nmodel name\t: UML\n"), USER_MODE);
        assert_eq!(of("processor\t: 0\nvendor_id\t: GenuineIntel\n"), 1);
    }
}
