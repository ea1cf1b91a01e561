//! Values that are read whatever they are: in an answer about very many apps, one number that is
//! none is to spoil nothing around it. Nothing is read twice for it, or kept aside.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A visitor that takes what it does not visit for nothing at all.
macro_rules! else_nothing {
    ($($visit:ident($type:ty)),* $(,)?) => {
        $(fn $visit<E>(self, _: $type) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        })*
    };
    (unit) => {
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (seq) => {
        fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
            IgnoredAny.visit_seq(items).map(|_| Self::Value::default())
        }
    };
    (map) => {
        fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Self::Value, A::Error> {
            IgnoredAny.visit_map(entries).map(|_| Self::Value::default())
        }
    };
}

/// A whole number, brought to the nearest that fits. Anything else is as good as none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Whole(pub(crate) Option<i64>);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WholeVisitor)
    }
}

struct WholeVisitor;

impl<'de> Visitor<'de> for WholeVisitor {
    type Value = Whole;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_u64<E>(self, number: u64) -> Result<Whole, E> {
        Ok(Whole(Some(i64::try_from(number).unwrap_or(i64::MAX))))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Whole, E> {
        Ok(Whole(Some(number)))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Whole, E> {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "it ends at the last that fits"
        )]
        Ok(Whole((number.fract() == 0.0).then_some(number as i64)))
    }

    else_nothing!(visit_bool(bool), visit_str(&str));
    else_nothing!(unit);
    else_nothing!(seq);
    else_nothing!(map);
}

/// Ports, by their order: one that is none takes those behind it away, which would be mistaken for
/// others.
#[derive(Debug, Default)]
pub(crate) struct Ports(pub(crate) Vec<u16>);

impl<'de> Deserialize<'de> for Ports {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PortsVisitor)
    }
}

struct PortsVisitor;

impl<'de> Visitor<'de> for PortsVisitor {
    type Value = Ports;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of ports")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Ports, A::Error> {
        let mut ports = Vec::with_capacity(items.size_hint().unwrap_or_default().min(64));
        let mut are_sound = true;
        while let Some(Whole(number)) = items.next_element()? {
            let port = number.and_then(|number| u16::try_from(number).ok());
            are_sound &= port.is_some();
            ports.extend(port.filter(|_| are_sound));
        }
        Ok(Ports(ports))
    }

    else_nothing!(
        visit_bool(bool),
        visit_u64(u64),
        visit_i64(i64),
        visit_f64(f64),
        visit_str(&str),
    );
    else_nothing!(unit);
    else_nothing!(map);
}

/// The revision that labels or an environment tell; the rest of them is passed over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Told(pub(crate) Option<u32>);

/// A key of labels or of an environment.
#[derive(Deserialize)]
#[serde(field_identifier)]
enum Key {
    #[serde(rename = "THESEUS_REVISION")]
    Revision,
    #[serde(other)]
    Other,
}

impl<'de> Deserialize<'de> for Told {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ToldVisitor)
    }
}

struct ToldVisitor;

impl<'de> Visitor<'de> for ToldVisitor {
    type Value = Told;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Told, A::Error> {
        let mut told = None;
        while let Some(key) = entries.next_key()? {
            match key {
                Key::Revision => told = entries.next_value::<Spelled>()?.0,
                Key::Other => drop(entries.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Told(told))
    }

    else_nothing!(
        visit_bool(bool),
        visit_u64(u64),
        visit_i64(i64),
        visit_f64(f64),
        visit_str(&str),
    );
    else_nothing!(unit);
    else_nothing!(seq);
}

/// A number in a text.
#[derive(Default)]
struct Spelled(Option<u32>);

impl<'de> Deserialize<'de> for Spelled {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SpelledVisitor)
    }
}

struct SpelledVisitor;

impl<'de> Visitor<'de> for SpelledVisitor {
    type Value = Spelled;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number in a text")
    }

    fn visit_str<E>(self, text: &str) -> Result<Spelled, E> {
        Ok(Spelled(text.parse().ok()))
    }

    else_nothing!(
        visit_bool(bool),
        visit_u64(u64),
        visit_i64(i64),
        visit_f64(f64),
    );
    else_nothing!(unit);
    else_nothing!(seq);
    else_nothing!(map);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn whole_numbers() {
        for (json, expected) in [
            ("7", Some(7)),
            ("7.0", Some(7)),
            ("-1", Some(-1)),
            ("18446744073709551615", Some(i64::MAX)),
            ("1e300", Some(i64::MAX)),
            ("-1e300", Some(i64::MIN)),
            ("0.5", None),
            ("\"7\"", None),
            ("null", None),
            ("true", None),
            ("[7]", None),
            ("{\"a\":[7,{}]}", None),
        ] {
            let read: Whole = serde_json::from_str(json).unwrap();
            assert_eq!(read.0, expected, "{json}");
        }
    }

    #[test]
    fn a_port_that_is_none_takes_those_behind_it_away() {
        for (ports, expected) in [
            (json!([31000, 31001]), vec![31000, 31001]),
            (json!([31000, 70000, 31001]), vec![31000]),
            (json!([-1, 31001]), vec![]),
            (json!([31000, "31001", {"a": []}]), vec![31000]),
            (json!([]), vec![]),
            (json!(null), vec![]),
            (json!({"0": 31000}), vec![]),
            (json!("31000"), vec![]),
        ] {
            let read: Ports = serde_json::from_value(ports.clone()).unwrap();
            assert_eq!(read.0, expected, "{ports}");
        }
    }

    #[test]
    fn the_revision_among_others() {
        for (map, expected) in [
            (
                json!({"A": {"secret": "x"}, "THESEUS_REVISION": "7", "B": [1]}),
                Some(7),
            ),
            (json!({"THESEUS_REVISION": 7}), None),
            (json!({"THESEUS_REVISION": {"secret": "x"}}), None),
            (json!({"THESEUS_REVISION": "seven"}), None),
            (json!({"THESEUS_REVISION": "-1"}), None),
            (json!({"THESEUS_REVISION": "99999999999"}), None),
            (json!({}), None),
            (json!(null), None),
            (json!([["THESEUS_REVISION", "7"]]), None),
        ] {
            let told: Told = serde_json::from_value(map.clone()).unwrap();
            assert_eq!(told.0, expected, "{map}");
        }
    }

    proptest! {
        #[test]
        fn any_value_is_taken(json in "(\\[|\\{\"a\":|7 |-7 |70000 |1e9 |\"x\"|null|true|,|\\]|\\}){0,9}") {
            let is_json = serde_json::from_str::<IgnoredAny>(&json).is_ok();
            prop_assert_eq!(serde_json::from_str::<Whole>(&json).is_ok(), is_json);
            prop_assert_eq!(serde_json::from_str::<Ports>(&json).is_ok(), is_json);
            prop_assert_eq!(serde_json::from_str::<Told>(&json).is_ok(), is_json);
        }
    }
}
