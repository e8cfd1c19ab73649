//! A command: one line, `NAME KEY=VALUE ...`.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use crate::encode::Fabric;

pub struct Arguments(HashMap<String, String>);

impl Arguments {
    pub fn read<'w>(words: impl Iterator<Item = &'w str>) -> Arguments {
        let pairs = words.filter_map(|word| word.split_once('='));
        Arguments(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
    }

    pub fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// The value; empty where there is none.
    pub fn text(&self, key: &str) -> &str {
        self.0.get(key).map_or("", String::as_str)
    }

    pub fn number(&self, key: &str, default: u64) -> u64 {
        self.0.get(key).map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{key}={value}")))
    }

    pub fn is_set(&self, key: &str, default: bool) -> bool {
        self.number(key, default.into()) == 1
    }

    pub fn address(&self, key: &str) -> Ipv4Addr {
        self.text(key).parse().unwrap_or_else(|_| panic!("{key}: no address"))
    }

    /// What stands between commas.
    pub fn list(&self, key: &str) -> Vec<String> {
        let values = self.text(key).split(',').filter(|value| !value.is_empty());
        values.map(str::to_owned).collect()
    }

    pub fn fabric(&self) -> Fabric {
        Fabric {
            vteps: self.number("vteps", 24) as u32,
            vnis: self.number("vnis", 1) as u32,
            first_vni: self.number("vni", 100) as u32,
            asn: self.number("asn", 65_000) as u16,
            with_ip: self.is_set("macip", false),
            pack: self.number("pack", 0) as usize,
        }
    }

    /// How MACs move: to another route, as on a real wire, or within one.
    pub fn own_rd(&self) -> bool {
        !self.has("style") || self.text("style") == "rd"
    }
}
