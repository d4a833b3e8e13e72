//! JSON-RPC 2.0 messages of one body, and nothing else that a body could be: one message or, in the
//! one version that had them, a batch.

use crate::decision::{Reason, RpcId};
use crate::json::{self, Limits, Object, Raw, Value};

/// One message; whichever it is, its id is kept apart.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: Option<RpcId>,
    pub(super) content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    /// A request or a notification.
    Message(Message),
    /// What the client answers to a request of the server. What it says is for the server.
    Answer,
}

/// A request or a notification.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) method: String,
    /// Empty if there are none.
    pub(super) params: Object,
}

/// Nested arrays and objects of a body. Arguments of real tools nest about ten deep (documents,
/// queries); `serde_json` stops at 128 and Cedar on wasm traps at several hundred (threats F8).
const MAX_DEPTH: usize = 64;
/// Members and elements of a body: one per 13 bytes of the default limit.
const MAX_ITEMS: usize = 20_000;
/// Bytes of a string id: it is kept for the answer and echoed. A UUID has 36.
const MAX_ID_BYTES: usize = 256;
/// Messages of a batch: each is decided.
const MAX_BATCH: usize = 32;

/// Reads a body of one message. The id comes along with a refusal, as soon as it is known to be one.
pub(super) fn read(body: &[u8]) -> (Option<RpcId>, Result<Entry, Reason>) {
    // A batch is refused whatever it holds, well-formed or not (MCP-4, threats J1).
    if is_batch(body) {
        return (None, Err(Reason::BatchRefused));
    }
    match parse(body) {
        Ok(value) => entry(value),
        Err(reason) => (None, Err(reason)),
    }
}

/// The id, method and parameters of one request or notification.
pub(in crate::protocol) fn envelope(
    body: &[u8],
) -> (Option<RpcId>, Result<(String, Object), Reason>) {
    let (id, entry) = read(body);
    let message = entry.and_then(|entry| match entry.content {
        Content::Message(message) => Ok((message.method, message.params)),
        Content::Answer => Err(Reason::MessageMalformed),
    });
    (id, message)
}

/// Whether the body can only be a batch.
pub(in crate::protocol) fn is_batch(body: &[u8]) -> bool {
    body.trim_ascii_start().first() == Some(&b'[')
}

/// Reads a batch: all of it, or why none of it.
pub(super) fn batch(body: &[u8]) -> Result<Vec<Entry>, Reason> {
    let Value::Array(items) = parse(body)? else { return Err(Reason::MessageMalformed) };
    if items.is_empty() || items.len() > MAX_BATCH {
        return Err(Reason::BatchRefused);
    }
    let entries: Vec<_> = items.into_iter().map(|item| entry(item).1).collect::<Result<_, _>>()?;
    // Two answers could not be told apart.
    let ids: Vec<_> = entries.iter().filter_map(|entry| entry.id.as_ref()).collect();
    let twice = ids
        .iter()
        .enumerate()
        .any(|(i, id)| ids.iter().skip(i.saturating_add(1)).any(|other| id == other));
    if twice { Err(Reason::MessageMalformed) } else { Ok(entries) }
}

/// A message without the answers it carries. All else stays as it was written.
pub(crate) fn without_answers(body: &[u8]) -> Option<String> {
    let limits = Limits { bytes: body.len(), depth: MAX_DEPTH, items: MAX_ITEMS };
    let mut envelope = Vec::new();
    for (name, value) in Raw::parse(body, &limits).ok()?.members().ok()? {
        let text = match &*name {
            "params" => {
                let mut params = value.members().ok()?;
                params.retain(|(name, _)| name != "inputResponses");
                object(params.iter().map(|(name, value)| (&**name, value.text())))?
            }
            _ => value.text().to_owned(),
        };
        envelope.push((name, text));
    }
    object(envelope.iter().map(|(name, text)| (&**name, text.as_str())))
}

fn object<'m>(members: impl Iterator<Item = (&'m str, &'m str)>) -> Option<String> {
    let member = |(name, text)| Some(format!("{}:{text}", serde_json::to_string(name).ok()?));
    let members: Option<Vec<_>> = members.map(member).collect();
    Some(format!("{{{}}}", members?.join(",")))
}

fn parse(body: &[u8]) -> Result<Value, Reason> {
    let limits = Limits { bytes: body.len(), depth: MAX_DEPTH, items: MAX_ITEMS };
    json::read(body, &limits).map_err(|_| Reason::BodyMalformed)
}

fn entry(value: Value) -> (Option<RpcId>, Result<Entry, Reason>) {
    let Value::Object(mut envelope) = value else {
        return (None, Err(Reason::MessageMalformed));
    };
    let id = match id(&envelope) {
        Ok(id) => id,
        Err(reason) => return (None, Err(reason)),
    };
    let content = content(&mut envelope).ok_or(Reason::MessageMalformed);
    (id.clone(), content.map(|content| Entry { id, content }))
}

/// JSON-RPC 2.0 §4, MCP basic: a string or an integer, never null. Also the shape of an answer's.
pub(in crate::protocol) fn rpc_id(value: &Value) -> Option<RpcId> {
    match value {
        Value::Integer(n) => Some(RpcId::Integer(*n)),
        Value::String(text) if text.len() <= MAX_ID_BYTES => Some(RpcId::Text(text.clone())),
        _ => None,
    }
}

fn id(envelope: &Object) -> Result<Option<RpcId>, Reason> {
    let id = envelope.get("id");
    id.map(|id| rpc_id(id).ok_or(Reason::MessageMalformed)).transpose()
}

/// `None`: a member that JSON-RPC does not know, a wrong type, two kinds of message at once.
fn content(envelope: &mut Object) -> Option<Content> {
    let only = |known: &[&str]| envelope.iter().all(|(name, _)| known.contains(&name));
    if envelope.get("jsonrpc")?.as_str() != Some("2.0") {
        return None;
    }
    // An answer has one of the two, and the id of what it answers.
    if only(&["jsonrpc", "id", "result"]) || only(&["jsonrpc", "id", "error"]) {
        let said = envelope.get("result").or(envelope.get("error"));
        said.and_then(Value::as_object).and(envelope.get("id"))?;
        return Some(Content::Answer);
    }
    if !only(&["jsonrpc", "id", "method", "params"]) {
        return None;
    }
    let method = envelope.get("method")?.as_str()?.to_owned();
    let params = match take(envelope, "params") {
        None => Object::default(),
        Some(Value::Object(params)) => params,
        Some(_) => return None,
    };
    Some(Content::Message(Message { method, params }))
}

/// A member's value; what is left in its place is not looked at again.
pub(super) fn take(object: &mut Object, name: &str) -> Option<Value> {
    object.get_mut(name).map(|value| std::mem::replace(value, Value::Null))
}
