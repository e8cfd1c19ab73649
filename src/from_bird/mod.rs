//! From BIRD's configuration to linnet's.
//!
//! Pure: text in; configuration text out, and what became of each statement. The way is
//!
//! - `lex`, `include`: text to tokens, included files and defined names put in place;
//! - `tree`, `code`, `expr`: tokens to statements, filter code and expressions, each entered into the `ledger`;
//! - `peer` (`settings`, `channel`, `bfd`), `native`: statements to keys;
//! - `flow` (`condition`, `change`, `atom`, `functions`): filter code to rules, and `policy`: rules to policies;
//! - `yaml`: keys to text, each with the statement that it came from beside it.
//!
//! Nothing is dropped in silence: the ledger has every statement, and in the end each is carried over, needless for
//! a reason, or named with what to do instead. Passwords are neither printed nor shown: they are replaced by files.
//!
//! Understood are BIRD 1.6, which Calico has a fork of, and 2.0. What needs knowledge of the running node (BIRD's
//! choice of a router id, say) is asked for in the output.

mod atom;
mod bfd;
mod bgp;
mod change;
mod channel;
mod code;
mod community;
mod condition;
mod cursor;
mod expr;
mod flow;
mod functions;
mod include;
mod ledger;
mod lex;
mod native;
mod peer;
mod place;
mod policy;
mod settings;
mod speaker;
mod statics;
#[cfg(test)]
mod tests;
mod tree;
mod yaml;

use std::path::Path;

pub use bgp::Secret;
pub use include::{Disk, Files};
pub use ledger::Fate;
pub use place::Error;

use bgp::Bgp;
use functions::Functions;
use ledger::Ledger;
use native::Native;
use peer::Book;
use place::{Fault, Names};
use policy::Policies;
use speaker::Speakers;
use yaml::{Map, Node};

/// What came of a file.
#[derive(Clone, Debug)]
pub struct Conversion {
    /// linnet's configuration, with comments.
    pub yaml: String,
    /// Every statement, in the order of the files.
    pub account: Vec<Account>,
    /// Files that have to be made.
    pub secrets: Vec<Secret>,
}

/// A statement and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// File, line and column.
    pub place: String,
    /// The statement in a line; passwords are covered.
    pub statement: String,
    /// What became of it.
    pub fate: Fate,
}

impl Conversion {
    /// The statements that have no counterpart, and what to do instead.
    pub fn dropped(&self) -> impl Iterator<Item = (&Account, &str)> {
        self.account.iter().filter_map(|account| match &account.fate {
            Fate::Dropped(instead) => Some((account, instead.as_str())),
            _ => None,
        })
    }

    /// The statements that linnet does without, and why.
    pub fn needless(&self) -> impl Iterator<Item = (&Account, &str)> {
        self.account.iter().filter_map(|account| match &account.fate {
            Fate::Needless(why) => Some((account, why.as_str())),
            _ => None,
        })
    }
}

/// Converts the file called `name`.
///
/// # Errors
/// It is not BIRD's language, or a file that it includes is not there: the place, and what was expected.
pub fn convert(name: &Path, text: &str, files: &dyn Files) -> Result<Conversion, Error> {
    let gathered = include::gather(name, text, files).map_err(|(names, fault)| fault.named(&names))?;
    let names = gathered.names;
    let mut ledger = Ledger::default();
    let statements = tree::read(&gathered.tokens, &mut ledger).map_err(|fault: Fault| fault.named(&names))?;
    let mut secrets = Vec::new();
    let yaml = converted(&statements, &gathered.defined, &mut secrets, &mut ledger, &names);
    ledger.close();
    let account = ledger.entries().map(|(entry, fate)| Account {
        place: names.place(entry.place),
        statement: entry.text.clone(),
        fate: fate.clone(),
    });
    let mut conversion = Conversion { yaml: String::new(), account: account.collect(), secrets };
    conversion.yaml = with_remarks(&names, &yaml, &conversion);
    Ok(conversion)
}

/// The document, and what became of each statement in the ledger.
fn converted(
    statements: &[tree::Statement],
    defined: &std::collections::HashMap<String, bool>,
    secrets: &mut Vec<Secret>,
    ledger: &mut Ledger,
    names: &Names,
) -> String {
    let mut book = Book { ledger, names };
    let mut functions = Functions::default();
    statements.iter().for_each(|statement| functions.take(statement));
    let bgp = Bgp::read(statements, &mut book);
    let mut native = Native::default();
    let mut speakers = Speakers::new(defined);
    for statement in statements {
        native.take(statement, &mut book);
        speakers.take(statement, &mut book);
    }
    let protocols = bgp.origins().chain(Native::origins(statements)).collect();
    let mut policies = Policies::new(functions, protocols);
    let mut speaker = speakers.speaker;
    speaker.multipath = native.multipath;
    let mut document: Map = Vec::new();
    let section = bgp.section(speaker, &mut policies, secrets, &mut book);
    document.push(("bgp".into(), Node::Map(section).plain()));
    document.extend(native.section(&mut policies, &mut book).map(|section| ("native".to_owned(), section)));
    document.extend(policies.section(names).map(|section| ("policy".to_owned(), section)));
    policy::unused(statements, book.ledger);
    yaml::document(&document)
}

/// The document with a head, and with what was left out at its end.
fn with_remarks(names: &Names, document: &str, conversion: &Conversion) -> String {
    let file = names.0.first().map_or("?", String::as_str);
    let mut text = format!(
        "# Made from {file} by `linnet config from-bird`; beside each key stands the statement that it came from.\n{document}"
    );
    let mut remarks = |head: &str, list: Vec<String>| {
        if !list.is_empty() {
            text += &format!("\n# {head}\n");
            list.iter().for_each(|line| text += &format!("# - {line}\n"));
        }
    };
    let line = |(account, why): (&Account, &str)| format!("{} {}: {why}", account.place, account.statement);
    remarks("Not carried over:", conversion.dropped().map(line).collect());
    let secret = |secret: &Secret| format!("{}, from {}", secret.file, secret.place);
    remarks(
        "Files that have to be made, with a password in each:",
        conversion.secrets.iter().map(secret).collect(),
    );
    remarks("Not needed:", conversion.needless().map(line).collect());
    text
}
