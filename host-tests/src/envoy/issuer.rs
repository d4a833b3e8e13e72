//! An issuer for tests against a gateway whose clock is the real one.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};

/// Signs access tokens (RFC 9068) with a key of its own.
#[derive(Clone, Debug)]
pub struct Issuer {
    key: SigningKey,
    key_id: String,
}

impl Issuer {
    /// With a key made from that name: the same on every machine, and nobody's.
    pub fn named(key_id: &str) -> Self {
        use sha2::Digest as _;
        let seed = sha2::Sha256::digest(format!("deputy test issuer {key_id}"));
        let key = SigningKey::from_slice(&seed).expect("a hash is a private key");
        Self { key, key_id: key_id.to_owned() }
    }

    /// Its key set (RFC 7517 §5).
    pub fn jwks(&self) -> Value {
        let point = self.key.verifying_key().to_sec1_point(false);
        let part = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
        let (x, y) = (point.x().expect("affine"), point.y().expect("affine"));
        json!({"keys": [{
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.key_id,
            "x": part(x), "y": part(y),
        }]})
    }

    /// A token of an agent that acts for a human.
    pub fn token(&self, agent: &str, human: &str) -> String {
        self.sign(&json!({
            "sub": human, "client_id": agent, "act": {"iss": ISSUER, "sub": agent},
        }))
    }

    /// A human's own token, without any agent.
    pub fn human_token(&self, human: &str) -> String {
        self.sign(&json!({"sub": human, "client_id": "portal"}))
    }

    /// A token with those claims over the usual ones.
    pub fn sign(&self, claims: &Value) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
        let mut all = json!({
            "iss": ISSUER,
            "aud": "https://gateway.acme.example",
            "iat": now - 10,
            "exp": now + 290,
            "jti": format!("{now}"),
            "scope": "orders refunds customers",
        });
        for (name, value) in claims.as_object().into_iter().flatten() {
            all[name] = value.clone();
        }
        self.sign_document("at+jwt", &all)
    }

    /// A JWS of that type, as it is.
    pub fn sign_document(&self, typ: &str, contents: &Value) -> String {
        let header = json!({"alg": "ES256", "typ": typ, "kid": self.key_id});
        let part = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let message = format!("{}.{}", part(&header), part(contents));
        let signature: Signature = self.key.sign(message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }
}

/// As in the example's configuration.
pub const ISSUER: &str = "https://idp.acme.example";
