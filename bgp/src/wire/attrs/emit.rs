//! Path attributes into octets, in the order of their type codes (RFC 4271 section 5).
//!
//! NEXT_HOP and MP_REACH_NLRI are not here: they depend on the family, and the latter holds routes.

use std::net::Ipv4Addr;

use bytes::{BufMut, BytesMut};

use crate::types::Asn;
use crate::wire::as_path::AsPath;

use super::code::{self, EXTENDED_LENGTH, OPTIONAL, TRANSITIVE};
use super::{Aggregator, Attrs};

/// Writes every attribute of the set. `next_hop` is what NEXT_HOP is to say, where there is to be one.
pub(in crate::wire) fn put(out: &mut BytesMut, attrs: &Attrs, next_hop: Option<Ipv4Addr>, as4: bool) {
    let mut writer = Writer { out, unknown: &attrs.unknown };
    writer.fixed(TRANSITIVE, code::ORIGIN, &[attrs.origin as u8]);
    writer.as_path(&attrs.as_path, as4);
    writer.some(TRANSITIVE, code::NEXT_HOP, next_hop.map(|a| a.octets()));
    writer.some(OPTIONAL, code::MULTI_EXIT_DISC, attrs.med.map(u32::to_be_bytes));
    writer.some(TRANSITIVE, code::LOCAL_PREF, attrs.local_pref.map(u32::to_be_bytes));
    writer.some(TRANSITIVE, code::ATOMIC_AGGREGATE, attrs.atomic_aggregate.then_some([]));
    writer.aggregator(attrs.aggregator, as4);
    writer.list(OPTIONAL | TRANSITIVE, code::COMMUNITIES, &attrs.communities, |c| c.0.to_be_bytes());
    writer.some(OPTIONAL, code::ORIGINATOR_ID, attrs.originator_id.map(|id| id.0.octets()));
    writer.list(OPTIONAL, code::CLUSTER_LIST, &attrs.cluster_list, |id| id.octets());
    writer.list(OPTIONAL | TRANSITIVE, code::EXTENDED_COMMUNITIES, &attrs.ext_communities, |c| c.0);
    if !as4 {
        writer.as4_path(&attrs.as_path);
        writer.as4_aggregator(attrs.aggregator);
    }
    if let Some(pmsi) = &attrs.pmsi {
        writer.header(OPTIONAL | TRANSITIVE, code::PMSI_TUNNEL, pmsi.wire_len());
        pmsi.emit(writer.out);
    }
    writer.list(OPTIONAL | TRANSITIVE, code::LARGE_COMMUNITY, &attrs.large_communities, |c| c.octets());
    let mark = attrs.only_to_customer.map(|asn| asn.0.to_be_bytes());
    writer.some(OPTIONAL | TRANSITIVE, code::ONLY_TO_CUSTOMER, mark);
    writer.unknown_before(None);
}

struct Writer<'a> {
    out: &'a mut BytesMut,
    /// Those still to be written, in the order of their codes.
    unknown: &'a [super::UnknownAttr],
}

impl Writer<'_> {
    /// Begins an attribute; whoever has no name and comes before it goes first.
    fn header(&mut self, flags: u8, code: u8, length: usize) {
        self.unknown_before(Some(code));
        put_header(self.out, flags, code, length);
    }

    fn unknown_before(&mut self, code: Option<u8>) {
        while let Some((first, rest)) = self.unknown.split_first()
            && code.is_none_or(|code| first.kind < code)
        {
            put_header(self.out, first.flags, first.kind, first.value.len());
            self.out.put_slice(&first.value);
            self.unknown = rest;
        }
    }

    fn fixed(&mut self, flags: u8, code: u8, value: &[u8]) {
        self.header(flags, code, value.len());
        self.out.put_slice(value);
    }

    fn some<const N: usize>(&mut self, flags: u8, code: u8, value: Option<[u8; N]>) {
        if let Some(value) = value {
            self.fixed(flags, code, &value);
        }
    }

    /// An empty list is no attribute (RFC 7606 section 7.8 and others).
    fn list<T, const N: usize>(&mut self, flags: u8, code: u8, items: &[T], octets: impl Fn(&T) -> [u8; N]) {
        if !items.is_empty() {
            self.header(flags, code, items.len() * N);
            items.iter().for_each(|item| self.out.put_slice(&octets(item)));
        }
    }

    fn as_path(&mut self, path: &AsPath, as4: bool) {
        if as4 {
            self.fixed(TRANSITIVE, code::AS_PATH, path.octets());
        } else {
            self.fixed(TRANSITIVE, code::AS_PATH, &path.two_octet());
        }
    }

    /// RFC 6793 section 4.2.2: only where two octets have lost something, and without confederations.
    fn as4_path(&mut self, path: &AsPath) {
        if path.needs_four_octets() {
            self.fixed(OPTIONAL | TRANSITIVE, code::AS4_PATH, &path.without_confed());
        }
    }

    fn aggregator(&mut self, aggregator: Option<Aggregator>, as4: bool) {
        let Some(Aggregator { asn, router_id }) = aggregator else { return };
        let id = router_id.octets();
        let value = if as4 {
            [&asn.0.to_be_bytes()[..], &id].concat()
        } else {
            [&asn.as_two_octets().to_be_bytes()[..], &id].concat()
        };
        self.fixed(OPTIONAL | TRANSITIVE, code::AGGREGATOR, &value);
    }

    fn as4_aggregator(&mut self, aggregator: Option<Aggregator>) {
        let Some(Aggregator { asn, router_id }) = aggregator else { return };
        if Asn(asn.as_two_octets().into()) != asn {
            let value = [asn.0.to_be_bytes(), router_id.octets()].concat();
            self.fixed(OPTIONAL | TRANSITIVE, code::AS4_AGGREGATOR, &value);
        }
    }
}

fn put_header(out: &mut BytesMut, flags: u8, code: u8, length: usize) {
    match u8::try_from(length) {
        Ok(length) => out.put_slice(&[flags & !EXTENDED_LENGTH, code, length]),
        Err(_) => {
            out.put_slice(&[flags | EXTENDED_LENGTH, code]);
            // Longer than any message: the packer sees from the whole that nothing fits.
            out.put_u16(u16::try_from(length).unwrap_or(u16::MAX));
        }
    }
}
