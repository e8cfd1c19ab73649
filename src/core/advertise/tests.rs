//! Sources that come, change and go, and what is announced of them.

use bgp::rib::LocalIdentity;
use bgp::types::{Asn, RouterId};
use bgp::wire::Community;

use super::*;
use crate::config::FileSource;
use crate::config::PrefixKind::{self, Blocks, Prefixes, Services};

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn announcement(prefix: &str, kind: PrefixKind) -> Announcement {
    Announcement { prefix: net(prefix), kind, attrs: OwnAttrs::default() }
}

struct Speaker {
    advertiser: Advertiser,
    rib: Rib,
}

impl Speaker {
    fn new(fixed: &[(&str, PrefixKind)]) -> Speaker {
        let address = Ipv4Addr::new(10, 0, 0, 1);
        let (asn, router_id) = (Asn(65000), RouterId(address));
        let identity = LocalIdentity { asn, router_id, cluster_id: address, addresses: Box::default() };
        let mut speaker = Speaker { advertiser: Advertiser::new(&own(fixed)), rib: Rib::new(identity, 1) };
        speaker.settle();
        speaker
    }

    fn say(&mut self, source: &str, prefixes: &[(&str, PrefixKind)]) -> Vec<String> {
        let prefixes = prefixes.iter().map(|(prefix, kind)| announcement(prefix, *kind)).collect();
        self.advertiser.news(PrefixNews { source: source.into(), prefixes, fault: String::new() });
        self.settle()
    }

    /// What is announced now.
    fn settle(&mut self) -> Vec<String> {
        self.advertiser.settle(7, &mut self.rib);
        let from = bgp::rib::DestinationId(0);
        let v4 = self
            .rib
            .ipv4
            .page(from, 99)
            .filter(|(_, d)| d.best().is_some())
            .map(|(_, d)| d.nlri().to_string());
        let v6 = self
            .rib
            .ipv6
            .page(from, 99)
            .filter(|(_, d)| d.best().is_some())
            .map(|(_, d)| d.nlri().to_string());
        let mut all: Vec<String> = v4.chain(v6).collect();
        all.sort();
        all
    }

    fn effects(&mut self) -> (Vec<String>, bool) {
        let Effects { prefixes, all } = self.advertiser.take_effects();
        (prefixes.iter().map(ToString::to_string).collect(), all)
    }
}

/// With two files beside what is fixed.
fn own(fixed: &[(&str, PrefixKind)]) -> OwnPrefixes {
    let fixed = fixed.iter().map(|(prefix, kind)| announcement(prefix, *kind)).collect();
    OwnPrefixes { fixed, files: vec![file("/a"), file("/b")], ..OwnPrefixes::default() }
}

fn file(path: &str) -> FileSource {
    FileSource { path: path.into(), kind: Prefixes, attrs: OwnAttrs::default() }
}

#[test]
fn a_prefix_stays_until_every_source_is_done_with_it() {
    let mut speaker = Speaker::new(&[("10.244.1.0/24", Prefixes)]);
    assert_eq!(
        speaker.say("file /a", &[("10.244.1.0/24", Prefixes), ("fd00::/64", Prefixes)]),
        ["10.244.1.0/24", "fd00::/64"]
    );
    let row = speaker.advertiser.row(net("10.244.1.0/24")).unwrap();
    assert_eq!(row.sources.iter().map(|s| &**s).collect::<Vec<_>>(), ["configuration", "file /a"]);
    speaker.advertiser.configure(&own(&[]));
    assert_eq!(speaker.settle(), ["10.244.1.0/24", "fd00::/64"]);
    assert_eq!(speaker.say("file /a", &[]), [] as [&str; 0]);
}

#[test]
fn late_news_of_a_source_that_is_no_longer_named_are_not_listened_to() {
    let mut speaker = Speaker::new(&[]);
    assert_eq!(speaker.say("file /a", &[("10.244.1.0/24", Prefixes)]), ["10.244.1.0/24"]);
    speaker.advertiser.configure(&OwnPrefixes::default());
    assert_eq!(speaker.settle(), [] as [&str; 0]);
    assert_eq!(speaker.say("file /a", &[("10.244.1.0/24", Prefixes)]), [] as [&str; 0]);
    assert!(speaker.advertiser.is_complete());
}

#[test]
fn a_block_is_announced_in_place_of_what_is_longer() {
    let mut speaker = Speaker::new(&[]);
    let pods = [("10.244.1.4/32", Prefixes), ("10.244.1.5/32", Prefixes), ("10.244.2.1/32", Prefixes)];
    assert_eq!(speaker.say("file /a", &pods).len(), 3);
    assert_eq!(speaker.say("file /b", &[("10.244.1.0/26", Blocks)]), ["10.244.1.0/26", "10.244.2.1/32"]);
    assert_eq!(speaker.effects(), (vec!["10.244.1.0/26".to_owned()], false));
    assert!(speaker.advertiser.is_blackhole(net("10.244.1.0/26")));
    let row = speaker.advertiser.row(net("10.244.1.5/32")).unwrap();
    assert_eq!(row.withheld_by, Some(net("10.244.1.0/26")));
    assert_eq!(speaker.say("file /b", &[]).len(), 3);
    assert_eq!(speaker.effects().0, ["10.244.1.0/26"]);
    assert!(!speaker.advertiser.is_blackhole(net("10.244.1.0/26")));
}

#[test]
fn a_block_of_one_address_has_no_blackhole_and_withholds_nothing() {
    let mut speaker = Speaker::new(&[("10.244.1.1/32", Blocks), ("10.244.1.2/32", Prefixes)]);
    assert_eq!(speaker.settle().len(), 2);
    assert!(!speaker.advertiser.is_blackhole(net("10.244.1.1/32")));
}

#[test]
fn services_keep_received_routes_out() {
    let mut speaker = Speaker::new(&[("10.96.0.0/12", Services)]);
    assert_eq!(speaker.effects(), (vec![], true));
    assert_eq!(speaker.advertiser.keeps_out(net("10.96.7.7/32")), Some(net("10.96.0.0/12")));
    assert_eq!(speaker.advertiser.keeps_out(net("10.0.0.0/8")), None, "only what is within");
    speaker.say("file /a", &[("192.0.2.1/32", Services)]);
    assert_eq!(speaker.effects(), (vec!["192.0.2.1/32".to_owned()], false));
    assert_eq!(speaker.advertiser.keeps_out(net("192.0.2.1/32")), Some(net("192.0.2.1/32")));
    let no_install = OwnPrefixes { no_install: [net("10.97.0.0/16")].into(), ..own(&[]) };
    speaker.advertiser.configure(&no_install);
    assert_eq!(speaker.settle(), ["192.0.2.1/32"]);
    assert_eq!(speaker.effects(), (vec![], true));
    assert_eq!(speaker.advertiser.keeps_out(net("10.97.1.0/24")), Some(net("10.97.0.0/16")));
    assert_eq!(speaker.advertiser.keeps_out(net("10.96.1.0/24")), None);
}

#[test]
fn the_first_source_says_the_attributes() {
    let mut speaker = Speaker::new(&[]);
    let mut with = |source: &str, community: Option<u32>| {
        let communities = community.map(Community).into_iter().collect();
        let attrs = OwnAttrs { communities, local_pref: Some(200), med: Some(3), ..OwnAttrs::default() };
        let prefixes = vec![Announcement { attrs, ..announcement("10.244.1.0/24", Prefixes) }];
        speaker.advertiser.news(PrefixNews { source: source.into(), prefixes, fault: String::new() });
        speaker.settle();
        let (_, destination) = speaker.rib.ipv4.get("10.244.1.0/24".parse().unwrap()).unwrap();
        let attrs = destination.best().unwrap().attrs.clone();
        assert_eq!((attrs.local_pref, attrs.med, attrs.as_path.asns().count()), (Some(200), Some(3), 0));
        attrs.communities.first().map(|community| community.0)
    };
    assert_eq!(with("file /a", Some(1)), Some(1));
    assert_eq!(with("file /b", Some(2)), Some(1));
    assert_eq!(with("file /a", None), None);
}

#[test]
fn it_is_complete_when_every_configured_source_has_spoken() {
    let mut advertiser = Advertiser::new(&OwnPrefixes { files: vec![file("/a")], ..OwnPrefixes::default() });
    assert!(!advertiser.is_complete());
    let fault = "no such file".to_owned();
    advertiser.news(PrefixNews { source: "file /a".into(), prefixes: Vec::new(), fault });
    assert!(advertiser.is_complete());
    assert_eq!(advertiser.sources()[1].fault, "no such file");
    advertiser.configure(&OwnPrefixes::default());
    assert_eq!(advertiser.sources().len(), 1, "what is no longer configured is gone");
}
