//! What a credential is bound by.

use std::rc::Rc;

use crate::decision::Reason;
use crate::json::{Object, Value};
use crate::trust::{BindingMethod, Key, base64url};

/// `cnf` (RFC 7800 §3.1). Exactly one; several, or one that we don't know, can't be checked and so
/// can't be accepted.
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

impl Confirmation {
    /// Reads `cnf` of an access token. `None`: it is bound by nothing.
    pub(in crate::credential) fn of_token(claims: &Object) -> Result<Option<Self>, Reason> {
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

    pub(super) fn method(&self) -> BindingMethod {
        match self {
            Self::Jkt(_) => BindingMethod::Dpop,
            Self::X5tS256(_) => BindingMethod::Mtls,
            Self::Jwk { .. } => BindingMethod::Wpt,
        }
    }
}
