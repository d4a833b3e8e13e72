//! What a message asks for.

use super::McpEndpoint;
use super::Version;
use super::message::{self, Message};
use super::methods::{Kind, Method};
use crate::decision::Reason;
use crate::json::{Object, Value};
use crate::model::{ActionName, Asked, ProtocolName, ResourceId, ResourceKind};

/// Names the version of a modern request.
pub(super) const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// All notifications are one action: none of them does anything.
const NOTIFICATIONS: &str = "notifications";

/// Whether the parameters are those of the method. That `_meta` is an object, and its version a
/// string, is known by now.
pub(super) fn parameters(
    method: &Method,
    version: Version,
    message: &Message,
) -> Result<(), Reason> {
    let params = &message.params;
    let known = |name: &str| name == "_meta" || method.params.contains(&name);
    let fits = |name, is: fn(&Value) -> bool| params.get(name).is_none_or(is);
    let of_kind = match method.kind {
        Kind::Call => {
            let named = params.get("name").is_some_and(|name| name.as_str().is_some());
            named && fits("arguments", |a| a.as_object().is_some())
        }
        Kind::List => fits("cursor", |cursor| cursor.as_str().is_some()),
        Kind::Server | Kind::Notification => true,
    };
    let of_era = !version.is_modern() || !method.is_request() || stands_alone(params);
    let fine = params.iter().all(|(name, _)| known(name)) && of_kind && of_era;
    if fine { Ok(()) } else { Err(Reason::ParametersInvalid) }
}

/// What every modern request says of itself (MCP-1).
fn stands_alone(params: &Object) -> bool {
    let Some(meta) = params.get("_meta").and_then(Value::as_object) else {
        return false;
    };
    let capabilities = meta.get(META_CAPABILITIES).and_then(Value::as_object);
    meta.get(META_VERSION).is_some() && capabilities.is_some()
}

/// What it asks for, parameters being what they should be.
pub(super) fn asked(
    endpoint: &McpEndpoint,
    method: &Method,
    mut message: Message,
) -> Result<Asked, Reason> {
    let of_server = |action: &str| Asked {
        protocol: ProtocolName::Mcp,
        action: ActionName(action.to_owned()),
        resource: ResourceId { kind: ResourceKind::Server, id: endpoint.server().to_owned() },
        input: None,
        typed_input: false,
    };
    match method.kind {
        Kind::Server | Kind::List => Ok(of_server(method.name)),
        Kind::Notification => Ok(of_server(NOTIFICATIONS)),
        Kind::Call => call(endpoint, &mut message.params),
    }
}

fn call(endpoint: &McpEndpoint, params: &mut Object) -> Result<Asked, Reason> {
    let name = params.get("name").and_then(Value::as_str).ok_or(Reason::ParametersInvalid)?;
    let tool = *endpoint.tool(name).ok_or(Reason::ToolUnknown)?;
    let id = format!("{}/{name}", endpoint.server());
    // Absent arguments are none: that is what servers make of it.
    let input = match message::take(params, "arguments") {
        None => Object::default(),
        Some(Value::Object(arguments)) => arguments,
        Some(_) => return Err(Reason::ParametersInvalid),
    };
    Ok(Asked {
        protocol: ProtocolName::Mcp,
        action: ActionName(id.clone()),
        resource: ResourceId { kind: ResourceKind::Tool, id },
        input: Some(input),
        typed_input: tool.typed_input,
    })
}
