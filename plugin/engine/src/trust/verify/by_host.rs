//! Signatures computed by the host, where it is faster than WebAssembly.
//!
//! Which keys, algorithms and lengths are acceptable has been settled before; a host that would take
//! RSA with 1024 bits, or SHA-1, is never asked to. It is used for the algorithms in which it answers
//! known answers right, good and bad. When it can't answer, we compute.

use std::fmt;

use super::{PureRust, SignatureVerifier, known_answers, spki};
use crate::trust::jwk::{Key, PublicKey};

/// A host's own signature verification.
pub trait HostVerifier: fmt::Debug {
    /// Whether the signature holds; nothing if the host can't say. Must not call the engine.
    fn verify(&self, check: &HostCheck<'_>) -> Option<bool>;
}

/// What a host is asked.
#[derive(Clone, Copy, Debug)]
pub struct HostCheck<'a> {
    /// The algorithm; its hash is SHA-256.
    pub algorithm: HostAlgorithm,
    /// A `SubjectPublicKeyInfo` in DER (RFC 5280 §4.1.2.7).
    pub public_key: &'a [u8],
    /// RSA: as long as the modulus. ECDSA: `Ecdsa-Sig-Value` in DER (RFC 3279 §2.2.3).
    pub signature: &'a [u8],
    /// What was signed.
    pub message: &'a [u8],
}

/// The algorithms that hosts are known to offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostAlgorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
}

/// What a host makes of the known answers of one algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostFitness {
    /// It answers right, and is asked from now on.
    Used,
    /// It does not answer.
    Missing,
    /// It answers wrong: it is never asked again.
    Wrong,
}

/// The provider that asks a host, as far as it was found fit.
#[derive(Debug)]
pub(crate) struct ByHost {
    host: Box<dyn HostVerifier>,
    fitness: Vec<(HostAlgorithm, HostFitness)>,
}

impl HostAlgorithm {
    /// Every one of them.
    pub const ALL: [Self; 2] = [Self::Es256, Self::Rs256];

    /// The name in `alg`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }
}

impl ByHost {
    /// Asks the host for the known answers.
    pub(crate) fn probe(host: Box<dyn HostVerifier>) -> Self {
        let fitness = HostAlgorithm::ALL
            .map(|algorithm| (algorithm, known_answers::probe(&*host, algorithm)));
        Self { host, fitness: fitness.to_vec() }
    }

    /// What came of that.
    pub(crate) fn fitness(&self) -> &[(HostAlgorithm, HostFitness)] {
        &self.fitness
    }

    fn is_used_for(&self, algorithm: HostAlgorithm) -> bool {
        self.fitness.contains(&(algorithm, HostFitness::Used))
    }

    fn ask(&self, key: &Key, message: &[u8], signature: &[u8]) -> Option<bool> {
        ask(&*self.host, key, message, signature, |algorithm| self.is_used_for(algorithm))
    }
}

impl SignatureVerifier for ByHost {
    fn verify(&self, key: &Key, message: &[u8], signature: &[u8]) -> bool {
        let answer = self.ask(key, message, signature);
        answer.unwrap_or_else(|| PureRust.verify(key, message, signature))
    }
}

/// Puts a JWS signature into the forms that hosts know. What the forms can't say, such as R or S of
/// zero, is no signature.
pub(super) fn ask(
    host: &dyn HostVerifier,
    key: &Key,
    message: &[u8],
    signature: &[u8],
    may: impl Fn(HostAlgorithm) -> bool,
) -> Option<bool> {
    match key.public() {
        PublicKey::Es256(key) if may(HostAlgorithm::Es256) => {
            let Ok(signature) = p256::ecdsa::Signature::from_slice(signature) else {
                return Some(false);
            };
            let (public_key, signature) = (spki::p256(key), signature.to_der());
            let algorithm = HostAlgorithm::Es256;
            let signature = signature.as_bytes();
            host.verify(&HostCheck { algorithm, public_key: &public_key, signature, message })
        }
        PublicKey::Rs256(key) if may(HostAlgorithm::Rs256) => {
            let public_key = spki::rsa(key.as_ref());
            let algorithm = HostAlgorithm::Rs256;
            host.verify(&HostCheck { algorithm, public_key: &public_key, signature, message })
        }
        PublicKey::Es256(_) | PublicKey::Rs256(_) | PublicKey::Ps256(_) | PublicKey::Ed25519(_) => {
            None
        }
    }
}

#[cfg(test)]
mod tests;
