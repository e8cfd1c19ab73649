//! Hosts that move too often: shown, and let go of.

use std::time::Instant;

use ::evpn::{DuplicateRow, Place, Rival, Suspect};
use api::query::{ApiError, page_size};
use api::v1;
use bgp::types::Vni;

use crate::core::Core;
use crate::core::forward::Forwarding;

use super::evpn::{arp_row, mac_row};
use super::row::seconds_since;
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
        rival: rival_text(row.rival),
        frozen: row.frozen,
        age_seconds: seconds_since(now, row.found),
        recovery_seconds: recovery,
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

fn rival_text(rival: Rival) -> String {
    match rival {
        Rival::Mac(mac) => mac.to_string(),
        Rival::Place(Place::Remote(vtep)) => vtep.to_string(),
        Rival::Place(Place::Local) => "local".to_owned(),
        Rival::Place(Place::Nowhere) => String::new(),
    }
}
