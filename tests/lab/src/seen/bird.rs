//! BIRD: `show route PREFIX all`.

use anyhow::Result;

use super::SeenPath;
use crate::node::Node;

pub(super) fn paths(node: &Node, prefix: &str) -> Result<Vec<SeenPath>> {
    let shown = node.birdc(&format!("show route {prefix} all"));
    // It fails where there is no such destination.
    Ok(read(&shown.unwrap_or_default()))
}

/// Each path begins with a line that says what kind it is.
fn read(shown: &str) -> Vec<SeenPath> {
    let mut paths: Vec<SeenPath> = Vec::new();
    for line in shown.lines().map(str::trim) {
        let Some((name, value)) = line.split_once(": ") else { continue };
        if name == "Type" {
            paths.push(SeenPath { learnt: value.starts_with("BGP"), ..SeenPath::default() });
        }
        let Some(path) = paths.last_mut() else { continue };
        match name {
            "BGP.as_path" => path.as_path = value.to_owned(),
            "BGP.next_hop" => path.next_hop = value.to_owned(),
            "BGP.originator_id" => path.originator = value.to_owned(),
            "BGP.cluster_list" => path.cluster_list = value.split(' ').map(str::to_owned).collect(),
            "BGP.community" => path.communities = value.split(' ').map(community).collect(),
            _ => {}
        }
    }
    paths
}

/// `(65000,1)` as `65000:1`.
fn community(word: &str) -> String {
    word.trim_matches(['(', ')']).replace(',', ":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_apart() {
        let shown = "Table master4:
10.244.0.0/24        blackhole [static1 1.0] * (200)
\tType: static univ
                     unicast [linnet 2.0] (100) [i]
\tvia 10.1.2.0 on eth1
\tType: BGP univ
\tBGP.origin: IGP
\tBGP.as_path: 65001 65002
\tBGP.next_hop: 10.1.1.1 fe80::1
\tBGP.community: (65000,1) (65535,6)
\tBGP.originator_id: 10.1.1.1
\tBGP.cluster_list: 10.1.0.1 10.1.0.2
";
        let paths = read(shown);
        let [own, learnt] = &paths[..] else { panic!("{paths:#?}") };
        assert_eq!(*own, SeenPath::default());
        assert_eq!((learnt.as_path.as_str(), learnt.originator.as_str()), ("65001 65002", "10.1.1.1"));
        assert_eq!(learnt.communities, ["65000:1", "65535:6"]);
        assert!(learnt.learnt && learnt.cluster_list.len() == 2);
    }
}
