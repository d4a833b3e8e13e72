//! Headers that ask an upstream to take the request for another one.
//!
//! Refused: the names below, with `_` for `-` too, because CGI and WSGI servers can't tell them
//! apart, and the query parameter `_method` on an HTTP route. No gateway sets them on the way in,
//! so only somebody who wants another method or path than the one decided on sends them.
//!
//! Never read and left alone, so that the decision is unchanged: what gateways set routinely about
//! the hop before (`forwarded`, `x-forwarded-for`, `-host`, `-proto`, `-port`, `-prefix`,
//! `x-envoy-original-path`, which Envoy takes away from outsiders since CVE-2023-27487).
//!
//! Not covered: a `_method` field in a form body. An HTTP route is decided at its head, so such a
//! framework feature has to be off behind this gateway.

use crate::evidence::Head;

/// Whether the head holds a header that overrides the method or the path.
pub(super) fn in_head(head: &Head) -> bool {
    head.names().any(|name| REFUSED.iter().any(|refused| same(name, refused)))
}

/// Whether a query holds `_method` (Rails, Laravel, Symfony), however it is encoded.
pub(super) fn in_query(query: &str) -> bool {
    query.split(['&', ';']).any(|pair| {
        let name = pair.split_once('=').map_or(pair, |(name, _)| name);
        decode(name).trim().eq_ignore_ascii_case("_method")
    })
}

/// Header names are lower case by now.
fn same(name: &[u8], refused: &str) -> bool {
    name.iter().map(|b| if *b == b'_' { b'-' } else { *b }).eq(refused.bytes())
}

/// As the most generous framework would read it.
fn decode(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let byte = after.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match byte {
            Some(byte) => out.push(char::from(byte)),
            None => out.push('%'),
        }
        rest = if byte.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    out.push_str(rest);
    out.replace('+', " ")
}

const REFUSED: &[&str] = &[
    // Another method.
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-method",
    "x-forwarded-method",
    // Another path: IIS and Symfony, then the external-authorization dialects of nginx and Traefik.
    "x-original-url",
    "x-rewrite-url",
    "x-original-uri",
    "x-rewrite-uri",
    "x-forwarded-uri",
    "x-forwarded-url",
    "x-forwarded-path",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn head(name: &str) -> Head {
        Head::from_pairs(vec![(name.as_bytes().to_vec(), b"DELETE".to_vec())])
    }

    #[test]
    fn a_header_that_overrides_method_or_path_is_found_in_every_spelling() {
        for name in ["x-http-method-override", "X-HTTP-Method-Override", "x_http_method_override"] {
            assert!(in_head(&head(name)), "{name}");
        }
        for name in REFUSED {
            assert!(in_head(&head(name)), "{name}");
        }
        for name in ["x-forwarded-host", "x-forwarded-proto", "x-envoy-original-path", "forwarded"]
        {
            assert!(!in_head(&head(name)), "{name}");
        }
    }

    #[test]
    fn a_query_that_overrides_the_method_is_found_in_every_spelling() {
        for query in [
            "_method=DELETE",
            "a=1&_method=x",
            "a;_method",
            "%5fmethod=x",
            "_%4dethod=x",
            "+_METHOD=",
        ] {
            assert!(in_query(query), "{query}");
        }
        for query in ["", "method=x", "a=_method", "x_method=1", "%", "%é", "%5", "_method2=x"] {
            assert!(!in_query(query), "{query}");
        }
    }
}
