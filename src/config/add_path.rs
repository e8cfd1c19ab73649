//! What the file says about several paths of a destination (`add_path`, RFC 7911).

use std::num::NonZeroU16;

use bgp::export::PathsSent;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer};

/// Several paths of a destination from and to a neighbour, in all its families (RFC 7911).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AddPath {
    /// Take several paths of a destination.
    pub receive: bool,
    /// Send several: `all` that may be passed on, or `{ best: N }` of them. Only the best one unless given.
    pub send: Option<SendPaths>,
}

/// How many paths of a destination are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendPaths(pub PathsSent);

impl<'de> Deserialize<'de> for SendPaths {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged, expecting = "expected all, or { best: N } with a number from 1 to 65535")]
        enum Raw {
            Word(All),
            Limit(Best),
        }
        Ok(SendPaths(match Raw::deserialize(deserializer)? {
            Raw::Word(All::All) => PathsSent::All,
            Raw::Limit(Best { best }) => PathsSent::Best(best.get()),
        }))
    }
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum All {
    All,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Best {
    best: NonZeroU16,
}

impl JsonSchema for SendPaths {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SendPaths".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [
            {"const": "all"},
            {
                "type": "object",
                "properties": {"best": {"type": "integer", "minimum": 1, "maximum": 65535}},
                "required": ["best"],
                "additionalProperties": false,
            },
        ]})
    }
}
