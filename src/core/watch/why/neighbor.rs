//! Neighbours: what is otherwise than before.

use api::{Word, v1};

/// What has become of a neighbour, in words; empty where nothing of it is worth a word.
pub(in crate::core::watch) fn what_changed(before: &v1::Neighbor, after: &v1::Neighbor) -> String {
    let mut words: Vec<String> =
        [session(before, after), admin(before, after), bfd(before, after)].into_iter().flatten().collect();
    for family in &after.families {
        let former = before.families.iter().find(|former| former.family == family.family);
        words.extend(of_family(former.unwrap_or(&v1::NeighborFamily::default()), family));
    }
    if before.leaves_within_seconds.is_none() && after.leaves_within_seconds.is_some() {
        words.push("no longer configured: leaves once those in its place have been heard".to_owned());
    }
    words.join("; ")
}

fn session(before: &v1::Neighbor, after: &v1::Neighbor) -> Option<String> {
    let is_up = |row: &v1::Neighbor| row.state() == v1::NeighborState::Established;
    let has_failed = after.flaps > before.flaps || after.last_error != before.last_error;
    match (is_up(before), is_up(after)) {
        (false, true) => {
            Some(format!("session up with AS {}, router ID {}", after.remote_as, after.router_id))
        }
        (true, false) => Some(format!("session ended: {}", after.last_error)),
        (false, false) if has_failed && !after.last_error.is_empty() => {
            Some(format!("attempt failed: {}", after.last_error))
        }
        (true, true) if after.flaps > before.flaps => {
            Some(format!("session ended and came up again: {}", after.last_error))
        }
        _ => None,
    }
}

fn admin(before: &v1::Neighbor, after: &v1::Neighbor) -> Option<String> {
    (before.admin_state != after.admin_state).then(|| match after.admin_state() {
        v1::AdminState::Shutdown => "shut down by the operator".to_owned(),
        v1::AdminState::Enabled | v1::AdminState::Unspecified => "enabled by the operator".to_owned(),
    })
}

fn bfd(before: &v1::Neighbor, after: &v1::Neighbor) -> Option<String> {
    let state = |row: &v1::Neighbor| row.bfd.as_ref().map_or(0, |session| session.state);
    let word = v1::BfdState::word(state(after));
    (state(before) != state(after) && !word.is_empty()).then(|| format!("BFD {word}"))
}

fn of_family(before: &v1::NeighborFamily, after: &v1::NeighborFamily) -> Option<String> {
    let name = &after.family;
    if after.end_of_rib_received && !before.end_of_rib_received {
        return Some(format!("End-of-RIB of {name} received"));
    }
    let (phase, left) = (after.stale_phase(), after.stale_seconds_left.unwrap_or_default());
    if before.stale_phase == after.stale_phase {
        return None;
    }
    Some(match phase {
        v1::StalePhase::Unspecified => format!("stale routes of {name} are kept no longer"),
        v1::StalePhase::Away => format!("restarts: routes of {name} are kept for {left} s"),
        v1::StalePhase::LongLived => {
            format!("away for long: routes of {name} are a last resort for {left} s")
        }
        v1::StalePhase::Returned => {
            format!("is back: stale routes of {name} go in {left} s unless announced again")
        }
    })
}
