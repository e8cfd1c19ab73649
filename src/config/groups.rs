//! Peer groups: each with what it takes from the group above it.

use std::collections::HashMap;

use super::checker::Checker;
use super::fault::Path;
use super::file::{PeerGroup, PeerSettings};

/// What each group sets, by its name, with its ancestors' settings merged in.
pub(super) type Groups = HashMap<String, PeerSettings>;

/// Resolves the groups of the list at `path`, and finds names that are there twice or not at all, and groups that
/// are their own ancestors.
pub(super) fn resolve(checker: &mut Checker, path: &Path, list: &[PeerGroup]) -> Groups {
    let mut by_name: HashMap<&str, &PeerGroup> = HashMap::new();
    for (i, group) in list.iter().enumerate() {
        checker.settings(&path.index(i), &group.settings());
        if by_name.contains_key(&*group.name) {
            let message = format!("there is a group `{}` already", group.name);
            checker.find(path.index(i).key("name"), message);
        } else {
            by_name.insert(&group.name, group);
        }
    }
    for (i, group) in list.iter().enumerate() {
        if let Some(message) = wrong_parent(&by_name, group) {
            checker.find(path.index(i).key("peer_group"), message);
        }
    }
    by_name.iter().map(|(name, group)| ((*name).to_owned(), inherited(&by_name, group))).collect()
}

fn wrong_parent(by_name: &HashMap<&str, &PeerGroup>, group: &PeerGroup) -> Option<String> {
    let parent = group.peer_group.as_deref()?;
    if !by_name.contains_key(parent) {
        return Some(format!("there is no group `{parent}` in bgp.peer_groups"));
    }
    let above: Vec<&str> = ancestry(by_name, group).skip(1).map(|ancestor| &*ancestor.name).collect();
    let steps = above.iter().position(|name| *name == group.name)?;
    let way = above.get(..=steps)?.join(", ");
    Some(format!("group `{}` would take settings from itself, by way of {way}", group.name))
}

fn inherited(by_name: &HashMap<&str, &PeerGroup>, group: &PeerGroup) -> PeerSettings {
    ancestry(by_name, group).fold(PeerSettings::default(), |own, group| own.or(group.settings()))
}

/// A group and those above it, as many steps as there are groups: a loop ends, too.
fn ancestry<'a>(
    by_name: &'a HashMap<&str, &'a PeerGroup>,
    group: &'a PeerGroup,
) -> impl Iterator<Item = &'a PeerGroup> {
    let parent = |group: &&'a PeerGroup| by_name.get(group.peer_group.as_deref()?).copied();
    std::iter::successors(Some(group), parent).take(by_name.len() + 1)
}
