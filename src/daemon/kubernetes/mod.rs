//! The task that follows this node's Node object in Kubernetes, and tells core its pod CIDRs.
//!
//! What is followed, and how, is the crate `kubernetes`; here its view becomes news of a source. A set is only replaced by
//! another one that the API server has said: while that is away core is told what is wrong, and the same set as before.
//! `memory` has the set outlive linnetd.

mod memory;

use std::sync::Arc;

use ipnet::IpNet;
use kubernetes::{Access, Link, Pace, Settings, View};
use tokio::sync::{mpsc, watch};
use tracing::{info, warn};

use crate::config::{Announcement, KubernetesSource, is_for_no_host, is_node_name};
use crate::core::{Event, PrefixNews};

use super::host;
use memory::Memory;

/// The variable that names the Node; the downward API can set it in a pod.
const NODE_VARIABLE: &str = "NODE_NAME";

/// Follows the Node that `wanted` says, for as long as there is a core.
pub(super) async fn watch(mut wanted: watch::Receiver<Option<KubernetesSource>>, core: mpsc::Sender<Event>) {
    let mut memory = Memory::default();
    loop {
        let source = wanted.borrow_and_update().clone();
        tokio::select! {
            changed = wanted.changed() => if changed.is_err() { return },
            () = serve(source, &mut memory, &core) => return,
        }
    }
}

/// Follows one Node, until core is gone.
async fn serve(source: Option<KubernetesSource>, memory: &mut Memory, core: &mpsc::Sender<Event>) {
    let Some(source) = source else { return core.closed().await };
    let mut teller = Teller { source: &source, memory, core, told: None };
    let node = match own_node(&source) {
        Ok(node) => node,
        Err(fault) => {
            if teller.tell(fault).await {
                core.closed().await;
            }
            return;
        }
    };
    teller.memory.recall(&node, source.state_file.as_deref());
    info!(node, "follows the pod CIDRs of this Node");
    let access = source.kubeconfig.clone().map_or(Access::InCluster, Access::Kubeconfig);
    let (shown, view) = watch::channel(View::default());
    let settings = Settings { node, access, pace: Pace::default() };
    tokio::select! {
        () = kubernetes::follow(settings, shown) => {}
        () = teller.relay(view) => {}
        () = core.closed() => {}
    }
}

/// The name of the Node that this node is.
fn own_node(source: &KubernetesSource) -> Result<String, String> {
    let variable = || std::env::var(NODE_VARIABLE).ok().filter(|name| !name.is_empty());
    // As kubelet does it with the host's name.
    let host = || host::name().map(|name| name.to_lowercase());
    let name = source.node.clone().or_else(variable).or_else(host);
    let name = name.ok_or("this host has no name: say in native.kubernetes.node which Node it is")?;
    if !is_node_name(&name) {
        return Err(format!(
            "`{name}` is no name of a Node: say in native.kubernetes.node which one this is"
        ));
    }
    Ok(name)
}

/// Tells core.
struct Teller<'a> {
    source: &'a KubernetesSource,
    memory: &'a mut Memory,
    core: &'a mpsc::Sender<Event>,
    told: Option<PrefixNews>,
}

impl Teller<'_> {
    /// Tells every view, until core is gone.
    async fn relay(&mut self, mut views: watch::Receiver<View>) {
        if self.memory.pod_cidrs().is_some() && !self.tell(String::new()).await {
            return;
        }
        while views.changed().await.is_ok() {
            let view = views.borrow_and_update().clone();
            if !self.hear(view).await {
                return;
            }
        }
    }

    /// Tells what a view says. Says whether core is there.
    async fn hear(&mut self, view: View) -> bool {
        let fault = match (view.link, view.pod_cidrs) {
            (Link::Connecting, _) => return true,
            (Link::Lost(reason), _) => reason,
            (Link::Following, pod_cidrs) => self.take(pod_cidrs.unwrap_or_default()),
        };
        self.tell(fault).await
    }

    /// Takes a set that the API server has said. Returns what is wrong with it, and then nothing of it counts.
    fn take(&mut self, pod_cidrs: Vec<IpNet>) -> String {
        let is_odd = |cidr: &&IpNet| cidr.prefix_len() == 0 || is_for_no_host(**cidr);
        if let Some(odd) = pod_cidrs.iter().find(is_odd) {
            return format!("the Node has the pod CIDR {odd}, which no pods can have");
        }
        match self.memory.keep(pod_cidrs, self.source.state_file.as_deref()) {
            Ok(()) => String::new(),
            Err(error) => error,
        }
    }

    /// Tells the set as it stands, unless that is nothing new. Says whether core is there.
    async fn tell(&mut self, fault: String) -> bool {
        let (kind, attrs) = (self.source.kind, &self.source.attrs);
        let announcement = |prefix: &IpNet| Announcement { prefix: *prefix, kind, attrs: attrs.clone() };
        let prefixes = self.memory.pod_cidrs().unwrap_or_default().iter().map(announcement).collect();
        let news = PrefixNews { source: Arc::from(self.source.to_string()), prefixes, fault };
        if self.told.as_ref() == Some(&news) {
            return true;
        }
        log(&news, self.told.as_ref());
        self.told = Some(news.clone());
        self.core.send(Event::Prefixes(news)).await.is_ok()
    }
}

fn log(news: &PrefixNews, former: Option<&PrefixNews>) {
    let prefixes: Vec<String> = news.prefixes.iter().map(|a| a.prefix.to_string()).collect();
    let prefixes = prefixes.join(", ");
    match &*news.fault {
        "" => info!(source = &*news.source, prefixes, "the pod CIDRs of this node"),
        fault if former.is_none_or(|former| former.fault != fault) => {
            warn!(source = &*news.source, prefixes, "{fault}; what was said before holds");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
