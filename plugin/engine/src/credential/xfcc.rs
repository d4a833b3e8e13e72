//! The syntax of `x-forwarded-client-cert`, as Envoy writes it (its documentation, "HTTP header
//! manipulation").
//!
//! Strict: a header that two readers could take apart differently is refused whole (XFCC-2, X3).

use super::certificate::hexadecimal;
use crate::decision::Reason;
use crate::evidence::Head;

/// What one hop said of its client's certificate, as far as it counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    /// The URI of the hop's own certificate.
    pub(super) by: Option<String>,
    pub(super) hash: Option<[u8; 32]>,
    pub(super) uri: Option<String>,
}

/// What the closest hop said; `None` without the header. Several lines of it are one list (RFC 9110
/// §5.3): Envoy has joined them before anybody looks.
pub(super) fn last(head: &Head) -> Result<Option<Element>, Reason> {
    let refused = Reason::CertificateRefused;
    let lines = head.all("x-forwarded-client-cert").map(std::str::from_utf8);
    let lines: Vec<&str> = lines.collect::<Result<_, _>>().map_err(|_| refused)?;
    match lines.is_empty() {
        true => Ok(None),
        false => read(&lines.join(",")).map(Some).ok_or(refused),
    }
}

/// Every element must be well formed, although only the last counts: what looks like the last one may
/// be the inside of another.
fn read(value: &str) -> Option<Element> {
    let elements = split(value, ',')?;
    let read: Vec<Element> = elements.into_iter().map(element).collect::<Option<_>>()?;
    read.into_iter().next_back()
}

fn element(text: &str) -> Option<Element> {
    let mut element = Element::default();
    for pair in split(text, ';')? {
        let (key, value) = pair.split_once('=')?;
        let value = unquoted(value)?;
        // A value that comes twice names two: of a certificate with several URIs there are several.
        match key.to_ascii_lowercase().as_str() {
            "by" => first(&mut element.by, value)?,
            "hash" => first(&mut element.hash, hexadecimal(value.as_bytes())?)?,
            "uri" => first(&mut element.uri, value)?,
            "cert" | "chain" | "subject" | "dns" => {}
            _ => return None,
        }
    }
    Some(element)
}

fn first<T>(slot: &mut Option<T>, value: T) -> Option<()> {
    match slot.replace(value) {
        None => Some(()),
        Some(_) => None,
    }
}

/// Splits outside quotes. A quote that is not closed, or a backslash before anything but a quote or a
/// backslash, is malformed.
fn split(text: &str, at: char) -> Option<Vec<&str>> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (i, c) in text.char_indices() {
        match c {
            _ if escaped => {
                if !matches!(c, '"' | '\\') {
                    return None;
                }
                escaped = false;
            }
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if c == at && !quoted => {
                parts.push(text.get(start..i)?);
                start = i.saturating_add(1);
            }
            _ => {}
        }
    }
    parts.push(text.get(start..)?);
    let good = !quoted && !escaped && parts.len() <= MAX_PARTS;
    if good { Some(parts) } else { None }
}

/// A value is quoted as a whole or not at all.
fn unquoted(value: &str) -> Option<String> {
    let Some(inner) = value.strip_prefix('"') else {
        let plain = |c: char| !matches!(c, '"' | '\\' | '=' | ' ' | '\t');
        return value.chars().all(plain).then(|| value.to_owned());
    };
    let inner = inner.strip_suffix('"')?;
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.push(chars.next()?),
            '"' => return None,
            c => out.push(c),
        }
    }
    Some(out)
}

/// Hops of a path, or names in a certificate; a header has 96 KiB.
const MAX_PARTS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a";

    fn uri(value: &str) -> Option<Option<String>> {
        read(value).map(|element| element.uri)
    }

    #[test]
    fn the_last_element_counts_and_keys_are_in_any_case() {
        let value = format!(
            "By=spiffe://td/a;URI=spiffe://td/evil,by=spiffe://td/gw;HASH={HASH};uri=spiffe://td/b"
        );
        let element = read(&value).unwrap();
        assert_eq!(element.by.as_deref(), Some("spiffe://td/gw"));
        assert_eq!((element.hash, element.uri.as_deref()), (Some([10; 32]), Some("spiffe://td/b")));
        assert_eq!(uri("By=x;Hash=;URI="), None, "an empty hash is none");
        assert_eq!(uri("URI="), Some(Some(String::new())));
    }

    #[test]
    fn what_is_inside_quotes_is_no_element_and_no_key() {
        for value in [
            r#"URI=spiffe://td/a;Subject="CN=x,URI=spiffe://td/evil""#,
            r#"URI=spiffe://td/a;Subject="CN=x;URI=spiffe://td/evil""#,
            r#"URI=spiffe://td/a;Subject="CN=\"x\";URI=spiffe://td/evil""#,
            r#"URI="spiffe://td/a";Subject="\\";DNS=a;DNS=b"#,
        ] {
            assert_eq!(uri(value), Some(Some("spiffe://td/a".to_owned())), "{value}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for value in [
            "",
            "URI",
            "URI=a;URI=b",
            "uri=a;URI=a",
            "By=a;By=b;URI=c",
            "Hash=0a;URI=a",
            "Evil=1;URI=a",
            "URI=a;",
            ";URI=a",
            "URI=a,",
            ",URI=a",
            " URI=a",
            "URI=a ",
            "URI=a, URI=b",
            "URI=a=b",
            r#"Subject="CN=x;URI=a"#,
            r#"Subject="CN=x\;URI=a"#,
            r#"Subject="x"y;URI=a"#,
            r#"Subject=x"y";URI=a"#,
            r#"Subject="a\b";URI=a"#,
        ] {
            assert_eq!(uri(value), None, "{value}");
        }
    }
}
