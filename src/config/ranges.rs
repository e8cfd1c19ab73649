//! Ranges that neighbours may come from unnamed.

use std::collections::HashSet;

use super::RangeConfig;
use super::checker::Checker;
use super::fault::Path;
use super::file::DynamicNeighbors;
use super::neighbor::{Context, Who};

/// How many neighbours a range may have at a time unless it says otherwise.
const LIMIT: u32 = 100;

impl Checker {
    /// What the list at `path` means.
    pub(super) fn ranges(
        &mut self,
        path: &Path,
        list: &[DynamicNeighbors],
        context: &Context<'_>,
    ) -> Vec<RangeConfig> {
        let mut seen = HashSet::new();
        let mut ranges = Vec::new();
        for (i, section) in list.iter().enumerate() {
            let at = path.index(i);
            if !seen.insert(section.range.0.trunc()) {
                self.find(at.key("range"), format!("{} is configured already", section.range.0.trunc()));
            }
            ranges.push(self.range(&at, section, context));
        }
        ranges
    }

    fn range(&mut self, at: &Path, section: &DynamicNeighbors, context: &Context<'_>) -> RangeConfig {
        let range = section.range.0.trunc();
        if range != section.range.0 {
            self.find(at.key("range"), format!("bits of a host are set; {range} is the range"));
        }
        if section.limit == Some(0) {
            self.find(at.key("limit"), "0 lets nobody in; at least 1");
        }
        if !context.listens {
            self.find(
                at.clone(),
                "whoever comes has to connect, but linnetd listens nowhere: set bgp.listen",
            );
        }
        if section.passive == Some(false) {
            self.find(at.key("passive"), "neighbours of a range are only connected from, never to");
        }
        let who = Who {
            address: range.addr().into(),
            range: Some(range),
            peer_group: section.peer_group.as_ref(),
            description: section.description.as_ref(),
        };
        let neighbor = self.any_neighbor(at, who, section.settings(), context);
        if neighbor.bfd.is_some_and(|bfd| bfd.strict) {
            let message = "strict is not for a range: who comes from it is not known before he connects";
            self.find(at.key("bfd"), message);
        }
        RangeConfig { range, limit: section.limit.unwrap_or(LIMIT), neighbor }
    }
}
