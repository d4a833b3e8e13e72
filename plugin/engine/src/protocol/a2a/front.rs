//! What the head of a request to an agent says: version, media type, extensions; each once.
//!
//! Not here: the path (`rest`) and what is said (`message`).

use super::{A2aEndpoint, Door, Version};
use crate::decision::Reason;
use crate::evidence::{Head, Once, dashed};
use crate::protocol::{mcp, media};

/// The version that is asked for. One that is not said, or is empty, is 0.3 (§3.6.2).
pub(super) fn version(
    endpoint: &A2aEndpoint,
    head: &Head,
    parameter: Option<&str>,
    door: &Door,
) -> Result<Version, Reason> {
    let header = one(head, VERSION).map(media::trim);
    let said = match (header, parameter) {
        (Some(header), Some(parameter)) if header != parameter => {
            return Err(Reason::HeaderMismatch);
        }
        (header, parameter) => header.or(parameter).unwrap_or_default(),
    };
    let version = if said.is_empty() { Some(Version::V0_3) } else { Version::parse(said) };
    let served = |version: &Version| {
        endpoint.accepts(*version) && !(version.is_legacy() && matches!(door, Door::HttpJson(_)))
    };
    version.filter(served).ok_or(Reason::VersionUnsupported)
}

/// Whether the head has each header once that counts, and comes from no page that it may not come from.
pub(super) fn well_formed(endpoint: &A2aEndpoint, head: &Head) -> Result<(), Reason> {
    let impostor = |name: &[u8]| {
        // CGI and WSGI servers take it for one of ours (threats H12).
        let folded = dashed(name);
        name.contains(&b'_') && SINGLE.iter().any(|single| folded == single.as_bytes())
    };
    if head.names().any(impostor) || SINGLE.iter().any(|name| head.once(name) == Once::Many) {
        return Err(Reason::RequestMalformed);
    }
    if one(head, "origin").is_some_and(|origin| !endpoint.allows_origin(origin)) {
        return Err(Reason::OriginNotAllowed);
    }
    Ok(())
}

/// Whether there will be a body, or a type that says what it is.
pub(super) fn announces_body(head: &Head) -> bool {
    head.has("content-type") || one(head, "content-length").is_some_and(|length| length != "0")
}

pub(super) fn media_type(head: &Head, door: &Door, body_limit: usize) -> Result<(), Reason> {
    let json = one(head, "content-type").is_some_and(|said| {
        let own = matches!(door, Door::HttpJson(_)) && media::is_utf8(said, media::A2A_JSON);
        own || media::is_utf8(said, media::JSON)
    });
    mcp::announced(head, json, body_limit)
}

/// Extensions that the request asks for (§14.2.2), by either name of the header: which of them an agent heeds
/// is not its version's alone to say.
pub(super) fn extensions(head: &Head) -> Result<Vec<String>, Reason> {
    let said = [EXTENSIONS, LEGACY_EXTENSIONS].into_iter().filter_map(|name| one(head, name));
    let each = said.flat_map(|said| said.split(',')).map(media::trim).filter(|uri| !uri.is_empty());
    let all: Vec<_> = each.map(str::to_owned).take(MAX_EXTENSIONS.saturating_add(1)).collect();
    if all.len() > MAX_EXTENSIONS { Err(Reason::ParametersInvalid) } else { Ok(all) }
}

/// A header that is there once; twice was refused before.
fn one<'h>(head: &'h Head, name: &str) -> Option<&'h str> {
    match head.once(name) {
        Once::One(value) => Some(value),
        Once::Absent | Once::Many => None,
    }
}

/// `A2A-Version`, and as a parameter of the query (§3.6.1).
const VERSION: &str = "a2a-version";
pub(super) const VERSION_PARAMETER: &str = "A2A-Version";
/// `A2A-Extensions`.
const EXTENSIONS: &str = "a2a-extensions";
/// The same in 0.3, and with SDKs that serve both.
const LEGACY_EXTENSIONS: &str = "x-a2a-extensions";
/// Headers of which a second one could count for somebody else (threats H3).
const SINGLE: &[&str] = &[
    VERSION,
    EXTENSIONS,
    LEGACY_EXTENSIONS,
    "origin",
    "content-type",
    "content-encoding",
    "content-length",
];
/// Extensions of one request.
const MAX_EXTENSIONS: usize = 32;
