//! What a request has shown of itself so far, as its receipt will tell it.

use super::Progress;
use super::message::Message;
use crate::audit::{AgentFacts, CredentialFacts, Facts};
use crate::authority::Factor;
use crate::config::Configuration;
use crate::credential::{Bound, Known, Proof, Verified};
use crate::evidence::{Head, Once};
use crate::model::{Asked, CallerClass};

impl Progress {
    /// A token that was genuine and refused all the same names its subject.
    pub(super) fn rejected(&mut self, known: Option<Known>) {
        let Some(known) = known else { return };
        self.facts.caller = known.class;
        self.facts.subject = known.subject;
        self.facts.credential = Some(CredentialFacts {
            kind: known.kind,
            issuer: known.issuer,
            thumbprint: known.thumbprint,
            expires: None,
            bound: None,
            key: None,
        });
    }

    /// What its receipt tells. Made at the end, as most requests come by here twice, before and with
    /// their body.
    pub(super) fn facts(&mut self, configuration: &Configuration) -> Facts {
        if let Some(verified) = self.verified.take() {
            self.identified(configuration, &verified);
        }
        std::mem::take(&mut self.facts)
    }

    fn identified(&mut self, configuration: &Configuration, verified: &Verified) {
        let agent = configuration.registry.find(&verified.actor.agent);
        let found = self.found.as_ref().filter(|_| agent.is_none());
        let source = found.map(|_| "directory");
        let agent = agent.as_deref().or(found.map(|found| &*found.agent));
        self.facts.caller = agent.map_or(CallerClass::Unknown, |agent| agent.class);
        let transaction = verified.transaction.as_ref();
        self.facts.transaction = transaction.map(|t| (t.id.clone(), t.thumbprint.clone()));
        self.facts.agent = Some(AgentFacts {
            id: verified.actor.agent.clone(),
            name: agent.and_then(|a| a.name.clone()),
            owner: agent.and_then(|a| a.owner.clone()),
            sponsor: agent.and_then(|a| a.sponsor.clone()),
            source,
            proof: verified.proof.kind,
        });
        self.facts.delegation = verified.actor.delegation.clone();
        self.facts.credential = Some(CredentialFacts::of(&verified.proof));
        self.facts.also = verified.also.iter().map(CredentialFacts::of).collect();
    }

    /// What the request is about, and what else it reaches.
    pub(super) fn asked(&mut self, message: &Message) {
        let mut all = message.asked.iter();
        if let Some(first) = all.next() {
            self.about(first, message);
        }
        self.facts.reaches =
            all.map(|a| format!("{} {}", a.action.as_str(), resource(a))).collect();
    }

    fn about(&mut self, asked: &Asked, message: &Message) {
        self.facts.action = Some(asked.action.as_str().to_owned());
        self.facts.resource = Some(resource(asked));
        self.facts.arguments = message.digest(asked);
    }

    /// Of several things, the record of a refusal is about the one that was refused.
    pub(super) fn refused_for(&mut self, asked: &Asked, message: &Message) {
        if !self.facts.reaches.is_empty() {
            self.about(asked, message);
        }
    }

    /// What was decisive, of the last thing that was weighed, and all grants that counted.
    pub(super) fn weighed(&mut self, decisive: Option<Factor>, grants: Vec<String>) {
        self.facts.decisive = decisive.map(Factor::code);
        self.facts.grants.extend(grants);
        self.facts.grants.sort_unstable();
        self.facts.grants.dedup();
    }

    /// The policies that decided so far, each once.
    pub(super) fn decided(&mut self, agent: Option<Vec<String>>, delegator: Option<Vec<String>>) {
        for (all, more) in [
            (&mut self.facts.agent_policies, agent),
            (&mut self.facts.delegator_policies, delegator),
        ] {
            let Some(more) = more else { continue };
            let all = all.get_or_insert_default();
            all.extend(more);
            all.sort_unstable();
            all.dedup();
        }
    }
}

impl CredentialFacts {
    fn of(proof: &Proof) -> Self {
        Self {
            kind: proof.kind,
            issuer: proof.issuer.as_str().to_owned(),
            thumbprint: proof.thumbprint.clone(),
            expires: proof.expires,
            bound: proof.bound.as_ref().map(Bound::as_str),
            key: proof.bound.as_ref().and_then(Bound::key).map(str::to_owned),
        }
    }
}

/// As receipts write it.
pub(super) fn resource(asked: &Asked) -> String {
    format!("{}::{}", asked.resource.kind.as_str(), asked.resource.id)
}

/// The trace id of a well-formed W3C `traceparent`, to find the receipt by. Never an input.
pub(super) fn trace(head: &Head) -> Option<String> {
    let Once::One(value) = head.once("traceparent") else { return None };
    let mut parts = value.split('-');
    let (version, trace) = (parts.next()?, parts.next()?);
    let hex = |s: &str| s.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let valid = version.len() == 2 && trace.len() == 32 && hex(version) && hex(trace);
    (valid && trace.bytes().any(|b| b != b'0')).then(|| trace.to_owned())
}
