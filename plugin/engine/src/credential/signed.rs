//! Whether a token was signed by whom it has to be signed by.

use std::rc::Rc;

use super::jws::Jws;
use super::{Asking, Unverified};
use crate::decision::Reason;
use crate::model::IssuerId;
use crate::trust::{Algorithm, Algorithms, Key, NoKey, NotSigned, Signed};

/// The key of `source` that signed the token, and the algorithm that key is for. `source` comes from
/// the configuration; a token only names which one (JWT-8, JWKS-7).
pub(super) fn signed(
    jws: &Jws<'_>,
    source: &IssuerId,
    allowed: &Algorithms,
    asking: &mut Asking<'_>,
) -> Result<(Rc<Key>, Algorithm), Unverified> {
    let algorithm = allowed.named(&jws.algorithm).ok_or(Reason::AlgorithmNotAllowed)?;
    let key_id = jws.key_id.as_deref();
    let signed = Signed { key_id, algorithm, message: jws.message, signature: &jws.signature };
    let key = asking.trust.verify(source, signed, asking.now).map_err(|not| match not {
        NotSigned::NoKey(NoKey::Fetch(fetch)) => Unverified::Needs(fetch),
        NotSigned::NoKey(NoKey::Unavailable) => Reason::KeysUnavailable.into(),
        NotSigned::NoKey(NoKey::Unknown) => Reason::KeyUnknown.into(),
        NotSigned::NoKey(NoKey::Algorithm) => Reason::AlgorithmNotAllowed.into(),
        NotSigned::Signature => Reason::SignatureInvalid.into(),
    })?;
    Ok((key, algorithm))
}
