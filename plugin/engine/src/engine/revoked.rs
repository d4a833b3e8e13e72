//! Whether anything that a request stands on was revoked. Asked after every look into the token cache.

use super::Engine;
use crate::config::Configuration;
use crate::credential::{Bound, Verified};
use crate::decision::Reason;
use crate::events;
use crate::model::Timestamp;
use crate::recall::Cutoffs;
use crate::registry::{Presented, Registry, Revocations};

impl Engine {
    /// Whether nothing that is known here says that any of it no longer counts. `wider`: the registry with an
    /// agent that was looked up.
    pub(super) fn unstruck(
        &self,
        (configuration, wider): (&Configuration, Option<&Registry>),
        verified: &Verified,
        now: Timestamp,
    ) -> Result<(), Reason> {
        let registry = wider.unwrap_or(&configuration.registry);
        unrevoked(self.renewal.revoked(), (configuration, registry), verified)?;
        match &self.events {
            Some(events) => unstruck(events.cutoffs(), registry, verified, now),
            None => Ok(()),
        }
    }
}

/// Whether neither the configuration nor the feed says that any of it no longer counts.
pub(super) fn unrevoked(
    feed: Option<&Revocations>,
    (configuration, registry): (&Configuration, &Registry),
    verified: &Verified,
) -> Result<(), Reason> {
    let agent = registry.find(&verified.actor.agent);
    let by = |issuer, key, jti| {
        let owner = agent.as_ref().and_then(|agent| agent.owner.as_deref());
        let presented = Presented { actor: &verified.actor, owner, issuer, key, jti };
        configuration.revocations.check(presented, registry)?;
        feed.map_or(Ok(()), |feed| feed.check(presented, registry))
    };
    for proof in verified.proofs() {
        by(&proof.issuer, proof.key_thumbprint.as_deref(), proof.jti.as_deref())?;
        // The sender's own key may be the one that was stolen.
        if let Some(key) = proof.bound.as_ref().and_then(Bound::key) {
            by(&proof.issuer, Some(key), None)?;
        }
    }
    if let Some(transaction) = &verified.transaction {
        by(&transaction.source, Some(&transaction.key_thumbprint), None)?;
    }
    Ok(())
}

/// Whether no security event has struck any of it.
pub(super) fn unstruck(
    cutoffs: &Cutoffs,
    registry: &Registry,
    verified: &Verified,
    now: Timestamp,
) -> Result<(), Reason> {
    if cutoffs.is_empty() {
        return Ok(());
    }
    let (actor, now) = (&verified.actor, now.unix_millis());
    let delegation = actor.delegation.as_ref();
    let prior = delegation.iter().flat_map(|d| &d.prior).chain([&actor.agent]);
    let agents = prior.flat_map(|agent| registry.names(agent));
    let who = agents.chain(delegation.map(|d| d.delegator.clone()));
    let who: Vec<_> = who.map(|id| events::subject(&id)).collect();
    for proof in verified.proofs() {
        let issued = proof.issued.map(Timestamp::unix_millis);
        if who.iter().any(|digest| cutoffs.strikes(digest, issued, now)) {
            return Err(Reason::SessionRevoked);
        }
        let token = proof.jti.as_ref().map(|jti| events::token(proof.issuer.as_str(), jti));
        if token.is_some_and(|digest| cutoffs.strikes(&digest, None, now)) {
            return Err(Reason::TokenRevoked);
        }
    }
    Ok(())
}
