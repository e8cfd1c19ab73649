//! Values that the daemon knows.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::time::Duration;

use anyhow::Result;
use api::client::{Client, Endpoint, List};
use api::{Word, v1};
use clap_complete::engine::CompletionCandidate;
use tokio::time::{Instant, timeout_at};

use super::bash::joined;
use crate::cli::args::Reach;

/// How long somebody waits at a prompt without noticing.
const PATIENCE: Duration = Duration::from_millis(300);

/// More are of no use at a prompt.
const OFFERED: usize = 1000;

/// A value and what is said of it.
type Offer = (String, String);

/// Neighbors, by address.
pub(crate) fn neighbors(begun: &OsStr) -> Vec<CompletionCandidate> {
    offer(
        begun,
        |_| v1::ListNeighborsRequest::default(),
        |row| {
            let state = v1::NeighborState::word(row.state).into_owned();
            let name = if row.description.is_empty() { row.host_name } else { row.description };
            (row.address, words([state, name]))
        },
    )
}

/// Networks.
pub(crate) fn vnis(begun: &OsStr) -> Vec<CompletionCandidate> {
    offer(
        begun,
        |_| v1::ListVnisRequest::default(),
        |row| (row.vni.to_string(), words([row.vxlan, v1::VniState::word(row.state).into_owned()])),
    )
}

/// MACs, of the network that has been chosen if one has.
pub(crate) fn macs(begun: &OsStr) -> Vec<CompletionCandidate> {
    let request = |vni| v1::ListMacsRequest { vni, ..Default::default() };
    offer(begun, request, |row| (row.mac, words([format!("VNI {}", row.vni), row.port, row.vtep])))
}

/// Addresses of hosts.
pub(crate) fn hosts(begun: &OsStr) -> Vec<CompletionCandidate> {
    let request = |vni| v1::ListArpsRequest { vni, ..Default::default() };
    offer(begun, request, |row| (row.ip, words([format!("VNI {}", row.vni), row.mac])))
}

/// Remote VTEPs.
pub(crate) fn vteps(begun: &OsStr) -> Vec<CompletionCandidate> {
    let request = |vni| v1::ListVtepsRequest { vni, ..Default::default() };
    offer(begun, request, |row| (row.vtep, format!("VNI {}", row.vni)))
}

/// Duplicates: MACs, and addresses.
pub(crate) fn duplicates(begun: &OsStr) -> Vec<CompletionCandidate> {
    let request = |vni| v1::ListDuplicatesRequest { vni, ..Default::default() };
    offer(begun, request, |row| match row.ip.is_empty() {
        true => (row.mac, words([format!("VNI {}", row.vni), row.port, row.vtep])),
        false => (row.ip, words([format!("VNI {}", row.vni), row.mac])),
    })
}

/// Prefixes of native routing.
pub(crate) fn prefixes(begun: &OsStr) -> Vec<CompletionCandidate> {
    offer(
        begun,
        |_| v1::ListRoutesRequest::default(),
        |row| (row.prefix, v1::KernelState::word(row.state).into_owned()),
    )
}

/// Policies, by name.
pub(crate) fn policies(begun: &OsStr) -> Vec<CompletionCandidate> {
    offer(begun, |_| v1::ListPoliciesRequest::default(), |row| (row.name, String::new()))
}

/// Where prefixes come from.
pub(crate) fn sources(begun: &OsStr) -> Vec<CompletionCandidate> {
    offer(begun, |_| v1::ListPrefixSourcesRequest::default(), |row| (row.name, String::new()))
}

fn words<const N: usize>(words: [String; N]) -> String {
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Asks for the rows of the network that the words name, and offers what begins as what has been typed.
fn offer<L: List>(
    begun: &OsStr,
    request: impl FnOnce(Option<u32>) -> L,
    show: fn(L::Row) -> Offer,
) -> Vec<CompletionCandidate> {
    let Some(begun) = begun.to_str() else { return Vec::new() };
    let env = |name: &str| std::env::var(name).ok();
    let Ok(asked) = Asked::of(std::env::args_os(), env) else { return Vec::new() };
    let request = request(asked.vni);
    let mut offers = Vec::new();
    if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() {
        let gathered = gather(&asked.endpoint, request, begun, show, &mut offers);
        // What came in time is offered.
        let _ = runtime.block_on(async { timeout_at(Instant::now() + PATIENCE, gathered).await });
    }
    offers.into_iter().map(|(value, help)| candidate(value, help)).collect()
}

fn candidate(value: String, help: String) -> CompletionCandidate {
    let help = Some(help).filter(|help| !help.is_empty());
    CompletionCandidate::new(value).help(help.map(Into::into))
}

async fn gather<L: List>(
    endpoint: &Endpoint,
    request: L,
    begun: &str,
    show: fn(L::Row) -> Offer,
    offers: &mut Vec<Offer>,
) -> Result<()> {
    let client = Client::connect(endpoint).await?;
    let (mut pages, mut seen) = (client.list(request), HashSet::new());
    while let Some(rows) = pages.next().await? {
        let fitting = rows.into_iter().map(show).filter(|(value, _)| value.starts_with(begun));
        offers.extend(fitting.filter(|(value, _)| seen.insert(value.clone())));
        if offers.len() >= OFFERED {
            break;
        }
    }
    Ok(())
}

/// What the words so far say of the daemon and of the network.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    endpoint: Endpoint,
    vni: Option<u32>,
}

impl Asked {
    /// `arguments` are the program's own: the words stand behind `--`, the last one being the one that is begun.
    ///
    /// # Errors
    /// They do not say where the daemon is.
    fn of(
        arguments: impl Iterator<Item = OsString>,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Asked, String> {
        let pieces: Vec<OsString> = arguments.skip_while(|argument| argument != "--").skip(1).collect();
        let words: Vec<String> =
            joined(pieces).into_iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let value = |option: &str| {
            let told = words.iter().zip(words.iter().skip(1)).rev().find_map(|(word, next)| {
                let rest = word.strip_prefix(option)?;
                if rest.is_empty() { Some(next.as_str()) } else { rest.strip_prefix('=') }
            });
            told.map(ToOwned::to_owned)
        };
        let file = |option: &str| value(option).map(Into::into);
        let reach = Reach {
            socket: file("--socket"),
            address: value("--address"),
            tls_ca: file("--tls-ca"),
            tls_cert: file("--tls-cert"),
            tls_key: file("--tls-key"),
            tls_name: value("--tls-name"),
        };
        let vni = value("--vni").and_then(|vni| vni.parse().ok());
        Ok(Asked { endpoint: reach.endpoint(env)?, vni })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::DEFAULT_SOCKET;

    fn asked(words: &str) -> Asked {
        Asked::of(words.split(' ').map(OsString::from), |_| None).unwrap()
    }

    #[test]
    fn the_words_say_which_daemon_and_which_network() {
        let nothing = asked("linnet -- linnet evpn mac --mac 02");
        assert_eq!(nothing, Asked { endpoint: Endpoint::Unix(DEFAULT_SOCKET.into()), vni: None });
        let all = asked("linnet -- linnet --address leaf1 : 50151 evpn mac --vni = 100 --mac 02 :");
        assert_eq!(all, Asked { endpoint: Endpoint::Tcp("leaf1:50151".into()), vni: Some(100) });
        assert_eq!(asked("linnet --vni 7 -- linnet --socket=/s").vni, None);
    }
}
