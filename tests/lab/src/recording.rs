//! What a program says that runs beside a node's daemon: `ip monitor`, which tells of each change of the kernel's tables.

use std::fs::{self, File};

use anyhow::Result;

use crate::netns::Netns;
use crate::node::Node;
use crate::nursery::Process;

/// A program that runs until this is dropped, and its output so far.
#[derive(Debug)]
pub struct Recording {
    _process: Process,
    netns: Netns,
    path: String,
}

impl Node {
    /// Starts a program whose output is wanted; `name` tells it from others in the node.
    pub fn record(&self, name: &str, words: &[&str]) -> Result<Recording> {
        let path = format!("/run/{name}.recording");
        let log = self.netns().run(|| File::create(&path))??;
        let process = self.spawn_beside(words, &log)?;
        Ok(Recording { _process: process, netns: self.netns().clone(), path })
    }
}

impl Recording {
    /// What it has said so far.
    pub fn text(&self) -> Result<String> {
        let octets = self.netns.run(|| fs::read(&self.path))??;
        Ok(String::from_utf8_lossy(&octets).into_owned())
    }
}
