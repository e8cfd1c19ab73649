//! The vectors in `../vectors`: octets, and what they say, both ways.
//!
//! A vector is a paragraph of lines. A line that begins with blanks goes on with the field above it.
//!
//! ```text
//! name  imet                   what the test calls it
//! from  ibgp                   optional: whose message it is: ibgp (as without the line) or ebgp,
//!                              then any of as2, add-path
//! hex   ffff .. 02  ; header   the octets; behind a semicolon a remark
//! text  UPDATE                 what they say
//!         announce ...
//! only  read                   optional: nobody here would write it this way
//! ```

use std::fmt::Write as _;

use bgp::types::{Family, FamilySet};
use bgp::wire::message::{HEADER_LEN, Message, frame, keepalive};
use bgp::wire::{
    Attrs, Encoding, EvpnBody, EvpnKey, Nlri, Nlris, Open, PeerKind, Reach, Route, Update, UpdateContext,
    update,
};
use bytes::BytesMut;

use crate::message::{context, hex};

const FILES: [(&str, &str); 4] = [
    ("open", include_str!("../vectors/open.txt")),
    ("update", include_str!("../vectors/update.txt")),
    ("evpn", include_str!("../vectors/evpn.txt")),
    ("faults", include_str!("../vectors/faults.txt")),
];

#[derive(Default)]
struct Vector {
    name: String,
    from: String,
    hex: String,
    text: String,
    only: String,
}

impl Vector {
    fn new(paragraph: &str) -> Vector {
        let mut vector = Vector::default();
        let mut field = &mut vector.name;
        for line in paragraph.lines() {
            let (key, value) = line.split_at(line.len().min(6));
            field = match key.trim_end() {
                "name" => &mut vector.name,
                "from" => &mut vector.from,
                "hex" => &mut vector.hex,
                "text" => &mut vector.text,
                "only" => &mut vector.only,
                "" => field,
                _ => panic!("no such field: {line}"),
            };
            if !field.is_empty() {
                field.push('\n');
            }
            field.push_str(value);
        }
        vector
    }

    fn octets(&self) -> Vec<u8> {
        let digits = |line: &str| line.split(';').next().unwrap_or_default().to_owned();
        hex(&self.hex.lines().map(digits).collect::<String>())
    }

    fn context(&self) -> UpdateContext {
        let mut ctx = context(PeerKind::Ibgp);
        for word in self.from.split_whitespace() {
            match word {
                "ibgp" => ctx.kind = PeerKind::Ibgp,
                "ebgp" => ctx.kind = PeerKind::Ebgp,
                "as2" => ctx.encoding.as4 = false,
                "extended-next-hop" => ctx.encoding.extended_next_hop = true,
                "add-path" => ctx.encoding.add_path = Family::ALL.into_iter().collect::<FamilySet>(),
                _ => panic!("{}: {word}?", self.name),
            }
        }
        ctx
    }
}

#[test]
fn every_vector_both_ways() {
    let mut wrong = String::new();
    for (file, content) in FILES {
        let vectors = content.split("\n\n").map(str::trim_end).filter(|p| p.contains("name  "));
        for paragraph in vectors {
            let lines: Vec<_> = paragraph.lines().filter(|line| !line.starts_with('#')).collect();
            let vector = Vector::new(&lines.join("\n"));
            if let Err(difference) = check(&vector) {
                writeln!(wrong, "{file}/{}:\n{difference}\n", vector.name).unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

fn check(vector: &Vector) -> Result<(), String> {
    let (octets, ctx) = (vector.octets(), vector.context());
    let message = read(&octets, &ctx);
    let said = match &message {
        Ok(message) => text(message),
        Err(said) => said.clone(),
    };
    if said != vector.text {
        return Err(format!("says\n{said}\nand not\n{}", vector.text));
    }
    match message {
        Ok(message) if vector.only != "read" => {
            let written = write(&message, &ctx.encoding);
            let same = written == octets;
            same.then_some(()).ok_or_else(|| format!("is written\n{written:02x?}\nand not\n{octets:02x?}"))
        }
        _ => Ok(()),
    }
}

fn read(octets: &[u8], ctx: &UpdateContext) -> Result<Message, String> {
    let refusal = |error: bgp::wire::WireError| {
        let data: Vec<String> = error.notification().data.iter().map(|o| format!("{o:02x}")).collect();
        format!("NOTIFICATION {}/{} {}\n  {error}", error.code, error.subcode, data.join(" "))
            .replace(" \n", "\n")
    };
    let (kind, length) = frame(octets, 4096).map_err(refusal)?.ok_or("incomplete")?;
    if length != octets.len() {
        return Err(format!("length field {length:04x}, octets {:04x}", octets.len()));
    }
    Message::parse(kind, &octets[HEADER_LEN..], ctx).map_err(refusal)
}

fn text(message: &Message) -> String {
    match message {
        Message::Open(open) => open_text(open),
        Message::Update(update) => update_text(update),
        Message::Notification(notification) => format!("NOTIFICATION {notification}"),
        Message::Keepalive => "KEEPALIVE".to_owned(),
        Message::RouteRefresh(r) => format!("ROUTE-REFRESH {}/{} subtype {}", r.afi.0, r.safi.0, r.subtype),
    }
}

fn open_text(open: &Open) -> String {
    let Open { asn, hold_time, router_id, capabilities } = open;
    let mut text = format!("OPEN as {asn} hold {hold_time} id {router_id}");
    for capability in capabilities {
        write!(text, "\n  {capability:?}").unwrap();
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
    fn some(text: &mut String, name: &str, value: Option<impl std::fmt::Display>) {
        if let Some(value) = value {
            write!(text, "\n  {name} {value}").unwrap();
        }
    }
    fn list<T: std::fmt::Display>(text: &mut String, name: &str, values: &[T]) {
        let joined: Vec<String> = values.iter().map(T::to_string).collect();
        some(text, name, (!values.is_empty()).then(|| joined.join(" ")));
    }
    write!(text, "\n  origin {}\n  as-path {}", attrs.origin.name(), attrs.as_path).unwrap();
    *text = text.trim_end().to_owned();
    match attrs.next_hop {
        bgp::wire::NextHop::Ipv6LinkLocal(global, local) => {
            some(text, "next-hop", Some(format!("{global} {local}")));
        }
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
    let pmsi = attrs.pmsi.as_deref().map(|p| match p.ingress_endpoint() {
        Some(endpoint) => format!("ingress-replication {} {endpoint}", p.vni),
        None => format!("type {} {} {:02x?}", p.tunnel_type, p.vni, p.endpoint),
    });
    some(text, "pmsi", pmsi);
    list(text, "large-communities", &attrs.large_communities);
    for unknown in &attrs.unknown {
        some(text, "unknown", Some(format!("{} {:02x?}", unknown.kind, unknown.value)));
    }
}

fn routes_text(text: &mut String, verb: &str, nlri: &Nlris) {
    fn lines<N: Nlri>(text: &mut String, verb: &str, routes: &[Route<N>], body: fn(&N::Body) -> String) {
        for Route { nlri, path_id, body: b } in routes {
            let path = if path_id.0 == 0 { String::new() } else { format!(" path {}", path_id.0) };
            let body = if verb == "announce" { body(b) } else { String::new() };
            write!(text, "\n  {verb} {nlri}{path}{body}").unwrap();
        }
    }
    match nlri {
        Nlris::Ipv4(routes) => lines(text, verb, routes, |()| String::new()),
        Nlris::Ipv6(routes) => lines(text, verb, routes, |()| String::new()),
        Nlris::Evpn(routes) => lines::<EvpnKey>(text, verb, routes, evpn_body_text),
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

fn write(message: &Message, encoding: &Encoding) -> Vec<u8> {
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
