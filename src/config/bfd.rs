//! BFD in the file, and what it means.
//!
//! A neighbour says `bfd: true`, or how it is to be; what it leaves out is taken from `bgp.bfd`, and what that
//! leaves out has a default. Intervals are in milliseconds, as they are everywhere else in the world of BFD.

use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

use super::authentication::Hops;
use super::checker::Checker;
use super::fault::Path;

/// How BFD sessions are held.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BfdSection {
    /// The least interval between packets sent, in milliseconds, 10 to 60000. 300 unless given.
    pub transmit_interval_ms: Option<u32>,
    /// The least interval between packets that can be taken, in milliseconds, 10 to 60000. 300 unless given.
    pub receive_interval_ms: Option<u32>,
    /// How many packets in a row may be missed, 1 to 255. 3 unless given.
    pub multiplier: Option<u8>,
    /// Whether the neighbour is behind routers (RFC 5883): true, false, or `auto`, which is what it is unless given.
    /// `auto`: who has `multihop` or `ttl_security` is as they say, an eBGP neighbour without them is not, and any
    /// other is unless its address is on a link of this node.
    pub multihop: Option<MultihopValue>,
    /// With several hops: the least time to live that packets may arrive with. Unless given: 256 less `multihop` or
    /// `ttl_security`, where the neighbour has one of them, and else any.
    pub minimum_ttl: Option<u8>,
    /// Send nothing before the neighbour does.
    pub passive: Option<bool>,
    /// Have no BGP session without a BFD session that is up.
    pub strict: Option<bool>,
}

/// A neighbour's `bfd`: true, false, or how it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BfdValue(pub Option<BfdSection>);

/// How far away a neighbour is taken to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MultihopValue {
    /// That is to be found out.
    #[default]
    Auto,
    /// On the link, or not.
    Is(bool),
}

/// What the file means for one neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BfdConfig {
    /// The least interval between packets sent.
    pub transmit_interval: Duration,
    /// The least interval between packets that can be taken.
    pub receive_interval: Duration,
    /// How many packets in a row may be missed.
    pub multiplier: u8,
    /// Whether the neighbour is behind routers; `None`: unless its address is on a link of this node.
    pub multihop: Option<bool>,
    /// The least time to live of packets over several hops.
    pub minimum_ttl: u8,
    /// Send nothing before the neighbour does.
    pub passive: bool,
    /// No BGP session without BFD.
    pub strict: bool,
}

/// Shorter ones a user process cannot keep, longer ones are no better than BGP's own hold timer.
const INTERVALS: std::ops::RangeInclusive<u32> = 10..=60_000;

/// FRR's, and what BIRD's users set.
const DEFAULT_INTERVAL: u32 = 300;
const DEFAULT_MULTIPLIER: u8 = 3;

impl Checker {
    /// The faults of what is said in one place.
    pub(super) fn bfd(&mut self, at: &Path, section: &BfdSection) {
        section.faults().into_iter().for_each(|(key, message)| self.find(at.key(key), message));
    }
}

impl BfdSection {
    /// What is wrong with it: at which key, and how.
    fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        for (key, interval) in [
            ("transmit_interval_ms", self.transmit_interval_ms),
            ("receive_interval_ms", self.receive_interval_ms),
        ] {
            if interval.is_some_and(|interval| !INTERVALS.contains(&interval)) {
                faults.push((key, format!("{} to {} milliseconds", INTERVALS.start(), INTERVALS.end())));
            }
        }
        if self.multiplier == Some(0) {
            faults.push(("multiplier", "1 to 255: 0 packets are missed at once".to_owned()));
        }
        if self.minimum_ttl == Some(0) {
            faults.push(("minimum_ttl", "1 to 255: no packet arrives with 0".to_owned()));
        }
        if self.minimum_ttl.is_some() && self.multihop == Some(MultihopValue::Is(false)) {
            let message =
                "only for several hops: over one, packets must arrive with 255 (RFC 5881 section 5)";
            faults.push(("minimum_ttl", message.to_owned()));
        }
        faults
    }

    /// These, and where they say nothing those of `defaults`.
    fn or(&self, defaults: &BfdSection) -> BfdSection {
        BfdSection {
            transmit_interval_ms: self.transmit_interval_ms.or(defaults.transmit_interval_ms),
            receive_interval_ms: self.receive_interval_ms.or(defaults.receive_interval_ms),
            multiplier: self.multiplier.or(defaults.multiplier),
            multihop: self.multihop.or(defaults.multihop),
            minimum_ttl: self.minimum_ttl.or(defaults.minimum_ttl),
            passive: self.passive.or(defaults.passive),
            strict: self.strict.or(defaults.strict),
        }
    }
}

/// What a neighbour's `bfd` means, if it may be so many hops away.
pub(super) fn resolve(value: Option<&BfdValue>, defaults: &BfdSection, hops: Hops) -> Option<BfdConfig> {
    let section = value?.0.as_ref()?.or(defaults);
    let hops = match hops {
        Hops::Reach(hops) | Hops::Within(hops) => Some(hops),
        Hops::Unlimited => None,
    };
    let multihop = match section.multihop.unwrap_or_default() {
        MultihopValue::Is(multihop) => Some(multihop),
        MultihopValue::Auto => hops.map(|hops| hops > 1),
    };
    let least_ttl = hops.filter(|hops| *hops > 1).map_or(1, |hops| u8::MAX - (hops - 1));
    let interval = |millis: Option<u32>| Duration::from_millis(millis.unwrap_or(DEFAULT_INTERVAL).into());
    Some(BfdConfig {
        transmit_interval: interval(section.transmit_interval_ms),
        receive_interval: interval(section.receive_interval_ms),
        multiplier: section.multiplier.unwrap_or(DEFAULT_MULTIPLIER),
        multihop,
        minimum_ttl: section.minimum_ttl.unwrap_or(least_ttl),
        passive: section.passive.unwrap_or(false),
        strict: section.strict.unwrap_or(false),
    })
}

impl<'de> Deserialize<'de> for BfdValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BfdVisitor)
    }
}

struct BfdVisitor;

impl<'de> Visitor<'de> for BfdVisitor {
    type Value = BfdValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, false, or settings such as { transmit_interval_ms: 300, multiplier: 3 }")
    }

    fn visit_bool<E: de::Error>(self, wanted: bool) -> Result<BfdValue, E> {
        Ok(BfdValue(wanted.then(BfdSection::default)))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<BfdValue, A::Error> {
        BfdSection::deserialize(MapAccessDeserializer::new(map)).map(|section| BfdValue(Some(section)))
    }
}

impl JsonSchema for BfdValue {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Bfd".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [{"type": "boolean"}, generator.subschema_for::<BfdSection>()]})
    }
}

impl<'de> Deserialize<'de> for MultihopValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged, expecting = "expected true, false or auto")]
        enum Raw {
            Is(bool),
            Word(Auto),
        }
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Auto {
            Auto,
        }
        Ok(match Raw::deserialize(deserializer)? {
            Raw::Is(multihop) => MultihopValue::Is(multihop),
            Raw::Word(Auto::Auto) => MultihopValue::Auto,
        })
    }
}

impl JsonSchema for MultihopValue {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Multihop".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [{"type": "boolean"}, {"const": "auto"}]})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    /// What two neighbours of AS 65000 mean: one inside, one outside and three hops away.
    fn resolved(defaults: &str, inside: &str, outside: &str) -> [Option<BfdConfig>; 2] {
        let text = format!(
            "bgp:\n  asn: 65000\n  router_id: 10.0.0.1\n  bfd: {defaults}\n  neighbors:
    - {{ address: 10.0.0.2, remote_as: 65000, bfd: {inside} }}
    - {{ address: 10.0.0.3, remote_as: 65001, multihop: 3, bfd: {outside} }}\n"
        );
        let config = Config::parse("t.yaml", &text).unwrap_or_else(|faults| panic!("{faults}"));
        [0, 1].map(|n| config.bgp.neighbors[n].bfd)
    }

    #[test]
    fn what_is_left_out_has_a_default() {
        let [inside, outside] = resolved("{}", "true", "{ multiplier: 5, strict: true }");
        let ms = Duration::from_millis;
        let expected = BfdConfig {
            transmit_interval: ms(300),
            receive_interval: ms(300),
            multiplier: 3,
            multihop: None,
            minimum_ttl: 1,
            passive: false,
            strict: false,
        };
        assert_eq!(inside, Some(expected));
        let farther =
            BfdConfig { multiplier: 5, strict: true, multihop: Some(true), minimum_ttl: 253, ..expected };
        assert_eq!(outside, Some(farther));

        let [inside, outside] =
            resolved("{ transmit_interval_ms: 50, multihop: true }", "{ receive_interval_ms: 60 }", "false");
        assert_eq!(outside, None);
        let inside = inside.unwrap();
        assert_eq!((inside.transmit_interval, inside.receive_interval), (ms(50), ms(60)));
        assert_eq!(inside.multihop, Some(true));
    }

    #[test]
    fn faults_have_their_place() {
        let text = "bgp:
  asn: 1
  router_id: 1.1.1.1
  bfd: { transmit_interval_ms: 5 }
  peer_groups:
    - { name: g, bfd: { interval: 300 } }
  neighbors:
    - { address: 10.0.0.2, remote_as: 1, bfd: on }
    - { address: 10.0.0.3, remote_as: 1, bfd: { multiplier: 0, multihop: false, minimum_ttl: 3 } }
    - { address: 10.0.0.4, remote_as: 1, bfd: { multihop: 2 } }
  dynamic_neighbors:
    - { range: 10.9.0.0/16, remote_as: 1, bfd: { strict: true } }
";
        let faults = Config::parse("t.yaml", text).map(drop).unwrap_err().to_string();
        for part in [
            "t.yaml:4:32: bgp.bfd.transmit_interval_ms: 10 to 60000 milliseconds",
            "t.yaml:6:25: bgp.peer_groups[0].bfd.interval: unknown key; expected one of `transmit_interval_ms`",
            "t.yaml:8:47: bgp.neighbors[0].bfd: invalid type: string \"on\", expected true, false, or settings",
            "t.yaml:9:61: bgp.neighbors[1].bfd.multiplier: 1 to 255",
            "bgp.neighbors[1].bfd.minimum_ttl: only for several hops",
            "t.yaml:10:59: bgp.neighbors[2].bfd.multihop: expected true, false or auto",
            "t.yaml:12:48: bgp.dynamic_neighbors[0].bfd: strict is not for a range",
        ] {
            assert!(faults.contains(part), "{part}\n{faults}");
        }
    }
}
