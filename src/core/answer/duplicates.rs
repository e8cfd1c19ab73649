//! Hosts that are two: shown, and let go of.

use std::time::Instant;

use ::evpn::{AddressClaim, DuplicateRow, Place, Rival, Suspect};
use api::query::{ApiError, page_size};
use api::v1;
use bgp::types::Vni;

use crate::core::Core;
use crate::core::forward::Forwarding;

use super::evpn::{arp_row, host_type, mac_row, vtep_text};
use super::row::{seconds_since, text};
use super::{Answered, parse_filter, parse_place};

impl Core {
    pub(super) fn list_duplicates(
        &self,
        now: Instant,
        query: &v1::ListDuplicatesRequest,
    ) -> Answered<v1::ListDuplicatesResponse> {
        let forwarding = self.forwarding()?;
        let (from, after) = parse_place::<Suspect>(&query.page_token)?;
        let evpn = &forwarding.evpn;
        let vnis = evpn.served(from).filter(|vni| query.vni.is_none_or(|wanted| vni.get() == wanted));
        let all = vnis.flat_map(|vni| evpn.duplicates(vni, after.filter(|_| vni == from)));
        let size = page_size(query.page_size);
        let rows: Vec<_> = all.take(size).collect();
        let last = rows.last().filter(|_| rows.len() == size);
        let next_page_token = last.map(|row| format!("{}/{}", row.vni, row.suspect)).unwrap_or_default();
        let duplicates = rows.iter().map(|row| duplicate_row(now, forwarding, row)).collect();
        Ok(v1::ListDuplicatesResponse { duplicates, next_page_token })
    }

    pub(super) fn clear_duplicates(
        &mut self,
        now: Instant,
        query: &v1::ClearDuplicatesRequest,
    ) -> Answered<v1::ClearDuplicatesResponse> {
        self.forwarding()?;
        let out_of_range = || ApiError::InvalidArgument("vni: 1 to 16777215".to_owned());
        let vni = query.vni.map(|vni| Vni::new(vni).ok_or_else(out_of_range)).transpose()?;
        let suspect: Option<Suspect> = parse_filter("host", &query.host)?;
        let evpn = self.forwarding.as_mut().map(|forwarding| &mut forwarding.evpn);
        let cleared = evpn.map_or(0, |evpn| evpn.clear_duplicates(now, vni, suspect));
        match suspect {
            Some(suspect) if cleared == 0 => {
                Err(ApiError::NotFound(format!("{suspect} is none of the duplicates")))
            }
            _ => Ok(v1::ClearDuplicatesResponse { cleared: cleared as u64 }),
        }
    }
}

fn duplicate_row(now: Instant, forwarding: &Forwarding, row: &DuplicateRow) -> v1::Duplicate {
    let recovery = row.recovers.map(|at| at.saturating_duration_since(now).as_secs());
    let duplicate = v1::Duplicate {
        vni: row.vni.get(),
        moves: row.moves,
        rival: row.rival.map(rival_text).unwrap_or_default(),
        frozen: row.frozen,
        age_seconds: seconds_since(now, row.found),
        recovery_seconds: recovery,
        contested: row.contested,
        claims: row.claims.iter().map(|claim| claim_row(forwarding, row.vni, claim)).collect(),
        ..v1::Duplicate::default()
    };
    match row.suspect {
        Suspect::Mac(mac) => {
            let found = forwarding.evpn.mac(row.vni, mac).map(|row| mac_row(&forwarding.fib, &row));
            let v1::Mac { r#type, vtep, port, local_sequence, remote_sequence, .. } =
                found.unwrap_or_default();
            let mac = mac.to_string();
            v1::Duplicate { mac, r#type, vtep, port, local_sequence, remote_sequence, ..duplicate }
        }
        Suspect::Ip(ip) => {
            let found = forwarding.evpn.neighbor(row.vni, ip).map(|row| arp_row(forwarding, &row));
            let v1::Arp { mac, r#type, vtep, local_sequence, remote_sequence, .. } =
                found.unwrap_or_default();
            let ip = ip.to_string();
            v1::Duplicate { ip, mac, r#type, vtep, local_sequence, remote_sequence, ..duplicate }
        }
    }
}

fn claim_row(forwarding: &Forwarding, vni: Vni, claim: &AddressClaim) -> v1::AddressClaim {
    v1::AddressClaim {
        mac: claim.mac.to_string(),
        r#type: host_type(claim.place).into(),
        vtep: vtep_text(claim.place),
        port: text(forwarding.fib.port(vni, claim.mac).filter(|_| claim.place == Place::Local)),
        sequence: claim.seq,
    }
}

fn rival_text(rival: Rival) -> String {
    match rival {
        Rival::Mac(mac) => mac.to_string(),
        Rival::Place(Place::Remote(vtep)) => vtep.to_string(),
        Rival::Place(Place::Local) => "local".to_owned(),
        Rival::Place(Place::Nowhere) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use api::Query;
    use api::query::Answer;
    use bgp::types::PeerId;

    use super::*;
    use crate::core::testing::*;

    /// Freezes at the second move, for a minute.
    const CONFIG: &str = "
bgp:
  asn: 65000
  router_id: 10.0.0.1
  neighbors: [{ address: 10.0.1.1, remote_as: 65000, families: [l2vpn-evpn] }]
evpn:
  vtep: 10.0.0.1
  advertise_all_vni: true
  duplicates: { moves: 2, action: freeze, recovery: 60 }
";

    fn list(node: &mut Node, query: v1::ListDuplicatesRequest) -> v1::ListDuplicatesResponse {
        let answer = node.ask(Query::ListDuplicates(query));
        let Ok(Answer::ListDuplicates(page)) = answer else { panic!("{answer:?}") };
        *page
    }

    fn all(node: &mut Node) -> Vec<v1::Duplicate> {
        list(node, v1::ListDuplicatesRequest::default()).duplicates
    }

    fn clear(node: &mut Node, host: &str) -> Answered<u64> {
        let query = v1::ClearDuplicatesRequest { host: host.to_owned(), ..Default::default() };
        match node.ask(Query::ClearDuplicates(query))? {
            Answer::ClearDuplicates(answer) => Ok(answer.cleared),
            other => panic!("{other:?}"),
        }
    }

    /// Hosts 7 and 8 were here, went behind 10.0.0.2 and came back: they are frozen there.
    fn node() -> Node {
        let mut node = Node::configured(CONFIG, false);
        node.up(0);
        for host in [7, 8] {
            node.local_mac(vni(100), mac(host), 0, true);
            node.run();
            node.tell(0, mac_ip(vni(100), 2, mac(host), None), Some(attrs(vni(100), 2, 1)));
            node.run();
            node.local_mac(vni(100), mac(host), 0, true);
            node.run();
        }
        node
    }

    fn announces(node: &Node, host: u8) -> bool {
        let table = node.core.rib.evpn.page(bgp::rib::DestinationId(0), 999);
        let mut own = table.filter(|(_, d)| d.best().is_some_and(|best| best.source == PeerId::LOCAL));
        own.any(|(_, d)| d.nlri().to_string().contains(&mac(host).to_string()))
    }

    #[test]
    fn what_is_frozen_is_listed_until_it_recovers() {
        let mut node = node();
        node.pass(Duration::from_secs(10));
        let rows = all(&mut node);
        let [row, _] = &rows[..] else { panic!("{rows:?}") };
        assert_eq!((row.vni, row.mac.as_str(), row.moves, row.frozen), (100, "02:00:00:00:00:07", 2, true));
        assert_eq!((row.vtep.as_str(), row.rival.as_str()), ("10.0.0.2", "local"));
        assert_eq!((row.age_seconds, row.recovery_seconds), (10, Some(50)));
        assert!(!announces(&node, 7));

        let explain = Query::Explain(v1::ExplainRequest { key: "02:00:00:00:00:07".to_owned() });
        let Ok(Answer::Explain(answer)) = node.ask(explain) else { panic!("no explanation") };
        assert_eq!(answer.explanations[0].outcome, "imported into VNI 100 by RT:65000:100");

        let due = node.core.poll_timeout(node.now).unwrap();
        assert!(due <= node.now + Duration::from_secs(50), "core wants to be woken");
        node.pass(Duration::from_secs(51));
        assert_eq!(all(&mut node), []);
        node.local_mac(vni(100), mac(7), 0, true);
        node.run();
        assert!(announces(&node, 7));
    }

    #[test]
    fn pages_follow_pages() {
        let mut node = node();
        let page = |page_token| v1::ListDuplicatesRequest { page_size: 1, page_token, ..Default::default() };
        let first = list(&mut node, page(String::new()));
        let second = list(&mut node, page(first.next_page_token.clone()));
        assert_eq!((first.duplicates[0].mac.as_str(), first.duplicates.len()), ("02:00:00:00:00:07", 1));
        assert_eq!(second.duplicates[0].mac, "02:00:00:00:00:08");
        assert_eq!(list(&mut node, page(second.next_page_token)).duplicates, []);
        let elsewhere = v1::ListDuplicatesRequest { vni: Some(200), ..Default::default() };
        assert_eq!(list(&mut node, elsewhere).duplicates, []);
        let wrong = node.ask(Query::ListDuplicates(page("100/pod".to_owned())));
        assert!(matches!(wrong, Err(ApiError::InvalidArgument(_))));
    }

    #[test]
    fn one_is_cleared_or_all() {
        let mut node = node();
        assert_eq!(clear(&mut node, "02:00:00:00:00:07"), Ok(1));
        assert_eq!(all(&mut node).len(), 1);
        assert!(matches!(clear(&mut node, "02:00:00:00:00:07"), Err(ApiError::NotFound(_))));
        assert!(matches!(clear(&mut node, "pod"), Err(ApiError::InvalidArgument(_))));
        assert_eq!((clear(&mut node, ""), clear(&mut node, "")), (Ok(1), Ok(0)));
        node.run();
        node.local_mac(vni(100), mac(7), 0, true);
        node.run();
        assert!(announces(&node, 7), "it may move again");
    }
}
