//! The demo as its users meet it: an ordinary one, an impatient one, and one whose machine does not allow it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use lab::{Daemon, daemon, privilege, skip_if, wait_until};

/// Nobody's number, by Debian's custom and by most others'.
const NOBODY: &str = "65534";
const XTASK: &str = env!("CARGO_BIN_EXE_xtask");

type Result = anyhow::Result<()>;

/// Why the demo cannot be shown here at all, or lacks one of these programs.
fn missing(programs: &[&str]) -> Option<String> {
    privilege::check()
        .err()
        .map(|reason| reason.to_string())
        .or_else(privilege::missing_features)
        .or_else(|| daemon::missing(Daemon::Linnet))
        .or_else(|| programs.iter().find_map(|program| daemon::missing_program(program)))
}

/// Why nobody else can be become.
fn not_root() -> Option<String> {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let all = map.split_whitespace().eq(["0", "0", "4294967295"]);
    let root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    (!all || !root).then(|| "needs real root, to become another user".into())
}

/// The three programs in a folder that everybody can read; it goes when this is dropped.
struct Programs(PathBuf);

impl Programs {
    fn new(name: &str) -> anyhow::Result<Programs> {
        let folder = std::env::temp_dir().join(format!("linnet-demo-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let programs = Programs(folder);
        fs::set_permissions(&programs.0, fs::Permissions::from_mode(0o755))?;
        for program in [Path::new(XTASK), &daemon::linnetd()?, &daemon::linnet_cli()?] {
            let copy = programs.0.join(program.file_name().unwrap_or_default());
            // A link costs nothing; where it is not to be had, a copy does.
            fs::hard_link(program, &copy).or_else(|_| fs::copy(program, &copy).map(drop))?;
        }
        Ok(programs)
    }

    /// `words` in front of the demo, which takes the programs as they are.
    fn demo(&self, words: &[&str]) -> Command {
        let demo = self.0.join("xtask");
        let mut words = words.iter().map(|word| (*word).to_owned());
        let mut command = match words.next() {
            Some(first) => Command::new(first),
            None => Command::new(&demo),
        };
        if command.get_program() != demo.as_os_str() {
            command.args(words).arg(demo);
        }
        // LINNET_BIN_DIR names a folder that nobody may not be able to read.
        command.args(["demo", "--built"]).current_dir("/").env_remove("LINNET_BIN_DIR");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn an_ordinary_user_sees_it_all() -> Result {
    skip_if!(missing(&["setpriv"]).or_else(not_root));
    let programs = Programs::new("nobody")?;
    let nobody = ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"];
    let allowed = Command::new("setpriv").args(&nobody[1..]).args(["unshare", "--user", "true"]).output()?;
    skip_if!((!allowed.status.success()).then(|| format!("no user namespaces: {}", text(&allowed).trim())));
    let output = programs.demo(&nobody).output()?;
    let shown = text(&output);
    assert!(output.status.success(), "{shown}");
    for part in ["both leaves reached the reflector", "0 of them ARP", "converged", "Nothing is left behind"]
    {
        assert!(shown.contains(part), "no {part:?}: {shown}");
    }
    Ok(())
}

/// Root of a user namespace that may have no namespaces below it is as good as no root.
#[test]
fn where_it_cannot_be_shown_one_line_says_so() -> Result {
    skip_if!(missing(&["unshare", "sh"]));
    let programs = Programs::new("refused")?;
    let refuse = "echo 0 > /proc/sys/user/max_net_namespaces && exec \"$0\" \"$@\"";
    let output = programs.demo(&["unshare", "--user", "--map-root-user", "sh", "-c", refuse]).output()?;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(complaint.starts_with("error: root may not make network namespaces here ("), "{complaint}");
    assert_eq!(complaint.trim_end().lines().count(), 1, "{complaint}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    Ok(())
}

/// What runs of the programs in this folder.
fn running(folder: &Path) -> Vec<String> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let programs = processes.filter_map(|process| fs::read_link(process.path().join("exe")).ok());
    programs.filter(|program| program.starts_with(folder)).map(|path| path.display().to_string()).collect()
}

/// The terminal sends SIGINT to all of its foreground processes; here the demo alone gets it, which is harder: it has
/// to take the others along.
#[test]
fn what_is_interrupted_leaves_nothing_running() -> Result {
    skip_if!(missing(&["kill", "env"]));
    let programs = Programs::new("interrupted")?;
    for signal in ["INT", "TERM", "KILL"] {
        // A shell's background job ignores SIGINT, and so does what it runs: the tests, too.
        let mut demo = programs.demo(&["env", "--default-signal=INT"]).spawn()?;
        wait_until(Duration::from_secs(10), "a reflector, two leaves, and the demo", || {
            let there = running(&programs.0);
            if there.len() >= 4 { Ok(()) } else { Err(format!("{there:?}")) }
        })?;
        Command::new("kill").args(["-s", signal, &demo.id().to_string()]).status()?;
        let asked = Instant::now();
        assert!(!demo.wait()?.success());
        assert!(asked.elapsed() < Duration::from_secs(5), "SIG{signal}: {:?}", asked.elapsed());
        wait_until(Duration::from_secs(10), "end of all its processes", || match running(&programs.0) {
            left if left.is_empty() => Ok(()),
            left => Err(format!("{left:?}")),
        })?;
    }
    Ok(())
}
