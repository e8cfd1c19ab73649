//! Hosts and VTEPs.

use api::v1;
use evpn::Place;

use super::Why;

/// Why a MAC is where it is.
pub(super) fn of_mac(mac: &v1::Mac, is_gone: bool, why: &Why) -> String {
    let moved = moved(mac, is_gone, why);
    let duplicate = match (mac.duplicate, mac.frozen) {
        _ if is_gone => "",
        (_, true) => "duplicate: frozen",
        (true, false) => "duplicate",
        (false, false) => "",
    };
    let said = [moved.as_str(), duplicate, fault(mac.kernel(), &mac.kernel_reason)];
    said.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ")
}

/// What is wrong with the kernel's side of a row; nothing while that is under way.
fn fault(state: v1::KernelState, reason: &str) -> &str {
    match state {
        v1::KernelState::Failed | v1::KernelState::Conflict => reason,
        _ => "",
    }
}

fn moved(mac: &v1::Mac, is_gone: bool, why: &Why) -> String {
    let Why::Moved(from) = why else { return String::new() };
    let sequence = mac.local_sequence.max(mac.remote_sequence).filter(|sequence| *sequence > 0);
    let with = sequence.map(|sequence| format!(", with sequence {sequence}")).unwrap_or_default();
    let place = if is_gone { v1::HostType::Unspecified } else { mac.r#type() };
    match (from, place) {
        (Place::Nowhere, v1::HostType::Local) => "learnt here".to_owned(),
        (Place::Nowhere, v1::HostType::Remote) => format!("announced by {}", mac.vtep),
        (Place::Remote(from), v1::HostType::Local) => format!("moved here from {from}{with}"),
        (Place::Remote(from), v1::HostType::Remote) => format!("moved from {from} to {}{with}", mac.vtep),
        (Place::Local, v1::HostType::Remote) => format!("moved from here to {}{with}", mac.vtep),
        (Place::Remote(from), v1::HostType::Unspecified) => format!("withdrawn by {from}"),
        (Place::Local, _) => "no longer seen here".to_owned(),
        (Place::Nowhere, v1::HostType::Unspecified) => String::new(),
    }
}

/// Where a MAC was before it moved to where it is; empty where it did not move.
pub(in crate::core::watch) fn moved_from(mac: &v1::Mac, why: &Why) -> String {
    match (why, mac.r#type()) {
        (Why::Moved(Place::Remote(from)), v1::HostType::Local | v1::HostType::Remote) => from.to_string(),
        (Why::Moved(Place::Local), v1::HostType::Remote) => "local".to_owned(),
        _ => String::new(),
    }
}

/// Why an address is, or is no longer, bound to a MAC.
pub(super) fn of_arp(arp: &v1::Arp, is_gone: bool) -> String {
    if is_gone {
        "nobody binds it any more".to_owned()
    } else if arp.duplicate && fault(arp.kernel(), &arp.kernel_reason).is_empty() {
        "duplicate: several MACs have it".to_owned()
    } else {
        fault(arp.kernel(), &arp.kernel_reason).to_owned()
    }
}

/// Why frames are, or are not, flooded to a VTEP.
pub(super) fn of_vtep(vtep: &v1::Vtep, is_gone: bool) -> String {
    match vtep.flood {
        _ if is_gone => "none of its type 3 routes is imported any more, nor is it configured".to_owned(),
        _ if !fault(vtep.kernel(), &vtep.kernel_reason).is_empty() => vtep.kernel_reason.clone(),
        true if vtep.configured => "it is configured".to_owned(),
        true => "its type 3 route asks for copies".to_owned(),
        false => vtep.reason.clone(),
    }
}
