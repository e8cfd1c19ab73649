//! From packed routes to messages: the one place where the export meets the wire format.

use bytes::BytesMut;

use crate::types::Family;
use crate::wire::update::{EncodedAttrs, Encoding, end_of_rib, withdraw};
use crate::wire::{Attrs, Nlri, Route, RouteRefresh};

use super::batch::{Audience, Batch, Segment};

/// Writes a batch: messages one behind the other in one buffer, cut into segments where the audience changes.
#[derive(Debug)]
pub(super) struct BatchWriter {
    buffer: BytesMut,
    segments: Vec<Segment>,
    /// For whom the messages in the buffer are, and how many they are.
    current: Option<Current>,
}

/// The segment that is being written.
#[derive(Debug)]
struct Current {
    audience: Audience,
    updates: u32,
    refreshes: u32,
    routes: u32,
    /// Of its routes, those that are withdrawn because their attributes fit into no message.
    oversized: u32,
}

impl BatchWriter {
    pub(super) fn with_capacity(octets: usize) -> BatchWriter {
        BatchWriter { buffer: BytesMut::with_capacity(octets), segments: Vec::new(), current: None }
    }

    /// Announces routes. Where the attributes leave no room for even one in the longest message that was
    /// agreed, the routes are withdrawn instead: the receiver must not go on with older ones.
    pub(super) fn announce<N: Nlri>(
        &mut self,
        audience: Audience,
        encoding: &Encoding,
        attrs: &Attrs,
        mut routes: &[Route<N>],
    ) {
        let encoded = EncodedAttrs::new(encoding, attrs, N::FAMILY);
        while !routes.is_empty() {
            self.begin(audience);
            let fitted = encoded.announce(&mut self.buffer, routes);
            if fitted == 0 {
                self.current.iter_mut().for_each(|current| current.oversized += routes.len() as u32);
                return self.withdraw(audience, encoding, routes);
            }
            self.count_update(fitted);
            routes = routes.get(fitted..).unwrap_or_default();
        }
    }

    /// Withdraws routes.
    pub(super) fn withdraw<N: Nlri>(
        &mut self,
        audience: Audience,
        encoding: &Encoding,
        mut routes: &[Route<N>],
    ) {
        while !routes.is_empty() {
            self.begin(audience);
            let fitted = withdraw(&mut self.buffer, encoding, routes);
            if fitted == 0 {
                return;
            }
            self.count_update(fitted);
            routes = routes.get(fitted..).unwrap_or_default();
        }
    }

    /// Says that this was all there is (RFC 4724 section 2).
    pub(super) fn end_of_rib(&mut self, family: Family) {
        self.begin(Audience::All);
        end_of_rib(&mut self.buffer, family);
        self.count_update(0);
    }

    /// Marks the beginning or the end of what is sent again (RFC 7313 section 4).
    pub(super) fn refresh_mark(&mut self, family: Family, subtype: u8) {
        self.begin(Audience::All);
        RouteRefresh::new(family, subtype).emit(&mut self.buffer);
        if let Some(current) = &mut self.current {
            current.refreshes += 1;
        }
    }

    /// The batch; `None` if nothing was written.
    pub(super) fn finish(mut self, family: Family) -> Option<Batch> {
        self.cut();
        (!self.segments.is_empty()).then_some(Batch { family, segments: self.segments })
    }

    fn begin(&mut self, audience: Audience) {
        if self.current.as_ref().is_none_or(|current| current.audience != audience) {
            self.cut();
            self.current = Some(Current { audience, updates: 0, refreshes: 0, routes: 0, oversized: 0 });
        }
    }

    fn count_update(&mut self, routes: usize) {
        if let Some(current) = &mut self.current {
            current.updates += 1;
            current.routes += routes as u32;
        }
    }

    fn cut(&mut self) {
        let bytes = self.buffer.split().freeze();
        if let Some(Current { audience, updates, refreshes, routes, oversized }) = self.current.take()
            && updates + refreshes > 0
        {
            self.segments.push(Segment { audience, bytes, updates, refreshes, routes, oversized });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rib::testing::{attrs, route};
    use crate::types::PeerId;
    use crate::wire::Community;

    #[test]
    fn a_segment_for_each_audience() {
        let mut writer = BatchWriter::with_capacity(0);
        let encoding = Encoding::default();
        let (all, but_one) = (Audience::All, Audience::Except(PeerId(1)));
        writer.withdraw(all, &encoding, &[route(0)]);
        writer.announce(all, &encoding, &attrs(&[1]), &[route(1)]);
        writer.announce(but_one, &encoding, &attrs(&[1]), &[route(2)]);
        writer.end_of_rib(Family::Ipv4Unicast);
        writer.refresh_mark(Family::Ipv4Unicast, RouteRefresh::END);
        let batch = writer.finish(Family::Ipv4Unicast).unwrap();
        let segments: Vec<_> = batch.segments.iter().map(|s| (s.audience, s.updates, s.refreshes)).collect();
        assert_eq!(segments, [(all, 2, 0), (but_one, 1, 0), (all, 1, 1)]);
        assert_eq!(batch.segments_for(PeerId(1)).count(), 2);
    }

    #[test]
    fn attributes_that_no_message_holds_withdraw() {
        let mut writer = BatchWriter::with_capacity(0);
        let large = Attrs { communities: vec![Community(1); 2000].into(), ..attrs(&[1]) };
        writer.announce(Audience::All, &Encoding::default(), &large, &[route(0)]);
        let batch = writer.finish(Family::Ipv4Unicast).unwrap();
        let mut withdrawal = BytesMut::new();
        withdraw(&mut withdrawal, &Encoding::default(), &[route(0)]);
        assert_eq!((&batch.segments[0].bytes[..], batch.segments[0].oversized), (&withdrawal[..], 1));
    }

    #[test]
    fn nothing_is_no_batch() {
        assert!(BatchWriter::with_capacity(9).finish(Family::L2vpnEvpn).is_none());
    }
}
