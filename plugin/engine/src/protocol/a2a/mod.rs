//! Agent2Agent, versions 1.0 and 0.3, over JSON-RPC, and 1.0 over HTTP+JSON.
//!
//! `front` reads the head, `operations` says what there is, `rest` finds it by a path, `message` reads what is said, `ids` finds the
//! ids in it, `card` and `answer` are the way back. Task and context ids are sealed for the agent and
//! delegator they were given to, as MCP sessions are (docs/decisions/0008): an id of somebody else is none.
//! Not here: gRPC, which is refused as unknown, push notifications on their way to a client, which do not pass
//! by here, and signatures of cards.

mod answer;
mod card;
mod endpoint;
mod front;
mod ids;
mod message;
mod operations;
mod rest;
mod urls;

pub(crate) use answer::Awaited;
pub(in crate::protocol) use answer::filter;
pub(crate) use endpoint::{A2aEndpoint, A2aParts};

use std::rc::Rc;

use super::list::Answers;
use super::mcp::{IdKind, Sessions, envelope, is_batch};
use super::{Exchange, Read};
use crate::decision::{A2aShape, Leads, Reason, RpcId, Shape, WAITING, Waits};
use crate::evidence::Head;
use crate::json::{self, Limits, Object, Raw, Value};
use crate::model::{ActionName, Asked, ProtocolName, ResourceId, ResourceKind, Typing};
use front::{VERSION_PARAMETER, announces_body, extensions, media_type, version, well_formed};
use ids::{At, Change};
use operations::{Operation, What};

/// A version of the protocol (specification §3.6): no patch number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    V0_3,
    V1_0,
}

impl Version {
    pub(crate) const ALL: [Self; 2] = [Self::V1_0, Self::V0_3];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::V1_0 => "1.0",
            Self::V0_3 => "0.3",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.as_str() == text)
    }

    fn is_legacy(self) -> bool {
        self == Self::V0_3
    }
}

/// A request to an agent, as far as method and path tell.
#[derive(Debug)]
pub(crate) struct Call {
    method: String,
    door: Door,
    query: Option<String>,
}

/// Where it knocks.
#[derive(Debug)]
enum Door {
    JsonRpc,
    /// With the path below the base.
    HttpJson(String),
    Card,
}

impl Call {
    /// One to that agent, if the path leads there.
    pub(super) fn of(
        endpoint: &A2aEndpoint,
        method: &str,
        path: &str,
        query: Option<&str>,
    ) -> Option<Self> {
        let exact = endpoint.paths().find(|(_, exact)| *exact == path);
        let below = || endpoint.base().and_then(|base| path.strip_prefix(base)?.strip_prefix('/'));
        let door = match exact {
            Some(("card", _)) => Door::Card,
            Some(_) => Door::JsonRpc,
            None => Door::HttpJson(below()?.to_owned()),
        };
        Some(Self { method: method.to_owned(), door, query: query.map(str::to_owned) })
    }

    /// The form of a refusal as long as only the head is known.
    pub(super) fn shape(&self) -> A2aShape {
        let rpc = matches!(self.door, Door::JsonRpc).then_some(None);
        A2aShape { rpc, ..A2aShape::default() }
    }
}

/// What becomes of a request on its way, besides its headers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Onward {
    /// With the server's own ids.
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) path: Option<String>,
    /// What a human would be asked about, where that is more than policy sees.
    pub(crate) content: Option<Object>,
}

/// Reads a request to that agent. `sessions`: what opens the ids of whoever asks.
pub(super) fn read(
    endpoint: &A2aEndpoint,
    call: &Call,
    head: &Head,
    (body, body_limit): (Option<&[u8]>, usize),
    sessions: &Sessions,
) -> Read {
    let mut shape = call.shape();
    match request(endpoint, call, head, (body, body_limit), sessions, &mut shape) {
        Ok(read) => read,
        Err(reason) => Read::Refused { reason, shape: Shape::A2a(shape) },
    }
}

/// What is wanted, before it is known whose ids it names.
struct Wanted<'b> {
    operation: &'static Operation,
    version: Version,
    params: Object,
    body: &'b [u8],
    /// Where the parameters are in the body.
    member: Option<&'static str>,
    called: Option<rest::Called<'b>>,
    query: Vec<(&'b str, &'b str)>,
    rpc: Option<RpcId>,
}

fn request(
    endpoint: &A2aEndpoint,
    call: &Call,
    head: &Head,
    (body, body_limit): (Option<&[u8]>, usize),
    sessions: &Sessions,
    shape: &mut A2aShape,
) -> Result<Read, Reason> {
    well_formed(endpoint, head)?;
    let query = call.query.as_deref().map(|text| rest::query(text).ok_or(Reason::PathAmbiguous));
    let query = query.transpose()?.unwrap_or_default();
    let said = query.iter().find(|(name, _)| *name == VERSION_PARAMETER).map(|(_, value)| *value);
    let limit = match (&call.door, call.method.as_str()) {
        (Door::JsonRpc, "POST") => body_limit,
        (Door::HttpJson(_), "POST") if announces_body(head) => body_limit,
        (Door::HttpJson(_), "POST" | "GET" | "DELETE") | (Door::Card, "GET") => 0,
        _ => return Err(Reason::MethodNotServed),
    };
    // Discovery comes before any version is agreed on.
    let version = match call.door {
        Door::Card => Version::V1_0,
        _ => version(endpoint, head, said, &call.door)?,
    };
    if limit > 0 {
        media_type(head, &call.door, body_limit)?;
    }
    let Some(body) = body else { return Ok(Read::NeedsBody { limit }) };
    if body.len() > limit {
        return Err(if limit == 0 { Reason::RequestMalformed } else { Reason::BodyTooLarge });
    }
    let wanted = match &call.door {
        Door::Card if query.is_empty() => return Ok(public_card(endpoint, shape)),
        Door::Card => return Err(Reason::PathAmbiguous),
        Door::JsonRpc if query.iter().any(|(name, _)| *name != VERSION_PARAMETER) => {
            return Err(Reason::PathAmbiguous);
        }
        Door::JsonRpc => json_rpc(body, version, shape)?,
        Door::HttpJson(path) => {
            let called = rest::find(&call.method, path).ok_or(Reason::MethodUnknown)?;
            http_json(called, body, version, query)?
        }
    };
    shape.legacy = version.is_legacy();
    wanted.read(endpoint, head, sessions, shape)
}

/// One JSON-RPC request: a batch is refused, and a notification, which nobody could be answered for.
fn json_rpc<'b>(
    body: &'b [u8],
    version: Version,
    shape: &mut A2aShape,
) -> Result<Wanted<'b>, Reason> {
    if is_batch(body) {
        return Err(Reason::BatchRefused);
    }
    let (id, message) = envelope(body);
    shape.rpc = Some(id.clone());
    let (method, params) = message?;
    let id = id.ok_or(Reason::MessageMalformed)?;
    let operation = operations::find(&method, version).ok_or(Reason::MethodUnknown)?;
    Ok(Wanted {
        operation,
        version,
        params,
        body,
        member: Some("params"),
        called: None,
        query: Vec::new(),
        rpc: Some(id),
    })
}

fn http_json<'b>(
    called: rest::Called<'b>,
    body: &'b [u8],
    version: Version,
    mut query: Vec<(&'b str, &'b str)>,
) -> Result<Wanted<'b>, Reason> {
    let mut params = match body.is_empty() {
        true => Object::default(),
        false => match json::read(body, &limits(body.len())) {
            Ok(Value::Object(params)) => params,
            Ok(_) => return Err(Reason::MessageMalformed),
            Err(_) => return Err(Reason::BodyMalformed),
        },
    };
    let without_body = called.operation.rest.verbs.contains(&"GET") && body.is_empty();
    for (name, value) in query.iter().filter(|(name, _)| *name != VERSION_PARAMETER) {
        // One place for each parameter: with a body there is no other (`body: "*"` in `a2a.proto`).
        if !without_body || !called.operation.queries(name) {
            return Err(Reason::ParametersInvalid);
        }
        if matches!(*name, "contextId" | "tenant") && !rest::is_id(value) {
            return Err(Reason::ParametersInvalid);
        }
        params.set(name, (*value).into());
    }
    query.retain(|(name, _)| *name != "tenant");
    called.complete(&mut params)?;
    let operation = called.operation;
    let called = Some(called);
    Ok(Wanted { operation, version, params, body, member: None, called, query, rpc: None })
}

impl Wanted<'_> {
    fn read(
        mut self,
        endpoint: &A2aEndpoint,
        head: &Head,
        sessions: &Sessions,
        shape: &mut A2aShape,
    ) -> Result<Read, Reason> {
        if !self.operation.admits(&self.params, self.version) {
            return Err(Reason::ParametersInvalid);
        }
        // The path says it for HTTP+JSON.
        let tenant = message::text(&self.params, "tenant")?;
        let said = tenant.is_some_and(|tenant| !tenant.is_empty());
        if (said || self.called.is_none()) && !endpoint.is_tenant(tenant) {
            return Err(Reason::ParametersInvalid);
        }
        let mut onward = self.opened(endpoint, sessions)?;
        let (asked, content) = self.asked(endpoint, head)?;
        onward.content = content;
        if let What::Message { streams } = self.operation.what {
            shape.waits = Some(if streams { Waits::Event } else { Waits::Answer });
        }
        let result = self.operation.result(self.version);
        let mut awaited = Awaited::new(self.rpc, result, endpoint);
        if matches!(self.operation.what, What::Tasks) && !endpoint.has_open_tasks() {
            awaited.context = message::text(&self.params, "contextId")?.map(str::to_owned);
        }
        Ok(wanted(endpoint, asked, shape, awaited, onward))
    }

    /// The server's own ids in place of those that were given out here.
    fn opened(&mut self, endpoint: &A2aEndpoint, sessions: &Sessions) -> Result<Onward, Reason> {
        let says = matches!(self.operation.what, What::Message { .. });
        let sealed = !endpoint.has_open_tasks();
        let mut change = |kind: IdKind, id: &str| match sessions.open_id(kind, id) {
            // Of a task that was never the server's: the message is sent again, that is all.
            _ if says && id.starts_with(WAITING) => Change::Gone,
            _ if !sealed => Change::To(id.to_owned()),
            Some(own) => Change::To(own),
            None => Change::Refused,
        };
        let shape = self.operation.request(self.version);
        let changed = ids::replace(&mut self.params, shape, &mut change);
        let changed = changed.map_err(|unchanged| match unchanged {
            ids::Unchanged::Shape => Reason::ParametersInvalid,
            ids::Unchanged::Id => Reason::TaskForeign,
        })?;
        let mut onward = Onward::default();
        if !changed {
            return Ok(onward);
        }
        if !self.body.is_empty() {
            let body = self.rewritten(shape, &mut change);
            onward.body = Some(body.ok_or(Reason::EngineFault)?.into_bytes());
        }
        onward.path = self.path(endpoint)?;
        Ok(onward)
    }

    /// The body with other ids; all else as it was written.
    fn rewritten(
        &self,
        shape: &'static ids::Shape,
        change: &mut dyn FnMut(IdKind, &str) -> Change,
    ) -> Option<String> {
        let limits = limits(self.body.len());
        let (raw, members) = Raw::parse_members(self.body, &limits).ok()?;
        let Some(member) = self.member else {
            return ids::rewrite(raw, At::In(shape), change).ok().map(Into::into);
        };
        let mut parts = Vec::new();
        for (name, value) in members {
            let at = if name == member { At::In(shape) } else { At::Nothing };
            let value = ids::rewrite(value, at, change).ok()?;
            parts.push(format!("{}:{value}", Value::from(&*name).to_text()));
        }
        Some(format!("{{{}}}", parts.join(",")))
    }

    /// The path with the server's own ids, of HTTP+JSON.
    fn path(&self, endpoint: &A2aEndpoint) -> Result<Option<String>, Reason> {
        let (Some(called), Some(base)) = (&self.called, endpoint.base()) else { return Ok(None) };
        let id = |member| message::text(&self.params, member).map(Option::unwrap_or_default);
        let task = self.operation.task_member(self.version).map_or(Ok(""), id)?;
        // One that would have to be encoded was never a part of a path.
        let fits = |id: &str| id.is_empty() || rest::is_id(id);
        let context = id("contextId")?;
        if !fits(task) || !fits(context) {
            return Err(Reason::TaskForeign);
        }
        let mut path = called.path(base, task);
        for (n, (name, value)) in self.query.iter().enumerate() {
            let value = if *name == "contextId" { context } else { value };
            path.push_str(&format!("{}{name}={value}", if n == 0 { '?' } else { '&' }));
        }
        Ok(Some(path))
    }

    /// What it asks for, and what a human would be asked about.
    fn asked(
        &self,
        endpoint: &A2aEndpoint,
        head: &Head,
    ) -> Result<(Vec<Asked>, Option<Object>), Reason> {
        let name = self.operation.name;
        let id = |member| message::text(&self.params, member);
        let mut input = Object::default();
        if let Some(task) = self.operation.task_member(self.version) {
            input.set("task", id(task)?.ok_or(Reason::ParametersInvalid)?.into());
        }
        match self.operation.what {
            What::Message { streams } => {
                let with = (streams, extensions(head)?);
                let said = message::said(endpoint, &self.params, self.version, with)?;
                return said.asked(endpoint, name);
            }
            What::Card => return Ok((vec![of_agent(endpoint, name, None)], None)),
            What::Task | What::Push => {}
            What::Tasks => match id("contextId")?.filter(|id| !id.is_empty()) {
                Some(context) => input.set("context", context.into()),
                // Whose the tasks are that would come, nobody here could say (A2A-3).
                None if !endpoint.has_open_tasks() => return Err(Reason::TasksUnowned),
                None => {}
            },
            What::SetPush => {
                let push = self.params.get("pushNotificationConfig").and_then(Value::as_object);
                let host =
                    message::push_host(endpoint, push.unwrap_or(&self.params), self.version)?;
                input.set("host", host.into());
            }
        }
        Ok((vec![of_agent(endpoint, name, Some(input))], None))
    }
}

impl message::Said {
    fn asked(
        mut self,
        endpoint: &A2aEndpoint,
        name: &'static str,
    ) -> Result<(Vec<Asked>, Option<Object>), Reason> {
        let push = self.push.map(|host| {
            let mut input = Object::of([("host", host.into())]);
            if let Some(task) = self.input.get("task") {
                input.set("task", task.clone());
            }
            of_agent(endpoint, SET_PUSH, Some(input))
        });
        let first = match &self.skill {
            None => of_agent(endpoint, name, Some(self.input)),
            Some(skill) => {
                let entry = endpoint.catalogue().skills.get(skill).ok_or(Reason::SkillUnknown)?;
                let id = format!("{}/{skill}", endpoint.server());
                let typing = if entry.typed_input { Typing::Declared } else { Typing::Known };
                if entry.typed_input {
                    let data = self.data.ok_or(Reason::ArgumentsInvalid)?;
                    self.input.set("data", Value::Object(data));
                }
                Asked {
                    protocol: ProtocolName::A2a,
                    action: ActionName(id.clone()),
                    resource: ResourceId { kind: ResourceKind::Skill, id },
                    input: Some(self.input),
                    typing,
                }
            }
        };
        let mut all = vec![first];
        all.extend(push);
        Ok((all, Some(self.content)))
    }
}

fn of_agent(endpoint: &A2aEndpoint, action: &str, input: Option<Object>) -> Asked {
    agent_asked(endpoint.server(), action, input)
}

/// That action on an agent as a whole.
pub(crate) fn agent_asked(server: &str, action: &str, input: Option<Object>) -> Asked {
    Asked {
        protocol: ProtocolName::A2a,
        action: ActionName(action.to_owned()),
        resource: ResourceId { kind: ResourceKind::RemoteAgent, id: server.to_owned() },
        typing: if input.is_some() { Typing::Known } else { Typing::Opaque },
        input,
    }
}

fn public_card(endpoint: &A2aEndpoint, shape: &A2aShape) -> Read {
    let asked = vec![of_agent(endpoint, GET_CARD, None)];
    let awaited = Awaited::new(None, At::Card, endpoint);
    wanted(endpoint, asked, shape, awaited, Onward::default())
}

fn wanted(
    endpoint: &A2aEndpoint,
    asked: Vec<Asked>,
    shape: &A2aShape,
    awaited: Awaited,
    onward: Onward,
) -> Read {
    let answers = Answers { a2a: Some(awaited), ..Answers::default() };
    let exchange = Exchange {
        answers,
        limit: endpoint.response_limit(),
        in_session: false,
        legacy: false,
        leads: Leads::Not,
        declares_pages: false,
        answers_us: false,
        a2a: Some(Box::new(onward)),
    };
    Read::Asked { asked, shape: Shape::A2a(shape.clone()), exchange: Some(exchange) }
}

impl Awaited {
    fn new(rpc: Option<RpcId>, result: At, endpoint: &A2aEndpoint) -> Self {
        Self { rpc, result, context: None, card: Rc::clone(endpoint.card()) }
    }
}

impl A2aEndpoint {
    /// Whether that is the tenant whose agent this is: it decides who gets the message. An empty text is what
    /// protobuf has for none.
    fn is_tenant(&self, said: Option<&str>) -> bool {
        said.filter(|said| !said.is_empty()) == self.tenant()
    }
}

fn limits(bytes: usize) -> Limits {
    Limits { bytes, depth: MAX_DEPTH, items: MAX_ITEMS }
}

/// The action of reading the card that everybody gets.
const GET_CARD: &str = "GetAgentCard";
const SET_PUSH: &str = "CreateTaskPushNotificationConfig";
/// As of MCP.
const MAX_DEPTH: usize = 64;
const MAX_ITEMS: usize = 20_000;

#[cfg(test)]
mod tests;
