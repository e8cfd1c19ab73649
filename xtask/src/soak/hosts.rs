//! The hosts: where each is meant to be, which is what everybody has to know in the end.
//!
//! A host is a MAC that speaks. It comes, or moves, by speaking at a leaf; it goes when its leaf's bridge forgets it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lab::packet::send_as;

use super::network::{LEAVES, Network, parse};
use super::rng::Rng;

/// How many there may be.
const HOSTS: usize = 200;

/// How long a host stays where it is at least: who moves faster than that is two hosts with one MAC.
const REST: Duration = Duration::from_secs(2);

/// By MAC, where a host is and since when; those that are nowhere are left out.
#[derive(Default)]
pub(super) struct Hosts {
    places: BTreeMap<String, (usize, Instant)>,
}

/// What became of a host.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Came,
    Moved,
    Went,
    Stayed,
}

impl Hosts {
    pub(super) fn present(&self) -> usize {
        self.places.len()
    }

    /// The hosts that are somewhere, each with the index of its leaf.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, usize)> {
        self.places.iter().map(|(mac, (leaf, _))| (mac.as_str(), *leaf))
    }

    /// Has some host come, move or go.
    pub(super) fn step(&mut self, network: &Network, rng: &mut Rng) -> Result<Step> {
        let mac = mac(rng.below(HOSTS));
        let leaf = rng.below(LEAVES.len());
        let place = self.places.get(&mac).copied();
        match place {
            Some((_, since)) if since.elapsed() < REST => Ok(Step::Stayed),
            Some((now, _)) if rng.once_in(3) => {
                forget(network, now, &mac)?;
                self.places.remove(&mac);
                Ok(Step::Went)
            }
            _ => {
                speak(network, leaf, &[mac.as_str()])?;
                self.places.insert(mac, (leaf, Instant::now()));
                Ok(match place {
                    None => Step::Came,
                    Some((now, _)) if now == leaf => Step::Stayed,
                    Some(_) => Step::Moved,
                })
            }
        }
    }

    /// A leaf's bridge has forgotten its hosts: they speak again, as hosts do.
    pub(super) fn speak_at(&self, network: &Network, leaf: usize) -> Result<()> {
        let here: Vec<&str> = self.all().filter(|(_, at)| *at == leaf).map(|(mac, _)| mac).collect();
        speak(network, leaf, &here)
    }

    /// Everybody who is somewhere speaks there, and nobody else is anywhere.
    pub(super) fn speak(&self, network: &Network) -> Result<()> {
        for leaf in 0..LEAVES.len() {
            for gone in
                (0..HOSTS).map(mac).filter(|mac| self.places.get(mac).is_none_or(|(at, _)| *at != leaf))
            {
                forget(network, leaf, &gone)?;
            }
            self.speak_at(network, leaf)?;
        }
        Ok(())
    }
}

/// Has a leaf's bridge forget a host, if it has learnt it there.
fn forget(network: &Network, leaf: usize, mac: &str) -> Result<()> {
    let node = network.node(LEAVES.get(leaf).context("no such leaf")?.name)?;
    // It is not there if it was taken over meanwhile, or flushed.
    let _ = node.output(&["bridge", "fdb", "del", mac, "dev", "access", "master"]);
    Ok(())
}

/// Hosts behind a leaf send a frame each, to nobody in particular.
fn speak(network: &Network, leaf: usize, macs: &[&str]) -> Result<()> {
    let mut sources = Vec::new();
    for mac in macs {
        sources.push(parse(mac)?);
    }
    let nobody = parse("02:00:00:ff:ff:ff")?;
    Ok(network.hosts(leaf)?.run(|| send_as("eth0", sources, nobody))??)
}

/// What a host's MAC begins with.
pub(super) const PREFIX: &str = "02:aa:";

fn mac(number: usize) -> String {
    format!("{PREFIX}00:00:{:02x}:{:02x}", number / 256, number % 256)
}
