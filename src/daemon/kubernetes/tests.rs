//! What is told of the Node, and what a later run finds in the file.

use super::*;
use crate::config::{OwnAttrs, PrefixKind};

fn following(cidrs: &[&str]) -> View {
    let pod_cidrs = Some(cidrs.iter().map(|cidr| cidr.parse().unwrap()).collect());
    View { pod_cidrs, link: Link::Following }
}

fn lost(reason: &str) -> View {
    View { link: Link::Lost(reason.into()), ..View::default() }
}

/// What core is told of these views, one after the other: prefixes and the fault.
async fn told(memory: &mut Memory, views: &[View]) -> Vec<String> {
    let attrs = OwnAttrs { med: Some(3), ..OwnAttrs::default() };
    let kind = PrefixKind::Blocks;
    let source = KubernetesSource { node: None, kubeconfig: None, state_file: None, kind, attrs };
    let (core, mut events) = mpsc::channel(9);
    let mut teller = Teller { source: &source, memory, core: &core, told: None };
    for view in views {
        assert!(teller.hear(view.clone()).await);
    }
    drop(core);
    let mut all = Vec::new();
    while let Some(Event::Prefixes(news)) = events.recv().await {
        assert!(news.prefixes.iter().all(|a| a.attrs.med == Some(3) && a.kind == PrefixKind::Blocks));
        let prefixes: Vec<String> = news.prefixes.iter().map(|a| a.prefix.to_string()).collect();
        all.push(format!("{} | {}", prefixes.join(" "), news.fault));
    }
    all
}

#[tokio::test]
async fn a_set_stays_until_the_server_says_another() {
    let views = [
        View::default(),
        following(&["10.244.1.0/24", "fd00::/64"]),
        lost("away"),
        following(&["10.244.1.0/24", "fd00::/64"]),
        following(&[]),
    ];
    let expected =
        ["10.244.1.0/24 fd00::/64 | ", "10.244.1.0/24 fd00::/64 | away", "10.244.1.0/24 fd00::/64 | ", " | "];
    assert_eq!(told(&mut Memory::default(), &views).await, expected);
}

#[tokio::test]
async fn a_new_follower_that_hears_nothing_tells_what_the_former_one_heard() {
    let mut memory = Memory::default();
    memory.recall("worker", None);
    told(&mut memory, &[following(&["10.244.1.0/24"])]).await;
    memory.recall("worker", None);
    assert_eq!(told(&mut memory, &[lost("away")]).await, ["10.244.1.0/24 | away"]);
    memory.recall("another", None);
    assert_eq!(told(&mut memory, &[lost("away")]).await, [" | away"]);
}

#[tokio::test]
async fn a_cidr_that_no_pods_can_have_changes_nothing() {
    let views = [
        following(&["10.244.1.0/24"]),
        following(&["10.244.2.0/24", "0.0.0.0/0"]),
        following(&["fe80::/64"]),
    ];
    let expected = [
        "10.244.1.0/24 | ",
        "10.244.1.0/24 | the Node has the pod CIDR 0.0.0.0/0, which no pods can have",
        "10.244.1.0/24 | the Node has the pod CIDR fe80::/64, which no pods can have",
    ];
    assert_eq!(told(&mut Memory::default(), &views).await, expected);
}

#[test]
fn the_node_is_who_is_configured() {
    let attrs = OwnAttrs::default();
    let named = |node: Option<&str>| KubernetesSource {
        node: node.map(str::to_owned),
        kubeconfig: None,
        state_file: None,
        kind: PrefixKind::Prefixes,
        attrs: attrs.clone(),
    };
    assert_eq!(own_node(&named(Some("worker-7"))).as_deref(), Ok("worker-7"));
    assert!(own_node(&named(Some("Worker,x=y"))).unwrap_err().contains("native.kubernetes.node"));
}
