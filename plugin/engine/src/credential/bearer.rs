//! Finds the one bearer token of a request (RFC 6750 §2.1).
//!
//! One place and one spelling. Whatever an upstream could take for another credential makes the
//! request ambiguous, and anything malformed is refused, never taken for "no credential" (H1…H7).

use crate::decision::Reason;
use crate::evidence::{Head, Once, query_names};

/// The token, not yet looked at.
pub(super) fn find(head: &Head) -> Result<&str, Reason> {
    let elsewhere = in_query(head)? || in_cookie(head)?;
    match (head.once("authorization"), elsewhere) {
        (Once::Many, _) | (Once::One(_), true) => Err(Reason::AmbiguousCredential),
        // RFC 6750 §2.3 warns of it and MCP forbids it; in a cookie, any web page could use it.
        (Once::Absent, true) => Err(Reason::UnsupportedCredential),
        (Once::Absent, false) => Err(Reason::NoCredential),
        (Once::One(value), false) => token(value),
    }
}

/// RFC 9110 §11.4: a scheme in any case, one space, the token.
fn token(value: &str) -> Result<&str, Reason> {
    // A host may have joined two headers into one; no token and no scheme here has a comma.
    if value.contains(',') {
        return Err(Reason::AmbiguousCredential);
    }
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(other_scheme(value, scheme));
    }
    // Trimmed by one hop and not by another, the same header would name two tokens.
    if token.contains([' ', '\t']) {
        return Err(Reason::RequestMalformed);
    }
    Ok(token)
}

fn other_scheme(value: &str, scheme: &str) -> Reason {
    // `Bearer<TAB>token` and leading white space are the scheme we know, spelled badly.
    if scheme.contains('\t') || scheme.is_empty() && !value.is_empty() {
        Reason::RequestMalformed
    } else {
        Reason::UnsupportedCredential
    }
}

/// RFC 6750 §2.3: the parameter `access_token`. Wider than any one parser reads it.
fn in_query(head: &Head) -> Result<bool, Reason> {
    let line = head.line().map_err(|_| Reason::RequestMalformed)?;
    let Some((_, query)) = line.path.split_once('?') else {
        return Ok(false);
    };
    Ok(query_names(query).any(|name| name == TOKEN_NAME))
}

fn in_cookie(head: &Head) -> Result<bool, Reason> {
    let cookies = match head.once("cookie") {
        Once::Absent => return Ok(false),
        Once::One(cookies) => cookies,
        // RFC 9113 §8.2.3: whoever leaves HTTP/2 joins them before handing them on.
        Once::Many => return Err(Reason::RequestMalformed),
    };
    let name = |pair: &str| pair.split('=').next().unwrap_or_default().trim().to_owned();
    Ok(cookies.split([';', ',']).any(|pair| is_token_name(&name(pair))))
}

fn is_token_name(name: &str) -> bool {
    name.eq_ignore_ascii_case(TOKEN_NAME)
}

const TOKEN_NAME: &str = "access_token";
