//! A refusal as A2A has it: a JSON-RPC error (specification 1.0 §9.5), the JSON form of
//! `google.rpc.Status` (§11.6), or, where a human has to be asked first, a task that waits for that (§7.6).
//!
//! Codes from −32001 on are A2A's own, so what it has no error for carries the HTTP status as its code.

use super::{Refused, RpcId, Wire};
use crate::json::{Object, Value};

/// The form of an A2A refusal.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct A2aShape {
    /// Of the JSON-RPC binding: its id, if that could be read. None: HTTP+JSON.
    pub(crate) rpc: Option<Option<RpcId>>,
    /// Of version 0.3.
    pub(crate) legacy: bool,
    /// It is a message, which may be answered by a task.
    pub(crate) waits: Option<Waits>,
}

/// How a task that waits is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waits {
    Answer,
    /// As the first event of a stream.
    Event,
}

impl A2aShape {
    /// Whether the refusal is such a task: a human can be asked, and there is somebody to answer.
    pub(super) fn waits(&self, refused: &Refused<'_>) -> bool {
        let answerable = !matches!(self.rpc, Some(None));
        self.waits.is_some() && refused.page.is_some() && answerable
    }
}

impl Refused<'_> {
    /// Media type and body.
    pub(super) fn a2a(&self, form: &A2aShape) -> (&'static str, Object) {
        let result = match self.page {
            Some(page) if form.waits(self) => Some(self.waiting(form.legacy, page)),
            _ => None,
        };
        let Some(rpc) = &form.rpc else {
            let body = result.unwrap_or_else(|| Object::of([("error", self.status_object())]));
            let streams = form.waits(self) && form.waits == Some(Waits::Event);
            return (if streams { EVENT_STREAM } else { JSON }, body);
        };
        let mut body = Object::of([("jsonrpc", "2.0".into())]);
        match rpc {
            Some(RpcId::Integer(n)) => body.set("id", Value::Integer(*n)),
            Some(RpcId::Text(text)) => body.set("id", text.as_str().into()),
            None => body.set("id", Value::Null),
        }
        match result {
            Some(result) => {
                body.set("result", Value::Object(result));
                let streams = form.waits == Some(Waits::Event);
                (if streams { EVENT_STREAM } else { JSON }, body)
            }
            None => {
                body.set("error", self.rpc_error());
                (JSON, body)
            }
        }
    }

    fn rpc_error(&self) -> Value {
        Value::Object(Object::of([
            ("code", Value::Integer(self.wire.a2a_code())),
            ("message", self.wire.title().into()),
            ("data", self.details()),
        ]))
    }

    fn status_object(&self) -> Value {
        Value::Object(Object::of([
            ("code", Value::Integer(self.wire.status().into())),
            ("status", self.wire.grpc_code().into()),
            ("message", self.wire.title().into()),
            ("details", self.details()),
        ]))
    }

    /// Each says its type (ProtoJSON `Any`). A2A's own errors are of its own domain.
    fn details(&self) -> Value {
        let (reason, domain) = match self.wire {
            Wire::TaskUnknown => ("TASK_NOT_FOUND".to_owned(), "a2a-protocol.org"),
            Wire::Version => ("VERSION_NOT_SUPPORTED".to_owned(), "a2a-protocol.org"),
            wire => (wire.code().to_ascii_uppercase(), "deputy"),
        };
        let mut metadata = Object::of([("evaluation_id", self.evaluation.to_string().into())]);
        if self.wire == Wire::Version && !self.supported.is_empty() {
            metadata.set("supported", self.supported.join(",").into());
        }
        let mut all = vec![Value::Object(Object::of([
            ("@type", "type.googleapis.com/google.rpc.ErrorInfo".into()),
            ("reason", reason.into()),
            ("domain", domain.into()),
            ("metadata", Value::Object(metadata)),
        ]))];
        if let Some(request) = &self.access_request {
            let request = Object::of([("access_request", Value::Object(request.clone()))]);
            all.push(Value::Object(Object::of([
                ("@type", "type.googleapis.com/google.protobuf.Struct".into()),
                ("value", Value::Object(request)),
            ])));
        }
        Value::Array(all)
    }

    /// A task in the state that says so. It is no authorization (§7.6.4) and nobody keeps it: once a human
    /// has approved, the same message is sent again, with its id as `taskId` or without.
    fn waiting(&self, legacy: bool, page: &str) -> Object {
        let id = format!("{WAITING}{}", self.evaluation);
        let text = format!("{}: {page}", self.wire.title());
        let mut about = Object::default();
        self.extend(&mut about);
        let kind = |kind: &'static str| {
            let mut object = Object::default();
            if legacy {
                object.set("kind", kind.into());
            }
            object
        };
        let (mut text_part, mut data) = (kind("text"), kind("data"));
        text_part.set("text", text.into());
        data.set("data", Value::Object(about));
        let (role, state) = match legacy {
            true => ("agent", "auth-required"),
            false => ("ROLE_AGENT", "TASK_STATE_AUTH_REQUIRED"),
        };
        let mut message = kind("message");
        message.set("messageId", id.as_str().into());
        message.set("taskId", id.as_str().into());
        message.set("contextId", id.as_str().into());
        message.set("role", role.into());
        message.set("parts", Value::Array(vec![Value::Object(text_part), Value::Object(data)]));
        let mut status = Object::default();
        status.set("state", state.into());
        status.set("message", Value::Object(message));
        let mut task = kind("task");
        task.set("id", id.as_str().into());
        task.set("contextId", id.into());
        task.set("status", Value::Object(status));
        if legacy { task } else { Object::of([("task", Value::Object(task))]) }
    }
}

impl Wire {
    /// §5.4 and §9.5.
    fn a2a_code(self) -> i64 {
        match self {
            Self::BadJson => -32700,
            Self::Malformed | Self::BadMessage | Self::TooLarge | Self::MediaType => -32600,
            Self::BadParameters => -32602,
            Self::Unavailable | Self::EngineError => -32603,
            Self::TaskUnknown => -32001,
            Self::Version => -32009,
            _ => self.status().into(),
        }
    }

    /// The name of the canonical code that goes with the HTTP status (`google/rpc/code.proto`).
    fn grpc_code(self) -> &'static str {
        match self.status() {
            401 => "UNAUTHENTICATED",
            403 => "PERMISSION_DENIED",
            404 => "NOT_FOUND",
            408 => "DEADLINE_EXCEEDED",
            429 => "RESOURCE_EXHAUSTED",
            405 => "UNIMPLEMENTED",
            503 => "UNAVAILABLE",
            _ => "INVALID_ARGUMENT",
        }
    }
}

/// Begins the ids of tasks that nobody keeps.
pub(crate) const WAITING: &str = "deputy-approval-";
const JSON: &str = "application/json";
pub(super) const EVENT_STREAM: &str = "text/event-stream";
