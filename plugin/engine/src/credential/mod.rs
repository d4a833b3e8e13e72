//! Who sent the request, proven.
//!
//! Reads what a request presents ([`Presented`]), has each credential verified by its kind, has bound
//! ones proven to be the sender's ([`binding`]), and puts together what they say. A kind is a file and
//! a line in [`KINDS`]; `docs/credentials.md` is made from those lines. Not here: whether the agent is
//! registered or what it may do.
//!
//! | step | where | what comes out |
//! |---|---|---|
//! | read the head, once | `presented`, `bearer`, `certificate` | [`Presented`], nothing believed |
//! | verify each credential | the kind's file, through `cache` | `Credential`: what it says, and what it is bound by |
//! | prove possession | `binding`, for every request | a [`Bound`] in the credential's [`Proof`], or a refusal |
//! | put together | here | one [`Verified`] |

mod access_token;
mod bearer;
mod binding;
mod cache;
mod certificate;
mod delegation;
mod jws;
mod presented;
mod terms;
#[cfg(test)]
mod tests;
mod verified;

use std::rc::Rc;

pub(crate) use binding::{BindingRules, Bound, DpopRules, Nonces, Origin, ProvenBefore, WptRules};
pub(crate) use cache::TokenCache;
pub(crate) use certificate::CertificateRules;
pub(crate) use verified::{Authentication, Grant, Known, Proof, Rejected, Unverified, Verified};

use binding::{BoundToken, Confirmation};
use cache::Remembered;
use jws::Jws;
use presented::Presented;

use crate::decision::Reason;
use crate::evidence::Head;
use crate::model::Timestamp;
use crate::trust::Trust;

/// A way to prove who one is. Kinds exclude each other: a token is of the one kind its place and its
/// `typ` name, and is never tried as another (RFC 8725 §3.11, §3.12).
pub(crate) struct Kind {
    /// As receipts and policies write it, and without `application/` the token's `typ`.
    pub(crate) name: &'static str,
    verify: fn(&Jws<'_>, &mut Asking<'_>) -> Result<Remembered, Unverified>,
}

/// Every kind that is accepted.
pub(crate) const KINDS: &[Kind] = &[access_token::KIND];

/// What credentials are accepted, and who tells of them: as configured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    pub(crate) certificates: CertificateRules,
    pub(crate) binding: BindingRules,
}

/// One token that holds, perhaps still to be proven to be the sender's own.
#[derive(Clone, Debug)]
struct Credential {
    verified: Rc<Verified>,
    confirmation: Option<Confirmation>,
}

/// What a kind may use.
struct Asking<'a> {
    trust: &'a mut Trust,
    /// The names under which this request may be meant.
    audiences: &'a [&'a str],
    now: Timestamp,
}

/// Verifies the credentials of a request that is meant for one of `audiences`.
pub(crate) fn verify<A: AsRef<str>>(
    head: &Head,
    (rules, trust, cache): (&Rules, &mut Trust, &mut TokenCache),
    before: &mut ProvenBefore,
    audiences: &[A],
    now: Timestamp,
) -> Result<Rc<Verified>, Unverified> {
    let presented = Presented::read(head, &rules.certificates)?;
    let audiences: Vec<&str> = audiences.iter().map(AsRef::as_ref).collect();
    let mut asking = Asking { trust, audiences: &audiences, now };
    let Some(authorization) = presented.authorization else {
        return Err(presented.nothing().into());
    };
    let credential = token(authorization.token, cache, &mut asking)?;
    let bound = BoundToken { token: authorization.token, scheme: Some(authorization.scheme) };
    let proofs = (&rules.binding, before);
    let bound = binding::hold(&credential, bound, &presented, proofs, &asking)
        .map_err(|reason| credential.verified.rejected(reason))?;
    if bound.is_none() {
        return Ok(credential.verified);
    }
    let mut verified = Rc::unwrap_or_clone(credential.verified);
    verified.proof.bound = bound;
    Ok(Rc::new(verified))
}

/// Verifies a token, or finds that it was verified before and still holds.
fn token(
    token: &str,
    cache: &mut TokenCache,
    asking: &mut Asking<'_>,
) -> Result<Credential, Unverified> {
    if let Some(credential) = cache.find(token, asking) {
        return Ok(credential);
    }
    let jws = Jws::parse(token)?;
    let kind = KINDS.iter().find(|kind| jws.is_of_type(kind.name));
    let kind = kind.ok_or(Reason::TokenWrongType)?;
    let remembered = (kind.verify)(&jws, asking)?;
    Ok(cache.insert(token, remembered))
}
