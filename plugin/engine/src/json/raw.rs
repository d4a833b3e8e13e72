//! The text of a value that is passed on as it was written.
//!
//! For a gateway that takes elements out of somebody else's document: what stays keeps its bytes,
//! numbers that we can't represent included, and one element that breaks a rule costs only itself.
//! [`Raw::parse`] knows no more than where a value ends; whoever passes one on calls
//! [`Raw::check`] first.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::fold::Names;
use super::reader::{self, Fault, Limits, Malformed};
use super::value::Value;

/// One JSON value, as text. Its syntax is sound; no other rule has been applied.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw<'a>(&'a str);

/// A member of an object.
pub(crate) type Member<'a> = (Cow<'a, str>, Raw<'a>);

impl<'a> Raw<'a> {
    /// Finds the one value of a document.
    pub(crate) fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Self, Malformed> {
        if bytes.len() > limits.bytes {
            return Err(Malformed::whole(Fault::Bytes));
        }
        serde_json::from_slice::<&RawValue>(bytes).map(Self::from).map_err(syntax)
    }

    /// The members of a document that is an object, as [`Raw::members`], and its text. Reads it once.
    pub(crate) fn parse_members(
        bytes: &'a [u8],
        limits: &Limits,
    ) -> Result<(Self, Vec<Member<'a>>), Malformed> {
        if bytes.len() > limits.bytes {
            return Err(Malformed::whole(Fault::Bytes));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| Malformed::whole(Fault::Syntax))?;
        let members = members(text)?;
        // RFC 8259 §2: white space, and no other.
        Ok((Self(text.trim_matches([' ', '\t', '\n', '\r'])), members))
    }

    /// The value, read strictly.
    pub(crate) fn value(self, limits: &Limits) -> Result<Value, Malformed> {
        reader::read(self.0.as_bytes(), limits)
    }

    /// Applies every rule of the reader but the one for numbers, at every depth.
    pub(crate) fn check(self, limits: &Limits) -> Result<(), Malformed> {
        self.outline(limits).map(drop)
    }

    /// The same; with the members that an object has itself, as far as they are texts. Other members are
    /// there, and say nothing.
    pub(crate) fn outline(self, limits: &Limits) -> Result<Value, Malformed> {
        reader::outline(self.0.as_bytes(), limits)
    }

    /// The members of an object; no two names that some parser takes for the same.
    pub(crate) fn members(self) -> Result<Vec<Member<'a>>, Malformed> {
        members(self.0)
    }

    /// The elements of an array.
    pub(crate) fn elements(self) -> Result<Vec<Self>, Malformed> {
        let elements: Vec<&'a RawValue> = serde_json::from_str(self.0).map_err(syntax)?;
        Ok(elements.into_iter().map(Self::from).collect())
    }

    /// As it was written, without white space around it.
    pub(crate) fn text(self) -> &'a str {
        self.0
    }
}

impl<'a> From<&'a RawValue> for Raw<'a> {
    fn from(value: &'a RawValue) -> Self {
        Self(value.get())
    }
}

fn members(text: &str) -> Result<Vec<Member<'_>>, Malformed> {
    let Members(members) = serde_json::from_str(text).map_err(syntax)?;
    let mut names = Names::default();
    for (at, (name, _)) in members.iter().enumerate() {
        let before = members.iter().take(at).map(|(name, _)| &**name);
        names.admit(name, before).map_err(Malformed::whole)?;
    }
    Ok(members)
}

/// In source order, which a map would lose.
struct Members<'a>(Vec<Member<'a>>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some(Name(name)) = from.next_key()? {
            members.push((name, Raw::from(from.next_value::<&'de RawValue>()?)));
        }
        Ok(Members(members))
    }
}

/// A name without an escape is a part of the text.
pub(super) struct Name<'a>(pub(super) Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Name<'de>, E> {
        Ok(Name(Cow::Borrowed(name)))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Name<'de>, E> {
        Ok(Name(Cow::Owned(name.to_owned())))
    }
}

fn syntax(error: serde_json::Error) -> Malformed {
    Malformed { fault: Fault::Syntax, line: error.line(), column: error.column() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { bytes: 4096, depth: 8, items: 100 };

    fn parse(text: &str) -> Raw<'_> {
        Raw::parse(text.as_bytes(), &LIMITS).unwrap()
    }

    #[test]
    fn what_is_passed_on_keeps_its_text() {
        let members = parse(" {\"a\" : [1e308, 18446744073709551616 ] , \"b\":{ } }\n").members();
        let texts = members.unwrap().into_iter().map(|(n, v)| format!("{n}={}", v.text()));
        let expected = ["a=[1e308, 18446744073709551616 ]", "b={ }"];
        assert_eq!(texts.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn only_the_rule_for_numbers_is_waived() {
        for fine in ["1e308", "-0", "[9223372036854775807,18446744073709551615,1e20]"] {
            assert_eq!(parse(fine).check(&LIMITS), Ok(()), "{fine}");
            assert_eq!(parse(fine).value(&LIMITS).unwrap_err().fault, Fault::Number, "{fine}");
        }
        for (bad, fault) in [
            (r#"{"a":{"b":1,"B":2}}"#, Fault::Duplicate),
            (r#"["\u0000"]"#, Fault::Control),
            ("[[[[[[[[[]]]]]]]]]", Fault::Depth),
            (r#"["\ud800"]"#, Fault::Syntax),
        ] {
            assert_eq!(parse(bad).check(&LIMITS).unwrap_err().fault, fault, "{bad}");
        }
    }

    #[test]
    fn an_outline_has_the_texts_of_the_object_itself_and_nothing_below() {
        let text =
            r#"{"name":"\u0061b","deep":{"name":"x"},"list":["y"],"n":18446744073709551616}"#;
        let outline = parse(text).outline(&LIMITS).unwrap();
        let outline = outline.as_object().unwrap();
        assert_eq!(outline.get("name").and_then(Value::as_str), Some("ab"));
        for member in ["deep", "list", "n"] {
            let text = outline.get(member).map(Value::to_text).unwrap();
            assert!(!text.contains(['x', 'y', '1']), "{member}: {text}");
        }
    }

    #[test]
    fn members_that_some_parser_confuses_are_refused_before_their_values_are_looked_at() {
        for bad in [r#"{"a":1,"A":2}"#, r#"{"a":1,"\u0061":2}"#, r#"{"a":1,"a\u200b":2}"#] {
            assert_eq!(parse(bad).members().unwrap_err().fault, Fault::Duplicate, "{bad}");
        }
        assert!(parse("[]").members().is_err() && parse("{}").elements().is_err());
    }

    #[test]
    fn only_one_document_in_utf_8_is_found() {
        for bad in
            [&b""[..], b"{} {}", b"{", b"\"\xff\"", b"\xef\xbb\xbf{}", b"[\"\xc0\xae\"]", b"{}\0"]
        {
            assert_eq!(Raw::parse(bad, &LIMITS).unwrap_err().fault, Fault::Syntax, "{bad:?}");
        }
        assert_eq!(Raw::parse(&[b' '; 4097], &LIMITS).unwrap_err().fault, Fault::Bytes);
    }

    #[test]
    fn nesting_is_no_danger_to_the_stack() {
        let deep = "[".repeat(2_000_000) + &"]".repeat(2_000_000);
        let limits = Limits { bytes: deep.len(), depth: 8, items: 8 };
        let raw = Raw::parse(deep.as_bytes(), &limits).unwrap();
        assert_eq!(raw.check(&limits).unwrap_err().fault, Fault::Depth);
    }
}
