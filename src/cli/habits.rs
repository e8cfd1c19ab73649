//! What hands that are trained on other programs type, and what it is called here.
//!
//! FRR's vtysh, BIRD's birdc, `gobgp`, `cilium` and `calicoctl` name the same things in other words. None of their
//! phrases begins like a command of this program that takes the same words, so that nothing is hidden by them.

use std::ffi::{OsStr, OsString};

/// The phrases, and the words that stand for them. A `*` is any word, and takes its place in the answer; of two phrases
/// that fit, the first is meant. What follows a phrase stays behind it.
pub(crate) const HABITS: &[(&str, &str)] = &[
    // FRR
    ("show bgp summary", "neighbor"),
    ("show ip bgp summary", "neighbor"),
    ("show bgp neighbors", "neighbor"),
    ("show ip bgp neighbors", "neighbor"),
    ("show bgp l2vpn evpn summary", "neighbor"),
    ("show bgp l2vpn evpn vni", "evpn vni -o wide"),
    ("show bgp l2vpn evpn route type", "rib -a evpn"),
    ("show bgp l2vpn evpn route rd", "rib -a evpn --rd"),
    ("show bgp l2vpn evpn route", "rib -a evpn"),
    ("show bgp l2vpn evpn", "rib -a evpn"),
    ("show bgp ipv4 unicast", "rib -a ipv4"),
    ("show bgp ipv6 unicast", "rib -a ipv6"),
    ("show bgp ipv4", "rib -a ipv4"),
    ("show bgp ipv6", "rib -a ipv6"),
    ("show ip bgp", "rib -a ipv4"),
    ("show bgp", "rib"),
    ("show evpn vni *", "evpn vni --vni *"),
    ("show evpn vni", "evpn vni"),
    ("show evpn mac vni all duplicate", "evpn duplicates"),
    ("show evpn mac vni * duplicate", "evpn duplicates --vni *"),
    ("show evpn mac vni all", "evpn mac"),
    ("show evpn mac vni * mac *", "evpn mac --vni * --mac *"),
    ("show evpn mac vni *", "evpn mac --vni *"),
    ("show evpn arp-cache vni all duplicate", "evpn duplicates"),
    ("show evpn arp-cache vni * duplicate", "evpn duplicates --vni *"),
    ("show evpn arp-cache vni all", "evpn arp"),
    ("show evpn arp-cache vni *", "evpn arp --vni *"),
    ("show bfd peers", "bfd"),
    ("show ip route", "route -a ipv4"),
    ("show ipv6 route", "route -a ipv6"),
    ("show route-map", "policy"),
    ("show running-config", "config show"),
    ("clear evpn dup-addr vni all", "evpn duplicates clear"),
    ("clear evpn dup-addr vni * mac *", "evpn duplicates clear --vni * *"),
    ("clear evpn dup-addr vni * ip *", "evpn duplicates clear --vni * *"),
    ("clear evpn dup-addr vni *", "evpn duplicates clear --vni *"),
    ("clear bgp * soft in", "neighbor * softresetin"),
    ("clear bgp * soft out", "neighbor * softresetout"),
    ("clear bgp * soft", "neighbor * softreset"),
    ("clear bgp *", "neighbor * reset"),
    // BIRD
    ("show protocols all *", "neighbor *"),
    ("show protocols all", "neighbor -o wide"),
    ("show protocols", "neighbor"),
    ("show bfd sessions", "bfd"),
    ("show route for *", "explain *"),
    ("show route protocol *", "rib --neighbor *"),
    ("show route export *", "rib --adj out --neighbor *"),
    ("show route count", "rib summary"),
    ("show route all", "rib --detail"),
    ("show route", "rib"),
    ("show status", "status"),
    ("configure check", "config check"),
    ("configure confirm", "config confirm"),
    ("configure undo", "config rollback"),
    ("configure", "config reload"),
    ("disable *", "neighbor * shutdown"),
    ("enable *", "neighbor * enable"),
    ("restart *", "neighbor * reset"),
    ("reload in *", "neighbor * softresetin"),
    ("reload out *", "neighbor * softresetout"),
    ("reload *", "neighbor * softreset"),
    // GoBGP
    ("global rib summary", "rib summary"),
    ("global rib add", "inject"),
    ("global rib", "rib"),
    ("global", "status"),
    ("neighbor * adj-in", "rib --adj in --neighbor *"),
    ("neighbor * adj-out", "rib --adj out --neighbor *"),
    ("neighbor add * as *", "neighbor add * --remote-as *"),
    ("neighbor del *", "neighbor * remove"),
    ("neighbor delete *", "neighbor * remove"),
    ("monitor global rib", "monitor rib"),
    // Cilium
    ("bgp peers", "neighbor"),
    ("bgp routes available ipv4 unicast", "rib -a ipv4"),
    ("bgp routes available ipv6 unicast", "rib -a ipv6"),
    ("bgp routes available", "rib"),
    ("bgp routes advertised ipv4 unicast peer *", "rib -a ipv4 --adj out --neighbor *"),
    ("bgp routes advertised ipv6 unicast peer *", "rib -a ipv6 --adj out --neighbor *"),
    ("bgp routes advertised", "native"),
    ("bgp route-policies", "policy"),
    // Calico
    ("node status", "neighbor"),
];

/// Options of every command that have their value in the next word.
const WITH_VALUE: &[&str] =
    &["-o", "--output", "--socket", "--address", "--tls-ca", "--tls-cert", "--tls-key", "--tls-name"];

/// The arguments as this program knows them: a phrase of [`HABITS`] in the words of this program, and others as they
/// are. The first is the program's name.
pub(crate) fn translated(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let arguments: Vec<OsString> = arguments.collect();
    let (before, words) = arguments.split_at(first_word(&arguments));
    let found = HABITS.iter().find_map(|(phrase, here)| in_place(phrase, here, words));
    let Some(mut words) = found else { return arguments };
    // As FRR is asked for it: without an option before it.
    if matches!(words.as_slice(), [.., option, last] if last == "json" && option != "-o" && option != "--output")
    {
        words.insert(words.len() - 1, "-o".into());
    }
    before.iter().cloned().chain(words).collect()
}

/// Where the command begins: behind the program's name and the options that stand before it.
fn first_word(arguments: &[OsString]) -> usize {
    let mut at = 1.min(arguments.len());
    while let Some(option) =
        arguments.get(at).and_then(|word| word.to_str()).filter(|word| word.starts_with('-'))
    {
        at += if WITH_VALUE.contains(&option) { 2 } else { 1 };
    }
    at.min(arguments.len())
}

/// `words` with `here` in the place of `phrase`, if they begin with it.
fn in_place(phrase: &str, here: &str, words: &[OsString]) -> Option<Vec<OsString>> {
    let phrase: Vec<&str> = phrase.split(' ').collect();
    let (begin, rest) = words.split_at_checked(phrase.len())?;
    let mut any = Vec::new();
    for (wanted, word) in phrase.iter().zip(begin) {
        match *wanted {
            "*" if !word.as_encoded_bytes().starts_with(b"-") => any.push(word.clone()),
            wanted if word == OsStr::new(wanted) => {}
            _ => return None,
        }
    }
    let mut any = any.into_iter();
    let here = here.split(' ').map(|word| match word {
        "*" => any.next().unwrap_or_default(),
        word => word.into(),
    });
    Some(here.collect::<Vec<_>>().into_iter().chain(rest.iter().cloned()).collect())
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::cli::args::Cli;

    fn text(line: &str) -> String {
        let words = translated(line.split(' ').map(OsString::from));
        words.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn phrases_become_commands() {
        for (typed, meant) in [
            ("linnet show bgp l2vpn evpn summary", "linnet neighbor"),
            ("linnet show bgp l2vpn evpn route type macip", "linnet rib -a evpn macip"),
            ("linnet show bgp l2vpn evpn summary json", "linnet neighbor -o json"),
            ("linnet show protocols -o json", "linnet neighbor -o json"),
            ("linnet -o json show evpn mac vni 100", "linnet -o json evpn mac --vni 100"),
            ("linnet --no-color --socket /s show evpn mac vni all", "linnet --no-color --socket /s evpn mac"),
            ("linnet clear bgp 10.0.1.1 soft", "linnet neighbor 10.0.1.1 softreset"),
            (
                "linnet neighbor add 10.0.1.9 as 65001 -a evpn",
                "linnet neighbor add 10.0.1.9 --remote-as 65001 -a evpn",
            ),
            ("linnet neighbor 10.0.1.1 adj-in -a evpn", "linnet rib --adj in --neighbor 10.0.1.1 -a evpn"),
            // Its own words are left alone, and so is what nobody knows.
            ("linnet neighbor 10.0.1.1 reset", "linnet neighbor 10.0.1.1 reset"),
            ("linnet route 10.0.0.0/8", "linnet route 10.0.0.0/8"),
            ("linnet show me", "linnet show me"),
            ("linnet --version", "linnet --version"),
            ("linnet -o", "linnet -o"),
            ("linnet", "linnet"),
        ] {
            assert_eq!(text(typed), meant, "{typed}");
        }
    }

    #[test]
    fn every_phrase_leads_to_a_command() {
        for (phrase, _) in HABITS {
            // What a phrase leaves out is said behind it, as where it came from.
            let more = match *phrase {
                "global rib add" => " 10.7.0.0/16 --next-hop 10.0.0.1",
                "show bgp l2vpn evpn route rd" => " 10.0.0.1:1",
                _ => "",
            };
            let mut samples =
                if phrase.contains("vni") { ["100", "02:00:00:00:00:50"] } else { ["10.0.1.1", "65001"] }
                    .into_iter();
            let typed: Vec<_> = phrase
                .split(' ')
                .map(|word| if word == "*" { samples.next().unwrap() } else { word })
                .collect();
            let meant = text(&format!("linnet {}{more}", typed.join(" ")));
            let parsed = Cli::try_parse_from(meant.split(' '));
            assert!(parsed.is_ok(), "{phrase}: {meant}: {}", parsed.unwrap_err());
        }
    }

    #[test]
    fn every_option_with_a_value_is_known() {
        for option in Cli::command().get_arguments().filter(|option| option.get_action().takes_values()) {
            let long = format!("--{}", option.get_long().unwrap());
            assert!(WITH_VALUE.contains(&long.as_str()), "{long}");
        }
    }

    #[test]
    fn the_first_that_fits_is_the_longest() {
        for (at, (phrase, _)) in HABITS.iter().enumerate() {
            let hidden =
                HABITS.iter().take(at).find(|(earlier, _)| phrase.starts_with(&format!("{earlier} ")));
            assert!(hidden.is_none(), "{phrase} is hidden by {hidden:?}");
        }
    }

    #[test]
    fn the_document_has_them_all() {
        let document = include_str!("../../docs/cli.md");
        for (phrase, here) in HABITS {
            let row = format!("| `{phrase}` | `linnet {here}` |");
            assert!(document.contains(&row), "docs/cli.md has no row {row}");
        }
    }
}
