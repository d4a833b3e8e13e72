//! Where the ids of tasks and contexts are in what clients and servers say, and how they are replaced.
//!
//! A shape names the members that hold an id, and those that lead to one; all else stays as it was written.
//! Both directions use it: sealed ids become the server's own on their way there, and the other way round.
//! Not here: the sealing itself (`mcp::session`).

use std::borrow::Cow;

use crate::json::{Malformed, Object, Raw, Value};
use crate::protocol::mcp::IdKind;

/// Members that matter; others hold no id.
pub(super) type Shape = [(&'static str, At)];

/// What is in a member.
#[derive(Clone, Copy, Debug)]
pub(super) enum At {
    Id(IdKind),
    /// A list of ids.
    Ids(IdKind),
    In(&'static Shape),
    /// A list of objects.
    Each(&'static Shape),
    /// An agent card.
    Card,
    /// None.
    Nothing,
}

/// What becomes of an id.
pub(super) enum Change {
    To(String),
    /// The member goes: it names what nobody keeps.
    Gone,
    /// It can't be passed on.
    Refused,
}

/// Why nothing is made of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unchanged {
    /// It is not of that shape.
    Shape,
    /// An id can't be passed on.
    Id,
}

const TASK: At = At::Id(IdKind::Task);
const CONTEXT: At = At::Id(IdKind::Context);

/// `Message`, the same in both versions.
pub(super) const MESSAGE: &Shape =
    &[("taskId", TASK), ("contextId", CONTEXT), ("referenceTaskIds", At::Ids(IdKind::Task))];
const STATUS: &Shape = &[("message", At::In(MESSAGE))];
/// `Task`.
pub(super) const TASK_OBJECT: &Shape = &[
    ("id", TASK),
    ("contextId", CONTEXT),
    ("status", At::In(STATUS)),
    ("history", At::Each(MESSAGE)),
];
/// `TaskStatusUpdateEvent`, `TaskArtifactUpdateEvent`.
const UPDATE: &Shape = &[("taskId", TASK), ("contextId", CONTEXT), ("status", At::In(STATUS))];
/// `SendMessageResponse`, `StreamResponse`.
pub(super) const RESPONSE: &Shape = &[
    ("task", At::In(TASK_OBJECT)),
    ("message", At::In(MESSAGE)),
    ("statusUpdate", At::In(UPDATE)),
    ("artifactUpdate", At::In(UPDATE)),
];
/// What 0.3 has in their place: a task, a message or an event, told apart by `kind`.
pub(super) const LEGACY_RESPONSE: &Shape = &[
    ("id", TASK),
    ("taskId", TASK),
    ("contextId", CONTEXT),
    ("status", At::In(STATUS)),
    ("history", At::Each(MESSAGE)),
    ("referenceTaskIds", At::Ids(IdKind::Task)),
];
/// `ListTasksResponse`.
pub(super) const TASKS: &Shape = &[("tasks", At::Each(TASK_OBJECT))];
/// `TaskPushNotificationConfig`.
pub(super) const CONFIG: &Shape = &[("taskId", TASK)];
/// `ListTaskPushNotificationConfigsResponse`.
pub(super) const CONFIGS: &Shape = &[("configs", At::Each(CONFIG))];
/// Parameters of 1.0 and 0.3 that name a task, and those that name a context.
pub(super) const BY_ID: &Shape = &[("id", TASK)];
pub(super) const BY_CONTEXT: &Shape = &[("contextId", CONTEXT)];
/// `SendMessageRequest`. The configuration of a push notification must not name a task of its own.
pub(super) const SEND: &Shape = &[("message", At::In(MESSAGE))];

/// Replaces ids in what was read strictly; whether any changed.
pub(super) fn replace(
    object: &mut Object,
    shape: &Shape,
    change: &mut dyn FnMut(IdKind, &str) -> Change,
) -> Result<bool, Unchanged> {
    let mut any = false;
    for (name, at) in shape {
        let Some(value) = object.get_mut(name) else { continue };
        match (at, value) {
            // An empty text is what protobuf has for none.
            (At::Id(_), Value::String(id)) if id.is_empty() => {}
            (At::Id(kind), Value::String(id)) => match change(*kind, id) {
                Change::To(new) => {
                    any |= new != *id;
                    *id = new;
                }
                Change::Gone => {
                    any = true;
                    object.remove(name);
                }
                Change::Refused => return Err(Unchanged::Id),
            },
            (At::Ids(kind), Value::Array(ids)) if ids.len() <= MAX_IDS => {
                for id in ids {
                    let Value::String(id) = id else { return Err(Unchanged::Shape) };
                    let Change::To(new) = change(*kind, id) else { return Err(Unchanged::Id) };
                    any |= new != *id;
                    *id = new;
                }
            }
            (At::In(inner), Value::Object(value)) => any |= replace(value, inner, change)?,
            _ => return Err(Unchanged::Shape),
        }
    }
    Ok(any)
}

/// The same in a text.
pub(super) fn rewrite<'a>(
    raw: Raw<'a>,
    at: At,
    change: &mut dyn FnMut(IdKind, &str) -> Change,
) -> Result<Cow<'a, str>, Unchanged> {
    match at {
        At::Nothing | At::Card => Ok(raw.text().into()),
        // Absent, in the words of some.
        _ if raw.text() == "null" => Ok(raw.text().into()),
        At::Id(kind) => match text(raw)? {
            id if id.is_empty() => Ok(raw.text().into()),
            id => match change(kind, &id) {
                Change::To(new) => Ok(Value::from(new).to_text().into()),
                Change::Gone | Change::Refused => Err(Unchanged::Id),
            },
        },
        At::Ids(kind) => each(raw, &mut |id| rewrite(id, At::Id(kind), change)),
        At::Each(shape) => each(raw, &mut |one| rewrite(one, At::In(shape), change)),
        At::In(shape) => inside(raw, shape, change),
    }
}

fn inside<'a>(
    raw: Raw<'a>,
    shape: &Shape,
    change: &mut dyn FnMut(IdKind, &str) -> Change,
) -> Result<Cow<'a, str>, Unchanged> {
    if !raw.text().starts_with('{') {
        return Err(Unchanged::Shape);
    }
    let mut parts = Vec::new();
    for (name, value) in raw.members()? {
        let at = shape.iter().find(|(n, _)| *n == name).map_or(At::Nothing, |(_, at)| *at);
        if let At::Id(kind) = at
            && value.text() != "\"\""
            && matches!(change(kind, &text(value)?), Change::Gone)
        {
            continue;
        }
        let value = rewrite(value, at, change)?;
        parts.push(format!("{}:{value}", Value::from(&*name).to_text()));
    }
    Ok(format!("{{{}}}", parts.join(",")).into())
}

fn each<'a>(
    raw: Raw<'a>,
    one: &mut dyn FnMut(Raw<'a>) -> Result<Cow<'a, str>, Unchanged>,
) -> Result<Cow<'a, str>, Unchanged> {
    if !raw.text().starts_with('[') {
        return Err(Unchanged::Shape);
    }
    let all: Vec<_> = raw.elements()?.into_iter().map(one).collect::<Result<_, _>>()?;
    Ok(format!("[{}]", all.join(",")).into())
}

fn text(raw: Raw<'_>) -> Result<String, Unchanged> {
    let value = raw.value(&super::limits(raw.text().len()))?;
    value.as_str().map(str::to_owned).ok_or(Unchanged::Shape)
}

impl From<Malformed> for Unchanged {
    fn from(_: Malformed) -> Self {
        Self::Shape
    }
}

/// In one list of a request, as each costs a MAC or two.
const MAX_IDS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_is_too_long_costs_nothing() {
        let references = vec![Value::from("a"); MAX_IDS + 1];
        let mut message = Object::of([("referenceTaskIds", Value::Array(references))]);
        let mut opened = 0_usize;
        let mut change = |_, id: &str| {
            opened = opened.saturating_add(1);
            Change::To(id.to_owned())
        };
        assert_eq!(replace(&mut message, MESSAGE, &mut change), Err(Unchanged::Shape));
        assert_eq!(opened, 0);
    }
}
