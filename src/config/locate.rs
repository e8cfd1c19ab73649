//! Where in the text a key stands.
//!
//! The YAML reader gives a position only with an error. So the way to the key is walked once more and an error
//! is raised there: its position is the answer. This costs a pass over the text for each fault, and no second
//! reader of YAML that might understand the file differently.

use std::collections::HashSet;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::fault::{Path, Position, Step};

/// What of a key is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The key itself.
    Key,
    /// What stands behind it.
    Value,
}

/// The position of the key at `path`, or of its value.
pub(super) fn locate(text: &str, path: &Path, part: Part) -> Option<Position> {
    position_of(text, Walk { steps: &path.0, part })
}

/// The position of the first key that stands twice in one mapping.
pub(super) fn locate_duplicate(text: &str) -> Option<Position> {
    position_of(text, Duplicates)
}

/// The position that an error of the reader speaks of.
pub(super) fn position(error: &serde_yaml::Error) -> Option<Position> {
    error.location().map(|l| Position { line: l.line(), column: l.column() })
}

fn position_of<'de, S: DeserializeSeed<'de>>(text: &'de str, seed: S) -> Option<Position> {
    seed.deserialize(serde_yaml::Deserializer::from_str(text)).err().as_ref().and_then(position)
}

const FOUND: &str = "found";

/// Follows the steps; raises the error at the last. Where they lead nowhere, everything is read to its end,
/// as what is left over would be an error of another kind.
struct Walk<'p> {
    steps: &'p [Step],
    part: Part,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.steps.is_empty() {
            deserializer.deserialize_any(Raise)
        } else {
            deserializer.deserialize_any(self)
        }
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what stood there before")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((Step::Key(wanted), rest)) = self.steps.split_first() else { return Ok(()) };
        let raise_at_key = rest.is_empty() && self.part == Part::Key;
        while let Some(is_it) = map.next_key_seed(KeyIs { wanted, raise: raise_at_key })? {
            if is_it {
                map.next_value_seed(Walk { steps: rest, part: self.part })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Some((Step::Index(wanted), rest)) = self.steps.split_first() else { return Ok(()) };
        for _ in 0..*wanted {
            seq.next_element::<IgnoredAny>()?;
        }
        seq.next_element_seed(Walk { steps: rest, part: self.part })?;
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

/// Whether a key is the wanted one; can raise the error at it.
struct KeyIs<'p> {
    wanted: &'p str,
    raise: bool,
}

impl<'de> DeserializeSeed<'de> for KeyIs<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeyIs<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<bool, E> {
        let is_it = key == self.wanted;
        if is_it && self.raise { Err(E::custom(FOUND)) } else { Ok(is_it) }
    }
}

/// Raises the error at whatever comes.
struct Raise;

impl<'de> Visitor<'de> for Raise {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(FOUND)
    }

    // Scalars are refused by the trait's own default methods; these two would be as well, but only after
    // the reader has gone in.
    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(de::Error::custom(FOUND))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(de::Error::custom(FOUND))
    }
}

/// Walks everything; raises the error at a key that its mapping has already.
struct Duplicates;

impl<'de> DeserializeSeed<'de> for Duplicates {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Duplicates {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Duplicates)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut keys = HashSet::new();
        while map.next_key_seed(NewKey(&mut keys))?.is_some() {
            map.next_value_seed(Duplicates)?;
        }
        Ok(())
    }
}

struct NewKey<'k>(&'k mut HashSet<String>);

impl<'de> DeserializeSeed<'de> for NewKey<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NewKey<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<(), E> {
        if self.0.insert(key.to_owned()) { Ok(()) } else { Err(E::custom(FOUND)) }
    }
}
