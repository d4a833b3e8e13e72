//! Proof of possession: whether whoever sends a bound credential is the one it was issued to.
//!
//! A kind reads what its credential is bound by into a [`Confirmation`]; [`hold`] looks for the one
//! proof that satisfies it among what the request presents, and returns a [`Bound`], which only this
//! module can make. A credential with a confirmation and without a `Bound` gets nowhere: `verify`
//! calls this for each, after the cache, so a proof is looked at for every request; within one request
//! it is looked at once.
//!
//! Not here: whether a proof was used before. That is a question to the host's store, which the engine
//! asks last (`Bound::once`), so that nobody without a valid token writes there (threats S2).

mod confirmation;
mod dpop;
mod nonce;
mod target;
#[cfg(test)]
mod tests;
mod wpt;

pub(crate) use confirmation::Confirmation;
pub(crate) use dpop::DpopRules;
pub(crate) use nonce::Nonces;
pub(crate) use target::Origin;
pub(crate) use wpt::WptRules;

use std::rc::Rc;

use sha2::{Digest as _, Sha256};

use super::bearer::Scheme;
use super::presented::Presented;
use super::{Asking, Credential, Proof};
use crate::decision::Reason;
use crate::evidence::Once as Header;
use crate::json::{Object, Value};
use crate::recall::Once;
use crate::trust::{BindingMethod, Key, base64url};

use target::Targets;

/// How senders prove that a credential is theirs: as configured.
#[derive(Clone, Debug, Default)]
pub(crate) struct BindingRules {
    /// Where clients reach this gateway; proofs name it.
    pub(crate) origins: Vec<Origin>,
    pub(crate) dpop: Option<DpopRules>,
    pub(crate) wpt: Option<WptRules>,
}

/// That the sender is the one a credential was issued to, and by what that was proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bound {
    method: BindingMethod,
    /// The thumbprint of the key that proved it; none where the host's TLS layer did.
    key: Option<String>,
    once: Option<Once>,
}

/// A proof of possession that holds, if it was not used before.
#[derive(Clone, Debug)]
struct Proven {
    /// RFC 7638.
    key_thumbprint: String,
    once: Once,
}

/// A bound credential: its text, and where it was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct BoundToken<'t> {
    pub(super) token: &'t str,
    /// In `Authorization`; none: in a header of its own.
    pub(super) scheme: Option<Scheme>,
}

/// The proofs of one request that hold: it may be looked at again when its body is there, and a
/// signature costs the same each time.
#[derive(Debug, Default)]
pub(crate) struct ProvenBefore(Vec<(Rc<str>, Bound)>);

/// The proof that satisfies the confirmation.
///
/// `None` for a credential that is bound by nothing, presented as such, and allowed to be.
pub(super) fn hold(
    credential: &Credential,
    bound: BoundToken<'_>,
    presented: &Presented<'_>,
    (rules, before): (&BindingRules, &mut ProvenBefore),
    asking: &Asking<'_>,
) -> Result<Option<Bound>, Reason> {
    let proof = &credential.verified.proof;
    required(proof, credential.confirmation.as_ref(), bound.scheme, asking)?;
    let Some(confirmation) = &credential.confirmation else { return Ok(None) };
    if let Some((_, known)) = before.0.iter().find(|(of, _)| *of == proof.thumbprint) {
        return Ok(Some(known.clone()));
    }
    let found = match confirmation {
        Confirmation::Jkt(jkt) => rules.by_dpop(jkt, bound, presented, asking)?,
        Confirmation::X5tS256(digest) => by_certificate(*digest, bound, presented)?,
        Confirmation::Jwk { key, alg } => {
            rules.by_wpt((key, alg), bound.token, presented, asking)?
        }
    };
    before.0.push((proof.thumbprint.clone(), found.clone()));
    Ok(Some(found))
}

/// Whether the credential may be bound as it is, or by nothing.
fn required(
    proof: &Proof,
    confirmation: Option<&Confirmation>,
    scheme: Option<Scheme>,
    asking: &Asking<'_>,
) -> Result<(), Reason> {
    let method = confirmation.map(Confirmation::method);
    // DPOP-9: the scheme says that the token is bound, and the token doesn't.
    if method.is_none() && scheme == Some(Scheme::Dpop) {
        return Err(Reason::TokenNotBound);
    }
    let Some(issuer) = asking.trust.issuer_of(&proof.issuer) else { return Ok(()) };
    match &issuer.require_binding {
        Some(allowed) if !method.is_some_and(|m| allowed.contains(&m)) => {
            Err(Reason::TokenNotBound)
        }
        _ => Ok(()),
    }
}

impl BindingRules {
    /// DPOP-1, DPOP-9: exactly one proof, and the token presented as what it is.
    fn by_dpop(
        &self,
        jkt: &str,
        bound: BoundToken<'_>,
        presented: &Presented<'_>,
        asking: &Asking<'_>,
    ) -> Result<Bound, Reason> {
        let rules = self.dpop.as_ref().ok_or(Reason::ProofOfPossessionMissing)?;
        if bound.scheme != Some(Scheme::Dpop) {
            return Err(Reason::ProofOfPossessionMissing);
        }
        let proof = match presented.dpop {
            Header::Absent => return Err(Reason::ProofOfPossessionMissing),
            Header::Many => return Err(Reason::DpopMalformed),
            Header::One(proof) => proof,
        };
        let targets = Targets::of(&self.origins, presented.line.path);
        let method = presented.line.method;
        let request = dpop::Request { method, targets: &targets, token: bound.token, jkt };
        let proven = rules.verify(proof, &request, asking.trust, asking.now)?;
        Ok(Bound::of(BindingMethod::Dpop, proven))
    }

    fn by_wpt(
        &self,
        (key, alg): (&Key, &str),
        identity: &str,
        presented: &Presented<'_>,
        asking: &Asking<'_>,
    ) -> Result<Bound, Reason> {
        let rules = self.wpt.as_ref().ok_or(Reason::WptMissing)?;
        let proof = presented.workload_proof.ok_or(Reason::WptMissing)?;
        let targets = Targets::of(&self.origins, presented.line.path);
        let access = presented.authorization.map(|authorization| authorization.token);
        let transaction = presented.transaction;
        let request = wpt::Request { targets: &targets, identity, key, alg, access, transaction };
        let proven = rules.verify(proof, &request, asking.trust, asking.now)?;
        Ok(Bound::of(BindingMethod::Wpt, proven))
    }
}

/// MTLS-1, MTLS-3: the certificate of this connection, by the host's word. Without one the token is
/// worth nothing.
fn by_certificate(
    digest: [u8; 32],
    bound: BoundToken<'_>,
    presented: &Presented<'_>,
) -> Result<Bound, Reason> {
    if bound.scheme == Some(Scheme::Dpop) {
        return Err(Reason::TokenNotBound);
    }
    let certificate = presented.certificate.as_ref().ok_or(Reason::ProofOfPossessionMissing)?;
    if certificate.digest != digest {
        return Err(Reason::CertificateMismatch);
    }
    let key = Some(base64url::encode(&digest));
    Ok(Bound { method: BindingMethod::Mtls, key, once: None })
}

impl Bound {
    fn of(method: BindingMethod, proven: Proven) -> Self {
        Self { method, key: Some(proven.key_thumbprint), once: Some(proven.once) }
    }

    /// Of a certificate that identifies the workload itself: the host's TLS layer had its owner sign.
    /// `thumbprint` is its `x5t#S256` (RFC 8705 §3.1).
    pub(super) fn by_tls(thumbprint: String) -> Self {
        Self { method: BindingMethod::Tls, key: Some(thumbprint), once: None }
    }

    /// As receipts and policies write it.
    pub(crate) fn as_str(&self) -> &'static str {
        self.method.as_str()
    }

    /// The thumbprint of the key, or of the certificate, that proved it.
    pub(crate) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The same of what two agents could hold. A certificate that says itself whose it is is only
    /// its agent's.
    pub(super) fn shareable(&self) -> Option<&str> {
        (self.method != BindingMethod::Tls).then(|| self.key()).flatten()
    }

    /// What has to be used for the first time, and what it is called if it is not.
    pub(crate) fn once(&self) -> Option<(&Once, Reason)> {
        let again = match self.method {
            BindingMethod::Wpt => Reason::WptReplayed,
            BindingMethod::Dpop | BindingMethod::Mtls | BindingMethod::Tls => Reason::DpopReplayed,
        };
        self.once.as_ref().map(|once| (once, again))
    }
}

/// SHA-256 as `ath`, `wth` and their like have it: of the token as it is sent.
fn digest(token: &str) -> String {
    base64url::encode(&Sha256::digest(token))
}

fn text<'c>(claims: &'c Object, name: &str) -> Option<&'c str> {
    claims.get(name).and_then(Value::as_str)
}

/// JWT-5; RFC 9449 §11.1 warns of large ones.
const MAX_JTI_BYTES: usize = 256;
