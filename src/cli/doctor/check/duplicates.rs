//! Do two hosts have one MAC, or two MACs one address.

use api::v1;

use crate::cli::doctor::facts::Facts;
use crate::cli::doctor::finding::{Finding, Judged};

pub(super) fn judge(facts: &Facts) -> Judged {
    let duplicates = &facts.evpn_or_none()?.duplicates;
    if duplicates.is_empty() {
        return Ok(vec![Finding::ok("hosts", "none is two")]);
    }
    Ok(duplicates.iter().map(of_duplicate).collect())
}

fn of_duplicate(row: &v1::Duplicate) -> Finding {
    let host = if row.ip.is_empty() { &row.mac } else { &row.ip };
    let subject = format!("VNI {}, {host}", row.vni);
    let found = match row.ip.as_str() {
        _ if row.contested => format!("two MACs claim it: {}", claims(row)),
        "" => format!("moved {} times, and is at {}, too", row.moves, row.rival),
        _ => format!("went from MAC to MAC {} times: {} and {} have it", row.moves, row.rival, row.mac),
    };
    let meaning = match (row.frozen, row.ip.as_str()) {
        _ if row.contested => {
            "Two hosts have it. Packets for it go to the first one; the other one is not reached."
        }
        (true, _) => "Two hosts seem to have it. It is frozen where it is: the other one is not reached.",
        (false, "") => "Two hosts seem to have it, and frames for it go to the one that spoke last.",
        (false, _) => "Two hosts seem to have it, and packets for it go to the one that spoke last.",
    };
    Finding::warn(&subject, found).means(meaning).next(format!("linnet explain {host}"))
}

/// Who claims an address, and where.
fn claims(row: &v1::Duplicate) -> String {
    let place = |claim: &v1::AddressClaim| match (claim.vtep.as_str(), claim.port.as_str()) {
        ("", "") => format!("{} here", claim.mac),
        ("", port) => format!("{} on {port}", claim.mac),
        (vtep, _) => format!("{} behind {vtep}", claim.mac),
    };
    let all: Vec<String> = row.claims.iter().map(place).collect();
    all.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::finding::Verdict;
    use crate::cli::doctor::testing::*;

    fn found(row: v1::Duplicate) -> Finding {
        only(judge, |facts| evpn(facts).duplicates.push(row))
    }

    #[test]
    fn hosts_that_are_two() {
        assert_eq!(only(judge, |_| ()).verdict, Verdict::Ok);
        let mac = "02:00:00:00:00:50".to_owned();
        let row =
            v1::Duplicate { vni: 100, mac, moves: 7, rival: "10.0.0.2".to_owned(), ..Default::default() };
        let moved = found(row.clone());
        assert_eq!((moved.verdict, moved.subject.as_str()), (Verdict::Warn, "VNI 100, 02:00:00:00:00:50"));
        assert_eq!(moved.found, "moved 7 times, and is at 10.0.0.2, too");
        assert!(found(v1::Duplicate { frozen: true, ..row.clone() }).meaning.contains("frozen"));
        let address = found(v1::Duplicate { ip: "10.1.0.7".to_owned(), ..row });
        assert_eq!(address.next, "linnet explain 10.1.0.7");
    }
}
