//! One receipt per decision: the four answers, and no secret.
//!
//! A receipt holds hashes of the token and of the arguments, never the things themselves; no text
//! of the request enters it but the names the configuration knows. Not here yet: the chain between
//! receipts, OCSF export.

mod digest;

use crate::decision::{Permit, Reason, Verdict};
use crate::json::{Object, Value};
use crate::model::{CallerClass, Delegation, EvaluationId, PrincipalId, Timestamp};

pub(crate) use digest::json_digest;

/// What is known by the time of the verdict. Everything optional is unknown when absent.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// What kind of caller it is, by proof and registry.
    pub(crate) caller: CallerClass,
    /// By hash: what the request is a part of.
    pub(crate) transaction: Option<(String, String)>,
    pub(crate) agent: Option<AgentFacts>,
    pub(crate) delegation: Option<Delegation>,
    /// The verified subject of a token that named no actor.
    pub(crate) subject: Option<PrincipalId>,
    pub(crate) credential: Option<CredentialFacts>,
    /// Further credentials that say the same.
    pub(crate) also: Vec<CredentialFacts>,
    /// What of them another has presented before.
    pub(crate) shared: Vec<String>,
    pub(crate) protocol: Option<&'static str>,
    pub(crate) action: Option<String>,
    pub(crate) resource: Option<String>,
    pub(crate) arguments: Option<String>,
    /// What else the request reaches, each as `action Type::id`.
    pub(crate) reaches: Vec<String>,
    pub(crate) agent_policies: Option<Vec<String>>,
    pub(crate) delegator_policies: Option<Vec<String>>,
    /// Grants that were in force and covered the request.
    pub(crate) grants: Vec<String>,
    /// What the verdict would have been another without.
    pub(crate) decisive: Option<&'static str>,
    /// Trace id of a valid W3C `traceparent`; accepted, never trusted.
    pub(crate) trace: Option<String>,
}

/// The agent, as far as the registry knows it.
#[derive(Debug)]
pub(crate) struct AgentFacts {
    pub(crate) id: PrincipalId,
    pub(crate) name: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) sponsor: Option<String>,
    pub(crate) proof: &'static str,
}

/// The credential, by its hash.
#[derive(Debug)]
pub(crate) struct CredentialFacts {
    pub(crate) kind: &'static str,
    pub(crate) issuer: String,
    pub(crate) thumbprint: String,
    pub(crate) expires: Option<Timestamp>,
    /// What proved that it is the sender's own.
    pub(crate) bound: Option<&'static str>,
    /// The thumbprint of the key or certificate that proved it.
    pub(crate) key: Option<String>,
}

/// The record of one decision. Hosts write it; nobody edits it.
#[derive(Clone, Debug)]
pub struct Receipt(Object);

impl Receipt {
    /// The receipt of a permitted request. `_permit`: there is no other way to an `allow`.
    pub(crate) fn allowed(
        id: EvaluationId,
        at: Timestamp,
        revision: u64,
        _permit: &Permit,
        facts: Facts,
    ) -> Self {
        Self::write((id, at, revision), ("allow", None, &[]), facts)
    }

    /// The receipt of a verdict.
    pub(crate) fn new(
        id: EvaluationId,
        at: Timestamp,
        revision: u64,
        verdict: &Verdict,
        facts: Facts,
    ) -> Self {
        let approvers = match verdict {
            Verdict::NeedsApproval { approvers } => approvers.as_slice(),
            Verdict::Allow(_) | Verdict::Deny(_) => &[],
        };
        Self::write((id, at, revision), (verdict.label(), verdict.reason(), approvers), facts)
    }

    /// What is left of a decision that the host could not carry out.
    pub(crate) fn into_fault(self) -> Self {
        let reason = Reason::EngineFault;
        let mut to = Writer(self.0);
        to.text("verdict", Some("deny"));
        to.text("reason", Some(reason.code()));
        to.text("question", Some(reason.question().code()));
        Self(to.0)
    }

    fn write(
        (id, at, revision): (EvaluationId, Timestamp, u64),
        (verdict, reason, approvers): (&str, Option<Reason>, &[String]),
        facts: Facts,
    ) -> Self {
        let mut to = Writer(Object::of([("v", Value::Integer(1))]));
        to.text("id", Some(id.to_string()));
        to.text("time", Some(at.to_string()));
        to.text("verdict", Some(verdict));
        to.text("reason", reason.map(Reason::code));
        to.text("question", reason.map(|r| r.question().code()));
        to.text("advice", reason.and_then(Reason::advice));
        to.text("caller", Some(facts.caller.as_str()));
        to.object("agent", facts.agent.as_ref().map(AgentFacts::members));
        to.object("on_behalf_of", on_behalf_of(&facts));
        to.object("credential", facts.credential.as_ref().map(CredentialFacts::members));
        to.objects("also", facts.also.iter().map(CredentialFacts::members));
        to.texts("shared", (!facts.shared.is_empty()).then_some(facts.shared.as_slice()));
        to.object(
            "transaction",
            facts.transaction.map(|(id, thumbprint)| {
                Object::of([("id", id.into()), ("thumbprint", thumbprint.into())])
            }),
        );
        to.text("protocol", facts.protocol);
        to.text("action", facts.action);
        to.text("resource", facts.resource);
        to.text("arguments", facts.arguments);
        to.texts("reaches", (!facts.reaches.is_empty()).then_some(facts.reaches.as_slice()));
        // Only whoever was asked is named, so "nobody permitted it" and "nobody was asked" differ.
        let policies = facts.agent_policies.map(|agent| {
            let mut both = Writer(Object::default());
            both.texts("agent", Some(agent.as_slice()));
            both.texts("delegator", facts.delegator_policies.as_deref());
            both.0
        });
        to.object("policies", policies);
        to.texts("grants", (!facts.grants.is_empty()).then_some(facts.grants.as_slice()));
        to.text("decisive", facts.decisive);
        to.texts("approvers", (!approvers.is_empty()).then_some(approvers));
        to.0.set("revision", Value::Integer(i64::try_from(revision).unwrap_or(i64::MAX)));
        to.text("trace", facts.trace);
        Self(to.0)
    }

    /// One line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        self.0.to_text()
    }
}

impl AgentFacts {
    fn members(&self) -> Object {
        let mut to = Writer(Object::default());
        to.text("id", Some(self.id.as_str()));
        to.text("name", self.name.as_deref());
        to.text("owner", self.owner.as_deref());
        to.text("sponsor", self.sponsor.as_deref());
        to.text("proof", Some(self.proof));
        to.0
    }
}

impl CredentialFacts {
    fn members(&self) -> Object {
        let mut to = Writer(Object::default());
        to.text("kind", Some(self.kind));
        to.text("issuer", Some(self.issuer.as_str()));
        to.text("thumbprint", Some(self.thumbprint.as_str()));
        to.text("expires", self.expires.map(|at| at.to_string()));
        to.text("bound", self.bound);
        to.text("key", self.key.as_deref());
        to.0
    }
}

fn on_behalf_of(facts: &Facts) -> Option<Object> {
    let mut to = Writer(Object::default());
    match (&facts.delegation, &facts.subject) {
        (Some(delegation), _) => {
            to.text("id", Some(delegation.delegator.as_str()));
            to.text("proof", Some("act"));
            let depth = i64::try_from(delegation.depth()).unwrap_or(i64::MAX);
            to.0.set("depth", Value::Integer(depth));
            let prior: Vec<_> = delegation.prior.iter().map(ToString::to_string).collect();
            to.texts("prior", (!prior.is_empty()).then_some(prior.as_slice()));
        }
        (None, Some(subject)) => {
            to.text("id", Some(subject.as_str()));
            to.text("proof", Some("none"));
        }
        (None, None) => return None,
    }
    Some(to.0)
}

/// Adds members, leaving out what is unknown.
struct Writer(Object);

impl Writer {
    fn text(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.0.set(name, value.into());
        }
    }

    fn texts(&mut self, name: &str, values: Option<&[String]>) {
        if let Some(values) = values {
            let values = values.iter().map(|v| v.as_str().into()).collect();
            self.0.set(name, Value::Array(values));
        }
    }

    fn objects(&mut self, name: &str, values: impl Iterator<Item = Object>) {
        let values: Vec<_> = values.map(Value::Object).collect();
        if !values.is_empty() {
            self.0.set(name, Value::Array(values));
        }
    }

    fn object(&mut self, name: &str, value: Option<Object>) {
        if let Some(value) = value {
            self.0.set(name, Value::Object(value));
        }
    }
}
