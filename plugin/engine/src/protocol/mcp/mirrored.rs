//! `Mcp-Param-*`: arguments that a client repeats in headers, for whoever reads no bodies (MCP 2026-07-28
//! basic/transports/streamable-http, "custom headers from tool parameters", SEP-2243).
//!
//! A tool's schema says which (`x-mcp-header`). Whoever routes or counts by such a header must not see another
//! call than the one decided on, so each says what the body says (MCP-11 to 13, threats M5), in the versions
//! before as well, where it is there at all. Of a tool whose arguments have a type here and no schema, nobody knows
//! what such a header repeats, so none may come; of one whose arguments policy can't read, they pass unread.

use super::era;
use super::front::Front;
use super::message::Message;
use crate::decision::Reason;
use crate::evidence::is_token_header;
use crate::json::Value;

/// One argument that is repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mirrored {
    /// Lower case.
    header: String,
    /// From the arguments down.
    path: Vec<String>,
}

/// All such headers.
pub(super) const PREFIX: &str = "mcp-param-";

impl Mirrored {
    /// The argument at that path, repeated in the header of that name.
    ///
    /// # Errors
    /// It can't be a part of a header's name, or is one that carries a credential (threats M10).
    pub(crate) fn new(name: &str, path: Vec<String>) -> Result<Self, &'static str> {
        let tchar = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if name.is_empty() || !name.bytes().all(tchar) {
            return Err("must be made of the characters of a header's name (RFC 9110 §5.6.2)");
        }
        let name = name.to_ascii_lowercase();
        if matches!(name.as_str(), "authorization" | "cookie") || is_token_header(name.as_bytes()) {
            return Err("is a name that carries a credential");
        }
        Ok(Self { header: format!("{PREFIX}{name}"), path })
    }

    /// The name of the header.
    pub(crate) fn header(&self) -> &str {
        &self.header
    }

    /// The argument that it repeats, if the call has it: `null` counts as none.
    fn argument<'m>(&self, message: &'m Message) -> Option<&'m Value> {
        let mut value = message.params.get("arguments")?;
        for name in &self.path {
            value = value.as_object()?.get(name)?;
        }
        (*value != Value::Null).then_some(value)
    }
}

/// Whether the headers repeat what the call says: those that are declared, once each, and no others.
pub(super) fn agree(
    front: &Front<'_>,
    message: &Message,
    declared: &[Mirrored],
    required: bool,
) -> Result<(), Reason> {
    let fits = |mirrored: &Mirrored| {
        let mut said = front.params.iter().filter(|(name, _)| *name == mirrored.header);
        match (said.next(), said.next(), mirrored.argument(message)) {
            (Some((_, said)), None, Some(value)) => says(said, value),
            (None, _, Some(_)) => !required,
            (None, _, None) => true,
            _ => false,
        }
    };
    let known = |(name, _): &(&str, &str)| declared.iter().any(|d| d.header == *name);
    match front.params.iter().all(known) && declared.iter().all(fits) {
        true => Ok(()),
        false => Err(Reason::ParamHeaderMismatch),
    }
}

/// Whether a header says that value: a text exactly, an integer as a number, out of its sentinel.
fn says(header: &str, value: &Value) -> bool {
    let Some(said) = era::decode(header) else { return false };
    match value {
        Value::String(text) => said == *text,
        Value::Bool(is) => said == if *is { "true" } else { "false" },
        Value::Integer(n) => {
            let (whole, fraction) = said.split_once('.').unwrap_or((&said, "0"));
            let zeros = !fraction.is_empty() && fraction.bytes().all(|b| b == b'0');
            zeros && whole == n.to_string()
        }
        // No property that may be repeated has such values; the type of the input refuses them too.
        Value::Null | Value::Decimal(_) | Value::Array(_) | Value::Object(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_says_a_value_in_one_way() {
        let text = |text: &str| Value::String(text.to_owned());
        for (header, value) in [
            ("us-west1", text("us-west1")),
            ("", text("")),
            ("=?base64?SGVsbG8sIOS4lueVjA==?=", text("Hello, 世界")),
            ("42", text("42")),
            ("42", Value::Integer(42)),
            ("-7", Value::Integer(-7)),
            ("42.0", Value::Integer(42)),
            ("true", Value::Bool(true)),
        ] {
            assert!(says(header, &value), "{header:?} {value:?}");
        }
        for (header, value) in [
            ("US-West1", text("us-west1")),
            ("us-west1, eu", text("us-west1")),
            ("=?BASE64?SGVsbG8=?=", text("Hello")),
            ("=?base64?SGVsbG8?=", text("Hello")),
            ("43", Value::Integer(42)),
            ("042", Value::Integer(42)),
            ("+42", Value::Integer(42)),
            ("42.5", Value::Integer(42)),
            ("42.", Value::Integer(42)),
            ("4.2e1", Value::Integer(42)),
            ("True", Value::Bool(true)),
            ("1", Value::Bool(true)),
            ("false", Value::Bool(true)),
            ("1.5", Value::Decimal(1.5)),
            ("null", Value::Null),
        ] {
            assert!(!says(header, &value), "{header:?} {value:?}");
        }
    }

    #[test]
    fn a_name_is_part_of_a_header_and_carries_no_credential() {
        for good in ["Region", "user_id", "x.y"] {
            let header = format!("mcp-param-{}", good.to_ascii_lowercase());
            assert_eq!(Mirrored::new(good, Vec::new()).unwrap().header(), header);
        }
        for bad in ["", "a b", "a:b", "é", "a\r\nb", "Authorization", "x_auth_token", "Cookie"] {
            assert!(Mirrored::new(bad, Vec::new()).is_err(), "{bad:?}");
        }
    }
}
