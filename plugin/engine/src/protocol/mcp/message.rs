//! One JSON-RPC 2.0 message, and nothing else that a body could be.

use crate::decision::{Reason, RpcId};
use crate::json::{self, Limits, Object, Value};

/// A request or a notification; whichever it is, its id is kept apart.
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

/// Reads a body. The id comes along with a refusal, as soon as it is known to be one.
pub(super) fn read(body: &[u8]) -> (Option<RpcId>, Result<Message, Reason>) {
    // A batch is refused whatever it holds, well-formed or not (MCP-4, threats J1).
    if body.trim_ascii_start().first() == Some(&b'[') {
        return (None, Err(Reason::BatchRefused));
    }
    let limits = Limits { bytes: body.len(), depth: MAX_DEPTH, items: MAX_ITEMS };
    let mut envelope = match json::read(body, &limits) {
        Ok(Value::Object(envelope)) => envelope,
        Ok(_) => return (None, Err(Reason::MessageMalformed)),
        Err(_) => return (None, Err(Reason::BodyMalformed)),
    };
    match id(&envelope) {
        Ok(id) => (id, message(&mut envelope).ok_or(Reason::MessageMalformed)),
        Err(reason) => (None, Err(reason)),
    }
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

/// `None`: an answer posted by the client, a member that JSON-RPC does not know, a wrong type.
fn message(envelope: &mut Object) -> Option<Message> {
    let known = |name: &str| matches!(name, "jsonrpc" | "id" | "method" | "params");
    if !envelope.iter().all(|(name, _)| known(name)) {
        return None;
    }
    if envelope.get("jsonrpc")?.as_str() != Some("2.0") {
        return None;
    }
    let method = envelope.get("method")?.as_str()?.to_owned();
    let params = match take(envelope, "params") {
        None => Object::default(),
        Some(Value::Object(params)) => params,
        Some(_) => return None,
    };
    Some(Message { method, params })
}

/// A member's value; what is left in its place is not looked at again.
pub(super) fn take(object: &mut Object, name: &str) -> Option<Value> {
    object.get_mut(name).map(|value| std::mem::replace(value, Value::Null))
}
