//! The keys of the cases, made from their names: the same on every machine, and nobody's.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use rsa::rand_core::{Infallible, TryCryptoRng, TryRng};
use rsa::signature::{RandomizedSigner as _, SignatureEncoding as _, Signer as _};
use rsa::traits::PublicKeyParts as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// A private key. Its name says its kind: `es-…`, `ed-…` or `rsa-…`.
#[derive(Clone)]
pub(super) struct Key {
    name: String,
    secret: Secret,
}

#[derive(Clone)]
enum Secret {
    P256(Box<p256::ecdsa::SigningKey>),
    Ed25519(Box<ed25519_dalek::SigningKey>),
    Rsa(Box<rsa::PrivateKey>),
}

impl Key {
    /// The key of that name. An RSA key takes a second or two to make, so each is made once.
    pub(super) fn named(name: &str) -> anyhow::Result<Self> {
        static MADE: LazyLock<Mutex<BTreeMap<String, Key>>> = LazyLock::new(Mutex::default);
        let mut made = MADE.lock().expect("no panic while a key is made");
        if let Some(key) = made.get(name) {
            return Ok(key.clone());
        }
        let key = Self { name: name.to_owned(), secret: Secret::named(name)? };
        made.insert(name.to_owned(), key.clone());
        Ok(key)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What it signs with unless told otherwise.
    pub(super) fn algorithm(&self) -> &'static str {
        match self.secret {
            Secret::P256(_) => "ES256",
            Secret::Ed25519(_) => "Ed25519",
            Secret::Rsa(_) => "RS256",
        }
    }

    /// SHA-256 over its required members (RFC 7638 §3).
    pub(super) fn thumbprint(&self) -> String {
        let required = ["crv", "e", "kty", "n", "x", "y"];
        let jwk = self.jwk();
        let members = required.iter().filter_map(|name| Some((*name, jwk.get(*name)?.clone())));
        let members: BTreeMap<_, _> = members.collect();
        encode(&Sha256::digest(json!(members).to_string()))
    }

    /// The public key (RFC 7517, RFC 7518 §6, RFC 8037 §2).
    pub(super) fn jwk(&self) -> Value {
        let mut jwk = match &self.secret {
            Secret::P256(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                let part = |part: Option<&[u8]>| encode(part.expect("an affine point"));
                let (x, y) = (part(point.x().map(|x| &x[..])), part(point.y().map(|y| &y[..])));
                json!({"kty": "EC", "crv": "P-256", "x": x, "y": y})
            }
            Secret::Ed25519(key) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": encode(key.verifying_key().as_bytes())})
            }
            Secret::Rsa(key) => {
                json!({"kty": "RSA", "n": encode(&key.n_bytes()), "e": encode(&key.e_bytes())})
            }
        };
        jwk["kid"] = self.name.as_str().into();
        jwk["use"] = "sig".into();
        jwk["alg"] = self.algorithm().into();
        jwk
    }

    /// A signature as JOSE has it.
    pub(super) fn sign(&self, algorithm: &str, message: &[u8]) -> anyhow::Result<Vec<u8>> {
        Ok(match (&self.secret, algorithm) {
            (Secret::P256(key), "ES256") => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_vec()
            }
            (Secret::Ed25519(key), "Ed25519") => key.sign(message).to_vec(),
            (Secret::Rsa(key), "RS256") => {
                rsa::pkcs1v15::SigningKey::<Sha256>::new(key.as_ref().clone())
                    .sign(message)
                    .to_vec()
            }
            (Secret::Rsa(key), "PS256") => {
                let salt = &mut Seeded::from_text("salt");
                rsa::pss::SigningKey::<Sha256>::new(key.as_ref().clone())
                    .sign_with_rng(salt, message)
                    .to_vec()
            }
            _ => bail!("{} does not sign with {algorithm}", self.name),
        })
    }

    /// What a confused verifier would take for the secret of an HMAC: its own public key.
    pub(super) fn public_as_secret(&self, form: &str) -> anyhow::Result<Vec<u8>> {
        Ok(match form {
            "jwk" => self.jwk().to_string().into_bytes(),
            "der" => self.spki()?,
            "pem" => {
                let lines = STANDARD.encode(self.spki()?).into_bytes();
                let lines: Vec<_> = lines.chunks(64).map(String::from_utf8_lossy).collect();
                format!(
                    "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
                    lines.join("\n")
                )
                .into_bytes()
            }
            "raw" => {
                let jwk = self.jwk();
                let part = jwk["x"].as_str().or(jwk["n"].as_str()).context("a public key")?;
                URL_SAFE_NO_PAD.decode(part)?
            }
            _ => bail!("a public key as secret is `jwk`, `der`, `pem` or `raw`, not {form:?}"),
        })
    }

    /// RFC 5480 §2.
    fn spki(&self) -> anyhow::Result<Vec<u8>> {
        const P256: &[u8] = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
        let Secret::P256(key) = &self.secret else {
            bail!("only a P-256 key is written as DER here")
        };
        Ok([P256, key.verifying_key().to_sec1_point(false).as_bytes()].concat())
    }
}

impl Secret {
    fn named(name: &str) -> anyhow::Result<Self> {
        let seed: [u8; 32] = Sha256::digest(format!("deputy test key {name}")).into();
        Ok(match name.split_once('-') {
            Some(("es", _)) => Self::P256(Box::new(p256::ecdsa::SigningKey::from_slice(&seed)?)),
            Some(("ed", _)) => {
                Self::Ed25519(Box::new(ed25519_dalek::SigningKey::from_bytes(&seed)))
            }
            Some(("rsa", _)) => {
                Self::Rsa(Box::new(rsa::PrivateKey::new(&mut Seeded::from_text(name), 2048)?))
            }
            _ => bail!("a key is named es-…, ed-… or rsa-…, not {name:?}"),
        })
    }
}

/// HMAC-SHA-256.
pub(super) fn hs256(secret: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length will do");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Not random at all: SHA-256 over a counter.
struct Seeded {
    seed: [u8; 32],
    counter: u64,
    rest: Vec<u8>,
}

impl Seeded {
    fn from_text(text: &str) -> Self {
        Self { seed: Sha256::digest(text).into(), counter: 0, rest: Vec::new() }
    }

    fn byte(&mut self) -> u8 {
        if self.rest.is_empty() {
            self.counter += 1;
            self.rest = Sha256::new()
                .chain_update(self.seed)
                .chain_update(self.counter.to_le_bytes())
                .finalize()
                .to_vec();
        }
        self.rest.pop().expect("filled above")
    }
}

impl TryRng for Seeded {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(std::array::from_fn(|_| self.byte())))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(std::array::from_fn(|_| self.byte())))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.iter_mut().for_each(|byte| *byte = self.byte());
        Ok(())
    }
}

impl TryCryptoRng for Seeded {}
