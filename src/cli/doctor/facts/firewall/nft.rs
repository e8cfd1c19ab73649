//! The JSON of nftables (libnftables-json(5)).

use serde_json::Value;

use super::{Firewall, Hit, Hook, Ports, Protocol};

/// Reads a ruleset; `None` for what is none.
pub(super) fn parse(text: &str) -> Option<Firewall> {
    let json: Value = serde_json::from_str(text).ok()?;
    let objects = json.get("nftables")?.as_array()?;
    let chains: Vec<&Value> = objects.iter().filter_map(|object| object.get("chain")).collect();
    let mut firewall = Firewall::default();
    for chain in &chains {
        let drops = chain.get("policy").and_then(Value::as_str) == Some("drop");
        if let Some(hook) = hook(chain).filter(|hook| drops && *hook != Hook::Unknown) {
            let place = format!("the policy of {}", place(chain, "name"));
            firewall.hits.push(Hit { hook, port: None, partly: false, place });
        }
    }
    for rule in objects.iter().filter_map(|object| object.get("rule")) {
        let is_its = |chain: &&&Value| {
            let same = |key| chain.get(key) == rule.get(key);
            same("family") && same("table") && chain.get("name") == rule.get("chain")
        };
        let hook = match chains.iter().find(is_its) {
            Some(chain) => hook(chain),
            None => Some(Hook::Unknown),
        };
        if let Some(hook) = hook {
            take(rule, hook, &mut firewall);
        }
    }
    Some(firewall)
}

/// Where a chain's packets are met; `None` for those that are not looked at, since they are not for this node.
fn hook(chain: &Value) -> Option<Hook> {
    match chain.get("hook").and_then(Value::as_str) {
        Some("input" | "prerouting" | "ingress") => Some(Hook::Input),
        Some("output" | "postrouting") => Some(Hook::Output),
        Some(_) => None,
        None => Some(Hook::Unknown),
    }
}

fn place(of: &Value, chain: &str) -> String {
    let word = |key| of.get(key).and_then(Value::as_str).unwrap_or("?");
    format!("nft chain {} {} {}", word("family"), word("table"), word(chain))
}

fn take(rule: &Value, hook: Hook, firewall: &mut Firewall) {
    let (mut port, mut verdict, mut partly) = (None, None, false);
    for part in rule.get("expr").and_then(Value::as_array).into_iter().flatten() {
        let Some((kind, value)) = part.as_object().and_then(|part| part.iter().next()) else { continue };
        match kind.as_str() {
            "match" => match ports(value) {
                Some(found) => port = Some(found),
                None => partly |= !is_about_protocol(value),
            },
            "drop" | "reject" => verdict = Some(false),
            "accept" => verdict = Some(true),
            "counter" | "comment" | "log" => {}
            _ => partly = true,
        }
    }
    match (port, verdict) {
        (Some((protocol, ports)), Some(true)) => firewall.accepted.push((hook, protocol, ports)),
        (Some(port), Some(false)) => {
            let handle = rule.get("handle").and_then(Value::as_u64).unwrap_or_default();
            let place = format!("{} handle {handle}", place(rule, "chain"));
            firewall.hits.push(Hit { hook, port: Some(port), partly, place });
        }
        _ => {}
    }
}

/// Of a match on a destination port: which.
fn ports(part: &Value) -> Option<(Protocol, Ports)> {
    let payload = part.get("left")?.get("payload")?;
    let protocol = Protocol::named(payload.get("protocol")?.as_str()?)?;
    let is_equal = part.get("op").and_then(Value::as_str).is_none_or(|op| op == "==" || op == "in");
    if payload.get("field")?.as_str()? != "dport" || !is_equal {
        return None;
    }
    let right = part.get("right")?;
    let ranges = match right.get("set").and_then(Value::as_array) {
        Some(set) => set.iter().filter_map(range).collect(),
        None => vec![range(right)?],
    };
    Some((protocol, Ports(ranges)))
}

/// A port, or two that others are between.
fn range(value: &Value) -> Option<(u16, u16)> {
    let port = |value: &Value| value.as_u64().and_then(|port| u16::try_from(port).ok());
    match value.get("range").and_then(Value::as_array).map(Vec::as_slice) {
        Some([first, last]) => Some((port(first)?, port(last)?)),
        _ => port(value).map(|port| (port, port)),
    }
}

/// A match on the transport protocol, or the family, goes with one on the port.
fn is_about_protocol(part: &Value) -> bool {
    let left = part.get("left");
    let meta = left.and_then(|left| left.get("meta")?.get("key")?.as_str());
    let field = left.and_then(|left| left.get("payload")?.get("field")?.as_str());
    matches!(meta, Some("l4proto" | "nfproto")) || field == Some("protocol")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ruleset with this chain and this rule in it.
    fn parsed(chain: &str, expr: &str) -> Firewall {
        let text = format!(
            r#"{{"nftables": [{{"metainfo": {{"json_schema_version": 1}}}},
              {{"table": {{"family": "inet", "name": "filter", "handle": 1}}}},
              {{"chain": {{"family": "inet", "table": "filter", "name": "in", "handle": 1, {chain}}}}},
              {{"rule": {{"family": "inet", "table": "filter", "chain": "in", "handle": 4, "expr": [{expr}]}}}}]}}"#
        );
        parse(&text).unwrap()
    }

    const INPUT: &str = r#""type": "filter", "hook": "input", "prio": 0, "policy": "accept""#;

    fn udp_port(right: &str) -> String {
        format!(
            r#"{{"match": {{"op": "==", "left": {{"payload": {{"protocol": "udp", "field": "dport"}}}}, "right": {right}}}}}"#
        )
    }

    #[test]
    fn a_rule_that_drops_a_port() {
        for (right, ports) in [
            ("4789", vec![(4789, 4789)]),
            (r#"{"set": [8472, 4789]}"#, vec![(8472, 8472), (4789, 4789)]),
            (r#"{"range": [4000, 5000]}"#, vec![(4000, 5000)]),
        ] {
            let expr = format!(
                r#"{}, {{"counter": {{"packets": 0, "bytes": 0}}}}, {{"drop": null}}"#,
                udp_port(right)
            );
            let expected = Hit {
                hook: Hook::Input,
                port: Some((Protocol::Udp, Ports(ports))),
                partly: false,
                place: "nft chain inet filter in handle 4".to_owned(),
            };
            assert_eq!(parsed(INPUT, &expr).hits, [expected]);
        }
    }

    #[test]
    fn a_rule_for_some_packets_only() {
        let source = r#"{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "10.0.0.2"}}"#;
        let firewall = parsed(INPUT, &format!(r#"{source}, {}, {{"reject": null}}"#, udp_port("4789")));
        assert!(firewall.hits[0].partly);
    }

    #[test]
    fn a_policy_and_what_it_lets_in() {
        let chain = r#""type": "filter", "hook": "input", "prio": 0, "policy": "drop""#;
        let firewall = parsed(chain, &format!(r#"{}, {{"accept": null}}"#, udp_port("4789")));
        assert_eq!(firewall.hits[0].place, "the policy of nft chain inet filter in");
        assert_eq!(firewall.accepted, [(Hook::Input, Protocol::Udp, Ports(vec![(4789, 4789)]))]);
    }

    #[test]
    fn what_is_not_for_this_node_is_left_out() {
        let chain = r#""type": "filter", "hook": "forward", "prio": 0, "policy": "drop""#;
        let firewall = parsed(chain, &format!(r#"{}, {{"drop": null}}"#, udp_port("4789")));
        assert_eq!(firewall, Firewall::default());
    }

    #[test]
    fn what_is_no_ruleset() {
        for text in ["", "{}", "[]", r#"{"nftables": 1}"#] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
