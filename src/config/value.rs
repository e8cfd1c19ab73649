//! Values that YAML has no type for: AS numbers, families, route targets. Each knows how it is written and
//! says so when it is written otherwise.

use std::fmt;

use bgp::types::{Asn, BgpRole, Family, LocalAs, Rd};
use evpn::ImportTarget;
use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};

use super::fault::Path;

/// An AS number: a number, or asdot in quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AsnValue(pub Asn);

/// A family by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FamilyValue(pub Family);

/// Whether a session is kept down: a bool, or the text that says why.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected true, false, or a text that the neighbour's operator is told")]
pub enum ShutdownValue {
    /// Whether, without a word.
    Whether(bool),
    /// It is, and why.
    Text(String),
}

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeValue(pub IpNet);

/// This speaker's AS towards a neighbour: its number alone, or with what is done to paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected an AS number, or a mapping with asn, no_prepend and replace_as")]
pub enum LocalAsValue {
    /// The number.
    Number(AsnValue),
    /// The number, and more.
    More(LocalAsSection),
}

/// This speaker's AS towards a neighbour, and what is done to paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LocalAsSection {
    /// The number.
    asn: AsnValue,
    /// Do not put it in front of the paths that come from the neighbour.
    #[serde(default)]
    no_prepend: bool,
    /// Send it in place of this speaker's own number, not in front of it.
    #[serde(default)]
    replace_as: bool,
}

impl LocalAsValue {
    /// What it means.
    pub fn resolve(self) -> LocalAs {
        let (AsnValue(asn), no_prepend, replaces) = match self {
            LocalAsValue::Number(asn) => (asn, false, false),
            LocalAsValue::More(section) => (section.asn, section.no_prepend, section.replace_as),
        };
        LocalAs { asn, prepends: !no_prepend, replaces }
    }
}

/// A role by its name (RFC 9234).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleValue(pub BgpRole);

/// An MTU, or `auto`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MtuValue(pub Option<u16>);

/// A route distinguisher, or `auto`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RdValue(pub Option<Rd>);

/// Route targets, or `auto`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RtValue(pub Option<Vec<ImportTarget>>);

/// One value or a list of them, each a text or a number; what they mean is for whoever reads them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    /// The values.
    pub list: Vec<String>,
    /// It is one value that stands alone, and not in a list.
    alone: bool,
}

impl Texts {
    /// Where the value of this index stands, given where all stand.
    pub(super) fn place(&self, at: &Path, index: usize) -> Path {
        if self.alone { at.clone() } else { at.index(index) }
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextsVisitor)
    }
}

struct TextsVisitor;

impl<'de> Visitor<'de> for TextsVisitor {
    type Value = Texts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number, or a list of them")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Texts, E> {
        Ok(Texts { list: vec![text.to_owned()], alone: true })
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Texts, E> {
        Ok(Texts { list: vec![number.to_string()], alone: true })
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Texts, E> {
        Ok(Texts { list: vec![number.to_string()], alone: true })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Texts, A::Error> {
        let mut list = Vec::new();
        while let Some(one) = seq.next_element::<Texts>()? {
            list.extend(one.list);
        }
        Ok(Texts { list, alone: false })
    }
}

/// Whether a neighbour is told this speaker's address as next hop.
#[derive(Clone, Copy, Debug, serde::Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected true, false or force")]
pub enum NextHopSelf {
    /// For what came by eBGP, or not.
    Switch(bool),
    /// For everything.
    Word(Force),
}

/// The word for it.
#[derive(Clone, Copy, Debug, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Force {
    /// For everything.
    Force,
}

impl<'de> Deserialize<'de> for AsnValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AsnVisitor)
    }
}

struct AsnVisitor;

impl Visitor<'_> for AsnVisitor {
    type Value = AsnValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an AS number such as 65000, or \"65000.10\" in quotes")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<AsnValue, E> {
        match u32::try_from(number) {
            Ok(number) if number > 0 => Ok(AsnValue(Asn(number))),
            _ => Err(E::invalid_value(de::Unexpected::Unsigned(number), &"an AS number, 1 to 4294967295")),
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<AsnValue, E> {
        match text.parse() {
            Ok(Asn(0)) | Err(_) => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
            Ok(asn) => Ok(AsnValue(asn)),
        }
    }

    // 65000.10 and 65000.1 are the same float: the text is lost by the time it gets here.
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<AsnValue, E> {
        Err(E::custom(format_args!("an AS number in dotted notation needs quotes: \"{number}\"")))
    }
}

impl<'de> Deserialize<'de> for RangeValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || format!("`{text}` is no range of addresses; such as 10.1.0.0/16 or \"fd00:1::/64\"");
        text.parse().map(RangeValue).map_err(|_| de::Error::custom(wrong()))
    }
}

impl<'de> Deserialize<'de> for FamilyValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map(FamilyValue)
            .map_err(|e| de::Error::custom(format_args!("unknown family `{text}`: {e}")))
    }
}

impl<'de> Deserialize<'de> for RoleValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(RoleValue).map_err(|e| de::Error::custom(format_args!("unknown role `{text}`: {e}")))
    }
}

impl<'de> Deserialize<'de> for MtuValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged, expecting = "expected auto or a number of octets, 68 to 65535")]
        enum Raw {
            Number(u16),
            Word(Auto),
        }
        Ok(MtuValue(match Raw::deserialize(deserializer)? {
            Raw::Number(mtu) => Some(mtu),
            Raw::Word(Auto::Auto) => None,
        }))
    }
}

impl<'de> Deserialize<'de> for RdValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "auto" {
            return Ok(RdValue(None));
        }
        text.parse()
            .map(|rd| RdValue(Some(rd)))
            .map_err(|e| de::Error::custom(format_args!("`{text}`: {e}, or auto")))
    }
}

impl<'de> Deserialize<'de> for RtValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged, expecting = "expected auto or a list such as [\"65000:100\"]")]
        enum Raw {
            Word(Auto),
            List(Vec<String>),
        }
        let texts = match Raw::deserialize(deserializer)? {
            Raw::Word(Auto::Auto) => return Ok(RtValue(None)),
            Raw::List(texts) => texts,
        };
        let parse = |text: String| text.parse().map_err(|e| de::Error::custom(format_args!("`{text}`: {e}")));
        texts.into_iter().map(parse).collect::<Result<_, _>>().map(|list| RtValue(Some(list)))
    }
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Auto {
    Auto,
}

impl JsonSchema for AsnValue {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Asn".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [
            {"type": "integer", "minimum": 1, "maximum": 4_294_967_295_u32},
            {"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?$"},
        ]})
    }
}

impl JsonSchema for Texts {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Texts".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let one = ["string", "integer"];
        json_schema!({"anyOf": [{"type": one}, {"type": "array", "items": {"type": one}}]})
    }
}

impl JsonSchema for RangeValue {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Range".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^[0-9a-fA-F.:]+/[0-9]+$"})
    }
}

impl JsonSchema for FamilyValue {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Family".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"enum": Family::ALL.map(Family::name)})
    }
}

impl JsonSchema for RoleValue {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Role".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"enum": BgpRole::ALL.map(BgpRole::name)})
    }
}

impl JsonSchema for MtuValue {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Mtu".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [{"const": "auto"}, {"type": "integer", "minimum": 68, "maximum": 65535}]})
    }
}

impl JsonSchema for RdValue {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RouteDistinguisher".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string"})
    }
}

impl JsonSchema for RtValue {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RouteTargets".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [{"const": "auto"}, {"type": "array", "items": {"type": "string"}}]})
    }
}
