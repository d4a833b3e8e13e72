//! The Model Context Protocol over streamable HTTP, both eras: 2026-07-28, where each request
//! stands alone, and the session-based ones before it.
//!
//! `front` reads the head, `message` the JSON-RPC envelope, `era` the version and the routing
//! headers, `methods` says what there is, `ask` what is wanted, `catalogue` what a server offers,
//! `mirrored` which arguments headers repeat, `session` whose a session is. The way back is [`super::list`].
//!
//! Whose a task is, only its server knows: it is told who asks (`x-deputy-agent`). `Accept` is the
//! upstream's.

mod ask;
mod catalogue;
mod drift;
mod endpoint;
mod era;
mod front;
mod message;
mod methods;
mod mirrored;
mod session;

pub(crate) use ask::{is_answer, prompt_asked, resource_asked};
pub(crate) use catalogue::{Catalogue, Resources, ToolEntry};
pub(crate) use drift::Drift;
pub(crate) use endpoint::{McpEndpoint, McpParts};
pub(crate) use era::Version;
pub(super) use front::announced;
pub(crate) use message::without_answers;
pub(super) use message::{envelope, is_batch, rpc_id};
pub(crate) use mirrored::Mirrored;
pub(crate) use session::{IdKind, Opened, Sealer, Sessions};

use super::list::{Answers, ListOf};
use super::{Exchange, Read};
use crate::decision::{Leads, Reason, RpcId, Shape};
use crate::evidence::{Head, Once};
use crate::json::Value;
use crate::model::Asked;
use front::Front;
use message::{Content, Entry};
use methods::What;

/// The HTTP method of a request. Compared exactly: `post` is none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Post,
    Get,
    Delete,
    Other,
}

impl Verb {
    pub(super) fn of(method: &str) -> Self {
        match method {
            "POST" => Self::Post,
            "GET" => Self::Get,
            "DELETE" => Self::Delete,
            _ => Self::Other,
        }
    }
}

/// The form of a refusal as long as only the head is known. A modern client reads an error without
/// one of the modern codes as "this server is legacy" and falls back (MCP-6).
pub(super) fn shape(head: &Head) -> Shape {
    let modern = match head.once(front::VERSION) {
        Once::One(version) => era::looks_modern(version),
        Once::Absent | Once::Many => false,
    };
    Shape::JsonRpc { id: None, modern, leads: Leads::Not }
}

/// Reads a message to that server, or what comes without one: the opening of its stream (GET) and
/// the end of a session (DELETE).
pub(super) fn read(
    endpoint: &McpEndpoint,
    verb: Verb,
    head: &Head,
    body: Option<&[u8]>,
    body_limit: usize,
) -> Read {
    let refused = |reason| Read::Refused { reason, shape: shape(head) };
    let front = match Front::read(endpoint, head) {
        Ok(front) => front,
        Err(reason) => return refused(reason),
    };
    let limit = match verb {
        Verb::Post => match front::message(head, body_limit) {
            Ok(()) => body_limit,
            Err(reason) => return refused(reason),
        },
        Verb::Get | Verb::Delete if endpoint.is_legacy() => 0,
        _ => return refused(Reason::MethodNotServed),
    };
    let Some(body) = body else {
        return Read::NeedsBody { limit };
    };
    // The host hands over one byte more than the limit if there was more.
    if body.len() > limit {
        return refused(if limit == 0 { Reason::RequestMalformed } else { Reason::BodyTooLarge });
    }
    match verb {
        Verb::Post => post(endpoint, &front, body),
        _ => session_verb(endpoint, &front, verb).unwrap_or_else(refused),
    }
}

/// One message, or a batch of them where that is allowed.
fn post(endpoint: &McpEndpoint, front: &Front<'_>, body: &[u8]) -> Read {
    let modern = front.version.is_some_and(era::looks_modern);
    if message::is_batch(body) && era::allows_batch(endpoint, front) {
        let entries = message::batch(body);
        let read = entries.and_then(|entries| together(endpoint, front, entries));
        let shape = Shape::JsonRpc { id: None, modern, leads: Leads::Not };
        return finished(endpoint, read, shape, true);
    }
    let (id, entry) = message::read(body);
    let shape = Shape::JsonRpc { id, modern, leads: Leads::Not };
    let read = entry.and_then(|entry| one(endpoint, front, entry));
    finished(endpoint, read, shape, false)
}

/// What a message asks for, and how its answer will be recognised.
struct Wanted {
    asked: Vec<Asked>,
    answers: Vec<(RpcId, Option<ListOf>)>,
    /// It makes sense in a session only.
    in_session: bool,
    legacy: bool,
    leads: Leads,
    declares_pages: bool,
    answers_us: bool,
}

fn finished(
    endpoint: &McpEndpoint,
    read: Result<Wanted, Reason>,
    mut shape: Shape,
    batch: bool,
) -> Read {
    let wanted = match read {
        Ok(wanted) => wanted,
        Err(reason) => return Read::Refused { reason, shape },
    };
    if let (Leads::Result, Shape::JsonRpc { leads, .. }) = (wanted.leads, &mut shape) {
        *leads = Leads::Result;
    }
    let answers = Answers { to: wanted.answers, batch, ..Answers::default() };
    let exchange = Exchange {
        answers,
        limit: endpoint.response_limit(),
        in_session: wanted.in_session,
        legacy: wanted.legacy,
        leads: wanted.leads,
        declares_pages: wanted.declares_pages,
        answers_us: wanted.answers_us,
        a2a: None,
    };
    Read::Asked { asked: wanted.asked, shape, exchange: Some(exchange) }
}

/// Every message of a batch, or none. A handshake is never in one (2025-03-26 basic/lifecycle).
fn together(
    endpoint: &McpEndpoint,
    front: &Front<'_>,
    entries: Vec<Entry>,
) -> Result<Wanted, Reason> {
    let mut all = Wanted::nothing();
    for entry in entries {
        if matches!(&entry.content, Content::Message(m) if m.method == "initialize") {
            return Err(Reason::BatchRefused);
        }
        let wanted = one(endpoint, front, entry)?;
        all.asked.extend(wanted.asked);
        all.answers.extend(wanted.answers);
        all.in_session |= wanted.in_session;
    }
    Ok(all)
}

fn one(endpoint: &McpEndpoint, front: &Front<'_>, entry: Entry) -> Result<Wanted, Reason> {
    let message = match entry.content {
        Content::Message(message) => message,
        Content::Answer => return answer(endpoint, front),
    };
    let version = era::version(endpoint, front, &message)?;
    let method = methods::find(&message.method, version).ok_or(Reason::MethodUnknown)?;
    if entry.id.is_some() != method.is_request() {
        // A call without an id is still a call to some servers (J12); nobody could be answered.
        return Err(Reason::MessageMalformed);
    }
    ask::parameters(method, version, &message)?;
    era::routing(front, &message, method, version)?;
    if method.what == What::Tool {
        let name = message.params.get("name").and_then(Value::as_str).unwrap_or_default();
        let tool = endpoint.catalogue().tool(name).ok_or(Reason::ToolUnknown)?;
        if let Some(declared) = &tool.mirrored {
            mirrored::agree(front, &message, declared, version.is_modern())?;
        }
    }
    let list = match method.what {
        What::List(list) => Some(list),
        _ => None,
    };
    Ok(Wanted {
        leads: ask::leads(method, version, &message),
        declares_pages: ask::declares_pages(version, &message),
        answers_us: ask::answers_us(&message.params),
        asked: ask::asked(endpoint, method, message)?,
        answers: entry.id.into_iter().map(|id| (id, list)).collect(),
        in_session: false,
        legacy: !version.is_modern(),
    })
}

/// A client's answer to what the server asked. A server asks in a session, or inside an answer of
/// its own (2026-07-28), never in between.
fn answer(endpoint: &McpEndpoint, front: &Front<'_>) -> Result<Wanted, Reason> {
    let version = era::of_head(endpoint, front)?;
    if version.is_modern() || front.method.is_some() || front.name.is_some() {
        return Err(Reason::MessageMalformed);
    }
    let asked = vec![ask::answer(endpoint)];
    Ok(Wanted { asked, in_session: true, ..Wanted::nothing() })
}

impl Wanted {
    /// Of the era that has sessions.
    fn nothing() -> Self {
        Self {
            asked: Vec::new(),
            answers: Vec::new(),
            in_session: false,
            legacy: true,
            leads: Leads::Not,
            declares_pages: false,
            answers_us: false,
        }
    }
}

/// GET: what the server sends on its own, and again what was lost. DELETE: the end of a session.
fn session_verb(endpoint: &McpEndpoint, front: &Front<'_>, verb: Verb) -> Result<Read, Reason> {
    if era::of_head(endpoint, front)?.is_modern() {
        return Err(Reason::MethodNotServed);
    }
    let opens = verb == Verb::Get;
    let action = if opens { "mcp/stream" } else { "mcp/end" };
    let exchange = Exchange {
        answers: Answers {
            any: opens,
            batch: opens && era::has_batches(endpoint),
            ..Answers::default()
        },
        limit: endpoint.response_limit(),
        in_session: !opens || front.resumes,
        legacy: true,
        leads: Leads::Not,
        declares_pages: false,
        answers_us: false,
        a2a: None,
    };
    Ok(Read::Asked {
        asked: vec![ask::of_server(endpoint, action, None)],
        shape: Shape::JsonRpc { id: None, modern: false, leads: Leads::Not },
        exchange: Some(exchange),
    })
}

#[cfg(test)]
mod tests;
