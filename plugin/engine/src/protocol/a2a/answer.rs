//! An answer of an A2A server on its way back: ids are sealed for whoever asked, a card is shown as they may
//! see it, and what can't be read strictly is withheld. What an agent says is for its caller.

use std::rc::Rc;

use super::card::CardRules;
use super::ids::{self, At, Change, Unchanged};
use super::limits;
use crate::decision::RpcId;
use crate::json::{Object, Raw, Value};
use crate::protocol::list::{Judge, Withheld};
use crate::protocol::mcp::{IdKind, rpc_id};

/// What an answer has to be.
#[derive(Clone, Debug)]
pub(crate) struct Awaited {
    /// Of the JSON-RPC binding, to the request with that id.
    pub(super) rpc: Option<RpcId>,
    pub(super) result: At,
    /// The one context, by the server's own id, that it may be about; none: any.
    pub(super) context: Option<String>,
    pub(super) card: Rc<CardRules>,
}

/// What goes on in its place. `success`: by the status that it comes with.
pub(in crate::protocol) fn filter(
    body: &[u8],
    (awaited, success): (&Awaited, bool),
    judge: &mut dyn Judge,
) -> Result<Vec<u8>, Withheld> {
    let raw = Raw::parse(body, &limits(body.len()))?;
    raw.check(&limits(body.len()))?;
    let Some(id) = &awaited.rpc else {
        return match success {
            true => Ok(awaited.result(raw, judge)?.into_bytes()),
            false => Ok(body.to_vec()),
        };
    };
    if !raw.text().starts_with('{') {
        return Err(Withheld::NotAMessage);
    }
    let members = raw.members()?;
    let get = |wanted: &str| members.iter().find(|(name, _)| name == wanted).map(|(_, v)| *v);
    let known = |name: &str| ["jsonrpc", "id", "result", "error"].contains(&name);
    let spoken = get("jsonrpc").is_some_and(|version| version.text() == "\"2.0\"");
    if !spoken || !members.iter().all(|(name, _)| known(name)) {
        return Err(Withheld::NotAMessage);
    }
    let theirs = match get("id") {
        None => None,
        Some(theirs) => rpc_id(&theirs.value(&limits(theirs.text().len()))?),
    };
    match (get("result"), get("error")) {
        // An error may come without an id, or with none that could be read (JSON-RPC 2.0 §5).
        (None, Some(_)) if theirs.as_ref().is_none_or(|theirs| theirs == id) => Ok(body.to_vec()),
        (Some(result), None) if theirs.as_ref() == Some(id) => {
            let result = awaited.result(result, judge)?;
            let id = theirs_text(id);
            Ok(format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{result}}}").into_bytes())
        }
        (Some(_), Some(_)) | (None, None) => Err(Withheld::NotAMessage),
        _ => Err(Withheld::OtherRequest),
    }
}

impl Awaited {
    fn result(&self, raw: Raw<'_>, judge: &mut dyn Judge) -> Result<String, Withheld> {
        if matches!(self.result, At::Card) {
            return self.card.shown(raw, judge);
        }
        // What is sealed here is the caller's from then on: nothing that a page of somebody else's list has (A2A-3).
        let foreign = |kind: IdKind, id: &str| {
            let own = self.context.as_deref();
            matches!(kind, IdKind::Context) && own.is_some_and(|own| own != id)
        };
        let mut change = |kind, id: &str| match judge.seal(kind, id) {
            Some(sealed) if !foreign(kind, id) => Change::To(sealed),
            _ => Change::Refused,
        };
        Ok(ids::rewrite(raw, self.result, &mut change)?.into_owned())
    }

    /// Whether the answer depends on who asks in more than its ids.
    pub(in crate::protocol) fn is_card(&self) -> bool {
        matches!(self.result, At::Card)
    }

    /// What the caller gets instead (`InvalidAgentResponseError`, §5.4).
    pub(in crate::protocol) fn refusal(&self, why: &str, message: &str) -> Value {
        let info = Object::of([
            ("@type", "type.googleapis.com/google.rpc.ErrorInfo".into()),
            ("reason", "INVALID_AGENT_RESPONSE".into()),
            ("domain", "a2a-protocol.org".into()),
            ("metadata", Value::Object(Object::of([("withheld", why.into())]))),
        ]);
        let details = Value::Array(vec![Value::Object(info)]);
        Value::Object(match &self.rpc {
            Some(id) => {
                let error = Object::of([
                    ("code", Value::Integer(-32006)),
                    ("message", message.into()),
                    ("data", details),
                ]);
                let id = match id {
                    RpcId::Integer(n) => Value::Integer(*n),
                    RpcId::Text(text) => text.as_str().into(),
                };
                Object::of([("jsonrpc", "2.0".into()), ("id", id), ("error", Value::Object(error))])
            }
            None => {
                let error = Object::of([
                    ("code", Value::Integer(500)),
                    ("status", "INTERNAL".into()),
                    ("message", message.into()),
                    ("details", details),
                ]);
                Object::of([("error", Value::Object(error))])
            }
        })
    }
}

fn theirs_text(id: &RpcId) -> String {
    match id {
        RpcId::Integer(n) => n.to_string(),
        RpcId::Text(text) => Value::from(text.as_str()).to_text(),
    }
}

impl From<Unchanged> for Withheld {
    fn from(unchanged: Unchanged) -> Self {
        match unchanged {
            Unchanged::Shape => Self::NotAMessage,
            Unchanged::Id => Self::Id,
        }
    }
}
