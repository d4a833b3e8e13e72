//! Bytes, written in JSON: whatever a header, a body or a token part has to hold, hostile bytes
//! included.
//!
//! A string is its UTF-8 bytes with placeholders filled in; `{"base64": …}` is any bytes;
//! `{"repeat": …, "times": n}` is something long; a list is its parts one after the other.

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// What `${name argument…}` stands for.
pub(super) trait Placeholders {
    /// The bytes of a placeholder; `None` if there is no such name.
    fn fill(&self, name: &str, arguments: &[&str]) -> anyhow::Result<Option<Vec<u8>>>;
}

/// The bytes that a JSON value describes.
pub(super) fn bytes(value: &Value, known: &dyn Placeholders) -> anyhow::Result<Vec<u8>> {
    match value {
        Value::String(text) => filled(text, known),
        Value::Array(parts) => {
            let parts: Vec<_> =
                parts.iter().map(|part| bytes(part, known)).collect::<Result<_, _>>()?;
            Ok(parts.concat())
        }
        Value::Object(members) => {
            match (members.get("base64"), members.get("repeat"), members.len()) {
                (Some(Value::String(text)), None, 1) => STANDARD.decode(text).context("base64"),
                (None, Some(unit), 2) => {
                    let times = members
                        .get("times")
                        .and_then(Value::as_u64)
                        .context("`repeat` needs `times`")?;
                    Ok(bytes(unit, known)?.repeat(times as usize))
                }
                _ => bail!("no text: {value}"),
            }
        }
        _ => bail!("no text: {value}"),
    }
}

fn filled(text: &str, known: &dyn Placeholders) -> anyhow::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (inside, after) =
            after.split_once('}').with_context(|| format!("`${{` without `}}` in {text:?}"))?;
        let mut words = inside.split(' ');
        let (name, arguments) = (words.next().unwrap_or_default(), words.collect::<Vec<_>>());
        let value = known.fill(name, &arguments).with_context(|| format!("${{{inside}}}"))?;
        out.extend_from_slice(before.as_bytes());
        out.extend(value.with_context(|| format!("there is no ${{{name}}}"))?);
        rest = after;
    }
    out.extend_from_slice(rest.as_bytes());
    Ok(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    struct Upper;

    impl Placeholders for Upper {
        fn fill(&self, name: &str, arguments: &[&str]) -> anyhow::Result<Option<Vec<u8>>> {
            Ok((name == "upper").then(|| arguments.join("+").to_uppercase().into_bytes()))
        }
    }

    #[test]
    fn any_bytes_can_be_written() {
        for (value, expected) in [
            (json!("a ${upper b c}d"), &b"a B+Cd"[..]),
            (json!({"base64": "//4="}), b"\xff\xfe"),
            (json!({"repeat": "ab", "times": 3}), b"ababab"),
            (json!(["x", {"base64": "AA=="}, "${upper y}"]), b"x\0Y"),
        ] {
            assert_eq!(bytes(&value, &Upper).unwrap(), expected, "{value}");
        }
        for wrong in [
            json!(1),
            json!({"repeat": "x"}),
            json!("${lower x}"),
            json!("${upper"),
            json!({"base64": "?"}),
        ] {
            assert!(bytes(&wrong, &Upper).is_err(), "{wrong}");
        }
    }
}
