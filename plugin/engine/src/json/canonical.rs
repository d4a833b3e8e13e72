//! The one text of a value (RFC 8785), to be hashed.
//!
//! Only the order of members is ours. `serde_json` writes strings and integers as RFC 8785 does (§3.2.2); a value
//! with a number of another form is left to `serde_json_canonicalizer`, against which all of this is held. That takes
//! half a microsecond for each member natively, and every call has its arguments hashed: docs/decisions/0010.

use serde::ser::{Error as _, Serialize, SerializeMap, SerializeSeq, Serializer};

use super::value::{Object, Value};

/// Nothing, if there is no such text: of a value that the reader made, there is.
pub(crate) fn to_vec(object: &Object) -> Option<Vec<u8>> {
    match has_decimals(object) {
        true => serde_json_canonicalizer::to_vec(object).ok(),
        false => serde_json::to_vec(&InOrder(object)).ok(),
    }
}

fn has_decimals(object: &Object) -> bool {
    fn is_decimal(value: &Value) -> bool {
        match value {
            Value::Decimal(_) => true,
            Value::Array(items) => items.iter().any(is_decimal),
            Value::Object(object) => has_decimals(object),
            Value::Null | Value::Bool(_) | Value::Integer(_) | Value::String(_) => false,
        }
    }
    object.iter().any(|(_, value)| is_decimal(value))
}

/// Members by the UTF-16 code units of their names (§3.2.3).
struct InOrder<'a>(&'a Object);

struct Canonical<'a>(&'a Value);

impl Serialize for InOrder<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut members: Vec<(&str, &Value)> = self.0.iter().collect();
        members.sort_unstable_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
        let mut out = to.serialize_map(Some(members.len()))?;
        members
            .iter()
            .try_for_each(|(name, value)| out.serialize_entry(name, &Canonical(value)))?;
        out.end()
    }
}

impl Serialize for Canonical<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(object) => InOrder(object).serialize(to),
            Value::Array(items) => {
                let mut out = to.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| out.serialize_element(&Canonical(item)))?;
                out.end()
            }
            Value::Decimal(_) => Err(S::Error::custom("not a canonical number")),
            plain => plain.serialize(to),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values() -> impl Strategy<Value = Value> {
        let names = prop_oneof![
            "[a-c]{0,3}",
            any::<String>(),
            // Their order by UTF-16 is not that of code points.
            prop::sample::select(vec![
                "\u{ff61}".to_owned(),
                "\u{10000}".to_owned(),
                "é".to_owned()
            ]),
        ];
        const MOST: i64 = (1 << 53) - 1;
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            (-MOST..=MOST).prop_map(Value::Integer),
            "[ -~]{0,9}".prop_map(Value::String),
            any::<String>().prop_map(Value::String),
            "[\u{0}-\u{20}\\\\\"/\u{7f}\u{80}]{0,5}".prop_map(Value::String),
        ];
        leaf.prop_recursive(4, 64, 8, move |inner| {
            // A map has no name twice, and its order is not the one that is meant.
            let members = prop::collection::btree_map(names.clone(), inner.clone(), 0..8);
            let members = members.prop_map(|map| map.into_iter().collect::<Vec<_>>());
            prop_oneof![
                prop::collection::vec(inner, 0..6).prop_map(Value::Array),
                members.prop_shuffle().prop_map(|members| Value::Object(Object(members))),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// Nobody who verifies with the library, or another, sees another text.
        #[test]
        fn it_is_the_text_that_the_library_writes(value in values(), decimal in prop::option::of(-1e6..1e6)) {
            let mut members = vec![("value".to_owned(), value)];
            members.extend(decimal.map(|x| ("decimal".to_owned(), Value::Decimal(x))));
            let object = Object(members);
            let library = serde_json_canonicalizer::to_vec(&object).unwrap();
            prop_assert_eq!(to_vec(&object), Some(library));
        }
    }

    /// The example of RFC 8785 §3.2.3.
    #[test]
    fn members_are_in_the_order_of_the_rfc() {
        let names = ["\u{20ac}", "\r", "\u{fb33}", "1", "\u{1f600}", "\u{80}", "\u{f6}"];
        let members = names.map(|name| (name.to_owned(), Value::Null));
        let text = to_vec(&Object(members.to_vec())).unwrap();
        let expected = "{\"\\r\":null,\"1\":null,\"\u{80}\":null,\"\u{f6}\":null,\"\u{20ac}\":null,\
            \"\u{1f600}\":null,\"\u{fb33}\":null}";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }
}
