//! A JWT-SVID: a workload's SPIFFE id, signed by its trust domain (SPIFFE JWT-SVID).

use super::cache::Remembered;
use super::claims::text;
use super::jws::Jws;
use super::signed::signed;
use super::terms::{Form, Terms};
use super::{Asking, Kind, Place, Unverified, workload};
use crate::decision::Reason;
use crate::model::WorkloadId;

/// `typ` is absent, `JWT` or `JOSE`; what tells it from an access token is that its subject is a SPIFFE
/// id, and keys of an issuer never sign one.
pub(super) const KIND: Kind = Kind {
    name: "jwt-svid",
    place: Place::Authorization,
    from: "`trust_domains` that accept it",
    proves: "the workload (`sub`), as the agent that lists its id, or as itself",
    bound: "nothing: a bearer token, so keep its life short",
    rules: "JS-1: RSA and ECDSA only, no header but `alg`, `kid`, `typ`; keys with `use` `jwt-svid`",
    verify: Some(verify),
};

/// Whether a token without a `typ` of its own is one.
pub(super) fn is_one(jws: &Jws<'_>) -> bool {
    let spiffe = |sub: &str| sub.starts_with("spiffe:");
    jws.is_untyped_or_jose() && text(&jws.claims, "sub").is_ok_and(spiffe)
}

fn verify(jws: &Jws<'_>, asking: &mut Asking<'_>) -> Result<Remembered, Unverified> {
    // JS-1; and a trust domain has several keys, so a token says which (X8).
    if jws.has_other_members {
        return Err(Reason::TokenMalformed.into());
    }
    let id = text(&jws.claims, "sub")?;
    let id = WorkloadId::spiffe(id).map_err(|_| Reason::TokenMalformed)?;
    let domain = asking.rules.domain(&id, KIND.name).ok_or(Reason::IssuerUnknown)?;
    if jws.key_id.is_none() {
        return Err(Reason::KeyUnknown.into());
    }
    let (key, algorithm) = signed(jws, &domain.jwt_source, &domain.jwt_algorithms, asking)?;
    let found = workload::Found { kind: &KIND, id: &id, jws, key: &key, algorithm };
    let terms = Terms::read(&jws.claims, Form::Svid, domain.limits);
    let terms = terms.map_err(|reason| found.rejected(reason))?;
    let held = terms.hold(asking.audiences, asking.now);
    held.map_err(|reason| found.rejected(reason))?;
    // It is a bearer token by its standard; one that claims to be bound can't be checked.
    if jws.claims.get("cnf").is_some() {
        return Err(found.rejected(Reason::ProofOfPossessionMissing));
    }
    found.remembered(terms, &domain.jwt_source, None, asking.rules)
}
