//! How a directory is asked about one agent, and what its answer means: SCIM 2.0 (RFC 7643, RFC 7644) with the
//! Agent resource of draft-abbey-scim-agent-extension-00 and draft-wzdk-scim-agent-resource-00.
//!
//! A server gives each resource an `id` of its own, which no token names; `externalId` is what others call it,
//! and the drafts recommend that agents can be found by it. So agents are asked for by a filter (RFC 7644
//! §3.4.2.2), and the answer is a list of one or none.

use crate::fetch::FetchReply;
use crate::json::{self, Limits, Object, Value};
use crate::model::{PrincipalId, is_plain};

/// The path that asks for the agent of that id, and for one more, should there be two.
pub(super) fn path(base: &str, id: &PrincipalId) -> String {
    let mut path = base.as_bytes().to_vec();
    path.extend_from_slice(b"?filter=externalId%20eq%20%22");
    for byte in id.as_str().bytes() {
        // The value is a JSON string, so these two would end it or escape something; an identity has no control
        // characters.
        if matches!(byte, b'"' | b'\\') {
            path.extend_from_slice(b"%5C");
        }
        // RFC 3986 §2.3.
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            path.push(byte);
        } else {
            path.extend_from_slice(&[b'%', hex(byte >> 4), hex(byte & 15)]);
        }
    }
    path.extend_from_slice(b"%22&count=2");
    // All of it is ASCII.
    String::from_utf8(path).unwrap_or_default()
}

fn hex(half: u8) -> u8 {
    half.saturating_add(if half < 10 { b'0' } else { b'A' - 10 })
}

/// What is said of the agent that was asked for, as an element of `agents`; none: there is no such agent.
pub(super) fn answer(reply: FetchReply, id: &PrincipalId) -> Result<Option<Value>, String> {
    match reply {
        FetchReply::Failed => Err("no answer".to_owned()),
        FetchReply::Answered { status: 200, body, .. } => {
            listed(&body, id).map_err(|why| format!("the answer is {why}"))
        }
        // RFC 7644 §3.12: said by whoever speaks SCIM, not by something in front of it that is not ready.
        FetchReply::Answered { status: 404, body, .. } if is_error(&body) => Ok(None),
        FetchReply::Answered { status, .. } => {
            Err(format!("status {status} where 200 was expected"))
        }
    }
}

fn is_error(body: &[u8]) -> bool {
    read(body).is_some_and(|said| said.as_object().is_some_and(|said| is_of(said, ERROR)))
}

/// Strict JSON: of an answer, or of what was kept of one.
pub(super) fn read(text: &[u8]) -> Option<Value> {
    json::read(text, &LIMITS).ok()
}

/// RFC 7644 §3.4.2.
fn listed(body: &[u8], id: &PrincipalId) -> Result<Option<Value>, &'static str> {
    let list = read(body).ok_or(NO_LIST)?;
    let list = list.as_object().filter(|list| is_of(list, LIST)).ok_or(NO_LIST)?;
    let total = list.get("totalResults").and_then(Value::as_integer).ok_or(NO_LIST)?;
    let resources = match list.get("Resources") {
        None => &[],
        Some(resources) => resources.as_array().ok_or(NO_LIST)?,
    };
    match (total, resources) {
        (0, []) => Ok(None),
        (1, [Value::Object(agent)]) => registered(agent, id).map(Some),
        // A server that does not filter, or two agents of one name.
        _ => Err("neither one agent nor none"),
    }
}

fn registered(resource: &Object, id: &PrincipalId) -> Result<Value, &'static str> {
    if !is_of(resource, AGENT) {
        return Err("a resource that is no Agent");
    }
    let text = |name| resource.get(name).and_then(Value::as_str);
    // Byte for byte, as everywhere: a server may compare in another way.
    if text("externalId") != Some(id.as_str()) {
        return Err("about another agent than the one that was asked for (externalId)");
    }
    let active = resource.get("active").and_then(Value::as_bool);
    let active = active.ok_or("an agent without active, true or false")?;
    let mut agent = match resource.get(EXTENSION) {
        None => Object::default(),
        Some(extension) => {
            extension.as_object().ok_or("an agent whose extension is no object")?.clone()
        }
    };
    if agent.get("id").is_some() {
        return Err("an agent with an id in its extension; externalId is its id");
    }
    let status = match (active, agent.get("status")) {
        (true, Some(_)) => None,
        (true, None) => Some("active"),
        // What ended it goes on counting.
        (false, Some(status)) if status.as_str() == Some("retired") => None,
        (false, _) => Some("suspended"),
    };
    if let Some(status) = status {
        agent.set("status", status.into());
    }
    let name = text("displayName").or(text("name")).filter(|name| is_plain(name));
    if let (None, Some(name)) = (agent.get("name"), name) {
        agent.set("name", name.into());
    }
    agent.set("id", id.as_str().into());
    Ok(Value::Object(agent))
}

/// Whether an object says that it is of that schema; URIs of schemas have no letter case (RFC 7644 §3.10).
fn is_of(object: &Object, schema: &str) -> bool {
    let schemas = object.get("schemas").and_then(Value::as_array).unwrap_or_default();
    let is = |named: &Value| named.as_str().is_some_and(|text| text.eq_ignore_ascii_case(schema));
    schemas.iter().any(is)
}

const NO_LIST: &str = "no strict ListResponse of SCIM 2.0 (RFC 7644 §3.4.2)";
const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
const AGENT: &str = "urn:ietf:params:scim:schemas:core:2.0:Agent";
/// What the registry has to know of an agent and SCIM has no word for: the members of an element of `agents`.
const EXTENSION: &str = "urn:deputy:scim:schemas:extension:1.0:Agent";
/// The bytes are bounded by the fetch as well. An agent has no more than some hundred members.
const LIMITS: Limits = Limits { bytes: 64 << 10, depth: 16, items: 4096 };
