//! One receipt per decision: the four answers, and no secret.
//!
//! A receipt holds hashes of the token and of the arguments, never the things themselves; no text
//! of the request enters it but the names the configuration knows. Not here yet: the chain between
//! receipts, OCSF export.

mod digest;
mod line;

use std::rc::Rc;

use crate::behavior::Counted;
use crate::decision::{Permit, Reason, Verdict};
use crate::model::{CallerClass, Delegation, EvaluationId, PrincipalId, Timestamp};

pub(crate) use digest::json_digest;

use line::Line;

/// What is known by the time of the verdict. Everything optional is unknown when absent.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// What kind of caller it is, by proof and registry.
    pub(crate) caller: CallerClass,
    /// By hash: what the request is a part of.
    pub(crate) transaction: Option<(String, Rc<str>)>,
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
    /// What a human has, or would have, approved.
    pub(crate) approval: Option<ApprovalFacts>,
    /// What its agent has done, if that was looked at.
    pub(crate) behavior: Option<Rc<Counted>>,
    /// Seconds after which the same may be asked again.
    pub(crate) retry_after: Option<u64>,
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
    /// Where it is registered, if not in the registry itself.
    pub(crate) source: Option<&'static str>,
    pub(crate) proof: &'static str,
}

/// An approval, by the digest of what it is of; and if it was given, its id and by whom.
#[derive(Debug)]
pub(crate) struct ApprovalFacts {
    pub(crate) digest: String,
    pub(crate) given: Option<(String, PrincipalId)>,
}

/// The credential, by its hash.
#[derive(Debug)]
pub(crate) struct CredentialFacts {
    pub(crate) kind: &'static str,
    pub(crate) issuer: String,
    pub(crate) thumbprint: Rc<str>,
    pub(crate) expires: Option<Timestamp>,
    /// What proved that it is the sender's own.
    pub(crate) bound: Option<&'static str>,
    /// The thumbprint of the key or certificate that proved it.
    pub(crate) key: Option<String>,
}

/// The record of one decision. Hosts write it; nobody edits it.
#[derive(Clone, Debug)]
pub struct Receipt {
    id: EvaluationId,
    at: Timestamp,
    verdict: &'static str,
    reason: Option<Reason>,
    facts: Rc<Facts>,
    approvers: Vec<String>,
    revision: u64,
}

impl Receipt {
    /// The receipt of a permitted request. `_permit`: there is no other way to an `allow`.
    pub(crate) fn allowed(
        id: EvaluationId,
        at: Timestamp,
        revision: u64,
        _permit: &Permit,
        facts: Facts,
    ) -> Self {
        let (facts, approvers) = (Rc::new(facts), Vec::new());
        Self { id, at, verdict: "allow", reason: None, facts, approvers, revision }
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
            Verdict::NeedsApproval { approvers } => approvers.clone(),
            Verdict::Allow(_) | Verdict::Deny(_) => Vec::new(),
        };
        let (facts, reason) = (Rc::new(facts), verdict.reason());
        Self { id, at, verdict: verdict.label(), reason, facts, approvers, revision }
    }

    /// What is left of a decision that the host could not carry out.
    pub(crate) fn into_fault(self) -> Self {
        Self { verdict: "deny", reason: Some(Reason::EngineFault), ..self }
    }

    /// One line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let (facts, reason) = (&*self.facts, self.reason);
        let mut to = Line::new();
        to.number("v", 1);
        to.text("id", Some(&self.id.to_string()));
        to.text("time", Some(&self.at.to_rfc3339()));
        to.text("verdict", Some(self.verdict));
        to.text("reason", reason.map(Reason::code));
        to.text("question", reason.map(|r| r.question().code()));
        to.text("advice", reason.and_then(Reason::advice));
        facts.who(&mut to);
        facts.what(&mut to);
        facts.why(&mut to);
        let approvers = self.approvers.as_slice();
        to.texts("approvers", (!approvers.is_empty()).then_some(approvers));
        to.number("revision", self.revision);
        to.text("trace", facts.trace.as_deref());
        to.finish()
    }
}

impl Facts {
    /// The agent, whoever it acts for, and what proves both.
    fn who(&self, to: &mut Line) {
        to.text("caller", Some(self.caller.as_str()));
        if let Some(agent) = &self.agent {
            to.object("agent", |to| agent.members(to));
        }
        self.on_behalf_of(to);
        if let Some(credential) = &self.credential {
            to.object("credential", |to| credential.members(to));
        }
        to.objects("also", &self.also, CredentialFacts::members);
        to.texts("shared", (!self.shared.is_empty()).then_some(self.shared.as_slice()));
        if let Some((id, thumbprint)) = &self.transaction {
            to.object("transaction", |to| {
                to.text("id", Some(id));
                to.text("thumbprint", Some(thumbprint));
            });
        }
    }

    fn on_behalf_of(&self, to: &mut Line) {
        if let Some(delegation) = &self.delegation {
            to.object("on_behalf_of", |to| {
                to.text("id", Some(delegation.delegator.as_str()));
                to.text("proof", Some("act"));
                to.number("depth", u64::try_from(delegation.depth()).unwrap_or(u64::MAX));
                let prior: Vec<_> = delegation.prior.iter().map(ToString::to_string).collect();
                to.texts("prior", (!prior.is_empty()).then_some(prior.as_slice()));
            });
        } else if let Some(subject) = &self.subject {
            to.object("on_behalf_of", |to| {
                to.text("id", Some(subject.as_str()));
                to.text("proof", Some("none"));
            });
        }
    }

    fn what(&self, to: &mut Line) {
        to.text("protocol", self.protocol);
        to.text("action", self.action.as_deref());
        to.text("resource", self.resource.as_deref());
        to.text("arguments", self.arguments.as_deref());
        to.texts("reaches", (!self.reaches.is_empty()).then_some(self.reaches.as_slice()));
    }

    fn why(&self, to: &mut Line) {
        // Only whoever was asked is named, so "nobody permitted it" and "nobody was asked" differ.
        if let Some(agent) = &self.agent_policies {
            to.object("policies", |to| {
                to.texts("agent", Some(agent.as_slice()));
                to.texts("delegator", self.delegator_policies.as_deref());
            });
        }
        to.texts("grants", (!self.grants.is_empty()).then_some(self.grants.as_slice()));
        to.text("decisive", self.decisive);
        if let Some(approval) = &self.approval {
            to.object("approval", |to| approval.members(to));
        }
        if let Some(counted) = &self.behavior {
            to.object("behavior", |to| behavior(counted, to));
        }
        if let Some(seconds) = self.retry_after {
            to.number("retry_after", seconds);
        }
    }
}

/// What the decision saw of the agent as a whole.
fn behavior(counted: &Counted, to: &mut Line) {
    for (name, window) in ["minute", "hour", "day"].into_iter().zip(counted.agent()) {
        to.object(name, |to| {
            to.number("calls", window.calls);
            to.number("denials", window.denials);
            to.number("spend", window.spend);
        });
    }
    to.number("repeated", counted.repeated);
}

impl ApprovalFacts {
    fn members(&self, to: &mut Line) {
        to.text("digest", Some(self.digest.as_str()));
        if let Some((id, approver)) = &self.given {
            to.text("id", Some(id));
            to.text("approver", Some(approver.as_str()));
        }
    }
}

impl AgentFacts {
    fn members(&self, to: &mut Line) {
        to.text("id", Some(self.id.as_str()));
        to.text("name", self.name.as_deref());
        to.text("owner", self.owner.as_deref());
        to.text("sponsor", self.sponsor.as_deref());
        to.text("source", self.source);
        to.text("proof", Some(self.proof));
    }
}

impl CredentialFacts {
    fn members(&self, to: &mut Line) {
        to.text("kind", Some(self.kind));
        to.text("issuer", Some(self.issuer.as_str()));
        to.text("thumbprint", Some(&self.thumbprint));
        to.text("expires", self.expires.map(Timestamp::to_rfc3339).as_deref());
        to.text("bound", self.bound);
        to.text("key", self.key.as_deref());
    }
}
