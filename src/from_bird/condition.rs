//! From an expression of a filter to what linnet's policies can ask.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use ipnet::IpNet;

use super::atom::{Atom, Range};
use super::community;
use super::expr::{Expr, Step};
use super::functions::Functions;

/// A condition in linnet's words.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cond {
    Is(bool),
    Atom(Atom),
    Not(Box<Cond>),
    All(Vec<Cond>),
    Any(Vec<Cond>),
}

/// What is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Way {
    /// Routes from a neighbour.
    Import,
    /// Routes to a neighbour.
    Export,
    /// Routes to the kernel.
    Kernel,
}

/// Whose routes a protocol's are.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Origin {
    Neighbor(IpAddr),
    /// This node's own.
    Local,
}

/// What an expression is understood in.
pub(super) struct Scope<'s> {
    pub(super) way: Way,
    pub(super) functions: &'s Functions<'s>,
    /// Protocols by name.
    pub(super) protocols: &'s HashMap<String, Origin>,
    /// Keys of `match` whose values have been changed: what was written on the route cannot be asked any more.
    pub(super) touched: &'s HashSet<&'static str>,
}

/// Values of a function's parameters, by name.
pub(super) type Arguments = HashMap<String, Expr>;

/// Why something has no counterpart.
type Why = String;

const NOT_ASKED: &str = "linnet's policies do not ask for it";

impl Scope<'_> {
    /// The condition in linnet's words.
    ///
    /// # Errors
    /// What of it has no counterpart.
    pub(super) fn condition(&self, expr: &Expr) -> Result<Cond, Why> {
        match expr {
            Expr::Name(name) if name == "true" => Ok(Cond::Is(true)),
            Expr::Name(name) if name == "false" => Ok(Cond::Is(false)),
            Expr::Not(inner) => Ok(not(self.condition(inner)?)),
            Expr::Logic(first, more) => {
                let mut value = self.condition(first)?;
                for (sign, next) in more {
                    let next = self.condition(next)?;
                    value = if *sign == "&&" { all(value, next) } else { any(value, next) };
                }
                Ok(value)
            }
            Expr::Binary(left, sign, right) => match *sign {
                "!=" => Ok(not(self.compared(left, "=", right)?)),
                "!~" => Ok(not(self.compared(left, "~", right)?)),
                sign => self.compared(left, sign, right),
            },
            Expr::Call(name, arguments) if name == "defined" => self.defined(arguments),
            Expr::Call(name, arguments) => self.functions.value(name, arguments, self),
            _ => Err(format!("is no condition that {NOT_ASKED}")),
        }
    }

    fn defined(&self, arguments: &[Expr]) -> Result<Cond, Why> {
        let [Expr::Name(name)] = arguments else {
            return Err("asks for something that is no attribute".into());
        };
        match name.as_str() {
            "net" | "source" | "proto" | "from" | "ifname" | "gw" | "scope" | "dest" | "preference" => {
                Ok(Cond::Is(true))
            }
            "bgp_path" | "bgp_origin" | "bgp_next_hop" => Ok(self.is_from_bgp()),
            "bgp_local_pref" if self.way == Way::Import => Ok(Cond::Is(true)),
            _ => Err(format!("asks whether a route has `{name}`; {NOT_ASKED}")),
        }
    }

    /// That the route came by BGP.
    fn is_from_bgp(&self) -> Cond {
        match self.way {
            Way::Import => Cond::Is(true),
            Way::Export | Way::Kernel => not(local()),
        }
    }

    fn compared(&self, left: &Expr, sign: &str, right: &Expr) -> Result<Cond, Why> {
        let cond = match (left, right) {
            (Expr::Name(name), _) if sign == "~" || sign == "=" => self.named(name, sign, right)?,
            (Expr::Field(of, part), _) => self.part(of, part, sign, right)?,
            (Expr::Tuple(_), Expr::Name(name)) if sign == "~" => {
                communities(name, &Expr::Set(vec![left.clone()]))?
            }
            (Expr::Number(asn), Expr::Name(name)) if sign == "~" && name == "bgp_path" => {
                Cond::Atom(Atom::AsPath(vec![format!("_{asn}_")]))
            }
            (Expr::Name(name), _) => return Err(format!("compares `{name}`; {NOT_ASKED}")),
            _ => return Err(format!("compares what {NOT_ASKED}")),
        };
        self.untouched(cond)
    }

    /// That what is asked for is still as it came.
    fn untouched(&self, cond: Cond) -> Result<Cond, Why> {
        match &cond {
            Cond::Atom(atom) if self.touched.contains(atom.key()) => Err(format!(
                "asks for `{}` after it was changed; ask first, in a statement above",
                atom.key()
            )),
            _ => Ok(cond),
        }
    }

    fn named(&self, name: &str, sign: &str, value: &Expr) -> Result<Cond, Why> {
        match name {
            "net" => prefixes(sign, value),
            "source" => self.sources(value),
            "proto" => self.protocols(sign, value),
            "from" => Ok(neighbors(&addresses(value).ok_or_else(|| odd(name))?)),
            "bgp_next_hop" | "gw" => {
                Ok(Cond::Atom(Atom::NextHops(networks(value).ok_or_else(|| odd(name))?)))
            }
            "bgp_community" | "bgp_large_community" | "bgp_ext_community" => communities(name, value),
            "bgp_path" => paths(value),
            "bgp_origin" => match value {
                Expr::Name(word) => {
                    origin(word).map(|word| Cond::Atom(Atom::Origin(word))).ok_or_else(|| odd(name))
                }
                _ => Err(odd(name)),
            },
            "ifname" | "ifindex" => Err(format!(
                "asks for `{name}`, the device of a route; say in `native` which routes of the kernel are advertised"
            )),
            "krt_source" | "krt_metric" | "dest" => {
                Err(format!("asks for `{name}`; say in `native` which routes of the kernel are advertised"))
            }
            _ => Err(format!("asks for `{name}`; {NOT_ASKED}")),
        }
    }

    fn sources(&self, value: &Expr) -> Result<Cond, Why> {
        let mut names = Vec::new();
        for item in items(value) {
            let Expr::Name(name) = item else { return Err(odd("source")) };
            names.push(name.as_str());
        }
        let bgp = names.contains(&"RTS_BGP");
        let own = names.contains(&"RTS_STATIC");
        let found = ["RTS_DEVICE", "RTS_STATIC_DEVICE", "RTS_INHERIT", "RTS_PIPE"]
            .iter()
            .any(|name| names.contains(name));
        if found && !own && self.way != Way::Import {
            return Err("tells routes that were found from those that were configured; say in `native` which are advertised".into());
        }
        Ok(match (bgp, own && self.way != Way::Import) {
            (true, true) => Cond::Is(true),
            (true, false) => self.is_from_bgp(),
            (false, true) => local(),
            (false, false) => Cond::Is(false),
        })
    }

    fn protocols(&self, sign: &str, value: &Expr) -> Result<Cond, Why> {
        let Expr::Text(name) = value else { return Err(odd("proto")) };
        match self.protocols.get(name) {
            Some(Origin::Local) if self.way == Way::Import => Ok(Cond::Is(false)),
            Some(Origin::Local) => Ok(local()),
            Some(Origin::Neighbor(address)) => Ok(neighbors(&[*address])),
            None if sign == "~" => {
                Err("asks for protocols by a pattern; name the neighbours in `neighbors`".into())
            }
            None => Err("asks for a protocol that is not in the file".into()),
        }
    }

    /// A part of an attribute: `net.len`, `bgp_path.last`.
    fn part(&self, of: &Expr, part: &str, sign: &str, value: &Expr) -> Result<Cond, Why> {
        let Expr::Name(of) = of else { return Err(format!("asks for a part of a part; {NOT_ASKED}")) };
        match (of.as_str(), part) {
            ("net", "type") => match value {
                Expr::Name(word) if word == "NET_IP4" => Ok(families("ipv4-unicast")),
                Expr::Name(word) if word == "NET_IP6" => Ok(families("ipv6-unicast")),
                _ => Err(odd("net.type")),
            },
            ("net", "len") => lengths(sign, value).ok_or_else(|| odd("net.len")),
            ("bgp_path", "last" | "last_nonaggregated" | "first") if sign == "=" || sign == "~" => {
                let asns = numbers(value).ok_or_else(|| odd("bgp_path"))?;
                let text =
                    |asn: u64| if part == "first" { format!("^{asn}_") } else { format!("origin:{asn}") };
                Ok(Cond::Atom(Atom::AsPath(asns.into_iter().map(text).collect())))
            }
            ("bgp_path", "len") if (sign, value) == ("=", &Expr::Number(0)) => {
                Ok(Cond::Atom(Atom::AsPath(vec!["^$".into()])))
            }
            _ => Err(format!("asks for `{of}.{part}`; {NOT_ASKED}")),
        }
    }
}

fn odd(name: &str) -> Why {
    format!("compares `{name}` with what {NOT_ASKED}")
}

pub(super) fn local() -> Cond {
    Cond::Atom(Atom::Neighbors(vec!["local".into()]))
}

fn families(name: &'static str) -> Cond {
    Cond::Atom(Atom::Families(vec![name]))
}

fn neighbors(list: &[IpAddr]) -> Cond {
    Cond::Atom(Atom::Neighbors(list.iter().map(IpAddr::to_string).collect()))
}

pub(super) fn not(cond: Cond) -> Cond {
    match cond {
        Cond::Is(value) => Cond::Is(!value),
        Cond::Not(inner) => *inner,
        other => Cond::Not(other.into()),
    }
}

pub(super) fn all(a: Cond, b: Cond) -> Cond {
    match (a, b) {
        (Cond::Is(false), _) | (_, Cond::Is(false)) => Cond::Is(false),
        (Cond::Is(true), other) | (other, Cond::Is(true)) => other,
        (Cond::All(mut list), other) => {
            list.push(other);
            Cond::All(list)
        }
        (a, b) => Cond::All(vec![a, b]),
    }
}

/// One or the other. Two of the same key are one key with the values of both.
pub(super) fn any(a: Cond, b: Cond) -> Cond {
    match (a, b) {
        (Cond::Is(true), _) | (_, Cond::Is(true)) => Cond::Is(true),
        (Cond::Is(false), other) | (other, Cond::Is(false)) => other,
        (Cond::Atom(a), Cond::Atom(b)) => match a.or(&b) {
            Some(both) => Cond::Atom(both),
            None => Cond::Any(vec![Cond::Atom(a), Cond::Atom(b)]),
        },
        (Cond::Any(mut list), other) => {
            list.push(other);
            Cond::Any(list)
        }
        (a, b) => Cond::Any(vec![a, b]),
    }
}

/// The elements of a set, or the value itself.
fn items(value: &Expr) -> &[Expr] {
    match value {
        Expr::Set(list) => list,
        one => std::slice::from_ref(one),
    }
}

fn each<T>(value: &Expr, read: impl Fn(&Expr) -> Option<T>) -> Option<Vec<T>> {
    items(value).iter().map(read).collect()
}

fn addresses(value: &Expr) -> Option<Vec<IpAddr>> {
    each(value, |item| match item {
        Expr::Ip(ip) => Some(*ip),
        _ => None,
    })
}

fn networks(value: &Expr) -> Option<Vec<IpNet>> {
    each(value, |item| match item {
        Expr::Ip(ip) => Some((*ip).into()),
        Expr::Net(net) | Expr::Lengths(net, ..) => Some(*net),
        _ => None,
    })
}

fn numbers(value: &Expr) -> Option<Vec<u64>> {
    each(value, |item| match item {
        Expr::Number(number) => Some(*number),
        _ => None,
    })
}

fn prefixes(sign: &str, value: &Expr) -> Result<Cond, Why> {
    let mut ranges = Vec::new();
    for item in items(value) {
        match (item, value) {
            (Expr::Net(net), Expr::Net(_)) if sign == "~" => ranges.push(Range::within(*net)),
            (Expr::Net(net), _) => ranges.extend(Range::pattern(*net, net.prefix_len(), net.prefix_len())),
            (Expr::Lengths(net, least, most), _) => ranges.extend(Range::pattern(*net, *least, *most)),
            _ => return Err(odd("net")),
        }
    }
    Ok(if ranges.is_empty() { Cond::Is(false) } else { Cond::Atom(Atom::Prefixes(ranges)) })
}

fn communities(name: &str, value: &Expr) -> Result<Cond, Why> {
    let kind = community::Kind::of(name).ok_or_else(|| odd(name))?;
    let mut list = Vec::new();
    for item in items(value) {
        list.extend(kind.patterns(item).ok_or_else(|| odd(name))?);
    }
    Ok(if list.is_empty() { Cond::Is(false) } else { Cond::Atom(Atom::Communities(list)) })
}

fn paths(value: &Expr) -> Result<Cond, Why> {
    match value {
        Expr::Path(steps) if steps.as_slice() == [Step::Many] => Ok(Cond::Is(true)),
        Expr::Path(steps) => Ok(Cond::Atom(Atom::AsPath(vec![regular(steps)]))),
        Expr::Set(_) => {
            let asns = numbers(value).ok_or_else(|| odd("bgp_path"))?;
            Ok(Cond::Atom(Atom::AsPath(asns.iter().map(|asn| format!("_{asn}_")).collect())))
        }
        _ => Err(odd("bgp_path")),
    }
}

/// A path mask as a regular expression on the path's text, `65001 65002`.
fn regular(steps: &[Step]) -> String {
    match steps {
        [] => return "^$".into(),
        [Step::Asn(asn), Step::Many] => return format!("^{asn}_"),
        [Step::Many, Step::Asn(asn)] => return format!("_{asn}$"),
        [Step::Many, Step::Asn(asn), Step::Many] => return format!("_{asn}_"),
        _ => {}
    }
    let (mut text, mut gap, mut first) = ("^".to_owned(), false, true);
    for step in steps {
        let asn = match step {
            Step::Asn(asn) => asn.to_string(),
            Step::One => "[0-9]+".to_owned(),
            Step::Many => {
                gap = true;
                continue;
            }
        };
        if !first {
            text.push(' ');
        }
        text += if gap { "(?:.* )?" } else { "" };
        text += &asn;
        (gap, first) = (false, false);
    }
    text + if gap { "(?: .*)?$" } else { "$" }
}

pub(super) fn origin(word: &str) -> Option<&'static str> {
    match word {
        "ORIGIN_IGP" => Some("igp"),
        "ORIGIN_EGP" => Some("egp"),
        "ORIGIN_INCOMPLETE" => Some("incomplete"),
        _ => None,
    }
}

/// `net.len` compared with a number, of both families.
fn lengths(sign: &str, value: &Expr) -> Option<Cond> {
    let Expr::Number(number) = value else { return None };
    let number = u8::try_from(*number).ok()?;
    let (least, most) = match sign {
        "=" => (Some(number), number),
        "<=" => (Some(0), number),
        "<" => (Some(0), number.checked_sub(1)?),
        ">=" => (Some(number), 128),
        ">" => (number.checked_add(1), 128),
        _ => return None,
    };
    let of = |net: &str| {
        let net: IpNet = net.parse().ok()?;
        let most = most.min(net.max_prefix_len());
        let least = least?;
        (least <= most).then_some(Range { net, least, most })
    };
    let ranges: Vec<Range> = ["0.0.0.0/0", "::/0"].into_iter().filter_map(of).collect();
    Some(if ranges.is_empty() { Cond::Is(false) } else { Cond::Atom(Atom::Prefixes(ranges)) })
}
