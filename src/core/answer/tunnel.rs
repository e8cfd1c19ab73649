//! The ends of the fallback tunnel.

use ::fib::TunnelDevice;
use ::fib::routes::{Routes, TunnelRow, TunnelRowStatus, TunnelStatus};
use api::query::page_size;
use api::v1;

use crate::core::Core;

use super::{Answered, parse_token, token};

impl Core {
    pub(super) fn list_tunnel_ends(
        &self,
        query: &v1::ListTunnelEndsRequest,
    ) -> Answered<v1::ListTunnelEndsResponse> {
        let [from] = parse_token(&query.page_token)?;
        let size = page_size(query.page_size);
        let mut ends = self.native.iter().flat_map(|native| ends(&native.routes)).skip(from as usize);
        let tunnel_ends: Vec<v1::TunnelEnd> = ends.by_ref().take(size).collect();
        let next = ends.next().map(|_| token([from.saturating_add(size as u32)]));
        Ok(v1::ListTunnelEndsResponse { tunnel_ends, next_page_token: next.unwrap_or_default() })
    }
}

/// This node's first.
fn ends(routes: &Routes) -> impl Iterator<Item = v1::TunnelEnd> {
    routes.tunnel().into_iter().flat_map(|(device, status)| {
        let others = routes.tunnel_rows().map(|row| other_end(device, row));
        std::iter::once(own_end(device, status)).chain(others)
    })
}

fn own_end(device: &TunnelDevice, status: TunnelStatus) -> v1::TunnelEnd {
    let (state, reason) = match status {
        TunnelStatus::Programmed => (v1::KernelState::Programmed, String::new()),
        TunnelStatus::Pending => (v1::KernelState::Pending, String::new()),
        TunnelStatus::Failed(reason) => (v1::KernelState::Failed, reason),
    };
    let address = device.local.map(|local| local.to_string()).unwrap_or_default();
    let mac = device.mac.to_string();
    v1::TunnelEnd { address, mac, local: true, state: state.into(), reason, ..bare(device) }
}

fn other_end(device: &TunnelDevice, row: TunnelRow) -> v1::TunnelEnd {
    let (state, reason) = match row.status {
        TunnelRowStatus::Programmed => (v1::KernelState::Programmed, String::new()),
        TunnelRowStatus::Pending => (v1::KernelState::Pending, String::new()),
        TunnelRowStatus::Failed(reason) => (v1::KernelState::Failed, reason),
        TunnelRowStatus::Conflict(reason) => (v1::KernelState::Conflict, reason),
    };
    let (address, mac) = (row.vtep.to_string(), row.mac.to_string());
    let disputed = row.disputed;
    v1::TunnelEnd { address, mac, state: state.into(), reason, disputed, ..bare(device) }
}

fn bare(device: &TunnelDevice) -> v1::TunnelEnd {
    v1::TunnelEnd {
        device: device.name.clone(),
        vni: device.vni.get(),
        port: device.port.into(),
        ..v1::TunnelEnd::default()
    }
}
