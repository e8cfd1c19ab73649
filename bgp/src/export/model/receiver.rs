//! A peer that reads what it is sent, by the receiver's own parser.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::Ipv4Net;

use super::member::encoding;
use super::{Batch, FAMILY};
use crate::rib::SourceKind;
use crate::rib::testing::source;
use crate::types::{PathId, PeerId};
use crate::wire::message::{HEADER_LEN, MAX_MESSAGE, Message, frame};
use crate::wire::update::{PeerKind, UpdateContext};
use crate::wire::{Attrs, Community, Nlris, Route, RouteRefresh, Update};

/// What a receiver holds routes by.
pub(super) type Place = (Ipv4Net, PathId);

/// What a peer has made of the bytes it was sent.
#[derive(Default)]
pub(super) struct Receiver {
    pub(super) routes: BTreeMap<Place, Attrs>,
    /// While it is sent everything again: what it has not been sent since.
    pub(super) stale: Option<BTreeSet<Place>>,
    pub(super) ends_of_rib: u32,
    /// How many announcements there were.
    pub(super) announced: usize,
    pub(super) unsent: u32,
    pub(super) messages: u32,
}

impl Receiver {
    pub(super) fn take(&mut self, me: PeerId, batch: &Batch) {
        for segment in batch.segments_for(me) {
            let said = decode(me, &segment.bytes);
            assert_eq!(said.len(), (segment.updates + segment.refreshes) as usize);
            self.messages += segment.updates;
            for said in said {
                match said {
                    Said::Announce(attrs, keys) => {
                        self.renew(&keys);
                        assert_ne!(*attrs.communities, [Community(me.0)], "its own route");
                        self.announced += keys.len();
                        self.routes.extend(keys.into_iter().map(|place| (place, attrs.clone())));
                    }
                    Said::Withdraw(keys) => {
                        self.renew(&keys);
                        for key in keys {
                            assert!(self.routes.remove(&key).is_some(), "needless: {key:?}");
                        }
                    }
                    Said::EndOfRib => self.ends_of_rib += 1,
                    Said::RefreshBegins => self.stale = Some(self.routes.keys().copied().collect()),
                    Said::RefreshEnds => assert_eq!(self.stale.take(), Some(BTreeSet::new()), "{me}"),
                }
            }
        }
    }

    fn renew(&mut self, keys: &[Place]) {
        let stale = self.stale.iter_mut();
        stale.for_each(|stale| stale.retain(|key| !keys.contains(key)));
    }
}

enum Said {
    Announce(Attrs, Vec<Place>),
    Withdraw(Vec<Place>),
    EndOfRib,
    RefreshBegins,
    RefreshEnds,
}

/// The messages, as the receiver's parser takes them.
fn decode(me: PeerId, mut bytes: &[u8]) -> Vec<Said> {
    let kind = if source(me).kind == SourceKind::Ibgp { PeerKind::Ibgp } else { PeerKind::Ebgp };
    let families = [FAMILY].into_iter().collect();
    let context = UpdateContext { encoding: encoding(me), kind, families };
    let mut said = Vec::new();
    while let Some((kind, length)) = frame(bytes, MAX_MESSAGE).expect("a sound header") {
        let (message, rest) = bytes.split_at(length);
        said.push(match Message::parse(kind, &message[HEADER_LEN..], &context).expect("a sound message") {
            Message::Update(update) => {
                assert!(update.faults.is_empty(), "{:?}", update.faults);
                Said::from(update)
            }
            Message::RouteRefresh(mark) if mark == RouteRefresh::new(FAMILY, 1) => Said::RefreshBegins,
            Message::RouteRefresh(mark) if mark == RouteRefresh::new(FAMILY, 2) => Said::RefreshEnds,
            other => panic!("{other:?}"),
        });
        bytes = rest;
    }
    assert!(bytes.is_empty(), "whole messages");
    said
}

impl From<Update> for Said {
    fn from(update: Update) -> Said {
        let keys = |nlri| match nlri {
            Nlris::Ipv4(routes) => routes.into_iter().map(|r: Route<Ipv4Net>| (r.nlri, r.path_id)).collect(),
            other => panic!("of another family: {other:?}"),
        };
        match (update.reach.into_iter().next(), update.unreach.into_iter().next(), update.end_of_rib) {
            (Some(reach), None, None) => Said::Announce(reach.attrs, keys(reach.nlri)),
            (None, Some(unreach), None) => Said::Withdraw(keys(unreach)),
            (None, None, Some(FAMILY)) => Said::EndOfRib,
            other => panic!("not one thing: {other:?}"),
        }
    }
}
