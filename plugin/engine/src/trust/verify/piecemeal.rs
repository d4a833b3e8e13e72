//! A signature over a message too long to be hashed in one go: the same rules and the same arithmetic, in as
//! many steps as its holder likes.
//!
//! For documents that are signed with ES256 or Ed25519. Not here: RSA, which signs no such document.

use sha2::{Digest as _, Sha256};
use signature::hazmat::PrehashVerifier as _;

use super::super::jwk::{Key, PublicKey};

/// A signature that is being checked.
pub(crate) struct Piecemeal(Checking);

enum Checking {
    Es256 { key: p256::ecdsa::VerifyingKey, signature: p256::ecdsa::Signature, digest: Box<Sha256> },
    Ed25519(Box<ed25519_dalek::StreamVerifier>),
}

impl Piecemeal {
    /// None: no signature of that key has this form.
    pub(crate) fn new(key: &Key, signature: &[u8]) -> Option<Self> {
        match key.public() {
            // Reading it refuses R or S of 0 or not below the group order (CVE-2022-21449).
            PublicKey::Es256(key) => {
                let signature = p256::ecdsa::Signature::from_slice(signature).ok()?;
                Some(Self(Checking::Es256 { key: *key, signature, digest: Box::default() }))
            }
            PublicKey::Ed25519(key) => ed25519(key, signature),
            PublicKey::Rs256(_) | PublicKey::Ps256(_) => None,
        }
    }

    /// The next part of the message.
    pub(crate) fn update(&mut self, part: &[u8]) {
        match &mut self.0 {
            Checking::Es256 { digest, .. } => digest.update(part),
            Checking::Ed25519(stream) => stream.update(part),
        }
    }

    /// Whether it is that key's signature over all of it.
    pub(crate) fn holds(self) -> bool {
        match self.0 {
            Checking::Es256 { key, signature, digest } => {
                key.verify_prehash(&(*digest).finalize(), &signature).is_ok()
            }
            Checking::Ed25519(stream) => stream.finalize_and_verify().is_ok(),
        }
    }
}

/// Strict, as `verify_strict` is: no small-order key or R, S below the group order. A point R that is no point
/// fails in the end, as what is computed is one.
fn ed25519(key: &ed25519_dalek::VerifyingKey, signature: &[u8]) -> Option<Piecemeal> {
    let signature = ed25519_dalek::Signature::from_slice(signature).ok()?;
    let r = ed25519_dalek::VerifyingKey::from_bytes(signature.r_bytes()).ok()?;
    if key.is_weak() || r.is_weak() {
        return None;
    }
    let stream = key.verify_stream(&signature).ok()?;
    Some(Piecemeal(Checking::Ed25519(Box::new(stream))))
}
