//! Every JSON-RPC method that is served, in one table (standards §6.4). A method that is not here is
//! refused, whatever it is: an unknown one may do anything (COAZ "Unknown Methods").
//!
//! The members of `params` are listed too, and no others are let through: what the decision did not
//! see must not reach a server that might act on it. `_meta` is allowed everywhere, MCP's own place
//! for what a receiver may ignore.

use super::Version;
use crate::json::Value;
use crate::protocol::list::ListOf;

/// One method.
#[derive(Debug)]
pub(super) struct Method {
    pub(super) name: &'static str,
    pub(super) what: What,
    eras: Eras,
    /// Members of `params`, besides `_meta`.
    params: &'static [Param],
}

/// What a method is about. For all but tools the action has the method's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The server as a whole.
    Server,
    /// The same, and its answer is a list to filter.
    List(ListOf),
    /// The tool that `name` names; its action is its own.
    Tool,
    /// The resource that `uri` names.
    Resource,
    /// The prompt that `name` names.
    Prompt,
    /// Values for an argument of a prompt or a resource template: the right to it is needed too.
    Completion,
    /// The resources and tasks to be told about: the right to each is needed too.
    Subscriptions,
    /// The task that `taskId` names. Whose it is, only its server knows.
    Task,
    /// Expects no answer. All notifications are one action: none of them does anything.
    Notification,
}

/// One member of `params`.
#[derive(Debug)]
struct Param {
    name: &'static str,
    is: Is,
    required: bool,
    eras: Eras,
}

#[derive(Clone, Copy, Debug)]
enum Is {
    Text,
    Object,
    /// What the server makes of it is its own; nothing here is decided by it.
    Any,
}

/// The protocol versions that know a method or a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Eras {
    All,
    Legacy,
    Modern,
    /// Tasks were in the core of that one only, and are an extension since (SEP-2663).
    Only2025_11_25,
    /// From there on, and with the extension.
    Since2025_11_25,
}

impl Method {
    /// Whether it expects an answer, and so has an id.
    pub(super) fn is_request(&self) -> bool {
        self.what != What::Notification
    }

    /// The member of `params` that `Mcp-Name` repeats, if any (MCP-10).
    pub(super) fn named(&self) -> Option<&'static str> {
        match self.what {
            What::Tool | What::Prompt => Some("name"),
            What::Resource => Some("uri"),
            What::Task => Some("taskId"),
            What::Server
            | What::List(_)
            | What::Completion
            | What::Subscriptions
            | What::Notification => None,
        }
    }

    /// Whether a member of `params` belongs there, and has the type it must have.
    pub(super) fn admits(&self, name: &str, value: &Value, version: Version) -> bool {
        let mut params = self.params.iter();
        let param = params.find(|p| p.name == name && p.eras.include(version));
        param.is_some_and(|param| match param.is {
            Is::Text => value.as_str().is_some(),
            Is::Object => value.as_object().is_some(),
            Is::Any => true,
        })
    }

    /// The members of `params` that must be there.
    pub(super) fn required(&self) -> impl Iterator<Item = &'static str> {
        self.params.iter().filter(|p| p.required).map(|p| p.name)
    }
}

/// The method of that name, byte for byte, in that version.
pub(super) fn find(name: &str, version: Version) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.name == name && method.eras.include(version))
}

impl Eras {
    fn include(self, version: Version) -> bool {
        match self {
            Self::All => true,
            Self::Legacy => !version.is_modern(),
            Self::Modern => version.is_modern(),
            Self::Only2025_11_25 => version == Version::V2025_11_25,
            Self::Since2025_11_25 => version >= Version::V2025_11_25,
        }
    }
}

const fn method(name: &'static str, what: What, eras: Eras, params: &'static [Param]) -> Method {
    Method { name, what, eras, params }
}

const fn need(name: &'static str, is: Is) -> Param {
    Param { name, is, required: true, eras: Eras::All }
}

const fn may(name: &'static str, is: Is) -> Param {
    Param { name, is, required: false, eras: Eras::All }
}

const fn in_eras(name: &'static str, is: Is, eras: Eras) -> Param {
    Param { name, is, required: false, eras }
}

/// A call that outlives its answer (2025-11-25).
const TASK: Param = in_eras("task", Is::Object, Eras::Only2025_11_25);
/// Answers to what the server asked before it would go on (SEP-2322).
const ANSWERS: Param = in_eras("inputResponses", Is::Object, Eras::Modern);
const STATE: Param = in_eras("requestState", Is::Text, Eras::Modern);
const CURSOR: Param = may("cursor", Is::Text);

/// 2026-07-28 did away with `initialize`, `ping`, `logging/setLevel` and what clients used to notify
/// (its changelog); `notifications/cancelled` is still in its schema.
const METHODS: &[Method] = &[
    method(
        "initialize",
        What::Server,
        Eras::Legacy,
        &[
            need("protocolVersion", Is::Text),
            may("capabilities", Is::Object),
            may("clientInfo", Is::Object),
        ],
    ),
    method("server/discover", What::Server, Eras::Modern, &[]),
    method("ping", What::Server, Eras::Legacy, &[]),
    method("logging/setLevel", What::Server, Eras::Legacy, &[need("level", Is::Text)]),
    method("tools/list", What::List(ListOf::Tools), Eras::All, &[CURSOR]),
    method(
        "tools/call",
        What::Tool,
        Eras::All,
        &[need("name", Is::Text), may("arguments", Is::Object), TASK, ANSWERS, STATE],
    ),
    method("resources/list", What::List(ListOf::Resources), Eras::All, &[CURSOR]),
    method("resources/templates/list", What::List(ListOf::Templates), Eras::All, &[CURSOR]),
    method("resources/read", What::Resource, Eras::All, &[need("uri", Is::Text), ANSWERS, STATE]),
    method("resources/subscribe", What::Resource, Eras::Legacy, &[need("uri", Is::Text)]),
    method("resources/unsubscribe", What::Resource, Eras::Legacy, &[need("uri", Is::Text)]),
    method("prompts/list", What::List(ListOf::Prompts), Eras::All, &[CURSOR]),
    method(
        "prompts/get",
        What::Prompt,
        Eras::All,
        &[need("name", Is::Text), may("arguments", Is::Object), ANSWERS, STATE],
    ),
    method(
        "completion/complete",
        What::Completion,
        Eras::All,
        &[need("ref", Is::Object), need("argument", Is::Object), may("context", Is::Object)],
    ),
    method(
        "subscriptions/listen",
        What::Subscriptions,
        Eras::Modern,
        &[need("notifications", Is::Object)],
    ),
    method("tasks/get", What::Task, Eras::Since2025_11_25, &[need("taskId", Is::Text)]),
    method("tasks/cancel", What::Task, Eras::Since2025_11_25, &[need("taskId", Is::Text)]),
    method("tasks/result", What::Task, Eras::Only2025_11_25, &[need("taskId", Is::Text)]),
    method(
        "tasks/update",
        What::Task,
        Eras::Modern,
        &[need("taskId", Is::Text), may("inputResponses", Is::Object)],
    ),
    method("tasks/list", What::Server, Eras::Only2025_11_25, &[CURSOR]),
    method("notifications/initialized", What::Notification, Eras::Legacy, &[]),
    method(
        "notifications/cancelled",
        What::Notification,
        Eras::All,
        &[may("requestId", Is::Any), may("reason", Is::Text)],
    ),
    method(
        "notifications/progress",
        What::Notification,
        Eras::Legacy,
        &[
            may("progressToken", Is::Any),
            may("progress", Is::Any),
            may("total", Is::Any),
            may("message", Is::Text),
        ],
    ),
    method("notifications/roots/list_changed", What::Notification, Eras::Legacy, &[]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_listed_once() {
        let mut names: Vec<_> = METHODS.iter().map(|m| m.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), METHODS.len());
        for method in METHODS {
            let notifies = method.name.starts_with("notifications/");
            assert_eq!(notifies, !method.is_request(), "{}", method.name);
            assert!(method.named().is_none_or(|named| method.required().any(|n| n == named)));
        }
    }

    #[test]
    fn a_method_belongs_to_its_era() {
        let (old, new) = (Version::V2025_11_25, Version::V2026_07_28);
        for (name, in_old, in_new) in [
            ("initialize", true, false),
            ("ping", true, false),
            ("logging/setLevel", true, false),
            ("server/discover", false, true),
            ("tools/list", true, true),
            ("tools/call", true, true),
            ("resources/read", true, true),
            ("resources/subscribe", true, false),
            ("subscriptions/listen", false, true),
            ("tasks/get", true, true),
            ("tasks/result", true, false),
            ("tasks/update", false, true),
            ("notifications/initialized", true, false),
            ("notifications/cancelled", true, true),
            ("tools/Call", false, false),
            ("sampling/createMessage", false, false),
        ] {
            assert_eq!(
                (find(name, old).is_some(), find(name, new).is_some()),
                (in_old, in_new),
                "{name}"
            );
        }
        assert!(find("tasks/get", Version::V2025_06_18).is_none());
    }

    #[test]
    fn a_parameter_belongs_to_its_era() {
        let call = find("tools/call", Version::V2025_11_25).unwrap();
        let object = Value::Object(crate::json::Object::default());
        for (name, version, admitted) in [
            ("task", Version::V2025_11_25, true),
            ("task", Version::V2025_06_18, false),
            ("task", Version::V2026_07_28, false),
            ("inputResponses", Version::V2026_07_28, true),
            ("inputResponses", Version::V2025_11_25, false),
            ("Arguments", Version::V2025_11_25, false),
        ] {
            assert_eq!(call.admits(name, &object, version), admitted, "{name} {version}");
        }
    }
}
