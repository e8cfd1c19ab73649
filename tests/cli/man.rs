//! Manual pages, as `man` shows them.

use std::fs;
use std::process::Command;

use crate::fake::Fake;

#[test]
fn a_page_for_each_command_and_one_for_the_daemon() {
    let directory = tempfile::tempdir().unwrap();
    let pages = directory.path().join("man");
    let output = Fake::start().command().arg("man").arg(&pages).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut names: Vec<_> = fs::read_dir(&pages)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), names.len());
    for expected in
        ["linnet.1", "linnetd.8", "linnet-neighbor.1", "linnet-neighbor-add.1", "linnet-evpn-mac.1"]
    {
        assert!(names.iter().any(|name| name == expected), "{names:?}");
    }
    for name in &names {
        let Some(shown) = shown(&pages.join(name)) else { return };
        assert!(shown.contains("SYNOPSIS") && shown.contains("SEE ALSO"), "{name}: {shown}");
    }
    let rib = shown(&pages.join("linnet-rib.1")).unwrap();
    assert!(rib.contains("NAME\n       linnet-rib - The routing table: paths, one a line"), "{rib}");
    // Examples stand as they are typed, a line each.
    assert!(rib.contains("EXAMPLES\n         linnet rib summary    "), "{rib}");
    assert!(rib.contains("--socket <PATH>"), "{rib}");
    let daemon = shown(&pages.join("linnetd.8")).unwrap();
    assert!(daemon.contains("ENVIRONMENT") && daemon.contains("SIGHUP"), "{daemon}");
}

/// What `man` makes of a page, which must give it nothing to complain about; none where there is no `man`.
fn shown(page: &std::path::Path) -> Option<String> {
    let mut command = Command::new("man");
    command.args(["--warnings", "--local-file"]).arg(page);
    let output = match command.env("MANWIDTH", "120").env("MANPAGER", "cat").env("LC_ALL", "C").output() {
        Ok(output) => output,
        Err(error) => {
            println!("skipped: man, which shows pages, cannot be run: {error}");
            return None;
        }
    };
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{}", page.display());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && !text.is_empty(), "{}", page.display());
    Some(text)
}
