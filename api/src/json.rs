//! The words of enumerations: what JSON, tables and filters call them.
//!
//! `words.rs` is generated from proto/ beside the messages; so are the attributes that bring the functions
//! here to the fields.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use crate::v1;

/// An enumeration whose constants have a word each: `NEIGHBOR_STATE_ESTABLISHED` is `established`.
pub trait Word {
    /// The word of a number, if this version of the messages has one.
    fn known(number: i32) -> Option<&'static str>;

    /// The word of a number: empty for 0, the unspecified one, and the number itself where it is not known,
    /// which a newer peer can send.
    fn word(number: i32) -> Cow<'static, str> {
        match Self::known(number) {
            _ if number == 0 => Cow::Borrowed(""),
            Some(word) => Cow::Borrowed(word),
            None => Cow::Owned(number.to_string()),
        }
    }
}

/// For `serialize_with`: one value.
pub(crate) fn word<W: Word, S: Serializer>(number: &i32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&W::word(*number))
}

/// For `serialize_with`: a list of values.
pub(crate) fn words<W: Word, S: Serializer>(numbers: &[i32], serializer: S) -> Result<S::Ok, S::Error> {
    numbers.iter().map(|&number| W::word(number)).collect::<Vec<_>>().serialize(serializer)
}

/// For `skip_serializing_if`.
pub(crate) fn is_unspecified(number: &i32) -> bool {
    *number == 0
}

include!(concat!(env!("OUT_DIR"), "/words.rs"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_numbers() {
        assert_eq!(v1::NeighborState::word(6), "established");
        assert_eq!(v1::ResetKind::word(v1::ResetKind::SoftIn as i32), "soft_in");
        assert_eq!(v1::NeighborState::word(0), "");
        assert_eq!(v1::RouteType::word(9), "9");
    }

    #[test]
    fn what_does_not_apply_is_left_out() {
        let path = v1::Path { route_type: 2, med: Some(0), nlri: "x".into(), ..Default::default() };
        let json = serde_json::to_value(path).unwrap();
        let keys: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(json["route_type"], "macip");
        assert_eq!(json["med"], 0);
        assert_eq!(json["communities"], serde_json::json!([]));
        assert_eq!(json["best"], false);
        for absent in ["mac", "local_pref", "pmsi", "origin"] {
            assert!(!keys.contains(&absent), "{absent}");
        }
    }

    #[test]
    fn a_change_has_its_row_under_the_name_of_its_kind() {
        let vtep = v1::Vtep { vni: 100, vtep: "10.0.0.2".into(), ..Default::default() };
        let change = v1::Change { kind: 1, row: Some(v1::change::Row::Vtep(vtep)), ..Default::default() };
        let json = serde_json::to_value(change).unwrap();
        assert_eq!((&json["kind"], &json["vtep"]["vni"]), (&"put".into(), &100.into()));
    }
}
