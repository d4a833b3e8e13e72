//! `Content-Type` and `Content-Encoding`, as far as a body can be inspected.
//!
//! One media type in UTF-8, not encoded. Everything else is refused rather than guessed at, so
//! there is no general parser here.

/// RFC 8259 §11.
pub(super) const JSON: &str = "application/json";
/// A2A 1.0 §14.1.1.
pub(super) const A2A_JSON: &str = "application/a2a+json";
/// WHATWG HTML §9.2.
pub(super) const EVENT_STREAM: &str = "text/event-stream";
/// RFC 9457 §3.
pub(super) const PROBLEM: &str = "application/problem+json";

/// Whether the value names exactly that media type, in UTF-8: without parameters, or with the one
/// parameter `charset=utf-8`.
pub(super) fn is_utf8(value: &str, media_type: &str) -> bool {
    let (named, parameter) = match value.split_once(';') {
        Some((named, parameter)) => (named, Some(parameter)),
        None => (value, None),
    };
    let charset = |p: &str| {
        let p = trim(p);
        p.eq_ignore_ascii_case("charset=utf-8") || p.eq_ignore_ascii_case("charset=\"utf-8\"")
    };
    trim(named).eq_ignore_ascii_case(media_type) && parameter.is_none_or(charset)
}

/// Whether the value of a `Content-Encoding` says that there is none (RFC 9110 §8.4).
pub(super) fn is_identity(value: &str) -> bool {
    trim(value).is_empty() || trim(value).eq_ignore_ascii_case("identity")
}

/// Optional white space (RFC 9110 §5.6.3), and no other.
pub(super) fn trim(value: &str) -> &str {
    value.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_media_type_in_utf_8_and_nothing_else_is_inspected() {
        for good in [
            "application/json",
            "Application/JSON",
            "application/json;charset=utf-8",
            "application/json ; charset=UTF-8",
            "application/json; Charset=\"utf-8\"",
        ] {
            assert!(is_utf8(good, JSON), "{good}");
        }
        for bad in [
            "",
            "text/plain",
            "application/json; charset=utf-16",
            "application/json, text/plain",
            "application/json;charset=utf-8, text/plain",
            "application/json;",
            "application/jsonx",
            "application/json; charset=utf-8; charset=utf-16",
            "application/json; charset =utf-8",
            "application/json-rpc",
            "multipart/form-data; boundary=x",
            "application/json; q=1",
        ] {
            assert!(!is_utf8(bad, JSON), "{bad}");
        }
    }

    #[test]
    fn only_identity_is_no_encoding() {
        assert!(is_identity("identity") && is_identity(" Identity ") && is_identity(""));
        for bad in ["gzip", "br", "zstd", "gzip,gzip", "identity, gzip", "x-gzip"] {
            assert!(!is_identity(bad), "{bad}");
        }
    }
}
