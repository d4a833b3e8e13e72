//! The Model Context Protocol over streamable HTTP, both eras: 2026-07-28, where each request
//! stands alone, and the session-based ones before it.
//!
//! One POST, one message, one decision. `front` reads the head, `message` the JSON-RPC envelope,
//! `era` the version and the routing headers, `methods` says what there is, `ask` what is wanted.
//!
//! Not served yet, and therefore refused: GET streams and DELETE, answers that a client posts
//! (sampling, elicitation), tasks, and retries with `inputResponses`. `Mcp-Session-Id` is neither
//! needed nor looked up: every message is decided by its own token. `Mcp-Param-*` headers are no
//! input; the server that declared them has to compare them (MCP-13). `Accept` is the upstream's.

mod ask;
mod endpoint;
mod era;
mod front;
mod message;
mod methods;

pub(crate) use endpoint::{McpEndpoint, McpParts, ToolCatalogue, ToolEntry};
pub(crate) use era::Version;
pub(super) use message::rpc_id;

use super::{ListFilter, Read};
use crate::decision::{Reason, RpcId, Shape};
use crate::evidence::{Head, Once};
use crate::model::Asked;
use front::Front;
use message::Message;
use methods::Kind;

/// The form of a refusal as long as only the head is known. A modern client reads an error without
/// one of the modern codes as "this server is legacy" and falls back (MCP-6).
pub(super) fn shape(head: &Head) -> Shape {
    let modern = match head.once(front::VERSION) {
        Once::One(version) => era::looks_modern(version),
        Once::Absent | Once::Many => false,
    };
    Shape::JsonRpc { id: None, modern }
}

/// Reads a message to that server.
pub(super) fn read(
    endpoint: &McpEndpoint,
    is_post: bool,
    head: &Head,
    body: Option<&[u8]>,
    body_limit: usize,
) -> Read {
    let refused = |reason| Read::Refused { reason, shape: shape(head) };
    let front = match Front::read(endpoint, is_post, head, body_limit) {
        Ok(front) => front,
        Err(reason) => return refused(reason),
    };
    let Some(body) = body else {
        return Read::NeedsBody { limit: body_limit };
    };
    // The host hands over one byte more than the limit if there was more.
    if body.len() > body_limit {
        return refused(Reason::BodyTooLarge);
    }
    let (id, message) = message::read(body);
    let modern = front.version.is_some_and(era::looks_modern);
    let shape = Shape::JsonRpc { id: id.clone(), modern };
    match message.and_then(|message| ask(endpoint, &front, message, id)) {
        Ok((asked, list)) => Read::Asked { asked, shape, list },
        Err(reason) => Read::Refused { reason, shape },
    }
}

fn ask(
    endpoint: &McpEndpoint,
    front: &Front<'_>,
    message: Message,
    id: Option<RpcId>,
) -> Result<(Asked, Option<ListFilter>), Reason> {
    let version = era::version(endpoint, front, &message)?;
    let method = methods::find(&message.method, version).ok_or(Reason::MethodUnknown)?;
    if id.is_some() != method.is_request() {
        // A call without an id is still a call to some servers (J12); nobody could be answered.
        return Err(Reason::MessageMalformed);
    }
    ask::parameters(method, version, &message)?;
    era::routing(front, &message, method, version)?;
    let list = match (method.kind, id) {
        (Kind::List, Some(id)) => Some(ListFilter::new(id, endpoint.response_limit())),
        _ => None,
    };
    Ok((ask::asked(endpoint, method, message)?, list))
}

#[cfg(test)]
mod tests;
