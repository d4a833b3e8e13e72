//! Whether anything that a request stands on was revoked. Asked after every look into the token cache.

use crate::config::Configuration;
use crate::credential::{Bound, Verified};
use crate::decision::Reason;
use crate::registry::{Presented, Revocations};

/// Whether neither the configuration nor the feed says that any of it no longer counts.
pub(super) fn unrevoked(
    feed: Option<&Revocations>,
    configuration: &Configuration,
    verified: &Verified,
) -> Result<(), Reason> {
    let registry = &configuration.registry;
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
        by(&proof.issuer, proof.bound.as_ref().and_then(Bound::key), None)?;
    }
    if let Some(transaction) = &verified.transaction {
        by(&transaction.source, Some(&transaction.key_thumbprint), None)?;
    }
    Ok(())
}
