//! Who sent the request, proven.
//!
//! Finds the one credential of a request, has its kind verify it, and remembers what was verified.
//! A kind is a file and a line in [`KINDS`]. Not here: whether the agent is registered or what it
//! may do.

mod access_token;
mod bearer;
mod cache;
mod delegation;
mod jws;
mod terms;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::rc::Rc;

pub(crate) use cache::TokenCache;

use cache::Remembered;
use jws::Jws;

use crate::decision::Reason;
use crate::evidence::Head;
use crate::fetch::Fetch;
use crate::model::{Actor, IssuerId, PrincipalId, Timestamp};
use crate::trust::Trust;

/// A way to prove who one is. Kinds exclude each other: a token is of the one kind its `typ` names,
/// and is never tried as another (RFC 8725 §3.11, §3.12).
pub(crate) struct Kind {
    /// As receipts and policies write it, and without `application/` the token's `typ`.
    pub(crate) name: &'static str,
    verify: fn(&Jws<'_>, Asking<'_>) -> Result<Remembered, Unverified>,
}

/// Every kind that is accepted.
pub(crate) const KINDS: &[Kind] = &[access_token::KIND];

/// What was proven. Only a kind makes one, after every check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verified {
    pub(crate) kind: &'static str,
    pub(crate) actor: Actor,
    pub(crate) issuer: IssuerId,
    pub(crate) client_id: String,
    pub(crate) scopes: BTreeSet<String>,
    /// All of `aud`.
    pub(crate) audiences: Vec<String>,
    pub(crate) expires: Timestamp,
    /// `sha-256:` and the base64url digest of the whole credential; logged in its place (JWT-29).
    pub(crate) thumbprint: String,
    /// RFC 7638, of the issuer's key.
    pub(crate) key_thumbprint: String,
    pub(crate) jti: String,
}

/// Why nothing was proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unverified {
    Rejected(Rejected),
    /// Ask again when this has been fetched.
    Needs(Fetch),
}

/// A credential that is refused for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rejected {
    pub(crate) reason: Reason,
    pub(crate) known: Option<Known>,
}

/// What is known of a refused token. Only one whose signature holds is known at all: what others
/// say about themselves belongs in no receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) kind: &'static str,
    /// `sub`: the delegator or, in an impersonation, whoever was impersonated.
    pub(crate) subject: PrincipalId,
    pub(crate) issuer: IssuerId,
    pub(crate) thumbprint: String,
}

/// What a kind may use.
struct Asking<'a> {
    trust: &'a mut Trust,
    /// The names under which this request may be meant.
    audiences: &'a [&'a str],
    now: Timestamp,
}

/// Verifies the credential of a request that is meant for one of `audiences`.
pub(crate) fn verify<A: AsRef<str>>(
    head: &Head,
    trust: &mut Trust,
    cache: &mut TokenCache,
    audiences: &[A],
    now: Timestamp,
) -> Result<Rc<Verified>, Unverified> {
    let token = bearer::find(head)?;
    let audiences: Vec<&str> = audiences.iter().map(AsRef::as_ref).collect();
    let mut asking = Asking { trust, audiences: &audiences, now };
    if let Some(verified) = cache.find(token, &mut asking) {
        return Ok(verified);
    }
    let jws = Jws::parse(token)?;
    let kind = KINDS.iter().find(|kind| jws.is_of_type(kind.name));
    let kind = kind.ok_or(Reason::TokenWrongType)?;
    let remembered = (kind.verify)(&jws, asking)?;
    Ok(cache.insert(token, remembered))
}

impl From<Reason> for Unverified {
    fn from(reason: Reason) -> Self {
        Self::Rejected(Rejected { reason, known: None })
    }
}
