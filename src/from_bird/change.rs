//! What code changes on a route, in the words of linnet's `set`.

use super::code::Act;
use super::community::Kind;
use super::condition::origin;
use super::expr::Expr;

/// Changes that are made together.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Changes {
    pub(super) local_pref: Option<String>,
    pub(super) med: Option<String>,
    pub(super) origin: Option<&'static str>,
    pub(super) next_hop: Option<String>,
    /// Which AS, and how often.
    pub(super) prepend: Option<(u32, u8)>,
    /// Done before `add`.
    pub(super) remove: Vec<String>,
    pub(super) add: Vec<String>,
}

/// Why something has no counterpart.
type Why = String;

impl Changes {
    pub(super) fn is_empty(&self) -> bool {
        *self == Changes::default()
    }

    /// The keys of `match` whose values these changes change.
    pub(super) fn touched(&self) -> impl Iterator<Item = &'static str> {
        [
            (self.origin.is_some(), "origin"),
            (self.next_hop.is_some(), "next_hops"),
            (self.prepend.is_some(), "as_path"),
            (!self.remove.is_empty() || !self.add.is_empty(), "communities"),
        ]
        .into_iter()
        .filter_map(|(is, key)| is.then_some(key))
    }

    /// Adds what a line does; `None` if it changes nothing of a route.
    ///
    /// # Errors
    /// It has no counterpart, and why.
    pub(super) fn apply(&mut self, act: &Act) -> Option<Result<(), Why>> {
        match act {
            Act::Assign(Expr::Name(name), value) => Some(self.assign(name, value)),
            Act::Assign(..) => Some(Err("sets what linnet's policies do not set".into())),
            Act::Unset(_) => Some(Err("takes an attribute away, which linnet's policies do not".into())),
            Act::Call(Expr::Method(of, method, arguments)) => Some(match (&**of, arguments.as_slice()) {
                (Expr::Name(of), [argument]) => self.method(of, method, argument),
                _ => Err("calls what linnet's policies do not have".into()),
            }),
            _ => None,
        }
    }

    fn assign(&mut self, name: &str, value: &Expr) -> Result<(), Why> {
        if let Some(kind) = Kind::of(name) {
            return self.assign_communities(name, kind, value);
        }
        match (name, value) {
            ("bgp_local_pref", value) => {
                self.local_pref = Some(number(name, value, self.local_pref.is_some())?);
            }
            ("bgp_med", value) => self.med = Some(number(name, value, self.med.is_some())?),
            ("bgp_origin", Expr::Name(word)) => {
                self.origin = Some(origin(word).ok_or("sets an origin that is none")?);
            }
            ("bgp_next_hop", Expr::Ip(ip)) => self.next_hop = Some(ip.to_string()),
            // BIRD 1's way: bgp_path = prepend(bgp_path, 65000).
            ("bgp_path", Expr::Call(call, arguments)) if call == "prepend" => match arguments.as_slice() {
                [Expr::Name(of), asn] if of == "bgp_path" => self.prepend(asn)?,
                _ => return Err("prepends to another path".into()),
            },
            ("krt_tunnel", _) => {
                return Err("sent the route into a tunnel (IPIP), which only Calico's own BIRD can: for nodes that are on no link `native.fallback: vxlan` takes its place".into());
            }
            ("krt_prefsrc", _) => {
                return Err(
                    "set the source address of the kernel's route, which linnet leaves to the kernel".into(),
                );
            }
            ("preference", _) => {
                return Err("set BIRD's preference between protocols; between paths by BGP, `set: { weight: N }` on import does the like".into());
            }
            _ => return Err(format!("sets `{name}`, which linnet's policies do not set")),
        }
        Ok(())
    }

    fn method(&mut self, of: &str, method: &str, argument: &Expr) -> Result<(), Why> {
        match (Kind::of(of), method) {
            (Some(kind), "add") => self.add(kind, argument),
            (Some(kind), "delete") => self.delete(kind, argument),
            (None, "prepend") if of == "bgp_path" => self.prepend(argument),
            _ => Err(format!("does `{of}.{method}`, which linnet's policies do not")),
        }
    }

    fn assign_communities(&mut self, name: &str, kind: Kind, value: &Expr) -> Result<(), Why> {
        match value {
            Expr::Set(list) if list.is_empty() => {
                let all =
                    kind.all().ok_or("takes all extended communities away; name those that are to go")?;
                if !self.add.is_empty() {
                    return Err("takes communities away that were added above".into());
                }
                self.remove.push(all.to_owned());
                Ok(())
            }
            // BIRD 1's way: bgp_community = add(bgp_community, (65000, 1)).
            Expr::Call(call, arguments) => match (call.as_str(), arguments.as_slice()) {
                ("add", [Expr::Name(of), community]) if of == name => self.add(kind, community),
                ("delete", [Expr::Name(of), communities]) if of == name => self.delete(kind, communities),
                _ => Err(format!("sets `{name}` to what linnet's policies cannot say")),
            },
            _ => Err(format!("sets `{name}` to what linnet's policies cannot say")),
        }
    }

    fn add(&mut self, kind: Kind, value: &Expr) -> Result<(), Why> {
        let list = patterns(kind, value)?;
        if list.iter().any(|community| community.contains('*')) {
            return Err("adds a pattern; a community that is added is one".into());
        }
        self.add.extend(list);
        Ok(())
    }

    fn delete(&mut self, kind: Kind, value: &Expr) -> Result<(), Why> {
        let list = patterns(kind, value)?;
        self.add.retain(|community| !list.contains(community));
        if !self.add.is_empty() && list.iter().any(|community| community.contains('*')) {
            return Err("takes communities away by a pattern that may be of those added above".into());
        }
        self.remove.extend(list);
        Ok(())
    }

    fn prepend(&mut self, value: &Expr) -> Result<(), Why> {
        let Expr::Number(asn) = value else { return Err("prepends what is no number".into()) };
        let asn = u32::try_from(*asn).map_err(|_| "prepends a number that is no AS's")?;
        self.prepend = Some(match self.prepend {
            None => (asn, 1),
            Some((old, count)) if old == asn => (asn, count.checked_add(1).ok_or("prepends too often")?),
            Some(_) => {
                return Err("prepends two different numbers; linnet prepends one, as often as is said".into());
            }
        });
        Ok(())
    }
}

/// A number, or a step from what the attribute has.
fn number(name: &str, value: &Expr, set_before: bool) -> Result<String, Why> {
    let cannot = || format!("sets `{name}` to what linnet's policies cannot say");
    match value {
        Expr::Number(number) if *number <= u32::MAX.into() => Ok(number.to_string()),
        Expr::Binary(left, sign, right) if !set_before && matches!(*sign, "+" | "-") => {
            match (&**left, &**right) {
                (Expr::Name(of), Expr::Number(step)) if of == name => Ok(format!("{sign}{step}")),
                _ => Err(cannot()),
            }
        }
        _ => Err(cannot()),
    }
}

/// A community, or each of a set.
fn patterns(kind: Kind, value: &Expr) -> Result<Vec<String>, Why> {
    let list = match value {
        Expr::Set(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    let patterns: Option<Vec<Vec<String>>> = list.iter().map(|item| kind.patterns(item)).collect();
    Ok(patterns.ok_or("names a community that linnet's policies cannot say")?.concat())
}
