//! What a message asks for: one thing or, where a method reaches several, each of them.

use super::message::{self, Message};
use super::methods::{Method, What};
use super::{McpEndpoint, Version};
use crate::decision::{INPUT_NAME, Leads, Reason};
use crate::json::{Object, Value};
use crate::model::{ActionName, Asked, ProtocolName, ResourceId, ResourceKind, Typing};

/// Names the version of a modern request.
pub(super) const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// All notifications are one action.
const NOTIFICATIONS: &str = "notifications";
/// To answer what a server asked.
const ANSWER: &str = "mcp/answer";
/// To start a call that goes on after its answer.
const START_TASK: &str = "tasks/start";
/// Entries of one `subscriptions/listen`: each costs two evaluations.
const MAX_SUBSCRIPTIONS: usize = 64;

/// Whether the parameters are those of the method. That `_meta` is an object, and its version a
/// string, is known by now.
pub(super) fn parameters(
    method: &Method,
    version: Version,
    message: &Message,
) -> Result<(), Reason> {
    let params = &message.params;
    let admitted =
        |(name, value): (&str, &Value)| name == "_meta" || method.admits(name, value, version);
    let complete = method.required().all(|name| params.get(name).is_some());
    let of_era = !version.is_modern() || !method.is_request() || stands_alone(params);
    let fine = params.iter().all(admitted) && complete && of_era;
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

/// How the sender can be led to a page. A request that may be answered by asking for input says itself what
/// its client can do; of 2025-11-25 its session knows (MRTR-1, MRTR-7, MRTR-8).
pub(super) fn leads(method: &Method, version: Version, message: &Message) -> Leads {
    let may_wait = matches!(method.what, What::Tool | What::Resource | What::Prompt);
    let meta = message.params.get("_meta").and_then(Value::as_object);
    let capabilities = meta.and_then(|meta| meta.get(META_CAPABILITIES));
    match version {
        Version::V2026_07_28 if may_wait && shows_pages(capabilities) => Leads::Result,
        Version::V2025_11_25 if may_wait => Leads::Error,
        _ => Leads::Not,
    }
}

/// Whether a session begins whose client can be led to a page.
pub(super) fn declares_pages(version: Version, message: &Message) -> bool {
    let begins = version == Version::V2025_11_25 && message.method == "initialize";
    begins && shows_pages(message.params.get("capabilities"))
}

/// `elicitation: {}` is forms only, which go through the agent and would be its own to fill in (MRTR-8).
fn shows_pages(capabilities: Option<&Value>) -> bool {
    let elicitation = capabilities.and_then(|all| all.as_object()?.get("elicitation"));
    let url = elicitation.and_then(|elicitation| elicitation.as_object()?.get("url"));
    url.is_some_and(|url| url.as_object().is_some())
}

/// Whether the client answers what was asked here, and nothing that its server has asked.
pub(super) fn answers_us(params: &Object) -> bool {
    let answers = params.get("inputResponses").and_then(Value::as_object);
    let ours = |answers: &Object| answers.iter().map(|(name, _)| name).eq([INPUT_NAME]);
    answers.is_some_and(ours) && params.get("requestState").is_none()
}

/// Whether it is to answer what a server asked.
pub(crate) fn is_answer(asked: &Asked) -> bool {
    asked.action.as_str() == ANSWER
}

/// An action on the server as a whole.
pub(super) fn of_server(endpoint: &McpEndpoint, action: &str, input: Option<Object>) -> Asked {
    Asked {
        protocol: ProtocolName::Mcp,
        action: ActionName(action.to_owned()),
        resource: ResourceId { kind: ResourceKind::Server, id: endpoint.server().to_owned() },
        input,
        typing: Typing::Opaque,
    }
}

/// To answer what a server asked (sampling, elicitation, roots).
pub(super) fn answer(endpoint: &McpEndpoint) -> Asked {
    of_server(endpoint, ANSWER, None)
}

/// Everything it asks for, the thing itself first; parameters being what they should be.
pub(super) fn asked(
    endpoint: &McpEndpoint,
    method: &Method,
    mut message: Message,
) -> Result<Vec<Asked>, Reason> {
    let params = &mut message.params;
    // Input that a server waits for may turn what it does, and no policy reads it.
    let answers = params.get("inputResponses").is_some() || params.get("requestState").is_some();
    let answers = answers && !answers_us(params);
    let lasts = params.get("task").is_some();
    let mut all = match method.what {
        What::Server | What::List(_) => vec![of_server(endpoint, method.name, None)],
        What::Notification => vec![of_server(endpoint, NOTIFICATIONS, None)],
        What::Tool => vec![call(endpoint, params)?],
        What::Resource => vec![resource(endpoint, method.name, text(params, "uri")?)?],
        What::Prompt => {
            let name = text(params, "name")?.to_owned();
            let arguments = taken(params, "arguments")?;
            vec![prompt(endpoint, &name, Some(arguments))?]
        }
        What::Completion => {
            let target = completed(endpoint, params)?;
            vec![of_server(endpoint, method.name, None), target]
        }
        What::Subscriptions => subscriptions(endpoint, method.name, params)?,
        What::Task => vec![task(endpoint, method.name, text(params, "taskId")?)],
    };
    all.extend(answers.then(|| answer(endpoint)));
    all.extend(lasts.then(|| of_server(endpoint, START_TASK, None)));
    Ok(all)
}

fn text<'p>(params: &'p Object, name: &str) -> Result<&'p str, Reason> {
    params.get(name).and_then(Value::as_str).ok_or(Reason::ParametersInvalid)
}

/// Absent arguments are none: that is what servers make of it.
fn taken(params: &mut Object, name: &str) -> Result<Object, Reason> {
    match message::take(params, name) {
        None => Ok(Object::default()),
        Some(Value::Object(arguments)) => Ok(arguments),
        Some(_) => Err(Reason::ParametersInvalid),
    }
}

fn call(endpoint: &McpEndpoint, params: &mut Object) -> Result<Asked, Reason> {
    let name = text(params, "name")?;
    let tool = endpoint.catalogue().tool(name).ok_or(Reason::ToolUnknown)?.clone();
    if tool.drifted.get() {
        return Err(Reason::ToolDrifted);
    }
    let id = format!("{}/{name}", endpoint.server());
    let input = taken(params, "arguments")?;
    Ok(Asked {
        protocol: ProtocolName::Mcp,
        action: ActionName(id.clone()),
        resource: ResourceId { kind: ResourceKind::Tool, id },
        input: Some(input),
        typing: Typing::declared(tool.typed_input),
    })
}

/// The declared resource that a URI belongs to; policy may read the URI itself.
fn resource(endpoint: &McpEndpoint, action: &str, uri: &str) -> Result<Asked, Reason> {
    let catalogue = endpoint.catalogue();
    let declared = catalogue.resource(uri).ok_or(Reason::ResourceUnknown)?;
    Ok(resource_asked(endpoint.server(), action, declared, Some(uri)))
}

/// That action on a declared resource, by whatever URI of it or by one.
pub(crate) fn resource_asked(
    server: &str,
    action: &str,
    declared: &str,
    uri: Option<&str>,
) -> Asked {
    Asked {
        protocol: ProtocolName::Mcp,
        action: ActionName(action.to_owned()),
        resource: ResourceId { kind: ResourceKind::Resource, id: format!("{server}/{declared}") },
        input: uri.map(|uri| Object::of([("uri", uri.into())])),
        typing: Typing::Known,
    }
}

/// That prompt, if it is declared.
fn prompt(endpoint: &McpEndpoint, name: &str, input: Option<Object>) -> Result<Asked, Reason> {
    if !endpoint.catalogue().has_prompt(name) {
        return Err(Reason::PromptUnknown);
    }
    Ok(prompt_asked(endpoint.server(), name, input))
}

/// To get a prompt.
pub(crate) fn prompt_asked(server: &str, name: &str, input: Option<Object>) -> Asked {
    Asked {
        protocol: ProtocolName::Mcp,
        action: ActionName("prompts/get".to_owned()),
        resource: ResourceId { kind: ResourceKind::Prompt, id: format!("{server}/{name}") },
        input,
        typing: Typing::Opaque,
    }
}

fn task(endpoint: &McpEndpoint, action: &str, id: &str) -> Asked {
    of_server(endpoint, action, Some(Object::of([("taskId", id.into())])))
}

/// What values are asked for: their names give away as much as the thing itself.
fn completed(endpoint: &McpEndpoint, params: &Object) -> Result<Asked, Reason> {
    let target = params.get("ref").and_then(Value::as_object).ok_or(Reason::ParametersInvalid)?;
    let only = |known: &[&str]| target.iter().all(|(name, _)| known.contains(&name));
    match text(target, "type")? {
        // `title` is of the base type of a reference, and display only.
        "ref/prompt" if only(&["type", "name", "title"]) => {
            prompt(endpoint, text(target, "name")?, None)
        }
        "ref/resource" if only(&["type", "uri"]) => {
            let uri = text(target, "uri")?;
            let catalogue = endpoint.catalogue();
            let declared = catalogue.template(uri).ok_or(Reason::ResourceUnknown)?;
            Ok(resource_asked(endpoint.server(), "resources/read", declared, Some(uri)))
        }
        _ => Err(Reason::ParametersInvalid),
    }
}

/// Each resource and each task by itself; news of lists are for whoever may see them, filtered.
fn subscriptions(
    endpoint: &McpEndpoint,
    action: &str,
    params: &Object,
) -> Result<Vec<Asked>, Reason> {
    let wanted =
        params.get("notifications").and_then(Value::as_object).ok_or(Reason::ParametersInvalid)?;
    let mut all = vec![of_server(endpoint, action, None)];
    for (name, value) in wanted.iter() {
        match (name, value) {
            (
                "toolsListChanged" | "promptsListChanged" | "resourcesListChanged",
                Value::Bool(_),
            ) => {}
            ("resourceSubscriptions", Value::Array(uris)) => {
                for uri in uris.iter().take(MAX_SUBSCRIPTIONS.saturating_add(1)) {
                    let uri = uri.as_str().ok_or(Reason::ParametersInvalid)?;
                    all.push(resource(endpoint, "resources/subscribe", uri)?);
                }
            }
            // Of the tasks extension (SEP-2663).
            ("taskIds", Value::Array(ids)) => {
                for id in ids.iter().take(MAX_SUBSCRIPTIONS.saturating_add(1)) {
                    let id = id.as_str().ok_or(Reason::ParametersInvalid)?;
                    all.push(task(endpoint, "tasks/get", id));
                }
            }
            _ => return Err(Reason::ParametersInvalid),
        }
    }
    if all.len() > MAX_SUBSCRIPTIONS { Err(Reason::ParametersInvalid) } else { Ok(all) }
}
