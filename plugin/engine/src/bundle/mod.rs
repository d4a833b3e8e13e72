//! A document that somebody signed: a bundle of everything that says who may do what, or a list of
//! what is revoked.
//!
//! It is one compact JWS (RFC 7515 §7.1) with exactly three header members: `alg`, `kid` and `typ`. The
//! signature is checked before a byte of the contents is looked at. Not here: what the contents mean
//! (`config`), where a document comes from (`trust`), signing one (the `deputy` command).

mod polled;

use std::fmt;

use sha2::{Digest, Sha256};

use crate::json::{self, Limits, Malformed, Object, Value};
use crate::trust::{self, Algorithm, Algorithms, KeySet, KeySetError, base64url};

pub(crate) use polled::{Fresh, Pace, Polled};

/// Whose signature counts.
#[derive(Clone, Debug)]
pub(crate) struct Signers {
    pub(crate) keys: KeySet,
    pub(crate) algorithms: Algorithms,
}

impl Signers {
    /// From a JWK Set of ES256 and Ed25519 keys. Not RSA: nobody has an old signer here.
    pub(crate) fn read(jwks: &Value) -> Result<Self, KeySetError> {
        let algorithms = Algorithms::new([Algorithm::Es256, Algorithm::Ed25519].into(), false);
        Ok(Self { keys: KeySet::read(jwks, &algorithms)?, algorithms })
    }
}

/// The contents of a document that was signed.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) contents: Value,
    /// SHA-256 of the document as it came.
    pub(crate) digest: String,
}

/// Why a document is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotOpened {
    /// Longer than [`MAX_BYTES`].
    TooLong,
    /// Not a compact JWS with `alg`, `kid` and `typ` and nothing else in its header.
    Form,
    /// Another `typ`.
    Type,
    /// `alg` is not one that signers may use.
    Algorithm,
    /// No signer has that `kid`, or its key is for another algorithm.
    Key,
    /// The signature is not that key's.
    Signature,
    /// Signed, but not strict JSON.
    Contents(Malformed),
}

/// `typ` of a bundle.
pub(crate) const BUNDLE: &str = "deputy-bundle+jwt";

/// `typ` of a list of revocations.
pub(crate) const REVOCATIONS: &str = "deputy-revocations+jwt";

/// Opens a document of that type.
pub(crate) fn open(text: &[u8], typ: &str, signers: &Signers) -> Result<Opened, NotOpened> {
    if text.len() > MAX_BYTES {
        return Err(NotOpened::TooLong);
    }
    let text = std::str::from_utf8(text).map_err(|_| NotOpened::Form)?.trim_ascii_end();
    let (message, signature) = text.rsplit_once('.').ok_or(NotOpened::Form)?;
    let (header, contents) = message.split_once('.').ok_or(NotOpened::Form)?;
    let header = header_of(header).ok_or(NotOpened::Form)?;
    let member = |name| header.get(name).and_then(Value::as_str).ok_or(NotOpened::Form);
    let (alg, key_id, found) = (member("alg")?, member("kid")?, member("typ")?);
    // What else a header says changes what is signed, or how; none of it is understood here.
    if header.iter().count() != 3 {
        return Err(NotOpened::Form);
    }
    if found != typ {
        return Err(NotOpened::Type);
    }
    let algorithm = signers.algorithms.named(alg).ok_or(NotOpened::Algorithm)?;
    let key = signers.keys.find(Some(key_id), algorithm).map_err(|_| NotOpened::Key)?;
    let signature = base64url::decode(signature).ok_or(NotOpened::Form)?;
    if !trust::holds(&trust::PureRust, &key, message.as_bytes(), &signature) {
        return Err(NotOpened::Signature);
    }
    let bytes = base64url::decode(contents).ok_or(NotOpened::Form)?;
    let contents = json::read(&bytes, &CONTENTS_LIMITS).map_err(NotOpened::Contents)?;
    // Not of the signature: an ECDSA signature has a twin that anybody can make, and one document may be
    // signed again.
    let digest = base64url::encode(&Sha256::digest(&bytes));
    Ok(Opened { contents, digest })
}

fn header_of(part: &str) -> Option<Object> {
    if part.len() > MAX_HEADER_BYTES {
        return None;
    }
    json::read(&base64url::decode(part)?, &HEADER_LIMITS).ok()?.as_object().cloned()
}

impl fmt::Display for NotOpened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "is longer than {MAX_BYTES} bytes"),
            Self::Form => {
                f.write_str("is not a compact JWS with `alg`, `kid` and `typ` alone in its header")
            }
            Self::Type => f.write_str("is a signed document of another type (`typ`)"),
            Self::Algorithm => f.write_str("is signed with an algorithm that is not allowed"),
            Self::Key => f.write_str("is signed with a key that is not among `keys` (`kid`)"),
            Self::Signature => f.write_str("has a signature that is not of the key it names"),
            Self::Contents(malformed) => write!(f, "is signed, but its contents: {malformed}"),
        }
    }
}

/// A bundle of 10 MB, and a third more as base64url.
pub(crate) const MAX_BYTES: usize = 14 << 20;
const MAX_HEADER_BYTES: usize = 1024;
const HEADER_LIMITS: Limits = Limits { bytes: MAX_HEADER_BYTES, depth: 2, items: 16 };
/// Of what is signed; who signs is trusted to mean it, and not to be without error.
pub(crate) const CONTENTS_LIMITS: Limits = Limits { bytes: 11 << 20, depth: 32, items: 1_000_000 };

#[cfg(test)]
mod tests;
