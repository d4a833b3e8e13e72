//! Finds the one credential in `Authorization` (RFC 6750 §2.1, RFC 9449 §7.1).
//!
//! One place and one spelling. Whatever an upstream could take for another credential makes the
//! request ambiguous, and anything malformed is refused, never taken for "no credential" (H1…H7).

use crate::decision::Reason;
use crate::evidence::{Head, Line, Once, query_names};

/// A token, not yet looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Authorization<'h> {
    pub(super) scheme: Scheme,
    pub(super) token: &'h str,
}

/// How it is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Bearer,
    /// With a proof of possession beside it (DPOP-9).
    Dpop,
}

pub(super) fn find<'h>(
    head: &'h Head,
    line: Line<'_>,
) -> Result<Option<Authorization<'h>>, Reason> {
    let elsewhere = in_query(line) || in_cookie(head)?;
    match (head.once("authorization"), elsewhere) {
        (Once::Many, _) | (Once::One(_), true) => Err(Reason::AmbiguousCredential),
        // RFC 6750 §2.3 warns of it and MCP forbids it; in a cookie, any web page could use it.
        (Once::Absent, true) => Err(Reason::UnsupportedCredential),
        (Once::Absent, false) => Ok(None),
        (Once::One(value), false) => read(value).map(Some),
    }
}

/// RFC 9110 §11.4: a scheme in any case, one space, the token.
fn read(value: &str) -> Result<Authorization<'_>, Reason> {
    // A host may have joined two headers into one; no token and no scheme here has a comma.
    if value.contains(',') {
        return Err(Reason::AmbiguousCredential);
    }
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    let is = |name: &str| scheme.eq_ignore_ascii_case(name);
    let scheme = match () {
        () if is("bearer") => Scheme::Bearer,
        () if is("dpop") => Scheme::Dpop,
        () if SHARED_SECRETS.into_iter().any(is) => return Err(Reason::SharedSecret),
        () => return Err(other_scheme(value, scheme)),
    };
    // Trimmed by one hop and not by another, the same header would name two tokens.
    if has_white_space(token) {
        return Err(Reason::RequestMalformed);
    }
    Ok(Authorization { scheme, token })
}

/// What one hop trims or splits at and another does not.
pub(super) fn has_white_space(text: &str) -> bool {
    text.bytes().any(|b| matches!(b, b' ' | b'\t'))
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
fn in_query(line: Line<'_>) -> bool {
    let query = line.path.split_once('?').map(|(_, query)| query);
    query.is_some_and(|query| query_names(query).any(|name| name == TOKEN_NAME))
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

/// Schemes whose secret the caller sends along: Basic (RFC 7617) and what APIs call their keys.
const SHARED_SECRETS: [&str; 4] = ["basic", "apikey", "api-key", "token"];
