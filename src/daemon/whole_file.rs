//! Files that are replaced as a whole.

use std::io;
use std::path::Path;

/// Gives a file other contents. Whoever reads it sees all of them, or what was there before.
pub(super) fn replace(file: &Path, contents: &str) -> io::Result<()> {
    let mut new = file.as_os_str().to_owned();
    new.push(".new");
    std::fs::write(&new, contents)?;
    std::fs::rename(&new, file)
}
