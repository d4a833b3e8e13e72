//! The request target, as far as everybody reads it alike.
//!
//! Proxies, frameworks and file systems disagree about dot segments, doubled slashes, encoded
//! slashes, `;` parameters and needless percent-encoding; each was somebody's bypass. Nothing is
//! normalised here: a path that could be, is refused, so what is decided is what is forwarded.
//! Letters keep their case: for an upstream that ignores it, a route table is not enough.

/// A request target in origin form (RFC 9112 §3.2.1) that can be read in one way only.
#[derive(Debug)]
pub(super) struct Target<'a> {
    /// Without its `?`.
    pub(super) query: Option<&'a str>,
    /// As sent and decoded. The last one is empty if the path ends with `/`.
    pub(super) segments: Vec<Segment<'a>>,
}

#[derive(Debug)]
pub(super) struct Segment<'a> {
    pub(super) raw: &'a str,
    pub(super) decoded: String,
}

impl<'a> Target<'a> {
    /// `None`: ambiguous.
    pub(super) fn parse(raw: &'a str) -> Option<Self> {
        // A fragment never travels (RFC 9110 §4.2.5); some servers cut it off, some don't.
        if raw.contains(|c: char| c == '#' || c == '\\' || !c.is_ascii_graphic()) {
            return None;
        }
        let (path, query) = match raw.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (raw, None),
        };
        Some(Self { query, segments: segments(path)? })
    }
}

/// The segments of an absolute path.
pub(super) fn segments(path: &str) -> Option<Vec<Segment<'_>>> {
    let mut rest = path.strip_prefix('/')?.split('/').peekable();
    let mut segments = Vec::new();
    while let Some(raw) = rest.next() {
        let last = rest.peek().is_none();
        if matches!(raw, "." | "..") || (raw.is_empty() && !last) {
            return None;
        }
        segments.push(Segment { raw, decoded: decode(raw)? });
    }
    Some(segments)
}

/// RFC 3986 §3.3 without `;`; an encoded byte must need its encoding, and what comes out must be
/// text that nobody trims, cuts or splits.
fn decode(segment: &str) -> Option<String> {
    let mut bytes = segment.bytes();
    let mut out = Vec::with_capacity(segment.len());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => encoded(bytes.next()?, bytes.next()?)?,
            _ if plain(byte) => byte,
            _ => return None,
        });
    }
    let text = String::from_utf8(out).ok()?;
    (!text.contains(char::is_control) && text.trim() == text).then_some(text)
}

fn encoded(high: u8, low: u8) -> Option<u8> {
    let digit = |b: u8| char::from(b).to_digit(16);
    let byte = u8::try_from(digit(high)? << 4 | digit(low)?).ok()?;
    let needless = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    (!needless && !matches!(byte, b'/' | b'\\' | b';' | b'%')).then_some(byte)
}

fn plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_that_can_be_read_in_two_ways_is_refused() {
        for raw in [
            "",
            "*",
            "admin",
            "http://evil/admin",
            "//admin",
            "///admin",
            "//x/admin",
            "/admin//",
            "/a//b",
            "/.",
            "/..",
            "/a/./b",
            "/public/../admin",
            "/public/%2e%2e/admin",
            "/public/%2E./admin",
            "/%61dmin",
            "/adm%69n",
            "/a%2Db",
            "/admin%2fx",
            "/admin%2Fx",
            "/admin%5cx",
            "/admin%252f",
            "/admin%25",
            "/admin;x=1",
            "/admin;/x",
            "/..;/admin",
            "/admin%3bx",
            "/a\\admin",
            "/\\admin",
            "/admin%00",
            "/admin%0a",
            "/admin%7f",
            "/admin%c2%80",
            "/admin%20",
            "/%20admin",
            "/admin%c2%a0",
            "/%c0%ae",
            "/%ff",
            "/%zz",
            "/%",
            "/%4",
            "/a b",
            "/a\tb",
            "/a\"b",
            "/a<b",
            "/a|b",
            "/a{b}",
            "/a[1]",
            "/a^b",
            "/é",
            "/admin#x",
            "/admin?x#y",
            "/admin?a b",
            "/admin?a\\b",
        ] {
            assert!(Target::parse(raw).is_none(), "{raw:?}");
        }
    }

    #[test]
    fn a_plain_path_is_read_as_sent() {
        let read = |raw| {
            let target = Target::parse(raw).unwrap();
            let segments = target.segments.iter().map(|s| s.decoded.clone());
            (target.query.map(str::to_owned), segments.collect::<Vec<_>>())
        };
        let all = |s: &[&str]| s.iter().map(|&s| s.to_owned()).collect::<Vec<_>>();
        assert_eq!(read("/"), (None, all(&[""])));
        assert_eq!(read("/a/b/"), (None, all(&["a", "b", ""])));
        assert_eq!(read("/v1/a%3Ab:c"), (None, all(&["v1", "a:b:c"])));
        assert_eq!(read("/caf%C3%A9%20x").1, all(&["café x"]));
        assert_eq!(read("/a?b=../c").0, Some("b=../c".to_owned()));
        assert_eq!(read("/a?").0, Some(String::new()));
        assert_eq!(read("/...").1, all(&["..."]));
    }

    proptest! {
        #[test]
        fn whatever_comes_a_path_that_is_read_has_no_hidden_structure(raw in "(/|[%.;?#a2ef5c ]|\\PC){0,24}") {
            if let Some(target) = Target::parse(&raw) {
                prop_assert!(raw.starts_with('/'));
                for segment in &target.segments {
                    prop_assert!(!matches!(segment.decoded.as_str(), "." | ".."));
                    prop_assert!(!segment.decoded.contains(['/', '\\', ';', '%']));
                }
            }
        }
    }
}
