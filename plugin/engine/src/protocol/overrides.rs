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

use crate::evidence::{Head, dashed, is_dashed, is_token_header, query_names};

/// Whether the head holds a header that overrides the method or the path.
pub(super) fn in_head(head: &Head) -> bool {
    let mut suspects = head.names().filter(|name| name.first() == Some(&FIRST));
    suspects.any(|name| REFUSED.iter().any(|refused| is_dashed(name, refused.as_bytes())))
}

/// Whether a query holds `_method` (Rails, Laravel, Symfony), however it is encoded.
pub(super) fn in_query(query: &str) -> bool {
    query_names(query).any(|name| name == "_method")
}

/// Whether a request trailer may go upstream. Trailers are never evidence and nobody judges them;
/// RFC 9110 §6.5.1 keeps credentials, routing and framing out of them, and nothing enforces it. An
/// upstream that merges them into its headers must not find there what was removed, set or compared.
#[must_use]
pub fn trailer_may_pass(name: &[u8]) -> bool {
    let name = dashed(name);
    let prefixed = HEADERS_ONLY.iter().any(|prefix| name.starts_with(prefix.as_bytes()));
    !prefixed
        && !is_token_header(&name)
        && !REFUSED.iter().any(|refused| name == refused.as_bytes())
}

/// Prefixes of names that are ours to set, carry a credential or the routing, or were compared with
/// the body.
const HEADERS_ONLY: &[&str] = &[
    "x-deputy-",
    "authorization",
    "proxy-",
    "cookie",
    "mcp-",
    "a2a-",
    "x-a2a-",
    "content-",
    "origin",
    "host",
    "upgrade",
    "transfer-",
    "connection",
    "trailer",
    "forwarded",
    "x-forwarded-",
    "x-envoy-",
    "dpop",
    "workload-",
    "txn-token",
    "last-event-id",
];

/// The first byte of all that follow: few headers of a request have it.
const FIRST: u8 = b'x';
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

    #[test]
    fn a_trailer_says_neither_who_asks_nor_what_for() {
        for name in [
            "x-deputy-agent",
            "X_Deputy-Agent",
            "Authorization",
            "mcp_name",
            "MCP-Method",
            "A2A-Version",
            "X-A2A-Extensions",
            "x-http-method-override",
            "Content-Type",
            "X-Auth-Token",
            "Txn_Token",
            "workload-identity-token",
            "Last-Event-ID",
        ] {
            assert!(!trailer_may_pass(name.as_bytes()), "{name}");
        }
        for name in ["x-amz-checksum-sha256", "grpc-status", "x-deput", "x-mcp-name"] {
            assert!(trailer_may_pass(name.as_bytes()), "{name}");
        }
    }

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
