//! What a message says, one field a line.

use std::fmt::{Display, Write as _};

use bgp::wire::message::Message;
use bgp::wire::{
    Attrs, EvpnBody, EvpnKey, NextHop, Nlri, Nlris, Open, PmsiTunnel, Reach, Route, Update, WireError,
};

/// A message.
pub(crate) fn message(message: &Message) -> String {
    match message {
        Message::Open(open) => open_text(open),
        Message::Update(update) => update_text(update),
        Message::Notification(notification) => format!("NOTIFICATION {notification}"),
        Message::Keepalive => "KEEPALIVE".to_owned(),
        Message::RouteRefresh(r) => format!("ROUTE-REFRESH {}/{} subtype {}", r.afi.0, r.safi.0, r.subtype),
    }
}

/// What is answered to octets that end the session.
pub(crate) fn refusal(error: &WireError) -> String {
    let data: Vec<String> = error.notification().data.iter().map(|o| format!("{o:02x}")).collect();
    let text = format!("NOTIFICATION {}/{} {}\n  {error}", error.code, error.subcode, data.join(" "));
    text.replace(" \n", "\n")
}

fn open_text(open: &Open) -> String {
    let Open { asn, hold_time, router_id, capabilities } = open;
    let mut text = format!("OPEN as {asn} hold {hold_time} id {router_id}");
    for capability in capabilities {
        write!(text, "\n  {capability}").unwrap();
    }
    text
}

fn update_text(update: &Update) -> String {
    let mut text = "UPDATE".to_owned();
    for nlri in &update.unreach {
        routes_text(&mut text, "withdraw", nlri);
    }
    for Reach { attrs, nlri } in &update.reach {
        attrs_text(&mut text, attrs);
        routes_text(&mut text, "announce", nlri);
    }
    if let Some(family) = update.end_of_rib {
        write!(text, "\n  end-of-rib {family}").unwrap();
    }
    for fault in &update.faults {
        write!(text, "\n  fault {fault}").unwrap();
    }
    text
}

fn attrs_text(text: &mut String, attrs: &Attrs) {
    write!(text, "\n  origin {}\n  as-path {}", attrs.origin.name(), attrs.as_path).unwrap();
    *text = text.trim_end().to_owned();
    match attrs.next_hop {
        NextHop::Ipv6LinkLocal(global, local) => some(text, "next-hop", Some(format!("{global} {local}"))),
        next_hop => some(text, "next-hop", Some(next_hop.address())),
    }
    some(text, "med", attrs.med);
    some(text, "local-pref", attrs.local_pref);
    some(text, "atomic-aggregate", attrs.atomic_aggregate.then_some("yes"));
    some(text, "aggregator", attrs.aggregator.map(|a| format!("{} {}", a.asn, a.router_id)));
    list(text, "communities", &attrs.communities);
    some(text, "originator", attrs.originator_id);
    list(text, "cluster-list", &attrs.cluster_list);
    list(text, "ext-communities", &attrs.ext_communities);
    some(text, "pmsi", attrs.pmsi.as_deref().map(pmsi_text));
    list(text, "large-communities", &attrs.large_communities);
    some(text, "only-to-customer", attrs.only_to_customer);
    for unknown in &attrs.unknown {
        some(text, "unknown", Some(format!("{} {:02x?}", unknown.kind, unknown.value)));
    }
}

fn some(text: &mut String, name: &str, value: Option<impl Display>) {
    if let Some(value) = value {
        write!(text, "\n  {name} {value}").unwrap();
    }
}

fn list<T: Display>(text: &mut String, name: &str, values: &[T]) {
    let joined: Vec<String> = values.iter().map(T::to_string).collect();
    some(text, name, (!values.is_empty()).then(|| joined.join(" ")));
}

fn pmsi_text(pmsi: &PmsiTunnel) -> String {
    match pmsi.ingress_endpoint() {
        Some(endpoint) => format!("ingress-replication {} {endpoint}", pmsi.vni),
        None => format!("type {} {} {:02x?}", pmsi.tunnel_type, pmsi.vni, pmsi.endpoint),
    }
}

fn routes_text(text: &mut String, verb: &str, nlri: &Nlris) {
    match nlri {
        Nlris::Ipv4(routes) => lines(text, verb, routes, |()| String::new()),
        Nlris::Ipv6(routes) => lines(text, verb, routes, |()| String::new()),
        Nlris::Evpn(routes) => lines::<EvpnKey>(text, verb, routes, evpn_body_text),
    }
}

fn lines<N: Nlri>(text: &mut String, verb: &str, routes: &[Route<N>], body: fn(&N::Body) -> String) {
    for Route { nlri, path_id, body: b } in routes {
        let path = if path_id.0 == 0 { String::new() } else { format!(" path {}", path_id.0) };
        let body = if verb == "announce" { body(b) } else { String::new() };
        write!(text, "\n  {verb} {nlri}{path}{body}").unwrap();
    }
}

fn evpn_body_text(body: &EvpnBody) -> String {
    let mut text = String::new();
    if !body.esi.is_zero() {
        write!(text, " esi {}", body.esi).unwrap();
    }
    if let Some(gateway) = body.gateway {
        write!(text, " gateway {gateway}").unwrap();
    }
    if body.label.get() != 0 {
        write!(text, " label {}", body.label).unwrap();
    }
    if let Some(label) = body.label2 {
        write!(text, " label2 {label}").unwrap();
    }
    text
}
