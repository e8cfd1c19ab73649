//! Routes of the kernel as sources of prefixes: which are looked for, and what was found.

use std::collections::BTreeSet;
use std::sync::Arc;

use fib::routes::{FoundRoute, RouteFilter, Routes};
use ipnet::IpNet;

use crate::config::{Announcement, KernelSource, OwnPrefixes, is_for_no_host};

use super::{Advertiser, PrefixNews};

/// A source in the kernel.
#[derive(Debug)]
pub(super) struct KernelFinds {
    config: KernelSource,
    found: BTreeSet<IpNet>,
    /// What was found has not been said yet.
    changed: bool,
}

impl KernelFinds {
    fn new(config: &KernelSource) -> KernelFinds {
        KernelFinds { config: config.clone(), found: BTreeSet::new(), changed: true }
    }

    fn take(&mut self, found: FoundRoute) {
        // A default route is announced by name only, and what is for no host never.
        if found.prefix.prefix_len() > 0 && !is_for_no_host(found.prefix) {
            self.changed |= match found.present {
                true => self.found.insert(found.prefix),
                false => self.found.remove(&found.prefix),
            };
        }
    }

    fn news(&self) -> PrefixNews {
        let KernelSource { kind, attrs, .. } = &self.config;
        let announcement =
            |prefix: &IpNet| Announcement { prefix: *prefix, kind: *kind, attrs: attrs.clone() };
        PrefixNews {
            source: Arc::from(self.config.to_string()),
            prefixes: self.found.iter().map(announcement).collect(),
            fault: String::new(),
        }
    }
}

impl Advertiser {
    /// Has the routes looked for that are configured as sources, and no others.
    pub(super) fn look_for(&mut self, own: &OwnPrefixes, routes: &mut Routes) {
        self.kernel = own.kernel.iter().map(KernelFinds::new).collect();
        let filter = |source: &KernelSource| RouteFilter {
            table: source.table,
            protocol: source.protocol,
            device: source.device.clone(),
            within: source.within.clone(),
        };
        routes.look_for(own.kernel.iter().map(filter).collect());
    }

    /// Takes what was found in the kernel. Nothing is said while its tables are being looked at: what has not been
    /// found yet is not gone.
    pub(in crate::core) fn hear_of_kernel(&mut self, routes: &mut Routes) {
        while let Some(found) = routes.poll_found() {
            self.kernel.get_mut(found.filter).into_iter().for_each(|source| source.take(found));
        }
        if routes.has_looked() && self.kernel.iter().any(|source| source.changed) {
            let news: Vec<PrefixNews> =
                self.kernel.iter().filter(|source| source.changed).map(KernelFinds::news).collect();
            self.kernel.iter_mut().for_each(|source| source.changed = false);
            news.into_iter().for_each(|news| self.news(news));
        }
    }
}
