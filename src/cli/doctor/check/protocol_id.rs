//! Does somebody else write what is marked as linnetd's, or serve the same networks.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use ipnet::IpNet;

use super::{count, some};
use crate::cli::doctor::facts::Facts;
use crate::cli::doctor::facts::kernel::Kernel;
use crate::cli::doctor::finding::{Finding, Judged};

/// What the installed file rt_protos.d calls our id.
const NAME: &str = "linnet";

/// Protocol ids of daemons that write neighbours, by linux/rtnetlink.h, where the node has no names for them.
const DAEMONS: [(u8, &str); 3] = [(11, "zebra"), (12, "bird"), (186, "bgp")];

pub(super) fn judge(facts: &Facts) -> Judged {
    let kernel = facts.kernel()?;
    let protocol = facts.settings.protocol();
    let mut findings: Vec<Finding> = Vec::new();
    findings.extend(named_otherwise(kernel, protocol));
    findings.extend(routes(facts, kernel, protocol));
    findings.extend(neighbors(facts, kernel, protocol));
    if findings.is_empty() {
        findings.push(Finding::ok(
            &format!("id {protocol}"),
            "nobody else uses it, or serves a bridge of linnetd's",
        ));
    }
    Ok(findings)
}

fn named_otherwise(kernel: &Kernel, protocol: u8) -> Option<Finding> {
    let name = kernel.protocol_names.get(&protocol).filter(|name| *name != NAME)?;
    Some(
        Finding::warn(&format!("id {protocol}"), format!("this node's rt_protos calls it {name}"))
            .means("If such a program runs here, it and linnetd take each other's routes for their own.")
            .next("ip route show table all proto linnet; set native.protocol to another id"),
    )
}

/// Routes that are marked as ours, and that linnetd knows nothing of.
fn routes(facts: &Facts, kernel: &Kernel, protocol: u8) -> Option<Finding> {
    let daemon = facts.daemon.as_ref().ok()?;
    let known: HashSet<(IpNet, u32)> = daemon
        .routes
        .iter()
        .flatten()
        .filter_map(|route| Some((route.prefix.parse().ok()?, route.table)))
        .collect();
    let marked = kernel.routes.iter().filter(|route| route.protocol == protocol);
    let foreign: Vec<String> = marked
        .filter(|route| !known.contains(&(route.prefix, route.table)))
        .map(|route| format!("{} in table {}", route.prefix, route.table))
        .collect();
    (!foreign.is_empty()).then(|| {
        let found = format!(
            "{} with it that linnetd has not made: {}",
            count(foreign.len(), "route"),
            some(&foreign)
        );
        Finding::warn(&format!("id {protocol}"), found)
            .means("Another program uses the id, or an earlier linnetd left them there.")
            .next(format!("ip route show table all proto {protocol}"))
    })
}

/// Remote hosts' addresses on bridges of ours, written by another control plane.
fn neighbors(facts: &Facts, kernel: &Kernel, protocol: u8) -> Vec<Finding> {
    let networks = facts.networks();
    let bridges: BTreeSet<u32> =
        networks.iter().filter_map(|network| network.bridge).map(|bridge| bridge.index).collect();
    let foreign = kernel.tables.neighbors.iter().filter(|row| {
        row.external && bridges.contains(&row.device) && row.protocol != protocol && row.protocol != 0
    });
    let mut owners: BTreeMap<u8, Vec<String>> = BTreeMap::new();
    for row in foreign {
        owners.entry(row.protocol).or_default().push(format!("{} on {}", row.ip, kernel.name(row.device)));
    }
    let of_owner = |(id, rows): (u8, Vec<String>)| {
        let found = format!("has written {}: {}", count(rows.len(), "neighbor"), some(&rows));
        Finding::warn(&name(kernel, id), found)
            .means("Two control planes serve the same bridge. linnetd leaves what is not its own alone.")
            .next(format!("ip neigh show proto {id}"))
    };
    owners.into_iter().map(of_owner).collect()
}

fn name(kernel: &Kernel, id: u8) -> String {
    let known = DAEMONS.into_iter().find(|(number, _)| *number == id).map(|(_, name)| name);
    let name = kernel.protocol_names.get(&id).map(String::as_str).or(known);
    name.map_or_else(|| format!("id {id}"), |name| format!("{name} (id {id})"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::facts::kernel::Route;
    use crate::cli::doctor::testing::*;

    fn found(change: impl FnOnce(&mut Kernel)) -> (String, String) {
        let finding = only(judge, |facts| change(facts.kernel.as_mut().unwrap()));
        (finding.subject, finding.found)
    }

    fn pair(subject: &str, found: &str) -> (String, String) {
        (subject.to_owned(), found.to_owned())
    }

    #[test]
    fn who_else_is_there() {
        assert_eq!(found(|_| ()), pair("id 108", "nobody else uses it, or serves a bridge of linnetd's"));
        let route = Route { prefix: "10.244.1.0/24".parse().unwrap(), table: 100, protocol: 108 };
        let expected = "1 route with it that linnetd has not made: 10.244.1.0/24 in table 100";
        assert_eq!(found(|kernel| kernel.routes.push(route)), pair("id 108", expected));
        let named = |kernel: &mut Kernel| drop(kernel.protocol_names.insert(108, "other".to_owned()));
        assert_eq!(found(named), pair("id 108", "this node's rt_protos calls it other"));
        let zebra = |kernel: &mut Kernel| kernel.tables.neighbors[0].protocol = 11;
        assert_eq!(found(zebra), pair("zebra (id 11)", "has written 1 neighbor: 192.168.1.21 on br100"));
    }
}
