//! What a response passes through on its way back: a list loses what its caller could not be
//! permitted, a server asks the agent only what policy lets it, a session's id is sealed, and a stream
//! ends with the credential it was opened with, or when whoever opened it may act no more.
//!
//! The reading is `protocol`'s, the question is `policy`'s; this only joins them, for as long as
//! the response takes. It holds the policy the request was decided with.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use crate::audit;
use crate::authority::{Caller, Given};
use crate::decision::{Reason, Verdict};
use crate::json::{Object, Value};
use crate::model::Timestamp;
use crate::model::{
    ActionName, Asked, EvaluationId, ProtocolName, ResourceId, ResourceKind, Typing,
};
use crate::policy::{Alike, SharedPolicy};
use crate::protocol::{
    self, Catalogue, Ended, Exchange, IdKind, Judge, ListFilter, ListOf, Sessions, ToolEntry,
    agent_asked, prompt_asked, resource_asked,
};

pub use crate::protocol::ResponseEdits;

/// Filters one response, chunk by chunk.
pub struct ResponseFilter {
    list: ListFilter,
    asking: Asking,
    /// When a stream ends, whatever its server still has to say (MCP-32).
    until: Option<Timestamp>,
    in_force: Rc<dyn InForce>,
}

/// What is in force by now, whatever was when the request was decided.
pub(crate) trait InForce {
    /// Whether the caller may still act at all: not revoked, still registered as fit to.
    fn admits(&self, caller: &Caller, now: Timestamp) -> Result<(), Reason>;
}

/// Where the request went.
pub(crate) struct Upstream {
    pub(crate) server: String,
    pub(crate) catalogue: Rc<Catalogue>,
    /// Of the era that has them.
    pub(crate) sessions: Option<Sessions>,
    /// Whether a message to it can name its skill (A2A).
    pub(crate) names_skills: bool,
    /// Of the request, for what is logged about its answer.
    pub(crate) evaluation: EvaluationId,
}

/// Who asked, and by which policy.
struct Asking {
    policy: SharedPolicy,
    caller: Rc<Caller>,
    upstream: Upstream,
    alike: Alike,
    asks: BTreeMap<String, bool>,
    records: Records,
}

/// What was withheld, for a line in the log each: the first few, and then no more.
#[derive(Default)]
struct Records {
    lines: Vec<String>,
    count: usize,
}

impl ResponseFilter {
    pub(crate) fn new(
        exchange: Exchange,
        (policy, caller): (SharedPolicy, Rc<Caller>),
        upstream: Upstream,
        in_force: Rc<dyn InForce>,
    ) -> Self {
        let later = |at: Timestamp| at.unix_millis().saturating_add(LEEWAY_MS);
        // Whoever it is has to be proven by all of them.
        let expires = caller.verified.proofs().filter_map(|proof| proof.expires).min();
        let until = expires.map(later).map(Timestamp::from_unix_millis);
        let list = ListFilter::new(exchange.answers, exchange.limit);
        let asking = Asking {
            policy,
            caller,
            upstream,
            alike: Alike::default(),
            asks: BTreeMap::new(),
            records: Records::default(),
        };
        Self { list, asking, until, in_force }
    }

    /// Takes in the head of the response. Returns what changes in it before it goes on: the body's
    /// length is about to change, perhaps its type, and a session's id is for its caller alone.
    pub fn head(&mut self, status: u16, headers: &[(Vec<u8>, Vec<u8>)]) -> ResponseEdits {
        let mut edits = self.list.head(status, headers);
        let named = |(name, _): &&(Vec<u8>, Vec<u8>)| name.eq_ignore_ascii_case(SESSION.as_bytes());
        let ids: Vec<_> = headers.iter().filter(named).map(|(_, value)| value).collect();
        if !ids.is_empty() {
            edits.remove.push(SESSION);
        }
        if let ([id], Some(sessions)) = (ids.as_slice(), &self.asking.upstream.sessions) {
            match std::str::from_utf8(id).ok().and_then(|id| sessions.seal_session(id)) {
                Some(sealed) => edits.set.push((SESSION, sealed)),
                None => self.asking.record("session", [("withheld", "session_id".into())]),
            }
        }
        edits
    }

    /// Takes in the next bytes of the body and returns those that may go to the caller in their
    /// place. `end`: there are no more.
    pub fn push(&mut self, chunk: &[u8], end: bool, now: Timestamp) -> Vec<u8> {
        if self.list.is_stream() {
            self.stand(now);
        }
        self.list.push(chunk, end, &mut self.asking)
    }

    /// Ends a stream whose caller is no longer who it was when it opened it: at the next bytes, as a
    /// host hands over nothing in between.
    fn stand(&mut self, now: Timestamp) {
        if self.until.is_some_and(|until| now > until) {
            self.list.end(Ended::Expired);
        } else if let Err(reason) = self.in_force.admits(&self.asking.caller, now) {
            self.list.end(Ended::Refused);
            let reason = ("reason", reason.code().into());
            self.asking.record("stream", [("withheld", "stream".into()), reason]);
        }
    }

    /// What was withheld since this was last asked, each one line of JSON for the log.
    pub fn take_records(&mut self) -> Vec<String> {
        std::mem::take(&mut self.asking.records.lines)
    }
}

impl Judge for Asking {
    fn shows(&mut self, list: ListOf, name: &str, entry: &str) -> bool {
        let catalogue = Rc::clone(&self.upstream.catalogue);
        match list {
            ListOf::Tools => {
                catalogue.tool(name).is_some_and(|tool| self.shows_tool(name, tool, entry))
            }
            ListOf::Resources => {
                let declared = catalogue.resource(name);
                declared.is_some_and(|declared| self.may_read(declared, name))
            }
            ListOf::Templates => catalogue.template(name).is_some_and(|declared| {
                let server = &self.upstream.server;
                self.could(&resource_asked(server, "resources/read", declared, None))
            }),
            ListOf::Prompts => {
                catalogue.has_prompt(name)
                    && self.could(&prompt_asked(&self.upstream.server, name, None))
            }
        }
    }

    fn may_ask(&mut self, method: &str) -> bool {
        if let Some(answer) = self.asks.get(method) {
            return *answer;
        }
        let server = self.upstream.server.clone();
        let asked = Asked {
            protocol: ProtocolName::Mcp,
            action: ActionName(method.to_owned()),
            resource: ResourceId { kind: ResourceKind::Server, id: server },
            input: None,
            typing: Typing::Opaque,
        };
        let answer = self.may(&asked);
        if !answer {
            self.record(method, [("withheld", "server_request".into())]);
        }
        self.asks.insert(method.to_owned(), answer);
        answer
    }

    fn event_id(&mut self, id: &str) -> Option<String> {
        self.upstream.sessions.as_ref()?.seal_event(id)
    }

    fn seal(&mut self, kind: IdKind, id: &str) -> Option<String> {
        match &self.upstream.sessions {
            Some(sessions) => sessions.seal_id(kind, id),
            None => Some(id.to_owned()),
        }
    }

    /// Whether some message that could use it could be permitted: one that names it, or one that names none.
    fn shows_skill(&mut self, id: &str) -> bool {
        let Some(entry) = self.upstream.catalogue.skills.get(id) else { return false };
        let typing = if entry.typed_input { Typing::Declared } else { Typing::Known };
        let name = format!("{}/{id}", self.upstream.server);
        let named = self.upstream.names_skills
            && self.could(&Asked {
                protocol: ProtocolName::A2a,
                action: ActionName(name.clone()),
                resource: ResourceId { kind: ResourceKind::Skill, id: name },
                input: None,
                typing,
            });
        named
            || ["SendMessage", "SendStreamingMessage"].iter().any(|action| {
                let asked = agent_asked(&self.upstream.server, action, None);
                self.could(&Asked { typing: Typing::Known, ..asked })
            })
    }
}

impl Asking {
    fn shows_tool(&mut self, name: &str, entry: &ToolEntry, definition: &str) -> bool {
        if !self.is_as_pinned(name, entry, definition) {
            return false;
        }
        let id = format!("{}/{name}", self.upstream.server);
        self.could(&Asked {
            protocol: ProtocolName::Mcp,
            action: ActionName(id.clone()),
            resource: ResourceId { kind: ResourceKind::Tool, id },
            input: None,
            typing: Typing::declared(entry.typed_input),
        })
    }

    /// Whether a tool is still what somebody has looked at. If not, it is hidden, and its calls
    /// are refused until the server shows the old definition again or the pin is changed.
    fn is_as_pinned(&mut self, name: &str, entry: &ToolEntry, definition: &str) -> bool {
        let Some(pin) = &entry.pin else { return true };
        let digest = protocol::definition(definition).as_ref().and_then(audit::json_digest);
        let same = digest.as_ref() == Some(pin);
        entry.drifted.set(!same);
        if !same {
            let digest = digest.map_or(Value::Null, Value::from);
            let what = format!("{}/{name}", self.upstream.server);
            self.record(&what, [("withheld", "tool_drifted".into()), ("digest", digest)]);
        }
        same
    }

    /// A listed URI is all there is to a read of it, so this is the decision itself.
    fn may_read(&mut self, declared: &str, uri: &str) -> bool {
        let server = &self.upstream.server;
        let asked = resource_asked(server, "resources/read", declared, Some(uri));
        let decided = self.caller.decide(&self.policy, &asked, Given::default()).decided;
        let lifted = decided.turn.is_some();
        // What its agent will have done by then, nobody knows.
        if matches!(decided.verdict, Verdict::Deny(Reason::StateUnavailable)) {
            return self.could(&asked);
        }
        lifted || matches!(decided.verdict, Verdict::Allow(_) | Verdict::NeedsApproval { .. })
    }

    fn may(&self, asked: &Asked) -> bool {
        matches!(
            self.caller.decide(&self.policy, asked, Given::default()).decided.verdict,
            Verdict::Allow(_)
        )
    }

    fn could(&mut self, asked: &Asked) -> bool {
        self.caller.could(&self.policy, &mut self.alike, asked)
    }

    fn record<const N: usize>(&mut self, what: &str, more: [(&str, Value); N]) {
        self.records.count = self.records.count.saturating_add(1);
        if self.records.count > MAX_RECORDS {
            return;
        }
        let mut record = Object::of([
            ("v", Value::Integer(1)),
            ("id", self.upstream.evaluation.to_string().into()),
            ("what", what.into()),
        ]);
        for (name, value) in more {
            record.set(name, value);
        }
        self.records.lines.push(Value::Object(record).to_text());
    }
}

impl fmt::Debug for ResponseFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFilter").finish_non_exhaustive()
    }
}

const SESSION: &str = "mcp-session-id";
/// How much longer than its credential a stream may live: the largest clock difference that an issuer
/// may be allowed.
const LEEWAY_MS: u64 = 60_000;
/// Lines that one response may write into the log.
const MAX_RECORDS: usize = 16;
