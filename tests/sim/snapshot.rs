//! Figures that are kept as text, so that a change of them is a difference to judge.

use std::path::Path;
use std::{env, fs};

/// Compares with what is kept under this name, or keeps it with `BLESS=1`.
pub(crate) fn compare(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sim").join(name);
    if env::var_os("BLESS").is_some() {
        fs::write(&path, text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == text, "{name} has:\n{expected}\nbut now it is:\n{text}");
}
