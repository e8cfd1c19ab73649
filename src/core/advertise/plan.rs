//! From what sources give to what is announced.

use std::collections::BTreeMap;
use std::sync::Arc;

use ipnet::IpNet;
use smallvec::SmallVec;

use crate::config::{OwnAttrs, PrefixKind};

use super::Source;

/// A prefix that some source gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::core) struct Row {
    /// Those that give it, the first of which says its attributes.
    pub(in crate::core) sources: SmallVec<[Arc<str>; 1]>,
    pub(in crate::core) kind: PrefixKind,
    pub(in crate::core) attrs: OwnAttrs,
    /// The block that is announced in its place.
    pub(in crate::core) withheld_by: Option<IpNet>,
}

impl Row {
    /// Whether the kernel is to drop what is for nobody in it. A block of one address is that address, and a withheld
    /// one is the other block's matter.
    pub(super) fn is_blackhole(&self, prefix: IpNet) -> bool {
        self.kind == PrefixKind::Blocks
            && self.withheld_by.is_none()
            && prefix.prefix_len() < prefix.max_prefix_len()
    }
}

/// Everything that the sources give, by prefix.
pub(super) fn plan(sources: &[Source]) -> BTreeMap<IpNet, Row> {
    let mut rows: BTreeMap<IpNet, Row> = BTreeMap::new();
    for source in sources {
        for announcement in &source.prefixes {
            let row = rows.entry(announcement.prefix).or_insert_with(|| Row {
                sources: SmallVec::new(),
                kind: announcement.kind,
                attrs: announcement.attrs.clone(),
                withheld_by: None,
            });
            // A block that another source calls a prefix is a block, and a service is a service.
            row.kind = row.kind.max(announcement.kind);
            if row.sources.last().is_none_or(|last| *last != source.name) {
                row.sources.push(Arc::clone(&source.name));
            }
        }
    }
    let mut block: Option<IpNet> = None;
    // A prefix stands behind those that it is in.
    for (prefix, row) in &mut rows {
        row.withheld_by = block.filter(|block| block.contains(prefix));
        if row.withheld_by.is_none() && row.kind == PrefixKind::Blocks {
            block = Some(*prefix);
        }
    }
    rows
}
