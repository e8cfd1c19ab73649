//! The text of a configuration: kept beside what it means, so that it can be shown, and changed by a neighbour.
//!
//! A change goes from text to text. What comes out is read like any other, so that a neighbour added at run time
//! obeys the same rules as one in the file, and what is shown is what a file would have to say.

use std::fmt;
use std::sync::Arc;

use serde_yaml::{Mapping, Value};

use super::mask;

/// The text that a configuration was read from. It may hold secrets: only what is [`masked`](Text::masked) is for
/// others' eyes.
#[derive(Clone, PartialEq, Eq)]
pub struct Text(Arc<str>);

/// Why a text cannot be changed so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The neighbour that is to be added is no YAML mapping.
    #[error("neighbor: {0}: expected a mapping such as `{{ address: 10.0.0.1, remote_as: 65000 }}`")]
    NoMapping(String),
    /// It does not say who it is.
    #[error("neighbor: it has neither `address` nor `interface`")]
    Nameless,
    /// There is one of that name.
    #[error("neighbor {0} is configured already: ask for it to be replaced to give it other settings")]
    Exists(String),
    /// There is none of that name among those that have a section of their own.
    #[error("neighbor {0} is not in bgp.neighbors: one of a mesh or of a range goes with what brings it")]
    Missing(String),
    /// The text has not the shape that a configuration has.
    #[error("the running configuration cannot be changed: {0}")]
    Shapeless(String),
}

impl Text {
    pub(super) fn new(text: &str) -> Text {
        Text(text.into())
    }

    /// The text, secrets and all: for being read.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text with its secrets covered.
    pub fn masked(&self) -> String {
        mask::masked(&self.0)
    }

    /// The text with one more neighbour, an element of `bgp.neighbors` in YAML. Where there is one of its name, it
    /// `replaces` it, or that is an error.
    ///
    /// # Errors
    /// It is no mapping, has no name, or the name of another.
    pub fn with_neighbor(&self, neighbor: &str, replaces: bool) -> Result<Text, EditError> {
        let neighbor: Value =
            serde_yaml::from_str(neighbor).map_err(|error| EditError::NoMapping(error.to_string()))?;
        if !neighbor.is_mapping() {
            return Err(EditError::NoMapping("it is something else".to_owned()));
        }
        let name = name(&neighbor).ok_or(EditError::Nameless)?;
        self.edited(|neighbors| {
            match neighbors.iter_mut().find(|other| self::name(other).as_ref() == Some(&name)) {
                Some(other) if replaces => *other = neighbor,
                Some(_) => return Err(EditError::Exists(name)),
                None => neighbors.push(neighbor),
            }
            Ok(())
        })
    }

    /// The text without the neighbour of this address or interface.
    ///
    /// # Errors
    /// `bgp.neighbors` has none.
    pub fn without_neighbor(&self, address: &str) -> Result<Text, EditError> {
        let address = normal(address);
        self.edited(|neighbors| {
            let place = neighbors.iter().position(|neighbor| name(neighbor).as_ref() == Some(&address));
            let place = place.ok_or(EditError::Missing(address))?;
            neighbors.remove(place);
            Ok(())
        })
    }

    fn edited(&self, edit: impl FnOnce(&mut Vec<Value>) -> Result<(), EditError>) -> Result<Text, EditError> {
        let shapeless = |error: serde_yaml::Error| EditError::Shapeless(error.to_string());
        let mut tree: Value = serde_yaml::from_str(&self.0).map_err(shapeless)?;
        let bgp = tree.get_mut("bgp").and_then(Value::as_mapping_mut);
        edit(neighbors(bgp.ok_or_else(|| EditError::Shapeless("it has no `bgp`".to_owned()))?)?)?;
        Ok(Text::new(&serde_yaml::to_string(&tree).map_err(shapeless)?))
    }
}

/// The list of neighbours, made where there is none.
fn neighbors(bgp: &mut Mapping) -> Result<&mut Vec<Value>, EditError> {
    if bgp.get("neighbors").is_none_or(Value::is_null) {
        bgp.insert("neighbors".into(), Value::Sequence(Vec::new()));
    }
    let list = bgp.get_mut("neighbors").and_then(Value::as_sequence_mut);
    list.ok_or_else(|| EditError::Shapeless("`bgp.neighbors` is no list".to_owned()))
}

/// What a neighbour is told from others by.
fn name(neighbor: &Value) -> Option<String> {
    let named = neighbor.get("address").or_else(|| neighbor.get("interface"))?;
    named.as_str().map(normal)
}

/// An address has several spellings.
fn normal(name: &str) -> String {
    name.parse::<std::net::IpAddr>().map_or_else(|_| name.to_owned(), |address| address.to_string())
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text of {} octets", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const TEXT: &str = "bgp:
  asn: 65000
  router_id: 10.0.0.1
  neighbors:
    - { address: 10.0.1.1, remote_as: \"65000\", password: hunter2 }
    - { address: 2001:db8::1, remote_as: internal }
    - { interface: eth0, remote_as: external }
";

    fn neighbors(text: &Text) -> Vec<String> {
        let config = Config::parse("t", text.as_str()).unwrap_or_else(|faults| panic!("{faults}"));
        config.bgp.neighbors.iter().map(|n| format!("{} {}", n.address, n.hold_time)).collect()
    }

    #[test]
    fn neighbours_come_and_go() {
        let text = Text::new(TEXT);
        let with =
            text.with_neighbor("{ address: 10.0.1.2, remote_as: 65000, hold_time: 9 }", false).unwrap();
        assert_eq!(neighbors(&with), ["10.0.1.1 90", "2001:db8::1 90", "eth0 90", "10.0.1.2 9"]);
        let replaced =
            with.with_neighbor("{ address: 10.0.1.1, remote_as: 65000, hold_time: 3 }", true).unwrap();
        let without = replaced.without_neighbor("2001:DB8:0::1").unwrap().without_neighbor("eth0").unwrap();
        assert_eq!(neighbors(&without), ["10.0.1.1 3", "10.0.1.2 9"]);
        let none = Text::new("bgp: { asn: 1, router_id: 10.0.0.1 }");
        assert_eq!(
            neighbors(&none.with_neighbor("{ interface: eth1, remote_as: 1 }", false).unwrap()),
            ["eth1 90"]
        );
    }

    #[test]
    fn what_cannot_be_done_is_said() {
        let text = Text::new(TEXT);
        let add = |neighbor| text.with_neighbor(neighbor, false).unwrap_err();
        assert_eq!(add("{ address: \"10.0.1.1\" }"), EditError::Exists("10.0.1.1".to_owned()));
        assert_eq!(add("{ remote_as: 1 }"), EditError::Nameless);
        assert!(matches!(add("10.0.1.1"), EditError::NoMapping(_)));
        assert!(matches!(add("{ address: "), EditError::NoMapping(_)));
        assert_eq!(text.without_neighbor("10.0.1.9"), Err(EditError::Missing("10.0.1.9".to_owned())));
        assert!(matches!(Text::new("- 1").without_neighbor("eth0"), Err(EditError::Shapeless(_))));
    }

    #[test]
    fn secrets_are_for_nobody() {
        let text = Text::new(TEXT);
        assert!(!format!("{text:?}{}", text.masked()).contains("hunter2"));
        assert!(!text.without_neighbor("eth0").unwrap().masked().contains("hunter2"));
    }
}
