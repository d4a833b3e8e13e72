//! JSON that two readers can't take for two things.
//!
//! I-JSON (RFC 7493) and stricter: no member twice, and of numbers only integers that every reader holds
//! exactly, because RFC 8785 writes numbers as IEEE doubles: `9007199254740993` and `9007199254740992` would
//! have the same digest. Not here: what the members mean.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// RFC 7493 §2.2: ±(2^53−1).
const MAX_INTEGER: u64 = (1 << 53) - 1;
/// Deeper than any tool's arguments; a page must be able to show it.
const MAX_DEPTH: u8 = 32;
/// As many values as a person could be asked to look at, and more.
const MAX_VALUES: u32 = 10_000;

/// Reads one document.
///
/// # Errors
/// In words that say where, if it is not JSON or not strict.
pub(crate) fn read(bytes: &[u8]) -> Result<Value, String> {
    let mut left = MAX_VALUES;
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let strict = Strict { depth: 0, left: &mut left };
    let value = strict.deserialize(&mut deserializer).map_err(|e| e.to_string())?;
    deserializer.end().map_err(|e| e.to_string())?;
    Ok(value)
}

struct Strict<'a> {
    depth: u8,
    left: &'a mut u32,
}

impl Strict<'_> {
    fn inner(&mut self) -> Strict<'_> {
        Strict { depth: self.depth.saturating_add(1), left: self.left }
    }

    fn count<E: de::Error>(&mut self) -> Result<(), E> {
        if self.depth > MAX_DEPTH {
            return Err(E::custom(format_args!("nested deeper than {MAX_DEPTH}")));
        }
        match self.left.checked_sub(1) {
            Some(left) => *self.left = left,
            None => return Err(E::custom(format_args!("more than {MAX_VALUES} values"))),
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<Value, D::Error> {
        self.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        if value > MAX_INTEGER {
            return Err(E::custom("an integer beyond 2^53-1"));
        }
        Ok(value.into())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        if value.unsigned_abs() > MAX_INTEGER {
            return Err(E::custom("an integer beyond -(2^53-1)"));
        }
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Value, E> {
        Err(E::custom("a number that is not an integer: write it as a string"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element_seed(self.inner())? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(self.inner())?;
            if all.insert(name, value).is_some() {
                return Err(de::Error::custom("a member stands there twice"));
            }
        }
        Ok(Value::Object(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, why: &str) {
        let said = read(text.as_bytes()).unwrap_err();
        assert!(said.contains(why), "{text}: {said}");
    }

    #[test]
    fn what_two_readers_could_take_for_two_things_is_refused() {
        refused(r#"{"a":1,"a":1}"#, "twice");
        refused(r#"{"a":1,"\u0061":2}"#, "twice");
        refused(r#"{"x":{"a":1,"a":1}}"#, "twice");
        for number in ["1.0", "1.5", "-0", "1e2", "9007199254740993", "18446744073709551615"] {
            assert!(read(number.as_bytes()).is_err(), "{number}");
        }
        refused("-9007199254740992", "2^53");
        refused(r#""\ud800""#, "hex escape");
        refused("{} {}", "trailing");
        refused("[1,]", "trailing");
        assert!(read(b"\"\xff\"").is_err());
    }

    #[test]
    fn what_is_exact_is_read() {
        let text = r#"{"a":[9007199254740991,-9007199254740991,null,true,"x"],"b":{}}"#;
        assert_eq!(read(text.as_bytes()).unwrap().to_string(), text);
    }

    #[test]
    fn depth_and_number_of_values_are_bounded() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(read(nested(33).as_bytes()).is_ok());
        refused(&nested(34), "deeper");
        let many = |n: usize| format!("[{}]", vec!["0"; n].join(","));
        assert!(read(many(9_999).as_bytes()).is_ok());
        refused(&many(10_000), "more than");
    }
}
