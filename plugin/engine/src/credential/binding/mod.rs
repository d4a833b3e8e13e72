//! Proof of possession: whether whoever sends a bound credential is the one it was issued to.
//!
//! The seam. A kind reads what its credential is bound by into a [`Confirmation`]; [`hold`] looks for
//! the one proof that satisfies it among what the request presents, and returns a [`Bound`], which
//! only this module can make. A credential with a confirmation and without a `Bound` gets nowhere:
//! `verify` calls this for each, after the cache, so a proof is looked at for every request.
//!
//! To fill: a match arm each for DPoP (`jkt`: `presented.dpop`, `presented.line`, `token`, the scheme),
//! certificates (`x5t#S256`: `presented.certificate`, whose digest is the host's word) and WPT (`jwk`:
//! `presented.workload_proof`, and the tokens it must cover). What needs memory across requests is a
//! further variant of `Unverified`. Until an arm is filled, what it is for is refused.
#![allow(dead_code, reason = "the seam's")]

use std::rc::Rc;

use super::bearer::Scheme;
use super::presented::Presented;
use super::{Asking, Unverified};
use crate::decision::Reason;
use crate::json::{Object, Value};
use crate::trust::{Key, base64url};

/// What a credential is bound by (`cnf`, RFC 7800 §3.1). Exactly one; several, or one that we don't
/// know, can't be checked and so can't be accepted.
#[derive(Clone, Debug)]
pub(crate) enum Confirmation {
    /// The thumbprint of a key that signs a DPoP proof (RFC 9449 §6.1).
    Jkt(String),
    /// SHA-256 of a certificate (RFC 8705 §3.1).
    X5tS256([u8; 32]),
    /// The key that signs a Workload Proof Token, for the one algorithm it names (WIMSE
    /// workload-creds). The name as it was written: a WPT must repeat it (WPT-1).
    Jwk { key: Rc<Key>, alg: String },
}

/// That the sender is the one a credential was issued to, and by what that was proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bound(Method);

/// Ways to prove it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    /// The credential is the certificate of the connection itself.
    Tls,
}

/// A bound credential: its text, and where it was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct BoundToken<'t> {
    pub(super) token: &'t str,
    /// In `Authorization`; none: in a header of its own.
    pub(super) scheme: Option<Scheme>,
}

/// The proof that satisfies the confirmation.
///
/// `None` for a credential that is bound by nothing and presented as such.
pub(super) fn hold(
    confirmation: Option<&Confirmation>,
    bound: BoundToken<'_>,
    _presented: &Presented<'_>,
    _asking: &mut Asking<'_>,
) -> Result<Option<Bound>, Unverified> {
    match confirmation {
        None if bound.scheme == Some(Scheme::Dpop) => {
            // DPOP-9: the scheme says that the token is bound, and the token doesn't.
            Err(Reason::UnsupportedCredential.into())
        }
        None => Ok(None),
        Some(Confirmation::Jkt(_) | Confirmation::X5tS256(_) | Confirmation::Jwk { .. }) => {
            Err(Reason::ProofOfPossessionMissing.into())
        }
    }
}

impl Confirmation {
    /// Reads `cnf` of an access token. `None`: it is bound by nothing.
    pub(super) fn of_token(claims: &Object) -> Result<Option<Self>, Reason> {
        let Some(cnf) = claims.get("cnf") else { return Ok(None) };
        let refused = Reason::ProofOfPossessionMissing;
        let members: Vec<_> = cnf.as_object().ok_or(refused)?.iter().collect();
        let [(name, Value::String(value))] = members.as_slice() else { return Err(refused) };
        match *name {
            "jkt" => {
                let digest = base64url::decode(value).filter(|d| d.len() == 32);
                digest.map(|_| Some(Self::Jkt(value.clone()))).ok_or(refused)
            }
            "x5t#S256" => {
                let digest = base64url::decode(value).and_then(|d| d.try_into().ok());
                digest.map(|digest| Some(Self::X5tS256(digest))).ok_or(refused)
            }
            _ => Err(refused),
        }
    }
}

impl Bound {
    /// Of a certificate that identifies the workload itself: the host's TLS layer had its owner sign.
    pub(super) fn by_tls() -> Self {
        Self(Method::Tls)
    }

    /// As receipts and policies write it.
    pub(crate) fn as_str(self) -> &'static str {
        match self.0 {
            Method::Tls => "tls",
        }
    }
}
