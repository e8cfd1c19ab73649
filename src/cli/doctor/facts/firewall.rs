//! Rules that drop what VXLAN and BGP need, read from `nft -j list ruleset` and `iptables-save`.
//!
//! Only what is plain is understood: a rule for a port with a verdict, and the policy of a chain that packets begin
//! in. Sets by name, maps, marks and jumps are not followed, so nothing found is no proof that nothing drops.

mod iptables;
mod nft;

use std::process::Command;

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Firewall {
    /// The programs that told it.
    pub(crate) read: Vec<&'static str>,
    /// Rules and policies that drop.
    pub(crate) hits: Vec<Hit>,
    /// Rules that let a port in, as far as they are plain.
    pub(crate) accepted: Vec<(Hook, Protocol, Ports)>,
}

/// Something that drops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    /// Where packets meet it.
    pub(crate) hook: Hook,
    /// What it is for: `None` for the policy of a chain, which drops what no rule has let in.
    pub(crate) port: Option<(Protocol, Ports)>,
    /// It asks for more than the port: some packets only.
    pub(crate) partly: bool,
    /// Where it stands, as the program would name it.
    pub(crate) place: String,
}

/// Where a packet meets a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hook {
    /// On its way to this node.
    Input,
    /// On its way from this node.
    Output,
    /// In a chain that is jumped to, from wherever.
    Unknown,
}

/// A transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
}

impl Protocol {
    fn named(name: &str) -> Option<Protocol> {
        match name {
            "udp" => Some(Protocol::Udp),
            "tcp" => Some(Protocol::Tcp),
            _ => None,
        }
    }
}

/// Ports, as ranges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ports(pub(crate) Vec<(u16, u16)>);

impl Ports {
    /// Whether a port is among them.
    pub(crate) fn contain(&self, port: u16) -> bool {
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&port))
    }
}

impl Firewall {
    fn take(&mut self, other: Firewall) {
        self.read.extend(other.read);
        self.hits.extend(other.hits);
        self.accepted.extend(other.accepted);
    }
}

/// A program that tells the rules.
struct Program {
    name: &'static str,
    arguments: &'static [&'static str],
    parse: fn(&str) -> Option<Firewall>,
}

const PROGRAMS: [Program; 3] = [
    Program { name: "nft", arguments: &["-j", "list", "ruleset"], parse: nft::parse },
    Program { name: "iptables-save", arguments: &[], parse: iptables::parse },
    Program { name: "ip6tables-save", arguments: &[], parse: iptables::parse },
];

/// Runs the programs that are there.
///
/// # Errors
/// In words, where none is there or none may read.
pub(super) fn read() -> Result<Firewall, String> {
    let (mut firewall, mut faults) = (Firewall::default(), Vec::new());
    for Program { name: program, arguments, parse } in PROGRAMS {
        match run(program, arguments).map(|text| parse(&text)) {
            Ok(Some(found)) => firewall.take(Firewall { read: vec![program], ..found }),
            Ok(None) => faults.push(format!("{program} says what cannot be understood")),
            Err(fault) => faults.push(fault),
        }
    }
    if firewall.read.is_empty() { Err(faults.join("; ")) } else { Ok(firewall) }
}

fn run(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(arguments).output().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("{program} is not installed"),
        _ => format!("{program}: {error}"),
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program}: {}", complaint.lines().next().unwrap_or("it failed").trim()))
}
