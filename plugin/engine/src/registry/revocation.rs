//! What no longer counts, whatever its token, its registration and policy say.
//!
//! An agent that is listed with a SPIFFE id is revoked by either of its names, whichever a request
//! proves: the list may come from somebody who knows only one.

use std::collections::BTreeSet;

use super::Registry;
use crate::decision::Reason;
use crate::model::{Actor, IssuerId, PrincipalId};

/// Everything that is revoked, by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Revocations {
    pub(crate) agents: BTreeSet<PrincipalId>,
    pub(crate) delegators: BTreeSet<PrincipalId>,
    /// Humans' ids or teams' names: all agents of an owner.
    pub(crate) owners: BTreeSet<String>,
    /// Agent and delegator: this delegation, and no other of either.
    pub(crate) delegations: BTreeSet<(PrincipalId, PrincipalId)>,
    /// Issuer and `jti`.
    pub(crate) tokens: BTreeSet<(String, String)>,
    /// Thumbprints of keys that sign tokens or prove possession (RFC 7638; of a certificate, `x5t#S256`).
    pub(crate) keys: BTreeSet<String>,
    pub(crate) issuers: BTreeSet<String>,
}

/// What a request presents: who acts, and one of its proofs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Presented<'a> {
    pub(crate) actor: &'a Actor,
    pub(crate) owner: Option<&'a str>,
    pub(crate) issuer: &'a IssuerId,
    pub(crate) key: Option<&'a str>,
    pub(crate) jti: Option<&'a str>,
}

impl Revocations {
    /// Why a request can't go on. From the widest to the narrowest: what an operator who pulled a
    /// switch looks for first.
    pub(crate) fn check(&self, presented: Presented<'_>, known: &Registry) -> Result<(), Reason> {
        match self.struck(presented, known) {
            Some(reason) => Err(reason),
            None => Ok(()),
        }
    }

    /// Whether a human's approval no longer counts, or the key or the service that signed it.
    pub(crate) fn has_approver(&self, human: &PrincipalId, issuer: &str, key: &str) -> bool {
        self.delegators.contains(human) || self.issuers.contains(issuer) || self.keys.contains(key)
    }

    fn struck(&self, presented: Presented<'_>, known: &Registry) -> Option<Reason> {
        let Presented { actor, owner, issuer, key, jti } = presented;
        let delegation = actor.delegation.as_ref();
        // Authority that passed through a revoked agent came from nobody.
        let prior = delegation.map(|d| d.prior.as_slice()).unwrap_or_default();
        let agent = &actor.agent;
        let mut chain = prior.iter().chain([agent]);
        let delegator = delegation.map(|d| &d.delegator);
        let found = [
            (self.issuers.contains(issuer.as_str()), Reason::IssuerRevoked),
            (key.is_some_and(|key| self.keys.contains(key)), Reason::KeyRevoked),
            (owner.is_some_and(|owner| self.owners.contains(owner)), Reason::OwnerRevoked),
            (chain.any(|agent| self.has_agent(agent, known)), Reason::AgentRevoked),
            (delegator.is_some_and(|d| self.delegators.contains(d)), Reason::DelegatorRevoked),
            (
                delegator.is_some_and(|d| self.has_delegation(agent, d, known)),
                Reason::DelegationRevoked,
            ),
            (jti.is_some_and(|jti| self.has_token(issuer, jti)), Reason::TokenRevoked),
        ];
        found.into_iter().find_map(|(struck, reason)| struck.then_some(reason))
    }

    fn has_agent(&self, id: &PrincipalId, known: &Registry) -> bool {
        !self.agents.is_empty() && known.names(id).any(|name| self.agents.contains(&name))
    }

    fn has_delegation(&self, id: &PrincipalId, by: &PrincipalId, known: &Registry) -> bool {
        let listed = |name: PrincipalId| self.delegations.contains(&(name, by.clone()));
        !self.delegations.is_empty() && known.names(id).any(listed)
    }

    fn has_token(&self, issuer: &IssuerId, jti: &str) -> bool {
        !self.tokens.is_empty()
            && self.tokens.contains(&(issuer.as_str().to_owned(), jti.to_owned()))
    }
}
