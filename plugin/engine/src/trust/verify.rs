//! Signature verification behind a provider.
//!
//! A host may be faster than WebAssembly, so who computes is exchangeable; what is acceptable is
//! not. The key's algorithm, its size and the signature's length are settled before a provider is
//! asked. Not here: which key is the right one.

mod by_host;
mod known_answers;
mod piecemeal;
mod spki;

use std::fmt;

pub(crate) use by_host::ByHost;
pub use by_host::{HostAlgorithm, HostCheck, HostFitness, HostVerifier};
pub(crate) use piecemeal::Piecemeal;

use rsa::traits::PublicKeyParts as _;
use signature::Verifier as _;

use super::jwk::{Key, PublicKey};

/// Computes whether a signature holds.
pub(crate) trait SignatureVerifier: fmt::Debug {
    /// Of a key on its curve and of a good size, for the key's one algorithm. `signature` has the
    /// length that key and algorithm ask for; everything else is for the provider to check.
    fn verify(&self, key: &Key, message: &[u8], signature: &[u8]) -> bool;
}

/// Whether the signature holds, by the provider's arithmetic and our rules.
pub(crate) fn holds(
    provider: &dyn SignatureVerifier,
    key: &Key,
    message: &[u8],
    signature: &[u8],
) -> bool {
    let length = match key.public() {
        // RFC 7518 §3.4: R and S of 32 bytes each; DER is another encoding (JWT-14).
        PublicKey::Es256(_) => 64,
        // RFC 8032 §5.1.6.
        PublicKey::Ed25519(_) => 64,
        // RFC 8017 §8.1.2 and §8.2.2, step 1: as long as the modulus.
        PublicKey::Ps256(key) => AsRef::<rsa::PublicKey>::as_ref(key).size(),
        PublicKey::Rs256(key) => AsRef::<rsa::PublicKey>::as_ref(key).size(),
    };
    signature.len() == length && provider.verify(key, message, signature)
}

/// The provider that is always there: RustCrypto, without a random source.
#[derive(Debug, Default)]
pub(crate) struct PureRust;

impl SignatureVerifier for PureRust {
    fn verify(&self, key: &Key, message: &[u8], signature: &[u8]) -> bool {
        match key.public() {
            PublicKey::Es256(key) => es256(key, message, signature),
            PublicKey::Ed25519(key) => ed25519(key, message, signature),
            PublicKey::Rs256(key) => rsa::pkcs1v15::Signature::try_from(signature)
                .is_ok_and(|s| key.verify(message, &s).is_ok()),
            PublicKey::Ps256(key) => rsa::pss::Signature::try_from(signature)
                .is_ok_and(|s| key.verify(message, &s).is_ok()),
        }
    }
}

/// Reading the signature refuses R or S of 0 or not below the group order (CVE-2022-21449).
fn es256(key: &p256::ecdsa::VerifyingKey, message: &[u8], signature: &[u8]) -> bool {
    p256::ecdsa::Signature::from_slice(signature).is_ok_and(|s| key.verify(message, &s).is_ok())
}

/// Strict: no small-order key or R, no S at or above the group order, so one signature has one
/// spelling (T23).
fn ed25519(key: &ed25519_dalek::VerifyingKey, message: &[u8], signature: &[u8]) -> bool {
    ed25519_dalek::Signature::from_slice(signature)
        .is_ok_and(|s| key.verify_strict(message, &s).is_ok())
}

#[cfg(test)]
mod tests;
