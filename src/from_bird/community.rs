//! Communities, as BIRD and linnet write them.

use super::expr::Expr;

/// Which communities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Large,
    Extended,
}

/// A range in a pattern stands for at most so many communities.
const RANGE: u64 = 64;

impl Kind {
    /// Those of an attribute.
    pub(super) fn of(attribute: &str) -> Option<Kind> {
        match attribute {
            "bgp_community" => Some(Kind::Plain),
            "bgp_large_community" => Some(Kind::Large),
            "bgp_ext_community" => Some(Kind::Extended),
            _ => None,
        }
    }

    /// What all of them match; there is no such pattern of all extended ones.
    pub(super) fn all(self) -> Option<&'static str> {
        match self {
            Kind::Plain => Some("*:*"),
            Kind::Large => Some("*:*:*"),
            Kind::Extended => None,
        }
    }

    /// A community or pattern in linnet's words; a range is several.
    pub(super) fn patterns(self, value: &Expr) -> Option<Vec<String>> {
        let Expr::Tuple(parts) = value else { return None };
        let (prefix, parts) = match (self, parts.as_slice()) {
            (Kind::Plain, parts @ [_, _]) | (Kind::Large, parts @ [_, _, _]) => ("", parts),
            (Kind::Extended, [Expr::Name(kind), parts @ ..]) if parts.len() == 2 => match kind.as_str() {
                "rt" => ("rt:", parts),
                "ro" => ("soo:", parts),
                _ => return None,
            },
            _ => return None,
        };
        let most = if self == Kind::Plain { u64::from(u16::MAX) } else { u64::from(u32::MAX) };
        let mut texts = vec![prefix.to_owned()];
        for (index, part) in parts.iter().enumerate() {
            let words = words(part, most)?;
            let colon = if index == 0 { "" } else { ":" };
            texts = texts
                .iter()
                .flat_map(|text| words.iter().map(move |word| format!("{text}{colon}{word}")))
                .collect();
        }
        (texts.len() as u64 <= RANGE).then_some(texts)
    }
}

fn words(part: &Expr, most: u64) -> Option<Vec<String>> {
    match part {
        Expr::Number(number) if *number <= most => Some(vec![number.to_string()]),
        Expr::Ip(ip) => Some(vec![ip.to_string()]),
        Expr::Any => Some(vec!["*".into()]),
        Expr::Range(0, last) if *last == most => Some(vec!["*".into()]),
        Expr::Range(first, last) if last <= &most && last.saturating_sub(*first) < RANGE => {
            Some((*first..=*last).map(|number| number.to_string()).collect())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_each_of_its_numbers() {
        let tuple = Expr::Tuple(vec![Expr::Number(65000), Expr::Range(1, 3)]);
        assert_eq!(Kind::Plain.patterns(&tuple).unwrap(), ["65000:1", "65000:2", "65000:3"]);
        assert_eq!(Kind::Large.patterns(&tuple), None);
        let target = Expr::Tuple(vec![Expr::Name("rt".into()), Expr::Number(1), Expr::Any]);
        assert_eq!(Kind::Extended.patterns(&target).unwrap(), ["rt:1:*"]);
        let much = Expr::Tuple(vec![Expr::Range(1, 20), Expr::Range(1, 20)]);
        assert_eq!(Kind::Plain.patterns(&much), None);
    }
}
