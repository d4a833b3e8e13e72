//! The claim `status` of a token (OAuth Token Status List, draft-ietf-oauth-status-list-20 §6): where its
//! issuer says whether it still counts.
//!
//! Looked at last, for every request anew: a token that is remembered as verified may have been revoked since
//! (§8.3: what makes a token invalid comes before its status, TSL-1). Not here: the lists (`trust`).

use super::{Asking, Unverified, Verified};
use crate::decision::Reason;
use crate::json::{Object, Value};
use crate::trust::{NoStatus, StatusReference};

/// What the claim refers to; nothing of a token without one.
pub(super) fn reference(claims: &Object) -> Result<Option<StatusReference>, Reason> {
    let Some(status) = claims.get("status") else { return Ok(None) };
    let status = status.as_object().ok_or(Reason::TokenMalformed)?;
    // Another mechanism may say that the token is revoked, and nobody here would know.
    let list = status.get("status_list").ok_or(Reason::StatusNotAccepted)?;
    let list = list.as_object().ok_or(Reason::TokenMalformed)?;
    let uri = list.get("uri").and_then(Value::as_str);
    let index = list.get("idx").and_then(Value::as_integer);
    let index = index.and_then(|index| u64::try_from(index).ok());
    match (uri, index) {
        (Some(uri), Some(index)) if uri.len() <= MAX_URI_BYTES => {
            Ok(Some(StatusReference { uri: uri.to_owned(), index }))
        }
        _ => Err(Reason::TokenMalformed),
    }
}

/// Whether every token that proves who sends the request still counts.
pub(super) fn check(verified: &Verified, asking: &mut Asking<'_>) -> Result<(), Unverified> {
    for proof in verified.proofs() {
        let Some(status) = &proof.status else { continue };
        let reason = match asking.trust.status(&proof.issuer, status, asking.now) {
            Ok(()) => continue,
            Err(NoStatus::Fetch(fetch)) => return Err(Unverified::Needs(fetch)),
            Err(NoStatus::NotTaken) => Reason::StatusNotAccepted,
            Err(NoStatus::Unavailable) => Reason::StatusUnavailable,
            Err(NoStatus::BeyondEnd) => Reason::StatusBeyondEnd,
            Err(NoStatus::Invalid) => Reason::StatusInvalid,
            Err(NoStatus::Suspended) => Reason::StatusSuspended,
            Err(NoStatus::Other) => Reason::StatusOther,
        };
        return Err(verified.rejected(reason));
    }
    Ok(())
}

/// A URI that a request line can carry anywhere.
const MAX_URI_BYTES: usize = 2_048;
