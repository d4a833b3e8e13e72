//! Who acts and for whom, by the claim `act` (RFC 8693 §4.1, OAuth Actor Profile).
//!
//! Not read: `may_act`, which says who could become an actor (DEL-4), and `exp`, `nbf`, `aud` and
//! `cnf` inside `act`, which have no meaning (DEL-3, ACT-5). `client_id` is never an actor (ACT-3).

use crate::decision::Reason;
use crate::json::{Object, Value};
use crate::model::{Actor, Delegation, IssuerId, PrincipalId};
use crate::trust::{ActorIssuer, Issuer};

/// The actor of a token about `subject`; `own`: the client asked for it for itself.
pub(super) fn actor(
    claims: &Object,
    issuer: &Issuer,
    subject: &PrincipalId,
    own: bool,
) -> Result<Actor, Reason> {
    let Some(act) = claims.get("act") else {
        // RFC 9068 §2.2: of a client's own token the subject is the client. Anybody else's token
        // without `act` is somebody pretending to be its subject (DEL-5).
        let alone = Actor { agent: subject.clone(), delegation: None };
        // A client may have got itself an id that is also a person's (JWT-27).
        let own = own && !is_profiled(claims, "user");
        return if own { Ok(alone) } else { Err(Reason::Impersonation) };
    };
    if !issuer.may_delegate {
        return Err(Reason::DelegationNotAllowed);
    }
    // Where it is said what they are, a person acts for no agent (ACT-2): the chain would be the
    // wrong way round.
    let inverted = is_profiled(claims, "ai_agent") || act.as_object().is_some_and(is_user);
    if inverted {
        return Err(Reason::DelegationInverted);
    }
    let mut actors = chain(act, issuer, subject)?.into_iter();
    let agent = actors.next().ok_or(Reason::DelegationMalformed)?;
    let delegation = Delegation { delegator: subject.clone(), prior: actors.collect() };
    Ok(Actor { agent, delegation: Some(delegation) })
}

/// Whether `sub_profile` names that class (OAuth Actor Profile: words, one space between). Absent or
/// of another form, it says nothing.
pub(super) fn is_profiled(party: &Object, class: &str) -> bool {
    let profile = party.get("sub_profile").and_then(Value::as_str);
    profile.is_some_and(|words| words.split(' ').any(|word| word == class))
}

fn is_user(party: &Object) -> bool {
    is_profiled(party, "user")
}

/// The actors, current one first.
fn chain(act: &Value, issuer: &Issuer, subject: &PrincipalId) -> Result<Vec<PrincipalId>, Reason> {
    let mut actors = Vec::new();
    let mut next = Some(act);
    while let Some(act) = next {
        // Refused, never cut short (ACT-6).
        if actors.len() >= issuer.max_delegation_depth {
            return Err(Reason::DelegationTooDeep);
        }
        let act = act.as_object().ok_or(Reason::DelegationMalformed)?;
        let actor = one(act, issuer)?;
        // Acting for oneself is no delegation (ACT-4), and authority that comes back to somebody
        // who already passed it on says nothing (D3). Issuer and subject together are compared.
        if actor == *subject || actors.contains(&actor) {
            return Err(Reason::DelegationCycle);
        }
        actors.push(actor);
        next = act.get("act");
    }
    Ok(actors)
}

fn one(act: &Object, issuer: &Issuer) -> Result<PrincipalId, Reason> {
    let malformed = Reason::DelegationMalformed;
    let subject = act.get("sub").and_then(Value::as_str).ok_or(malformed)?;
    let namespace = match (act.get("iss"), issuer.actor_issuer) {
        (None, ActorIssuer::Same) => issuer.id.clone(),
        (None, ActorIssuer::Required) => return Err(malformed),
        (Some(iss), _) => {
            let iss = iss.as_str().ok_or(malformed)?;
            IssuerId::parse(iss).map_err(|_| malformed)?
        }
    };
    // `act.iss` is the namespace of the actor, not who vouches for it (ACT-1): only the token's
    // signature does. Until a configuration can say that one issuer may speak for another's
    // agents, none may (D12); else the weakest issuer could act as anybody's agent.
    if namespace != issuer.id {
        return Err(Reason::DelegationNotAllowed);
    }
    PrincipalId::new(&namespace, subject).map_err(|_| malformed)
}
