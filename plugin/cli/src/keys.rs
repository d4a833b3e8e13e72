//! Keys that sign bundles and lists of revocations: a private JWK for whoever signs, a JWK Set for the gateways.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Subcommand, ValueEnum};
use ed25519_dalek::ed25519::signature::Signer as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::files;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Makes a key: the private half into one file, the public half into another.
    New {
        /// What it signs with.
        #[arg(long, value_enum, default_value_t = Algorithm::Ed25519)]
        alg: Algorithm,
        /// The private key (JWK); keep it where documents are signed and nowhere else.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// The public key (JWK Set), for `bundle.keys` or `revocation_feed.keys` of the gateways.
        #[arg(long, value_name = "FILE")]
        public: PathBuf,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Algorithm {
    #[value(name = "Ed25519")]
    Ed25519,
    #[value(name = "ES256")]
    Es256,
}

/// A private key.
pub(crate) struct Key {
    pub(crate) id: String,
    secret: Secret,
}

enum Secret {
    Ed25519(ed25519_dalek::SigningKey),
    Es256(p256::ecdsa::SigningKey),
}

pub(crate) fn run(command: Command) -> anyhow::Result<()> {
    let Command::New { alg, out, public } = command;
    for path in [&out, &public] {
        if path.exists() {
            bail!("{} is there already; a key is never overwritten", path.display());
        }
    }
    let (secret, seed) = Secret::new(alg)?;
    let mut jwk = secret.public();
    let id = thumbprint(&jwk)?;
    jwk["kid"] = id.as_str().into();
    jwk["use"] = "sig".into();
    jwk["alg"] = secret.algorithm().into();
    files::write(&public, &pretty(&json!({"keys": [jwk.clone()]}))?)?;
    jwk["d"] = encode(&seed).into();
    files::write_secret(&out, &pretty(&jwk)?)?;
    println!("made {} key {id}", secret.algorithm());
    println!(
        "  private: {} (sign with it: deputy bundle sign --key …, deputy revocations sign --key …)",
        out.display()
    );
    println!(
        "  public:  {} (goes into bundle.keys or revocation_feed.keys of the gateways)",
        public.display()
    );
    Ok(())
}

impl Key {
    /// Reads a private JWK as [`run`] writes it.
    pub(crate) fn read(path: &std::path::Path) -> anyhow::Result<Self> {
        let jwk = files::json(path)?;
        let wrong = || format!("{} is not a private key of `deputy keys new`", path.display());
        let seed = jwk["d"].as_str().and_then(|d| URL_SAFE_NO_PAD.decode(d).ok());
        let seed = seed.with_context(wrong)?;
        let seed: [u8; 32] = seed.try_into().ok().with_context(wrong)?;
        let secret = match jwk["alg"].as_str() {
            Some("Ed25519") => Secret::Ed25519(ed25519_dalek::SigningKey::from_bytes(&seed)),
            Some("ES256") => {
                Secret::Es256(p256::ecdsa::SigningKey::from_slice(&seed).with_context(wrong)?)
            }
            _ => bail!(wrong()),
        };
        let id = jwk["kid"].as_str().with_context(wrong)?.to_owned();
        Ok(Self { id, secret })
    }

    /// A compact JWS over the payload.
    pub(crate) fn sign(&self, typ: &str, payload: &[u8]) -> anyhow::Result<String> {
        let header = json!({"alg": self.secret.algorithm(), "kid": self.id, "typ": typ});
        let message = format!("{}.{}", encode(&serde_json::to_vec(&header)?), encode(payload));
        let signature = self.secret.sign(message.as_bytes());
        Ok(format!("{message}.{}", encode(&signature)))
    }

    /// The public half, as a JWK Set.
    pub(crate) fn public_set(&self) -> Value {
        let mut jwk = self.secret.public();
        jwk["kid"] = self.id.as_str().into();
        jwk["alg"] = self.secret.algorithm().into();
        json!({"keys": [jwk]})
    }
}

impl Secret {
    fn new(algorithm: Algorithm) -> anyhow::Result<(Self, [u8; 32])> {
        loop {
            let mut seed = [0; 32];
            getrandom::fill(&mut seed).map_err(|e| anyhow::anyhow!("no randomness: {e}"))?;
            match algorithm {
                Algorithm::Ed25519 => {
                    let key = ed25519_dalek::SigningKey::from_bytes(&seed);
                    return Ok((Self::Ed25519(key), seed));
                }
                // One number in 2^32 is not below the group order.
                Algorithm::Es256 => {
                    if let Ok(key) = p256::ecdsa::SigningKey::from_slice(&seed) {
                        return Ok((Self::Es256(key), seed));
                    }
                }
            }
        }
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "Ed25519",
            Self::Es256(_) => "ES256",
        }
    }

    /// RFC 7518 §6.2, RFC 8037 §2.
    fn public(&self) -> Value {
        match self {
            Self::Ed25519(key) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": encode(key.verifying_key().as_bytes())})
            }
            Self::Es256(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                let part = |part: Option<&[u8]>| encode(part.unwrap_or_default());
                let (x, y) = (point.x().map(AsRef::as_ref), point.y().map(AsRef::as_ref));
                json!({"kty": "EC", "crv": "P-256", "x": part(x), "y": part(y)})
            }
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
            Self::Es256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_bytes().to_vec()
            }
        }
    }
}

/// RFC 7638: required members in lexicographic order, which is how `serde_json` keeps them.
fn thumbprint(jwk: &Value) -> anyhow::Result<String> {
    Ok(encode(&Sha256::digest(serde_json::to_vec(jwk)?)))
}

fn pretty(value: &Value) -> anyhow::Result<String> {
    Ok(format!("{}\n", serde_json::to_string_pretty(value)?))
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
