//! What a message says that can be decided by: its skill, task, context, parts, addresses; and the digest of
//! all of it. Free text is never an input of policy (A2A-8).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::{A2aEndpoint, Version, urls};
use crate::decision::Reason;
use crate::json::{Object, Value, canonical};

/// One message.
pub(super) struct Said {
    /// What policy sees of it, without the data of a skill.
    pub(super) input: Object,
    /// The skill that it names.
    pub(super) skill: Option<String>,
    /// The object in its data part, if there is exactly one.
    pub(super) data: Option<Object>,
    /// Where to be told of its task.
    pub(super) push: Option<String>,
    /// What a human would approve: all that it says but its id, which is another one each time it is sent,
    /// and the secrets of a push notification; and the extensions that its head asks for.
    pub(super) content: Object,
}

/// Reads the parameters of a message; that they are those of one is known.
pub(super) fn said(
    endpoint: &A2aEndpoint,
    params: &Object,
    version: Version,
    (streams, asked_extensions): (bool, Vec<String>),
) -> Result<Said, Reason> {
    let message = params.get("message").and_then(Value::as_object);
    let message = message.ok_or(Reason::ParametersInvalid)?;
    only(message, MESSAGE, if version.is_legacy() { &["kind"] } else { &[] })?;
    let role = if version.is_legacy() { "user" } else { "ROLE_USER" };
    if text(message, "role")? != Some(role) {
        return Err(Reason::ParametersInvalid);
    }
    text(message, "messageId")?;
    object(message, "metadata")?;
    let parts = parts(message, version)?;
    let push = configuration(endpoint, params, version)?;
    let mut content = content(params);
    // It turns what the rest means, so whoever approves the rest has to see it.
    if !asked_extensions.is_empty() {
        content.set("extensions", all(asked_extensions.clone()));
    }
    let mut extensions = texts(message, "extensions")?;
    extensions.extend(asked_extensions);
    let mut input = Object::of([
        ("streaming", Value::Bool(streams)),
        ("parts", all(parts.kinds)),
        ("urls", all(parts.urls)),
        ("extensions", all(extensions)),
        ("references", all(texts(message, "referenceTaskIds")?)),
        ("digest", digest(&content)?.into()),
    ]);
    for (member, name) in [("taskId", "task"), ("contextId", "context")] {
        if let Some(id) = text(message, member)?.filter(|id| !id.is_empty()) {
            input.set(name, id.into());
        }
    }
    let skill = endpoint.skill_member().map(|member| skill(message, params, member));
    Ok(Said { input, skill: skill.transpose()?.flatten(), data: parts.data, push, content })
}

/// The skill, by the metadata of the message or of the request; both may say it, and then the same.
fn skill(message: &Object, params: &Object, member: &str) -> Result<Option<String>, Reason> {
    let mut named = None;
    for holder in [message, params] {
        let metadata = holder.get("metadata").and_then(Value::as_object);
        let Some(value) = metadata.and_then(|metadata| metadata.get(member)) else { continue };
        let name = value.as_str().ok_or(Reason::ParametersInvalid)?;
        if named.replace(name).is_some_and(|before| before != name) {
            return Err(Reason::ParametersInvalid);
        }
    }
    Ok(named.map(str::to_owned))
}

#[derive(Default)]
struct Parts {
    kinds: Vec<String>,
    urls: Vec<String>,
    data: Option<Object>,
}

fn parts(message: &Object, version: Version) -> Result<Parts, Reason> {
    let items = message.get("parts").and_then(Value::as_array);
    let items = items.filter(|items| (1..=MAX_PARTS).contains(&items.len()));
    let (mut parts, mut data) = (Parts::default(), Vec::new());
    for item in items.ok_or(Reason::ParametersInvalid)? {
        let part = item.as_object().ok_or(Reason::ParametersInvalid)?;
        object(part, "metadata")?;
        let (kind, value) = match version {
            Version::V1_0 => part_1_0(part)?,
            Version::V0_3 => part_0_3(part)?,
        };
        match kind {
            "url" => {
                let url = value.as_str().and_then(urls::place);
                parts.urls.push(url.ok_or(Reason::ParametersInvalid)?);
            }
            "data" => data.push(value),
            _ if value.as_str().is_none() => return Err(Reason::ParametersInvalid),
            _ => {}
        }
        parts.kinds.push(kind.to_owned());
    }
    if let [Value::Object(one)] = data.as_slice() {
        parts.data = Some(one.clone());
    }
    Ok(parts)
}

/// Exactly one of four members says what it is.
fn part_1_0(part: &Object) -> Result<(&'static str, &Value), Reason> {
    only(part, &["text", "raw", "url", "data", "metadata", "filename", "mediaType"], &[])?;
    text(part, "filename")?;
    text(part, "mediaType")?;
    let there = |kind: &'static str| part.get(kind).map(|value| (kind, value));
    let mut kinds = ["text", "raw", "url", "data"].into_iter().filter_map(there);
    match (kinds.next(), kinds.next()) {
        (Some(one), None) => Ok(one),
        _ => Err(Reason::ParametersInvalid),
    }
}

fn part_0_3(part: &Object) -> Result<(&'static str, &Value), Reason> {
    let need = |name| part.get(name).ok_or(Reason::ParametersInvalid);
    match text(part, "kind")? {
        Some("text") => {
            only(part, &["kind", "text", "metadata"], &[])?;
            Ok(("text", need("text")?))
        }
        Some("data") => {
            only(part, &["kind", "data", "metadata"], &[])?;
            Ok(("data", need("data")?))
        }
        Some("file") => {
            only(part, &["kind", "file", "metadata"], &[])?;
            let file = need("file")?.as_object().ok_or(Reason::ParametersInvalid)?;
            only(file, &["bytes", "uri", "name", "mimeType"], &[])?;
            match (file.get("bytes"), file.get("uri")) {
                (Some(raw), None) => Ok(("raw", raw)),
                (None, Some(uri)) => Ok(("url", uri)),
                _ => Err(Reason::ParametersInvalid),
            }
        }
        _ => Err(Reason::ParametersInvalid),
    }
}

/// Where a message wants its task to be told of.
fn configuration(
    endpoint: &A2aEndpoint,
    params: &Object,
    version: Version,
) -> Result<Option<String>, Reason> {
    let Some(configuration) = object(params, "configuration")? else { return Ok(None) };
    let (own, push) = match version {
        Version::V1_0 => ("returnImmediately", "taskPushNotificationConfig"),
        Version::V0_3 => ("blocking", "pushNotificationConfig"),
    };
    only(configuration, &["acceptedOutputModes", "historyLength", own, push], &[])?;
    let Some(push) = object(configuration, push)? else { return Ok(None) };
    // "Task id should be empty when sending this configuration in a `SendMessage` request" (`a2a.proto`): it
    // would be another task than the one that was looked at.
    if text(push, "taskId")?.is_some_and(|id| !id.is_empty()) {
        return Err(Reason::ParametersInvalid);
    }
    push_host(endpoint, push, version).map(Some)
}

/// The host that a configuration of push notifications leads to, if it is one of those that are allowed.
pub(super) fn push_host(
    endpoint: &A2aEndpoint,
    push: &Object,
    version: Version,
) -> Result<String, Reason> {
    let more: &[&str] = if version.is_legacy() { &[] } else { &["taskId", "tenant"] };
    only(push, &["id", "url", "token", "authentication"], more)?;
    if let Some(authentication) = object(push, "authentication")? {
        let scheme = if version.is_legacy() { "schemes" } else { "scheme" };
        only(authentication, &[scheme, "credentials"], &[])?;
    }
    if !endpoint.is_tenant(text(push, "tenant")?) {
        return Err(Reason::ParametersInvalid);
    }
    let url = text(push, "url")?.ok_or(Reason::ParametersInvalid)?;
    let host = urls::host(url).ok_or(Reason::PushUrlRefused)?;
    if endpoint.may_push_to(&host) { Ok(host) } else { Err(Reason::PushUrlRefused) }
}

fn content(params: &Object) -> Object {
    let mut content = params.clone();
    content.remove("tenant");
    if let Some(Value::Object(message)) = content.get_mut("message") {
        message.remove("messageId");
    }
    if let Some(Value::Object(configuration)) = content.get_mut("configuration") {
        for name in ["taskPushNotificationConfig", "pushNotificationConfig"] {
            if let Some(Value::Object(push)) = configuration.get_mut(name) {
                push.remove("token");
                push.remove("authentication");
            }
        }
    }
    content
}

/// As receipts write digests.
fn digest(content: &Object) -> Result<String, Reason> {
    let canonical = canonical::to_vec(content).ok_or(Reason::ParametersInvalid)?;
    Ok(format!("sha-256:{}", URL_SAFE_NO_PAD.encode(Sha256::digest(canonical))))
}

/// No members but these.
pub(super) fn only(object: &Object, known: &[&str], more: &[&str]) -> Result<(), Reason> {
    let fine = object.iter().all(|(name, _)| known.contains(&name) || more.contains(&name));
    if fine { Ok(()) } else { Err(Reason::ParametersInvalid) }
}

/// A text that may be absent.
pub(super) fn text<'o>(object: &'o Object, name: &str) -> Result<Option<&'o str>, Reason> {
    let value = object.get(name);
    value.map(|value| value.as_str().ok_or(Reason::ParametersInvalid)).transpose()
}

fn object<'o>(object: &'o Object, name: &str) -> Result<Option<&'o Object>, Reason> {
    let value = object.get(name);
    value.map(|value| value.as_object().ok_or(Reason::ParametersInvalid)).transpose()
}

fn texts(object: &Object, name: &str) -> Result<Vec<String>, Reason> {
    let Some(value) = object.get(name) else { return Ok(Vec::new()) };
    let items = value.as_array().filter(|items| items.len() <= MAX_NAMES);
    let items = items.ok_or(Reason::ParametersInvalid)?.iter();
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or(Reason::ParametersInvalid);
    items.map(text).collect()
}

fn all(texts: Vec<String>) -> Value {
    Value::Array(texts.into_iter().map(Value::from).collect())
}

/// Members of `Message` in both versions.
const MESSAGE: &[&str] = &[
    "messageId",
    "contextId",
    "taskId",
    "role",
    "parts",
    "metadata",
    "extensions",
    "referenceTaskIds",
];
/// Parts of one message, each looked at; files beyond that come as an archive.
const MAX_PARTS: usize = 64;
/// Extensions of one message, or referenced tasks (of which `ids` opens as many).
const MAX_NAMES: usize = 64;
