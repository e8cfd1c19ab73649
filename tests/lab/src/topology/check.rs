//! What containerlab's schema cannot say about a topology: that its parts fit together.

use std::collections::BTreeSet;

use super::file::{LinkSpec, Topology};

impl Topology {
    /// Everything that is wrong with it, one line each; empty when it is sound.
    pub fn faults(&self) -> Vec<String> {
        let mut faults: Vec<String> = self.links.iter().flat_map(|link| self.link_faults(link)).collect();
        faults.extend(self.doubled_interfaces());
        for (name, node) in &self.nodes {
            let missing = node.binds.values().filter(|source| !source.exists());
            faults.extend(
                missing.map(|source| format!("{name}: bind source {} does not exist", source.display())),
            );
        }
        faults
    }

    fn link_faults(&self, link: &LinkSpec) -> Vec<String> {
        let mut faults = Vec::new();
        if link.ends.len() != 2 {
            faults.push(format!("a link has two ends, not {}: {:?}", link.ends.len(), link.ends));
        }
        for end in &link.ends {
            if !self.nodes.contains_key(&end.node) {
                faults.push(format!("{}:{}: there is no node {}", end.node, end.interface, end.node));
            }
            // eth0 is the management network's in every container.
            if end.interface == "eth0" {
                faults.push(format!("{}:eth0 is the management interface", end.node));
            }
        }
        faults
    }

    fn doubled_interfaces(&self) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let ends = self.links.iter().flat_map(|link| &link.ends);
        ends.filter(|end| !seen.insert((&end.node, &end.interface)))
            .map(|end| format!("{}:{} is used twice", end.node, end.interface))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_fault_is_named() {
        let text = r#"
name: t
topology:
  nodes: { a: { kind: linux, image: alpine, binds: ["nowhere:/x"] } }
  links: [{ endpoints: ["a:eth1", "b:eth1"] }, { endpoints: ["a:eth1", "a:eth0"] }]
"#;
        let faults = Topology::parse(text, Path::new("/nonexistent")).unwrap().faults();
        assert_eq!(
            faults,
            [
                "b:eth1: there is no node b",
                "a:eth0 is the management interface",
                "a:eth1 is used twice",
                "a: bind source /nonexistent/nowhere does not exist",
            ]
        );
    }
}
