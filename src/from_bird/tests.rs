//! The conversion as a whole: real files, every statement accounted for, and whatever text there may be.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;
use crate::config::Config;

/// The files that BIRD itself is asked about, too, and one in the language of BIRD 1.6.
const FILES: [&str; 5] = ["mesh", "peers", "reflector", "live", "calico1"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/from-bird")
}

fn of_file(name: &str) -> Conversion {
    let path = folder().join(name).with_extension("cfg");
    let text = std::fs::read_to_string(&path).unwrap();
    convert(&path, &text, &Disk).unwrap_or_else(|error| panic!("{error}"))
}

struct Nowhere;

impl Files for Nowhere {
    fn find(&self, _: &Path, pattern: &str) -> Result<Vec<(PathBuf, String)>, String> {
        Err(format!("there is no {pattern}"))
    }
}

fn of_text(text: &str) -> Result<Conversion, Error> {
    convert(Path::new("bird.cfg"), text, &Nowhere)
}

fn converted(text: &str) -> Conversion {
    of_text(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Reads a configuration whose passwords are in files that are not there.
fn checked(yaml: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("any.key"), "secret").unwrap();
    let key = folder.path().join("any.key").display().to_string();
    let line = |line: &str| match line.split_once("password_file: ") {
        Some((indent, _)) => format!("{indent}password_file: {key}"),
        None => line.to_owned(),
    };
    let yaml: Vec<String> = yaml.lines().map(line).collect();
    Config::parse("linnet.yaml", &yaml.join("\n"))
        .unwrap_or_else(|faults| panic!("{faults}\n{}", yaml.join("\n")))
}

/// `BLESS=1` writes the files anew; the difference is then for a person to judge.
#[test]
fn what_comes_of_the_files() {
    for name in FILES {
        let conversion = of_file(name);
        let path = folder().join(name).with_extension("yaml");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &conversion.yaml).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(expected == conversion.yaml, "{} differs from:\n{}", path.display(), conversion.yaml);
        checked(&conversion.yaml);
    }
}

#[test]
fn a_password_is_shown_nowhere() {
    let conversion = of_file("peers");
    assert_eq!(conversion.secrets.len(), 1);
    for shown in [conversion.yaml.clone(), format!("{conversion:?}")] {
        assert!(!shown.contains("horse"), "{shown}");
    }
    let fault = of_text("protocol bgp x { password \"horse\" y }").unwrap_err().to_string();
    assert!(!fault.contains("horse"), "{fault}");
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (text, expected) in [
        ("router id 1.2.3.4", "bird.cfg:1:11: expected `;`, found the end"),
        ("protocol bgp a {\n  local as 1\n}", "bird.cfg:2:12: expected `;`, found the end"),
        ("protocol bgp a {\n  local as 1;", "bird.cfg:1:16: this `{` has no end: expected `}`"),
        ("log x;\n}", "bird.cfg:2:1: expected a statement; there is no block to end here, found `}`"),
        ("include \"x\";", "bird.cfg:1:1: there is no x"),
        ("log \"a\nb\";", "bird.cfg:1:5: this string has no end in its line: expected `\"`"),
    ] {
        assert_eq!(of_text(text).unwrap_err().to_string(), expected);
    }
    let deep = "protocol x { ".repeat(100_000) + &"}".repeat(100_000);
    assert!(of_text(&deep).unwrap_err().to_string().contains("levels deep"));
    let deep = format!("filter x {{ if {} then accept; }}", "(".repeat(100_000));
    assert!(of_text(&deep).is_ok_and(|conversion| conversion.dropped().count() == 0));
}

/// What a filter does of a route, by the policy that was made of it.
fn policy_of(filter: &str) -> (String, Vec<String>) {
    let text = format!(
        "router id 10.0.0.1; {filter}\nprotocol bgp a {{ local as 1; neighbor 10.0.0.2 as 2; ipv4 {{ import all; export filter f; }}; }}"
    );
    let conversion = converted(&text);
    checked(&conversion.yaml);
    let policy = conversion.yaml.split("- name: f\n").nth(1).unwrap_or_default();
    let policy: Vec<&str> = policy.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
    let dropped = conversion.dropped().map(|(account, why)| format!("{}: {why}", account.statement));
    (policy.join(" "), dropped.collect())
}

#[test]
fn ways_through_a_filter_are_statements() {
    for (code, expected) in [
        ("accept;", ""),
        (
            "if net ~ 10.0.0.0/8 then accept; reject;",
            "match: prefixes: [\"10.0.0.0/8 le 32\"] action: accept default: reject",
        ),
        (
            "if !(net ~ 10.0.0.0/8) then reject; accept;",
            "match: prefixes: [\"10.0.0.0/8 le 32\"] action: accept default: reject",
        ),
        (
            "if net ~ 10.0.0.0/8 then { if net ~ 10.1.0.0/16 then reject; accept; }",
            "match: prefixes: [\"10.1.0.0/16 le 32\"] action: reject - match: prefixes: [\"10.0.0.0/8 le 32\"] action: accept default: reject",
        ),
        (
            "if bgp_origin = ORIGIN_IGP && source = RTS_STATIC then accept; else { bgp_med = 5; accept; }",
            "match: origin: igp neighbors: [local] action: accept - set: med: 5 action: accept default: reject",
        ),
        (
            "if (1, 2) ~ bgp_community then bgp_community.delete([(1, *)]); bgp_path.prepend(7); bgp_path.prepend(7); accept;",
            "match: communities: [\"1:2\"] set: communities: remove: [\"1:*\"] action: next - set: prepend: asn: 7 count: 2 action: accept default: reject",
        ),
    ] {
        let (policy, dropped) = policy_of(&format!("filter f {{ {code} }}"));
        let unnamed: Vec<&str> = policy.split("name: \"bird.cfg:1\" ").collect();
        let unnamed = unnamed.concat();
        let unnamed = ["-2", "-3"]
            .iter()
            .fold(unnamed, |text, number| text.replace(&format!("name: \"bird.cfg:1{number}\" "), ""));
        let unnamed = unnamed.trim_start_matches("statements: - ").replace("name: end ", "");
        assert_eq!((unnamed.as_str(), dropped.len()), (expected, 0), "{code}: {dropped:?}");
    }
}

#[test]
fn functions_stand_where_they_are_called() {
    let (policy, dropped) = policy_of(
        "function pods(bool ours) { if ours then return net ~ 10.0.0.0/8; return net ~ 11.0.0.0/8; }
         function decide(int lp; bool all) { if all then { bgp_local_pref = lp; accept; } return; }
         filter f { if pods(true) then accept; decide(300, false); if pods(false) then decide(200, true); }",
    );
    assert!(dropped.is_empty(), "{dropped:?}");
    assert!(policy.contains("[\"10.0.0.0/8 le 32\"] action: accept"), "{policy}");
    assert!(
        policy.contains("[\"11.0.0.0/8 le 32\"] set: local_pref: 200 action: accept")
            && !policy.contains("300"),
        "{policy}"
    );
}

#[test]
fn what_cannot_be_said_is_named_and_the_rest_is_kept() {
    for (code, word) in [
        ("if ifname ~ \"cali*\" then reject; accept;", "the device of a route"),
        ("if bgp_local_pref > 100 then reject; accept;", "compares `bgp_local_pref`"),
        ("krt_tunnel = \"tunl0\"; accept;", "`native.fallback: vxlan` takes its place"),
        ("case net.len { 24: accept; else: reject; } accept;", "not carried over: expected"),
        ("if net ~ then reject; accept;", "expected a value, found `then`"),
        ("nobody(); accept;", "calls `nobody`"),
        (
            "if (1,1) ~ bgp_community && (1,2) ~ bgp_community then reject; accept;",
            "two things of `communities` at once",
        ),
        ("bgp_community.add((1,1)); if (1,1) ~ bgp_community then reject; accept;", "after it was changed"),
    ] {
        let (_, dropped) = policy_of(&format!("filter f {{ {code} }}"));
        assert!(dropped.len() == 1 && dropped[0].contains(word), "{code}: {dropped:?}");
    }
    let many: String = (0..40).map(|i| format!("if (1,{i}) ~ bgp_community then {{ if bgp_origin = ORIGIN_IGP then reject; }} else bgp_med = {i};")).collect();
    let (_, dropped) = policy_of(&format!("filter f {{ {many} accept; }}"));
    assert!(!dropped.is_empty(), "{dropped:?}");
    let (_, dropped) = policy_of("function g() { g(); } filter f { g(); accept; }");
    assert!(dropped.iter().any(|line| line.contains("calls itself")), "{dropped:?}");
}

/// Every statement of the parsed text.
fn statements(text: &str) -> Vec<String> {
    let gathered =
        include::gather(Path::new("bird.cfg"), text, &Nowhere).unwrap_or_else(|_| panic!("{text}"));
    let mut ledger = Ledger::default();
    tree::read(&gathered.tokens, &mut ledger).unwrap();
    ledger.close();
    ledger.entries().map(|(entry, _)| gathered.names.place(entry.place)).collect()
}

/// A statement in place of which white space stands, so that the others keep their places.
fn without(text: &str, from: usize, to: usize) -> String {
    let blank = |letter: char| if letter == '\n' { '\n' } else { ' ' };
    let cut: String = text[from..to].chars().map(blank).collect();
    format!("{}{cut}{}", &text[..from], &text[to..])
}

/// The document without its comments, in which places stand.
fn meaning(conversion: &Conversion) -> serde_yaml::Value {
    serde_yaml::from_str(&conversion.yaml).unwrap()
}

#[test]
fn what_is_said_to_be_carried_over_changes_the_configuration() {
    let path = folder().join("peers.cfg");
    let text = std::fs::read_to_string(&path).unwrap();
    let whole = of_file("peers");
    let mut tried = 0;
    for (number, line) in text.lines().enumerate() {
        let setting = line.trim();
        // A verdict may be that of the next line, too.
        let verdict = ["accept", "reject"].iter().any(|word| setting.starts_with(word));
        let one = line.starts_with("  ")
            && !verdict
            && setting.ends_with(';')
            && setting.matches(';').count() == 1
            && !setting.contains('}');
        let place = format!("peers.cfg:{}:", number + 1);
        let account = whole.account.iter().find(|account| account.place.starts_with(&place));
        if !one || account.is_none_or(|account| account.fate != Fate::Carried) {
            continue;
        }
        let from: usize = text.lines().take(number).map(|line| line.len() + 1).sum();
        let Ok(rest) = convert(&path, &without(&text, from, from + line.len()), &Disk) else { continue };
        assert_ne!(meaning(&rest), meaning(&whole), "{line}");
        tried += 1;
    }
    assert!(tried > 15, "only {tried} statements were tried");
}

/// Statements as people write them, right and wrong.
fn setting() -> impl Strategy<Value = String> {
    let words = "(hold time|keepalive time|local as|neighbor|multihop|passive|rr client|import|export|add paths|next hop self|bfd|graceful restart|password|learn|route|interface|disabled|ttl security|source address|what ever|import limit|local role|description|connect delay time|allow local as)";
    let values = "( on| off| 10| 65001| 10\\.0\\.0\\.2| 10\\.0\\.0\\.2 as 65001| all| none| where net ~ 10\\.0\\.0\\.0/8| \"a\"| filter f| customer|)";
    let code = "(import|export) filter \\{ (accept;|reject;|if net ~ 10\\.0\\.0\\.0/8 then accept;|bgp_med = 5;|if g\\(\\) then \\{ reject; \\} else accept;|print net;|unset\\(bgp_med\\);|g\\(\\);){0,4} \\}";
    prop_oneof![4 => (words, values).prop_map(|(word, value)| word + &value), 1 => code]
}

fn block() -> impl Strategy<Value = String> {
    let settings = || {
        prop::collection::vec(setting(), 0..6)
            .prop_map(|list| list.iter().map(|one| format!("{one};\n")).collect::<String>())
    };
    let head = "(protocol bgp [a-c]|protocol bgp [a-c] from [t-u]|template bgp [t-u]|protocol static|protocol kernel|protocol direct|protocol device|protocol bfd|protocol ospf o)";
    let family = "(ipv4|ipv6|evpn|vpn4)";
    prop_oneof![
        6 => (head, settings(), prop::option::of((family, settings()))).prop_map(|(head, settings, channel)| {
            let channel = channel.map(|(family, settings)| format!("{family} {{\n{settings}}};\n")).unwrap_or_default();
            format!("{head} {{\n{settings}{channel}}}\n")
        }),
        1 => Just("filter f { if net ~ 10.0.0.0/8 then accept; }\n".to_owned()),
        1 => Just("function g() { return net ~ 10.1.0.0/16; }\n".to_owned()),
        1 => setting().prop_map(|one| one + ";\n"),
    ]
}

fn file() -> impl Strategy<Value = String> {
    prop::collection::vec(block(), 0..8).prop_map(|blocks| blocks.concat())
}

proptest! {
    #[test]
    fn every_statement_is_accounted_for(text in file()) {
        let conversion = converted(&text);
        let accounted: Vec<String> = conversion.account.iter().map(|account| account.place.clone()).collect();
        prop_assert_eq!(statements(&text), accounted);
        let fates: HashMap<&str, &Fate> =
            conversion.account.iter().map(|account| (account.place.as_str(), &account.fate)).collect();
        prop_assert!(conversion.account.iter().all(|account| !account.statement.is_empty()));
        // What is named is in the output, too.
        for (account, why) in conversion.dropped() {
            prop_assert!(!why.is_empty() && conversion.yaml.contains(&account.place), "{} {}", account.place, conversion.yaml);
        }
        prop_assert!(fates.len() <= conversion.account.len());
        prop_assert!(serde_yaml::from_str::<serde_yaml::Value>(&conversion.yaml).is_ok(), "{}", conversion.yaml);
        // The same text gives the same file.
        prop_assert_eq!(&converted(&text).yaml, &conversion.yaml);
    }

    #[test]
    fn no_text_is_too_much(text in "\\PC{0,200}") {
        let _ = of_text(&text);
    }

    #[test]
    fn no_tokens_are_too_much(words in prop::collection::vec("(protocol|bgp|filter|function|if|then|else|accept|reject|return|net|~|=|!|\\[|\\]|\\[=|=\\]|\\(|\\)|\\{|\\}|\\{|\\}|;|;|,|\\.|10\\.0\\.0\\.0/8|10\\.0\\.0\\.1|7|\"x\"|a|a|define|include|ipv4|import|export|where|&&|\\|\\||\\*|-|\\+|empty|case|for|from|template|route|static|kernel)", 0..60)) {
        let _ = of_text(&words.join(" "));
    }
}

/// A block of the guide, by its language.
fn block_of_the_guide(language: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/migrating-from-bird.md");
    let guide = std::fs::read_to_string(path).unwrap();
    let block = guide.split(&format!("```{language}\n")).nth(1).and_then(|rest| rest.split("```").next());
    block.unwrap().to_owned()
}

#[test]
fn the_guide_shows_what_comes_of_its_file() {
    let conversion = converted(&block_of_the_guide("bird"));
    assert_eq!(conversion.dropped().count(), 0, "{}", conversion.yaml);
    let shown: serde_yaml::Value = serde_yaml::from_str(&block_of_the_guide("yaml")).unwrap();
    assert_eq!(meaning(&conversion), shown, "{}", conversion.yaml);
}
