//! A message back into octets.

use bgp::wire::message::{Message, keepalive};
use bgp::wire::{Encoding, Nlris, Reach, Update, update};
use bytes::BytesMut;

/// The octets of a message.
pub(crate) fn message(message: &Message, encoding: &Encoding) -> Vec<u8> {
    let mut out = BytesMut::new();
    match message {
        Message::Open(open) => open.emit(&mut out),
        Message::Update(update) => write_update(update, encoding, &mut out),
        Message::Notification(notification) => notification.emit(&mut out),
        Message::Keepalive => out.extend_from_slice(keepalive()),
        Message::RouteRefresh(refresh) => refresh.emit(&mut out),
    }
    out.to_vec()
}

fn write_update(update: &Update, encoding: &Encoding, out: &mut BytesMut) {
    if let Some(family) = update.end_of_rib {
        update::end_of_rib(out, family);
    }
    for nlri in &update.unreach {
        match nlri {
            Nlris::Ipv4(routes) => update::withdraw(out, encoding, routes),
            Nlris::Ipv6(routes) => update::withdraw(out, encoding, routes),
            Nlris::Evpn(routes) => update::withdraw(out, encoding, routes),
        };
    }
    for Reach { attrs, nlri } in &update.reach {
        match nlri {
            Nlris::Ipv4(routes) => update::announce(out, encoding, attrs, routes),
            Nlris::Ipv6(routes) => update::announce(out, encoding, attrs, routes),
            Nlris::Evpn(routes) => update::announce(out, encoding, attrs, routes),
        };
    }
}
