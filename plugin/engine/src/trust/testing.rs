//! Issuers and keys that sign, for tests. All of them are made from a number, so no secret lies in the source.

#![allow(clippy::arithmetic_side_effects, clippy::string_slice, reason = "a test may panic")]

use std::convert::Infallible;
use std::sync::OnceLock;

use rsa::rand_core::{TryCryptoRng, TryRng};
use rsa::traits::PublicKeyParts as _;
use sha2::{Digest, Sha256};
use signature::{RandomizedSigner as _, SignatureEncoding as _, Signer as _};

use super::{ActorIssuer, Algorithm, Algorithms, Issuer, Keys, ScopeClaim, base64url};
use crate::model::IssuerId;

/// An issuer with the settings that a configuration has where it says nothing.
pub(crate) fn issuer(id: IssuerId, algorithms: Algorithms, keys: Keys) -> Issuer {
    Issuer {
        id,
        algorithms,
        keys,
        leeway_seconds: 60,
        max_lifetime_seconds: 3600,
        max_delegation_depth: 4,
        may_delegate: true,
        actor_issuer: ActorIssuer::Required,
        foreign_audiences: false,
        legacy: false,
        scope_claim: ScopeClaim::Scope,
        require_binding: None,
        status_lists: Vec::new(),
    }
}

/// An issuer's private key.
pub(crate) enum Signer {
    Es256(p256::ecdsa::SigningKey),
    Ps256,
    Rs256,
    Ed25519(ed25519_dalek::SigningKey),
}

impl Signer {
    pub(crate) fn es256(seed: u8) -> Self {
        Self::Es256(p256::ecdsa::SigningKey::from_slice(&[seed; 32]).unwrap())
    }

    pub(crate) fn ed25519(seed: u8) -> Self {
        Self::Ed25519(ed25519_dalek::SigningKey::from_bytes(&[seed; 32]))
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Es256(_) => Algorithm::Es256,
            Self::Ps256 => Algorithm::Ps256,
            Self::Rs256 => Algorithm::Rs256,
            Self::Ed25519(_) => Algorithm::Ed25519,
        }
    }

    /// The members that make up the public key, without braces.
    pub(crate) fn members(&self) -> String {
        match self {
            Self::Es256(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                let (x, y) = (encode(point.x().unwrap()), encode(point.y().unwrap()));
                format!(r#""kty":"EC","crv":"P-256","x":"{x}","y":"{y}""#)
            }
            Self::Ed25519(key) => {
                let x = encode(key.verifying_key().as_bytes());
                format!(r#""kty":"OKP","crv":"Ed25519","x":"{x}""#)
            }
            Self::Ps256 | Self::Rs256 => {
                let n = encode(&rsa_key().n().to_be_bytes_trimmed_vartime());
                format!(r#""kty":"RSA","n":"{n}","e":"AQAB""#)
            }
        }
    }

    /// The public key as an issuer would publish it.
    pub(crate) fn jwk(&self, kid: &str) -> String {
        let (members, alg) = (self.members(), self.algorithm());
        format!(r#"{{{members},"kid":"{kid}","use":"sig","alg":"{alg}"}}"#)
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Es256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_bytes().to_vec()
            }
            Self::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
            Self::Rs256 => {
                let key = rsa::pkcs1v15::SigningKey::<Sha256>::new(rsa_key().clone());
                key.sign(message).to_vec()
            }
            Self::Ps256 => {
                let key = rsa::pss::SigningKey::<Sha256>::new(rsa_key().clone());
                key.sign_with_rng(&mut Counter(0), message).to_vec()
            }
        }
    }
}

/// A set of these keys.
pub(crate) fn key_set(jwks: &[String]) -> String {
    format!(r#"{{"keys":[{}]}}"#, jwks.join(","))
}

fn rsa_key() -> &'static rsa::PrivateKey {
    static KEY: OnceLock<rsa::PrivateKey> = OnceLock::new();
    KEY.get_or_init(|| rsa::PrivateKey::new(&mut Counter(2026), 2048).unwrap())
}

fn encode(bytes: &[u8]) -> String {
    base64url::encode(bytes)
}

/// The same "random" numbers each time.
struct Counter(u64);

impl TryRng for Counter {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|n| n as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 += 1;
        let digest = Sha256::digest(self.0.to_be_bytes());
        Ok(u64::from_be_bytes(digest[..8].try_into().unwrap()))
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Infallible> {
        for chunk in to.chunks_mut(8) {
            let bytes = self.try_next_u64()?.to_be_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Counter {}
