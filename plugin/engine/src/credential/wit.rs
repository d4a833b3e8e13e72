//! A Workload Identity Token (WIMSE workload-creds, SPIFFE WIT-SVID): a workload's id and the key that
//! has to sign a proof beside it.

use std::rc::Rc;

use super::binding::Confirmation;
use super::cache::Remembered;
use super::claims::text;
use super::jws::Jws;
use super::signed::signed;
use super::terms::{Form, Terms};
use super::{Asking, Kind, Place, Unverified, workload};
use crate::decision::Reason;
use crate::json::{Object, Value};
use crate::model::WorkloadId;
use crate::trust::{Algorithm, Algorithms, Key};

/// Never in `Authorization`, and never without a Workload Proof Token: alone it proves nothing.
pub(super) const KIND: Kind = Kind {
    name: "wit+jwt",
    place: Place::WorkloadIdentityToken,
    from: "`trust_domains` that accept it",
    proves: "the workload (`sub`), as the agent that lists its id, or as itself",
    bound: "a Workload Proof Token by `cnf.jwk`, always",
    rules: "WIT-1, WIT-2: no `aud`, a `kid`, RSA and ECDSA only; keys with `use` `wit-svid`",
    verify: Some(verify),
};

fn verify(jws: &Jws<'_>, asking: &mut Asking<'_>) -> Result<Remembered, Unverified> {
    let id = text(&jws.claims, "sub")?;
    let id = WorkloadId::parse(id).map_err(|_| Reason::TokenMalformed)?;
    // WIT-2: keys by the trust domain of `sub`, never by `iss`.
    let domain = asking.rules.domain(&id, KIND.name).ok_or(Reason::IssuerUnknown)?;
    if jws.key_id.is_none() {
        return Err(Reason::KeyUnknown.into());
    }
    let (key, algorithm) = signed(jws, &domain.wit_source, &domain.wit_algorithms, asking)?;
    let found = workload::Found { kind: &KIND, id: &id, jws, key: &key, algorithm };
    let terms = Terms::read(&jws.claims, Form::Proven, domain.limits);
    let terms = terms.map_err(|reason| found.rejected(reason))?;
    let held = terms.hold(asking.audiences, asking.now);
    held.map_err(|reason| found.rejected(reason))?;
    let confirmation = confirmation(&jws.claims).ok_or(Reason::TokenMalformed);
    let confirmation = confirmation.map_err(|reason| found.rejected(reason))?;
    found.remembered(terms, &domain.wit_source, Some(confirmation), asking.rules)
}

/// WIT-1: `cnf.jwk`, alone, with its `alg`.
fn confirmation(claims: &Object) -> Option<Confirmation> {
    let members: Vec<_> = claims.get("cnf")?.as_object()?.iter().collect();
    let [("jwk", Value::Object(jwk))] = members.as_slice() else { return None };
    let alg = jwk.get("alg")?.as_str()?.to_owned();
    // The drafts' own examples write `EdDSA`; of an OKP key it can mean only Ed25519 (JWT-15).
    let any = Algorithms::new(Algorithm::ALL.into(), true);
    let key = Rc::new(Key::presented(jwk, &any)?);
    Some(Confirmation::Jwk { key, alg })
}
