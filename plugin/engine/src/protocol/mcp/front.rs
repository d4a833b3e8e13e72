//! What the head of a request to an MCP endpoint says.

use super::{McpEndpoint, mirrored, session};
use crate::decision::Reason;
use crate::evidence::{Head, Once, dashed};
use crate::protocol::media;

/// The headers that mirror the body, each there once at most.
#[derive(Debug, Default)]
pub(super) struct Front<'h> {
    pub(super) version: Option<&'h str>,
    pub(super) method: Option<&'h str>,
    pub(super) name: Option<&'h str>,
    /// `Last-Event-ID`: a stream goes on from there.
    pub(super) resumes: bool,
    /// `Mcp-Param-*`, by lower-case names, each as often as it came.
    pub(super) params: Vec<(&'h str, &'h str)>,
}

/// `MCP-Protocol-Version`.
pub(super) const VERSION: &str = "mcp-protocol-version";
/// `Mcp-Method`.
const METHOD: &str = "mcp-method";
/// `Mcp-Name`.
const NAME: &str = "mcp-name";

impl<'h> Front<'h> {
    /// Reads the head, or says why its message will not be looked at.
    pub(super) fn read(endpoint: &McpEndpoint, head: &'h Head) -> Result<Self, Reason> {
        if head.names().any(impostor) || SINGLE.iter().any(|name| head.once(name) == Once::Many) {
            return Err(Reason::RequestMalformed);
        }
        // MCP 2026-07-28 basic/transports/streamable-http: against DNS rebinding (MCP-21, M15).
        if one(head, "origin").is_some_and(|origin| !endpoint.allows_origin(origin)) {
            return Err(Reason::OriginNotAllowed);
        }
        let said = |name| one(head, name).map(media::trim);
        Ok(Self {
            version: said(VERSION),
            method: said(METHOD),
            name: said(NAME),
            resumes: head.has(session::LAST_EVENT),
            params: head.beginning(mirrored::PREFIX).collect(),
        })
    }
}

/// Whether the head announces a body that can be read.
pub(super) fn message(head: &Head, body_limit: usize) -> Result<(), Reason> {
    let json = one(head, "content-type").is_some_and(|t| media::is_utf8(t, media::JSON));
    announced(head, json, body_limit)
}

/// The same of another type; `json`: whether it is one that can be read.
pub(in crate::protocol) fn announced(
    head: &Head,
    json: bool,
    body_limit: usize,
) -> Result<(), Reason> {
    if !json || !one(head, "content-encoding").is_none_or(media::is_identity) {
        return Err(Reason::MediaTypeUnsupported);
    }
    one(head, "content-length").map_or(Ok(()), |announced| announced_length(announced, body_limit))
}

/// A body that is announced as too long need not be buffered (threats B14).
fn announced_length(text: &str, limit: usize) -> Result<(), Reason> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Reason::RequestMalformed);
    }
    match text.parse::<usize>() {
        Ok(length) if length <= limit => Ok(()),
        _ => Err(Reason::BodyTooLarge),
    }
}

/// A header that is there once; twice was refused before.
fn one<'h>(head: &'h Head, name: &str) -> Option<&'h str> {
    match head.once(name) {
        Once::One(value) => Some(value),
        Once::Absent | Once::Many => None,
    }
}

/// A name that CGI and WSGI servers take for one of ours (threats H12). What follows `mcp-param-`
/// is the server's to choose, `_` included.
fn impostor(name: &[u8]) -> bool {
    if !name.contains(&b'_') || name.starts_with(b"mcp-param-") {
        return false;
    }
    let folded = dashed(name);
    folded.starts_with(b"mcp-") || SINGLE.iter().any(|s| folded == s.as_bytes())
}

/// Headers of which a second one could count for somebody else (threats H3).
const SINGLE: &[&str] = &[
    VERSION,
    METHOD,
    NAME,
    session::SESSION,
    session::LAST_EVENT,
    "origin",
    "content-type",
    "content-encoding",
    "content-length",
];
