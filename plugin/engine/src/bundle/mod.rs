//! A document that somebody signed: a bundle of everything that says who may do what, or a list of
//! what is revoked.
//!
//! It is one compact JWS (RFC 7515 §7.1) with exactly three header members: `alg`, `kid` and `typ`. The
//! signature is checked before a byte of the contents is looked at (`opening`). Not here: what the contents mean
//! (`config`), where a document comes from (`trust`), signing one (the `deputy` command).

mod opening;
mod polled;

use std::fmt;

use crate::json::{self, Limits, Malformed, Value};
use crate::trust::{Algorithm, Algorithms, KeySet, KeySetError};

pub(crate) use opening::Opening;
pub(crate) use polled::{Fresh, Name, Pace, Polled};

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
    let mut opening = Opening::new(text.to_vec(), typ, signers)?;
    while !opening.step()? {}
    let (bytes, digest) = opening.contents();
    let contents = json::read(&bytes, &CONTENTS_LIMITS).map_err(NotOpened::Contents)?;
    Ok(Opened { contents, digest })
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

/// A million agents, or half a million policies, and a third more as base64url: a sixth of the memory that
/// Envoy gives a VM, twice while one replaces another.
pub(crate) const MAX_BYTES: usize = 192 << 20;
/// Of what is signed; who signs is trusted to mean it, and not to be without error.
pub(crate) const CONTENTS_LIMITS: Limits =
    Limits { bytes: 144 << 20, depth: 32, items: 16_000_000 };

#[cfg(test)]
mod tests;
