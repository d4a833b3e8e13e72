//! Every operation of A2A that is served, in one table: its JSON-RPC method in 1.0 (which is the name of its
//! action) and in 0.3, its place in HTTP+JSON, its parameters, and where ids are in it
//! (specification 1.0 §5.3, `a2a.proto`; 0.3 §7). What is not here is refused.
//!
//! No other members of a request are let through. That is for more than caution: protobuf's JSON readers
//! take `task_id` for `taskId` (ProtoJSON), so a member that nobody here knows may be one that they do.

use super::Version;
use super::ids::{self, At, Shape};
use crate::json::{Object, Value};

/// One operation.
#[derive(Debug)]
pub(super) struct Operation {
    /// In 1.0, and for policy.
    pub(super) name: &'static str,
    /// In 0.3; there is none of some.
    legacy: Option<&'static str>,
    pub(super) what: What,
    params: Both<&'static [Param]>,
    request: Both<&'static Shape>,
    result: Both<At>,
    pub(super) rest: Rest,
}

/// What it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Message {
        streams: bool,
    },
    /// One task.
    Task,
    /// The tasks of a context, or of whomever.
    Tasks,
    /// To be told of a task elsewhere.
    SetPush,
    /// What was set for that.
    Push,
    Card,
}

/// HTTP methods and the path below the base.
#[derive(Debug)]
pub(super) struct Rest {
    pub(super) verbs: &'static [&'static str],
    pub(super) path: &'static [&'static str],
}

/// In 1.0 and in 0.3.
#[derive(Clone, Copy, Debug)]
struct Both<T>(T, T);

/// One member of the parameters.
#[derive(Debug)]
pub(super) struct Param {
    pub(super) name: &'static str,
    is: Is,
    required: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    Text,
    Object,
    /// What the server makes of it is its own; nothing here is decided by it.
    Any,
}

impl<T: Copy> Both<T> {
    fn of(&self, version: Version) -> T {
        match version {
            Version::V1_0 => self.0,
            Version::V0_3 => self.1,
        }
    }
}

impl Operation {
    /// Whether the parameters are those of the operation.
    pub(super) fn admits(&self, params: &Object, version: Version) -> bool {
        let known = self.params.of(version);
        let fits = |(name, value): (&str, &Value)| {
            known.iter().any(|param| param.name == name && param.is.admits(value))
        };
        let there = |param: &Param| !param.required || params.get(param.name).is_some();
        params.iter().all(fits) && known.iter().all(there)
    }

    /// Whether a query may have that name: a value there is a text (§11.5).
    pub(super) fn queries(&self, name: &str) -> bool {
        let known = self.params.0.iter();
        known.filter(|p| p.is != Is::Object && !p.required).any(|p| p.name == name)
    }

    pub(super) fn request(&self, version: Version) -> &'static Shape {
        self.request.of(version)
    }

    pub(super) fn result(&self, version: Version) -> At {
        self.result.of(version)
    }

    /// The parameter that names its task.
    pub(super) fn task_member(&self, version: Version) -> Option<&'static str> {
        match (self.what, version) {
            (What::Task, _) => Some("id"),
            (What::SetPush, _) | (What::Push, Version::V1_0) => Some("taskId"),
            (What::Push, Version::V0_3) => Some("id"),
            (What::Message { .. } | What::Tasks | What::Card, _) => None,
        }
    }
}

impl Is {
    fn admits(self, value: &Value) -> bool {
        match self {
            Self::Text => value.as_str().is_some(),
            Self::Object => value.as_object().is_some(),
            Self::Any => !matches!(value, Value::Array(_) | Value::Object(_)),
        }
    }
}

/// The operation with that JSON-RPC method, byte for byte, in that version.
pub(super) fn find(method: &str, version: Version) -> Option<&'static Operation> {
    OPERATIONS.iter().find(|operation| match version {
        Version::V1_0 => operation.name == method,
        Version::V0_3 => operation.legacy == Some(method),
    })
}

const fn need(name: &'static str, is: Is) -> Param {
    Param { name, is, required: true }
}

const fn may(name: &'static str, is: Is) -> Param {
    Param { name, is, required: false }
}

/// A part of a path: the id of a task, without and with a verb, and of a configuration.
pub(super) const TASK: &str = "{task}";
pub(super) const CONFIG: &str = "{config}";

const TENANT: Param = may("tenant", Is::Text);
const METADATA: Param = may("metadata", Is::Object);
const MESSAGE: &[Param] =
    &[TENANT, need("message", Is::Object), may("configuration", Is::Object), METADATA];
const LEGACY_MESSAGE: &[Param] =
    &[need("message", Is::Object), may("configuration", Is::Object), METADATA];
const LEGACY_ID: &[Param] = &[need("id", Is::Text), METADATA];
const PUSH_ID: &[Param] = &[TENANT, need("taskId", Is::Text), need("id", Is::Text)];
const NONE: &[Param] = &[];

const OPERATIONS: &[Operation] = &[
    Operation {
        name: "SendMessage",
        legacy: Some("message/send"),
        what: What::Message { streams: false },
        params: Both(MESSAGE, LEGACY_MESSAGE),
        request: Both(ids::SEND, ids::SEND),
        result: Both(At::In(ids::RESPONSE), At::In(ids::LEGACY_RESPONSE)),
        rest: Rest { verbs: &["POST"], path: &["message:send"] },
    },
    Operation {
        name: "SendStreamingMessage",
        legacy: Some("message/stream"),
        what: What::Message { streams: true },
        params: Both(MESSAGE, LEGACY_MESSAGE),
        request: Both(ids::SEND, ids::SEND),
        result: Both(At::In(ids::RESPONSE), At::In(ids::LEGACY_RESPONSE)),
        rest: Rest { verbs: &["POST"], path: &["message:stream"] },
    },
    Operation {
        name: "GetTask",
        legacy: Some("tasks/get"),
        what: What::Task,
        params: Both(
            &[TENANT, need("id", Is::Text), may("historyLength", Is::Any)],
            &[need("id", Is::Text), may("historyLength", Is::Any), METADATA],
        ),
        request: Both(ids::BY_ID, ids::BY_ID),
        result: Both(At::In(ids::TASK_OBJECT), At::In(ids::LEGACY_RESPONSE)),
        rest: Rest { verbs: &["GET"], path: &["tasks", TASK] },
    },
    Operation {
        name: "ListTasks",
        // 0.3 §3.5.6: not in its JSON-RPC.
        legacy: None,
        what: What::Tasks,
        params: Both(
            &[
                TENANT,
                may("contextId", Is::Text),
                may("status", Is::Text),
                may("pageSize", Is::Any),
                may("pageToken", Is::Text),
                may("historyLength", Is::Any),
                may("statusTimestampAfter", Is::Text),
                may("includeArtifacts", Is::Any),
            ],
            NONE,
        ),
        request: Both(ids::BY_CONTEXT, &[]),
        result: Both(At::In(ids::TASKS), At::Nothing),
        rest: Rest { verbs: &["GET"], path: &["tasks"] },
    },
    Operation {
        name: "CancelTask",
        legacy: Some("tasks/cancel"),
        what: What::Task,
        params: Both(&[TENANT, need("id", Is::Text), METADATA], LEGACY_ID),
        request: Both(ids::BY_ID, ids::BY_ID),
        result: Both(At::In(ids::TASK_OBJECT), At::In(ids::LEGACY_RESPONSE)),
        rest: Rest { verbs: &["POST"], path: &["tasks", "{task}:cancel"] },
    },
    Operation {
        name: "SubscribeToTask",
        legacy: Some("tasks/resubscribe"),
        what: What::Task,
        params: Both(&[TENANT, need("id", Is::Text)], LEGACY_ID),
        request: Both(ids::BY_ID, ids::BY_ID),
        result: Both(At::In(ids::RESPONSE), At::In(ids::LEGACY_RESPONSE)),
        // §11.3.2 says POST, `a2a.proto` says GET.
        rest: Rest { verbs: &["POST", "GET"], path: &["tasks", "{task}:subscribe"] },
    },
    Operation {
        name: "CreateTaskPushNotificationConfig",
        legacy: Some("tasks/pushNotificationConfig/set"),
        what: What::SetPush,
        params: Both(
            &[
                TENANT,
                need("taskId", Is::Text),
                may("id", Is::Text),
                need("url", Is::Text),
                may("token", Is::Text),
                may("authentication", Is::Object),
            ],
            &[need("taskId", Is::Text), need("pushNotificationConfig", Is::Object)],
        ),
        request: Both(ids::CONFIG, ids::CONFIG),
        result: Both(At::In(ids::CONFIG), At::In(ids::CONFIG)),
        rest: Rest { verbs: &["POST"], path: &["tasks", TASK, "pushNotificationConfigs"] },
    },
    Operation {
        name: "GetTaskPushNotificationConfig",
        legacy: Some("tasks/pushNotificationConfig/get"),
        what: What::Push,
        params: Both(
            PUSH_ID,
            &[need("id", Is::Text), may("pushNotificationConfigId", Is::Text), METADATA],
        ),
        request: Both(ids::CONFIG, ids::BY_ID),
        result: Both(At::In(ids::CONFIG), At::In(ids::CONFIG)),
        rest: Rest { verbs: &["GET"], path: &["tasks", TASK, "pushNotificationConfigs", CONFIG] },
    },
    Operation {
        name: "ListTaskPushNotificationConfigs",
        legacy: Some("tasks/pushNotificationConfig/list"),
        what: What::Push,
        params: Both(
            &[
                TENANT,
                need("taskId", Is::Text),
                may("pageSize", Is::Any),
                may("pageToken", Is::Text),
            ],
            LEGACY_ID,
        ),
        request: Both(ids::CONFIG, ids::BY_ID),
        result: Both(At::In(ids::CONFIGS), At::Each(ids::CONFIG)),
        rest: Rest { verbs: &["GET"], path: &["tasks", TASK, "pushNotificationConfigs"] },
    },
    Operation {
        name: "DeleteTaskPushNotificationConfig",
        legacy: Some("tasks/pushNotificationConfig/delete"),
        what: What::Push,
        params: Both(
            PUSH_ID,
            &[need("id", Is::Text), need("pushNotificationConfigId", Is::Text), METADATA],
        ),
        request: Both(ids::CONFIG, ids::BY_ID),
        result: Both(At::Nothing, At::Nothing),
        rest: Rest {
            verbs: &["DELETE"],
            path: &["tasks", TASK, "pushNotificationConfigs", CONFIG],
        },
    },
    Operation {
        name: "GetExtendedAgentCard",
        legacy: Some("agent/getAuthenticatedExtendedCard"),
        what: What::Card,
        params: Both(&[TENANT], NONE),
        request: Both(&[], &[]),
        result: Both(At::Card, At::Card),
        rest: Rest { verbs: &["GET"], path: &["extendedAgentCard"] },
    },
];

/// Every operation.
pub(super) fn all() -> impl Iterator<Item = &'static Operation> {
    OPERATIONS.iter()
}
