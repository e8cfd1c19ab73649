//! What is known of the Nodes.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::node::Facts;

/// What the API server has said last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// The CIDRs of the own Node, sorted; empty where it has none or is not there. `None`: nothing was heard yet.
    pub pod_cidrs: Option<Vec<IpNet>>,
    /// The first `InternalIP` of every other Node, by the Node's name. Filled only where all Nodes are watched.
    pub others: BTreeMap<String, IpAddr>,
    /// How it stands with the API server.
    pub link: Link,
}

/// How it stands with the API server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// Nothing was heard yet, good or bad.
    #[default]
    Connecting,
    /// The view is what the server says now.
    Following,
    /// The view is what the server said last, if it ever did. It is tried again; this is what went wrong.
    Lost(String),
}

/// All Nodes that are watched, by name.
#[derive(Debug, Default)]
pub(crate) struct Nodes(BTreeMap<String, Facts>);

impl Nodes {
    pub(crate) fn insert(&mut self, name: String, facts: Facts) {
        self.0.insert(name, facts);
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// What the Node `own` was given.
    pub(crate) fn pod_cidrs(&self, own: &str) -> Vec<IpNet> {
        self.0.get(own).map(|facts| facts.pod_cidrs.clone()).unwrap_or_default()
    }

    /// Where those are that are not `own`.
    pub(crate) fn others(&self, own: &str) -> BTreeMap<String, IpAddr> {
        let others = self.0.iter().filter(|(name, _)| name.as_str() != own);
        others.filter_map(|(name, facts)| Some((name.clone(), *facts.addresses.first()?))).collect()
    }
}

impl FromIterator<(String, Facts)> for Nodes {
    fn from_iter<I: IntoIterator<Item = (String, Facts)>>(nodes: I) -> Nodes {
        Nodes(nodes.into_iter().collect())
    }
}
