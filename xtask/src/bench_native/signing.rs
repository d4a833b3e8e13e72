//! Keys of every algorithm, and what they sign: tokens and proofs, as compact JWS.
//!
//! They guard nothing: what they sign is good for no gateway but those of one benchmark.

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use getrandom::SysRng;
use p256::ecdsa::signature::Signer as _;
use rsa::rand_core::UnwrapErr;
use rsa::signature::{RandomizedSigner as _, SignatureEncoding as _};
use rsa::traits::PublicKeyParts as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// A private key for one algorithm; its id is the algorithm's name.
pub(crate) enum Signer {
    Es256(Box<p256::ecdsa::SigningKey>),
    Rs256(Box<rsa::PrivateKey>),
    Ps256(Box<rsa::PrivateKey>),
    Ed25519(Box<ed25519_dalek::SigningKey>),
}

impl Signer {
    /// The same key for the same name, in every process.
    pub(crate) fn es256(name: &str) -> Result<Self> {
        let key = p256::ecdsa::SigningKey::from_slice(&seed(name))?;
        Ok(Self::Es256(Box::new(key)))
    }

    /// Likewise.
    pub(crate) fn ed25519(name: &str) -> Self {
        Self::Ed25519(Box::new(ed25519_dalek::SigningKey::from_bytes(&seed(name))))
    }

    /// New RSA keys of 2048 bits, one for each of the two algorithms: half a second.
    pub(crate) fn rsa() -> Result<[Self; 2]> {
        let new = || rsa::PrivateKey::new(&mut UnwrapErr(SysRng), RSA_BITS).map(Box::new);
        Ok([Self::Rs256(new()?), Self::Ps256(new()?)])
    }

    pub(crate) fn algorithm(&self) -> &'static str {
        match self {
            Self::Es256(_) => "ES256",
            Self::Rs256(_) => "RS256",
            Self::Ps256(_) => "PS256",
            Self::Ed25519(_) => "Ed25519",
        }
    }

    /// The public key as an issuer publishes it.
    pub(crate) fn jwk(&self) -> Value {
        let mut jwk = self.bare_jwk();
        for (name, value) in [("alg", self.algorithm()), ("kid", self.algorithm()), ("use", "sig")]
        {
            jwk[name] = value.into();
        }
        jwk
    }

    /// The public key as a client sends it with a proof: the members of RFC 7638 and no other.
    pub(crate) fn bare_jwk(&self) -> Value {
        match self {
            Self::Es256(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                let part = |part: Option<&[u8]>| BASE64URL.encode(part.unwrap_or_default());
                let (x, y) = (part(point.x().map(|x| &x[..])), part(point.y().map(|y| &y[..])));
                json!({"crv": "P-256", "kty": "EC", "x": x, "y": y})
            }
            Self::Rs256(key) | Self::Ps256(key) => {
                let part = |bytes: &[u8]| BASE64URL.encode(bytes);
                json!({"e": part(&key.e_bytes()), "kty": "RSA", "n": part(&key.n_bytes())})
            }
            Self::Ed25519(key) => {
                let x = BASE64URL.encode(key.verifying_key().as_bytes());
                json!({"crv": "Ed25519", "kty": "OKP", "x": x})
            }
        }
    }

    /// RFC 7638: members in the order of their names, which is the order `serde_json` keeps them in.
    pub(crate) fn thumbprint(&self) -> String {
        hash(&self.bare_jwk().to_string())
    }

    /// A JWS; `alg` is added to the header.
    pub(crate) fn signed(&self, header: Value, claims: &Value) -> String {
        self.signed_text(header, &claims.to_string())
    }

    /// Likewise, over contents that are text already.
    pub(crate) fn signed_text(&self, mut header: Value, contents: &str) -> String {
        header["alg"] = self.algorithm().into();
        let header = BASE64URL.encode(header.to_string());
        let message = format!("{header}.{}", BASE64URL.encode(contents));
        let signature = BASE64URL.encode(self.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Es256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_bytes().to_vec()
            }
            Self::Rs256(key) => rsa::pkcs1v15::SigningKey::<Sha256>::new(key.as_ref().clone())
                .sign(message)
                .to_vec(),
            Self::Ps256(key) => rsa::pss::SigningKey::<Sha256>::new(key.as_ref().clone())
                .sign_with_rng(&mut UnwrapErr(SysRng), message)
                .to_vec(),
            Self::Ed25519(key) => key.sign(message).to_vec(),
        }
    }
}

/// As `ath` has it.
pub(crate) fn hash(text: &str) -> String {
    BASE64URL.encode(Sha256::digest(text))
}

fn seed(name: &str) -> [u8; 32] {
    Sha256::digest(format!("a benchmark's key, known to all: {name}")).into()
}

/// What most issuers have.
const RSA_BITS: usize = 2048;
